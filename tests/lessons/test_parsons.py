"""The Parsons rung: cut into whole statements, checked like any answer, kept, and proved with its distractors."""

import shutil

import pytest

from lessons import check, parsons, progress
from lessons.catalog import exercise, lessons
from lessons.grader.exercise import Exercise
from lessons.grader.parsons import DEEPEST, Puzzle, PuzzleError
from lessons.grader.progress import Progress
from lessons.grader.prove import prove

EXERCISES = [e for lesson in lessons() for e in lesson.exercises().values()]
SOURCE = '''import math


def f(xs):
    """Given."""
    ### BEGIN SOLUTION
    total = 0
    for x in xs:
        if x > 0:
            total += x * 2
        else:
            # nothing is added, but
            # something is taken away
            total -= max(
                x,
                -1,
            )

    return total + 1
    ### END SOLUTION
'''
WRONG = {
    "starts": SOURCE.replace("total = 0", "total = 1"),
    "halves": SOURCE.replace("x * 2", "x / 2").replace('    """Given."""\n', ""),
    "forgets": SOURCE.replace("            total += x * 2\n", "            pass\n            x\n"),
    "indents": SOURCE.replace("    return total + 1", "        return total + 1"),
    "two": SOURCE.replace("total = 0", "total = 1").replace("x * 2", "x / 2"),
    "given": SOURCE.replace("def f(xs):", "def f(xs=()):"),
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def made(tmp_path):
    """An exercise with wrong answers of every kind."""
    here = tmp_path / "f"
    (here / "wrong").mkdir(parents=True)
    (here / "exercise.py").write_text(SOURCE)
    (here / "exercise.toml").write_text('object = "f"\n')
    for name, text in WRONG.items():
        (here / "wrong" / f"{name}.py").write_text(f"# hint: {name}\n{text}".replace("    ### BEGIN SOLUTION\n", ""))
    return Exercise(here)


def test_blocks_are_whole_statements_and_keep_their_comments(made):
    right = Puzzle.of(made).right
    assert [(b.text.split("\n")[0], b.level) for b in right] == [
        ("total = 0", 0),
        ("for x in xs:", 0),
        ("if x > 0:", 1),
        ("total += x * 2", 2),
        ("else:", 1),
        ("# nothing is added, but", 2),
        ("return total + 1", 0),
    ]
    assert right[5].text.endswith("\n    -1,\n)")


def test_the_right_blocks_in_their_order_are_the_reference(made):
    puzzle = Puzzle.of(made)
    assert puzzle.assemble(puzzle.solution()) == made.rung("reference").replace(")\n\n    return", ")\n    return")


def test_a_wrong_answer_that_differs_in_one_line_is_a_distractor_and_no_other_is(made):
    puzzle = Puzzle.of(made)
    assert {(b.hint, b.text) for b in puzzle.distractors} == {("starts", "total = 1"), ("halves", "total += x / 2")}
    for block in puzzle.distractors:
        assert f" {block.text}\n" in puzzle.assemble(puzzle.solution(block))


def test_the_blocks_are_mixed_beside_their_rivals_and_never_in_order(made):
    puzzle = Puzzle.of(made)
    for seed in map(str, range(20)):
        groups = puzzle.rivals(seed)
        assert groups == Puzzle.of(made).rivals(seed)
        assert sorted(b.id for group in groups for b in group) == sorted(b.id for b in puzzle.blocks)
        assert [b for group in groups for b in group if b.hint is None] != puzzle.right
        for group in groups:
            assert len({(b.region, b.place) for b in group}) == 1 and [b.hint for b in group].count(None) == 1


def test_ids_say_nothing_and_stay_when_other_lines_change(made):
    before = {b.text: b.id for b in Puzzle.of(made).right}
    path = made.folder / "exercise.py"
    path.write_text(path.read_text().replace("    total = 0\n", "    total = 0.0\n    total = total\n"))
    after = {b.text: b.id for b in Puzzle.of(made).right}
    assert {text: after[text] for text in before if text in after} == {t: i for t, i in before.items() if t != "total = 0"}


@pytest.mark.parametrize(
    "said",
    [None, "x", [], [[["no-such", 0]]], [[7]], [["ab"]], [[["x"]]], [[[None, None]]], [[], [], [], [["x", 1]]], {"a": 1}],
    ids=repr,
)
def test_what_is_no_arrangement_is_an_empty_one(said):
    puzzle = Puzzle.of(exercise("backward"))
    assert puzzle.tidy(said) == [[]]
    assert puzzle.assemble(puzzle.tidy(said)) == exercise("backward").rung("blank")


def test_an_arrangement_keeps_what_it_knows_once_and_within_its_range():
    puzzle = Puzzle.of(exercise("backward"))
    id, other = puzzle.right[0].id, puzzle.right[1].id
    assert puzzle.tidy([[[id, -3], [id, 1], ["gone", 0], [other, 99]]]) == [[(id, 0), (other, DEEPEST)]]


def test_a_distractor_for_a_line_that_is_not_there_says_which_lines_are(tmp_path):
    broken = copy_of("nudge", tmp_path)
    path = broken.folder / "exercise.toml"
    path.write_text(path.read_text().replace('instead = "left = f(x - h)"', 'instead = "left = g(x)"'))
    with pytest.raises(PuzzleError, match=r"0 lines are 'left = g\(x\)'.*There are:\n  left = f\(x - h\)"):
        Puzzle.of(broken)
    assert "0 lines are" in claims(broken)["the Parsons rung can be made"]


def test_a_distractor_that_is_right_is_noticed(tmp_path):
    broken = copy_of("nudge", tmp_path)
    path = broken.folder / "exercise.toml"
    path.write_text(path.read_text().replace('line = "left = f(x)"', 'line = "left = f(-h + x)"'))
    assert claims(broken)["the distractor `left = f(-h + x)` draws “one-sided”"] == "it passes (seed 0)"


def test_lines_to_sort_that_do_not_solve_it_are_noticed(tmp_path):
    broken = copy_of("nudge", tmp_path)
    path = broken.folder / "exercise.py"
    path.write_text(path.read_text().replace("# right = f(x + h)", "# right = f(x + 2 * h)"))
    assert claims(broken)["the Parsons rung passes as it should be"] != ""


@pytest.mark.parametrize("one", EXERCISES, ids=lambda e: e.id)
def test_every_exercise_has_blocks_and_common_mistakes_among_them(one):
    puzzle = Puzzle.of(one)
    assert len(puzzle.right) > 1 and puzzle.distractors
    assert {b.hint for b in puzzle.distractors} <= set(one.hints)


# --- as a learner meets it ---


def test_the_right_arrangement_is_in_order_and_not_yet_written():
    blocks, said = show("backward")
    arrange(blocks, Puzzle.of(exercise("backward")).solution())
    assert "in order" in said.value and blocks.verdict["passed"]
    assert "put in order" in repr(progress()) and "(0 of " in repr(progress())
    check("backward", exercise("backward").reference())
    assert "✓ solved" in repr(progress()) and "attempt 1" not in repr(progress())


def test_a_distractor_draws_its_hint_and_at_the_second_attempt_its_help():
    puzzle = Puzzle.of(exercise("backward"))
    over = next(b for b in puzzle.distractors if b.hint == "overwrites")
    blocks, said = show("backward")
    arrange(blocks, puzzle.solution(over))
    assert "your code kept the last one only" in said.value and "Hint:" not in said.value
    assert blocks.verdict == {"asked": 1, "passed": False, "said": "✗ The walk back: not yet"}
    arrange(blocks, [[(over.id, 0)]])
    assert "attempt 2" in said.value


def test_indentation_that_makes_no_program_is_explained():
    puzzle = Puzzle.of(exercise("backward"))
    blocks, said = show("backward")
    arrange(blocks, [[(id, 0) for id, _ in puzzle.solution()[0]]])
    assert "Python cannot read this yet" in said.value and "on line" not in said.value
    arrange(blocks, [[(id, 3) for id, _ in puzzle.solution()[0]]])
    assert "attempt 2" in said.value


def test_a_moved_block_takes_the_verdict_back_and_is_kept():
    puzzle = Puzzle.of(exercise("value"))
    blocks, _ = show("value")
    arrange(blocks, puzzle.solution())
    assert blocks.verdict["passed"]
    first, *rest = puzzle.solution()
    lies = [[list(pair) for pair in region] for region in ([*first[1:]], *rest)]
    blocks.arrangement = lies
    assert blocks.verdict == {}
    assert show("value")[0].arrangement == lies


def test_blocks_that_a_newer_version_dropped_are_dropped():
    with Progress.here() as store:
        store.arrange("backward", [[["gone", 1]]])
    assert show("backward")[0].arrangement == [[]]


def test_what_is_shown_names_no_hint_and_no_place():
    blocks, _ = show("backward")
    assert {key for group in blocks.puzzle["groups"] for block in group for key in block} == {"id", "text"}


def test_an_exercise_that_is_not_there_is_met_kindly():
    assert "There is no exercise “bakward”. Did you mean “backward”?" in repr(parsons("bakward"))


def test_where_widgets_are_not_it_says_what_it_is():
    assert "8 blocks to put in order" in repr(parsons("backward"))


def show(id):
    """The widget and the place of the card below it."""
    return parsons(id).children


def arrange(blocks, arrangement):
    """Moves the blocks and asks for a check, as the front end does."""
    blocks.arrangement = [[list(pair) for pair in region] for region in arrangement]
    blocks.asked += 1


def claims(one):
    return {claim.about: claim.problem for claim in prove(one)}


def copy_of(id, tmp_path):
    return Exercise(shutil.copytree(exercise(id).folder, tmp_path / id))
