"""Every page converts, and every cell of it runs in a real kernel: solved, unsolved, and twice."""

import re

import nbformat
import pytest
from nbclient import NotebookClient

from lessons.catalog import VERDICTS, lessons
from lessons.folder import update
from lessons.grader.progress import FILE, Progress
from lessons.look import render
from lessons.notebook import notebook

LESSONS = lessons()
SHOWN = "BackwardQuiz Broadcasting DynamicVsStatic GraphStepper OptimiserRace ScalarGraph StepSize Tape TrainingMonitor"
WIDGET = rf"(?:{SHOWN.replace(' ', '|')})\("


def execute(page, folder):
    """Runs every cell in order in a kernel of its own, as in the learner's folder."""
    client = NotebookClient(page, timeout=120, allow_errors=True, resources={"metadata": {"path": str(folder)}})
    return client.execute()


def words(cell):
    """What a cell put on the page, as plain text."""
    parts = []
    for output in cell.get("outputs", []):
        parts.append(output.get("text", ""))
        parts.append(output.get("data", {}).get("text/plain", ""))
    return "".join(parts)


def answer_everything(lesson, folder):
    """Writes an answer to every question and both votes on every claim into the folder's progress file."""
    with Progress(folder / FILE) as store:
        for id in lesson.questions():
            store.predict(id, "an answer", "a guess", False)
        for claim in lesson.claims().values():
            store.vote(claim.id, "an opinion", "a guess", False)
            store.vote(claim.id, claim.verdict, "certain", True)


def errors(page):
    return [o for cell in page.cells for o in cell.get("outputs", []) if o.output_type == "error"]


@pytest.fixture(scope="module", params=LESSONS, ids=lambda lesson: lesson.id)
def lesson(request):
    return request.param


@pytest.fixture(scope="module")
def unsolved(lesson, tmp_path_factory):
    """The page as a learner gets it, all cells run, and run again on the same progress."""
    folder = tmp_path_factory.mktemp("unsolved")
    update(folder)
    pages = []
    for _ in range(2):
        page = nbformat.read(folder / f"{lesson.id}.ipynb", as_version=4)
        pages.append(execute(page, folder))
    return folder, pages


@pytest.fixture(scope="module")
def solved(lesson, tmp_path_factory):
    """The page with every exercise solved, every question answered and every vote cast beforehand."""
    folder = tmp_path_factory.mktemp("solved")
    update(folder)
    answer_everything(lesson, folder)
    return folder, execute(notebook(lesson, "reference"), folder)


def test_the_page_is_a_valid_notebook(lesson):
    page = notebook(lesson)
    nbformat.validate(page)
    ids = [cell.id for cell in page.cells]
    assert len(set(ids)) == len(ids)


def test_every_question_is_asked_once_and_every_one_asked_exists(lesson):
    asked = re.findall(r'(?:^%%predict |^ask\(")([\w-]+)', lesson.source, re.MULTILINE)
    assert asked == list(lesson.questions())


def test_every_claim_is_voted_on_and_then_measured(lesson):
    voted = re.findall(r'^(claim\("|%%measure )([\w-]+)', lesson.source, re.MULTILINE)
    assert voted == [(how, id) for id in lesson.claims() for how in ('claim("', "%%measure ")]
    assert all(claim.verdict in VERDICTS for claim in lesson.claims().values())


def test_what_is_said_afterwards_is_one_paragraph(lesson):
    """ "2. Because ..." would be a list, numbered by chance."""
    for question in [*lesson.questions().values(), *lesson.claims().values()]:
        assert render(question.after).startswith("<p>"), question.id
        assert render(question.after).count("<p>") == 1, question.id


def test_the_page_runs_as_it_is_without_an_error(unsolved):
    _, pages = unsolved
    assert [errors(page) for page in pages] == [[], []]


def test_an_unsolved_exercise_is_met_kindly(lesson, unsolved):
    _, (page, _) = unsolved
    said = [words(cell) for cell in page.cells if cell.source.startswith("check(")]
    assert len(said) == len(lesson.exercises())
    assert all("Not written yet" in one for one in said)


def test_no_output_is_shown_before_its_prediction(unsolved):
    _, (page, _) = unsolved
    for cell in page.cells:
        if cell.source.startswith("%%predict"):
            assert "it printed" not in words(cell)
            assert "stdout" not in [o.get("name") for o in cell.outputs]
            assert any("application/vnd.jupyter.widget-view+json" in o.get("data", {}) for o in cell.outputs)


def test_every_widget_that_is_shown_exists(unsolved):
    _, (page, _) = unsolved
    shown = [cell for cell in page.cells if re.search(f"^(?:\\w+ = )?{WIDGET}", cell.source, re.MULTILINE)]
    assert shown
    for cell in shown:
        assert any("application/vnd.jupyter.widget-view+json" in o.get("data", {}) for o in cell.outputs)


def test_the_page_runs_solved(lesson, solved):
    folder, page = solved
    assert errors(page) == []
    said = [words(cell) for cell in page.cells if cell.source.startswith("check(")]
    assert all("solved" in one for one in said)
    with Progress(folder / FILE) as store:
        assert {id for id, did in store.attempts().items() if did["solved"]} == set(lesson.exercises())


def test_an_answered_prediction_shows_what_was_printed(lesson, solved):
    _, page = solved
    for cell in page.cells:
        if cell.source.startswith("%%predict"):
            assert "you said    an answer" in words(cell)
            assert "it printed" in words(cell)


def test_a_measured_claim_shows_its_verdict_and_its_source(lesson, solved):
    said = {cell.source.split()[1]: words(cell) for cell in solved[1].cells if cell.source.startswith("%%measure ")}
    assert list(said) == list(lesson.claims())
    for id, claim in lesson.claims().items():
        assert f"✓ The verdict: {claim.verdict}  (you changed your mind)" in said[id]
        assert "Source: " in said[id] and said[id].index("The verdict") > 0, "it stands below what was measured"


def test_what_the_page_calls_right_is_what_the_machine_prints(lesson, solved):
    _, page = solved
    questions = lesson.questions()
    for cell in page.cells:
        found = re.match(r"%%predict ([\w-]+)", cell.source)
        if found and questions[found[1]].accept:
            printed = re.search(r"it printed +(.+)", words(cell))[1].strip()
            assert printed in questions[found[1]].accept


FIRST = LESSONS[0]


@pytest.fixture(scope="module")
def first(solved, lesson):
    if lesson.id != FIRST.id:
        pytest.skip("about lesson 1")
    return solved[1]


def printed(page, start):
    (cell,) = [cell for cell in page.cells if cell.source.startswith(start)]
    return words(cell)


def test_lesson_1_the_numbers_in_the_text_are_the_machines(first):
    for question, answer in {
        "square": "6.0",
        "double": "2.0",
        "two-uses": "4.0",
        "neuron": "2.0",
        "unused": "None",
        "runs": "201",
        "paths": str(float(2**40)),
    }.items():
        assert f"it printed  {answer}\n" in printed(first, f"%%predict {question}\n")


def test_lesson_1_one_run_gives_the_slopes_that_201_runs_gave(first):
    said = printed(first, "runs = 0")
    assert said.startswith("1 run and one walk back")
    assert float(re.search(r"differ by ([\d.]+)", said)[1]) < 1e-4


def test_lesson_1_the_learners_numbers_learn(first):
    checked, learned = (words(cell) for cell in first.cells if cell.source.startswith("%%after nudge value backward"))
    walked, nudged = re.search(r"of w: (\S+) by walking, (\S+) by nudging", checked).groups()
    assert walked == nudged
    losses = [float(loss) for loss in re.findall(r"loss ([\d.]+)", learned)]
    assert losses[0] > 0.6 and losses[-1] < 1e-3
    assert losses == sorted(losses, reverse=True)


FIGURES = {
    "02-the-graph-you-just-ran": [
        ("%%measure dynamic-follows-shape", "3 words: 5 nodes\n7 words: 13 nodes\n29 words: 57 nodes"),
        ("%%measure dynamic-is-modified", "[5, 5, 5]\nnodes kept from one step to the next: 0 and 0"),
        ("%%measure tensors-are-nodes", "edges that leave the node of y: 2"),
        ("%%after topo walk-back", "1001 visits"),
    ],
    "01-numbers-that-remember": [
        ("%%measure numpy-by-hand", "walk back? False\ngradient of w: 2.0 by hand, 2.0 by the engine"),
    ],
    "03-tensors-and-broadcasting": [
        ("with record() as one_by_one", "operations: 1000\noperations: 1"),
        ("X = tg.tensor", "X: True\nW: True"),
        ("%%measure shapes-raise", "loss 1.3333, errors 0, warnings 1"),
    ],
    "04-trust-but-check": [
        ("x = tg.tensor(0.0", "the engine says: 0.0"),
        ("score = 1000.0", "[nan, 0.0]"),
        ("%%after gradcheck softmax-xent", "yours: right\nwith the mean forgotten: wrong"),
        ("%%measure mse-is-the-norm", "L2 norm 5.0, gradient [0.6, 0.8]\nmean of squares 12.5, gradient [3.0, 4.0]"),
    ],
    "05-rules-of-the-tape": [
        ("with record() as rec:\n    x =", "keeps nothing\npower    keeps ['power']\nproduct  keeps ['plus', 'power']"),
        ("x = tg.tensor([3.0, 1.0]", "version 0\nversion 1\nexp saved its result"),
        ("def program(x):\n    y = x * x\n    x.data", "refused"),
        ("%%pytorch rules-of-the-tape", "through_data   60.0"),
        ("%%measure autograd-tracks-all", "requires_grad=False: None"),
    ],
    "06-modules-optimisers-the-loop": [
        ("for name, weight in perceptron", "0.weight  (32, 64)\n0.bias    (32,)\n2.weight  (10, 32)"),
        ("w = tg.tensor(1.0", "0.8 still a leaf: True"),
        ("tg.manual_seed(0)\ndrop", "learning: [2.0,"),
        ("lr = 0.05", "step  0   loss 18\nstep 20   loss 1.0281"),
    ],
    "07-why-is-it-not-learning": [
        ('print("   terms', "\nD     50   1.0  1.00 1.00"),
        ("%%after diagnose", "E dropout left on ✓\nF healthy ✓\nG labels shuffled ✓"),
        ("%%after overfit", "softmax at the end: None steps"),
        ("%%measure log-softmax", "raw scores:     0.241311\nof log_softmax: 0.241311\nof softmax:     0.701717"),
    ],
}


def test_figures_in_the_text_are_the_machines(lesson, solved):
    for start, said in FIGURES.get(lesson.id, ()):
        cells = [cell for cell in solved[1].cells if cell.cell_type == "code" and cell.source.startswith(start)]
        assert said in words(cells[0]), start


def test_lesson_6_what_it_says_of_the_optimisers_is_what_they_do(lesson, solved):
    if not lesson.id.startswith("06"):
        pytest.skip("about lesson 6")
    said = words(next(c for c in solved[1].cells if c.source.startswith("ways = {")))
    right = {name: int(n) for name, n in re.findall(r"([\w ,.]+): (\d+)", said.partition("–")[2])}
    right = {name.strip(): n for name, n in right.items()}
    assert right["SGD"] < right["momentum"] < right["Adam"] - 10
    assert right["faster"] > right["Adam"] - 4
    yours = printed(solved[1], "%%after momentum rmsprop adam train-epoch")
    assert all(int(n) > 90 for n in re.findall(r"(\d+) of 100 right", yours)) and yours.count("of 100") == 3
    needed = dict(re.findall(r"(\w+) +(\d+) gradients", printed(solved[1], "%%measure optimisers-of-torch")))
    order = sorted(needed, key=lambda name: int(needed[name]))
    assert order == ["LBFGS", "momentum", "Adam", "RMSprop", "SGD"] and 10 * int(needed["LBFGS"]) < int(needed["momentum"])


def test_lesson_7_what_it_says_of_its_trainings_is_what_they_do(lesson, solved):
    if not lesson.id.startswith("07"):
        pytest.skip("about lesson 7")
    begins = printed(solved[1], "def he")
    times = [float(n) for n in re.findall(r"one to ([\d.]+)", begins)]
    assert times[0] > 1e6 and times[0] > times[2] > times[1] > 2 and 0.3 < times[3] < 3
    sheet = {row[0]: row.split() for row in printed(solved[1], 'print("   terms').splitlines()[1:]}
    first, last = ({letter: float(row[k]) for letter, row in sheet.items()} for k in (-2, -1))
    assert {letter for letter in "BCDEFGHI" if abs(last[letter] - first[letter]) < 0.2} == set("BDGH")
    assert last["I"] > 2 * first["I"] and last["A"] > 1.5 and last["E"] < 0.6 and last["F"] < 0.6
    assert {letter for letter, row in sheet.items() if float(row[-3]) > 0.02} == {"E"}
    rates = re.findall(r"(\d+) of 100 unseen", printed(solved[1], "%%after lr-range-test"))
    assert int(rates[1]) > 90 and int(rates[0]) < 40 and int(rates[2]) < 40
    listings = printed(solved[1], "%%measure softmax-and")
    raw, log, twice = (int(n) for n in re.findall(r"(\d+) of 100", listings))
    assert abs(raw - log) <= 1 and twice < raw - 5
    assert printed(solved[1], "%%after diagnose").count("✓") == 9


def test_what_is_said_afterwards_names_what_was_printed(lesson, solved):
    """Where no answer is listed, right is what the machine prints: then the words must speak of that."""
    if lesson.id == FIRST.id:
        return  # its numbers are tested above
    questions = lesson.questions()
    for cell in solved[1].cells:
        found = re.match(r"%%predict ([\w-]+)", cell.source)
        if found and not questions[found[1]].accept:
            printed = re.search(r"it printed +(.+)", words(cell))[1].strip()
            assert printed.removesuffix(".0") in questions[found[1]].after, found[1]
