"""Claims: a vote is locked before measuring and another after, and the verdict shows only then."""

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from lessons import ballot, claim, claims, progress
from lessons.catalog import VERDICTS, lessons
from lessons.catalog import claim as named
from lessons.grader.progress import Prediction, Progress

ID = "tensors-are-nodes"
MEASURE = f"%%measure {ID}\nprint('one node, two edges')"


@pytest.fixture(autouse=True)
def shell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = InteractiveShell.instance()
    made.run_line_magic("load_ext", "lessons")
    yield made
    InteractiveShell.clear_instance()


@pytest.fixture
def forms(monkeypatch):
    """Every ballot that is put on the page."""
    made = []
    real = claims.form
    monkeypatch.setattr(claims, "form", lambda *a: made.append(real(*a)) or made[-1])
    return made


def shown(shell, cell):
    with capture_output() as captured:
        shell.run_cell(cell)
    return captured.stdout + "\n".join(str(output.data.get("text/plain", "")) for output in captured.outputs)


def fill_in(form, verdict, sure):
    """Chooses, says how sure, locks; what takes the form's place."""
    answer, confidence, button, *_ = form.children[1].children
    answer.value, confidence.value = verdict, sure
    with capture_output() as captured:
        button.click()
    return "\n".join(output.data["text/plain"] for output in captured.outputs)


def test_a_vote_a_measurement_a_vote_and_the_verdict(shell, forms):
    with capture_output():
        claim(ID)
    after_first = fill_in(forms[0], "true", "certain")
    assert "Your vote is locked" in after_first and "true (certain)" in after_first
    said = shown(shell, MEASURE)
    assert said.startswith("one node, two edges")
    for before in (after_first, said):
        assert "verdict:" not in before and named(ID).after.strip()[:9] not in before
    last = fill_in(forms[1], "false", "fairly sure")
    assert "✓ The verdict: false  (you changed your mind)" in last
    assert "before measuring  true (certain)" in last and "after measuring   false (fairly sure)" in last
    assert "Source: PyTorch, Autograd mechanics (https://" in last
    with Progress.here() as store:
        assert store.votes() == {ID: [Prediction("true", "certain", False), Prediction("false", "fairly sure", True)]}


def test_nothing_is_measured_before_the_vote(shell, forms):
    said = shown(shell, MEASURE)
    assert "First vote on the claim" in said and "one node" not in said
    assert forms == []


def test_both_cells_run_again_show_what_is_locked(shell, forms):
    with Progress.here() as store:
        store.vote(ID, "false", "a guess", True)
        store.vote(ID, "true", "certain", False)
    assert "false (a guess)" in shown(shell, f"from lessons import claim\nclaim('{ID}')")
    said = shown(shell, MEASURE)
    assert said.index("one node") < said.index("✗ The verdict: false")
    assert forms == []


def test_a_measurement_that_fails_asks_nothing(shell, forms):
    with Progress.here() as store:
        store.vote(ID, "false", "a guess", True)
    assert "ZeroDivisionError" in shown(shell, f"%%measure {ID}\n1 / 0")
    assert forms == []


def test_nothing_is_locked_before_both_are_chosen(forms):
    with capture_output():
        claim(ID)
    assert list(forms[0].children[1].children[0].options) == list(VERDICTS)
    assert fill_in(forms[0], None, "certain") == ""
    assert "choose an answer" in forms[0].children[2].value
    assert fill_in(forms[0], "true", None) == ""
    assert "how sure you are" in forms[0].children[2].value
    with Progress.here() as store:
        assert store.votes() == {}


def test_a_third_vote_changes_nothing():
    with Progress.here() as store:
        for right in (False, True, False):
            store.vote(ID, str(right), "a guess", right)
        assert [vote.answer for vote in store.votes()[ID]] == ["False", "True"]


@pytest.mark.parametrize("cell", ["claim('no-such')", "%%measure no-such\nprint('ran')"])
def test_an_unknown_claim_is_said(shell, cell):
    shell.push({"claim": claim})
    said = shown(shell, cell)
    assert "There is no claim “no-such”" in said and "ran" not in said


def test_progress_shows_the_gain():
    first, second, third = [claim for lesson in lessons() for claim in lesson.claims().values()][:3]
    with Progress.here() as store:
        for one, before, after in ((first, False, True), (second, True, True)):
            store.vote(one.id, "…", "a guess", before)
            store.vote(one.id, "…", "a guess", after)
        store.vote(third.id, "…", "a guess", True)
    said = repr(progress())
    assert "before measuring  2       1" in said and "after             2       2" in said


def test_no_claim_has_two_lessons():
    ids = [id for lesson in lessons() for id in lesson.claims()]
    assert len(set(ids)) == len(ids) and ids


def test_the_ballot_asks_claim_after_claim_and_counts_what_was_not_known(shell, forms):
    every = {id: one for lesson in lessons() for id, one in lesson.claims().items()}
    with capture_output():
        ballot()
    assert f"1 of {len(every)}" in repr(forms[0]) and next(iter(every.values())).words in repr(forms[0])
    for number, one in enumerate(every.values()):
        assert one.words in repr(forms[number])
        if number % 2:
            with capture_output():
                forms[number].children[1].children[3].click()  # I cannot say yet
        else:
            fill_in(forms[number], one.verdict, "a guess")
    assert len(forms) == len(every)
    with Progress.here() as store:
        assert {id: len(cast) for id, cast in store.votes().items()} == dict.fromkeys(list(every)[::2], 1)
    with capture_output():
        ballot()
    assert f"1 of {len(every) // 2}" in repr(forms[-1]), "only what was not known is asked again"


def test_a_ballots_vote_is_the_one_before_measuring_and_the_gain_is_told(shell, forms):
    with capture_output():
        ballot()
    first = next(one for lesson in lessons() for one in lesson.claims().values())
    wrong = next(verdict for verdict in VERDICTS if verdict != first.verdict)
    fill_in(forms[0], wrong, "certain")
    assert "1 vote waits to be measured." in repr(progress())
    with capture_output() as captured:
        claim(first.id)
    assert "Your vote is locked" in captured.outputs[0].data["text/plain"]
    shown(shell, f"%%measure {first.id}\nprint('measured')")
    fill_in(forms[-1], first.verdict, "certain")
    said = repr(progress())
    assert "Your gain: 1 more right than before." in said and "waits" not in said


def test_when_every_vote_is_cast_the_ballot_says_what_becomes_of_them(shell, forms):
    with Progress.here() as store:
        for lesson in lessons():
            for one in lesson.claims().values():
                store.vote(one.id, one.verdict, "a guess", True)
    with capture_output() as captured:
        ballot()
    assert forms == [] and "votes are locked" in captured.outputs[0].data["text/plain"]
    assert "could not say" not in captured.outputs[0].data["text/plain"]
