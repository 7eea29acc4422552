"""What lesson 8 says in its text is what the machine prints, and its widget has what the text points at."""

import re

import pytest

from lessons.catalog import lessons
from lessons.folder import update
from lessons.notebook import notebook
from tests.lessons.test_pages import answer_everything, errors, execute, printed, words

LESSON = next(lesson for lesson in lessons() if lesson.id == "08-static-graphs")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page with every exercise solved, every question answered and every vote cast beforehand."""
    folder = tmp_path_factory.mktemp("eight")
    update(folder)
    answer_everything(LESSON, folder)
    page = execute(notebook(LESSON, "reference"), folder)
    assert errors(page) == []
    return page


def test_the_predictions_come_out_as_the_page_says(page):
    for question, answer in {
        "printed": "tensor('mul', shape=[2], dtype=float32, no value yet)",
        "unfetched": "1.0",
        "die": "True False",
        "intermediate": "101.0",
        "appended": "7.0",
        "three-ways": "True",
        "traced-print": "Python was here",
    }.items():
        assert f"it printed  {answer}\n" in printed(page, f"%%predict {question}\n")
    assert printed(page, "%%predict traced-print\n").count("Python was here\n") == 1


def test_one_line_ran_once_and_its_operation_twice(page):
    assert printed(page, "session = static.Session(graph)") == "[3. 6.]\n[15.   1.5]\n"
    assert "'x'" in printed(page, "try:\n    session.run(y)")
    assert printed(page, "with graph:\n    with static.control") == "20.0 2.0\n"


def test_the_model_has_as_many_gradients_as_the_text_says(page):
    assert "67 gradients" in LESSON.source
    assert sum(n * m for n, m in ((4, 8), (8, 1), (8, 3), (3, 1))) == 67


def test_the_recordings_say_nothing_before_the_widget_asks(page):
    silent = [cell for cell in page.cells if "echo=False" in cell.source and cell.cell_type == "code"]
    assert len(silent) == 2 and all(words(cell) == "" for cell in silent)
    shown = [cell for cell in page.cells if cell.source == "DynamicVsStatic(eager, later)"]
    sizes = [re.search(r"of (\d+) and (\d+) events", words(cell)).groups() for cell in shown]
    assert all(int(a) > 10 and int(b) > 30 for a, b in sizes)


def test_the_learners_graph_learns_without_growing(page):
    said = printed(page, "%%after waiting-graph session-run graph-gradients")
    assert said.endswith("0 nodes were added while it learned\n")
    last = re.findall(r"step 200   ([\d.]+) \* x \+ ([\d.]+)   loss ([\d.]+)", said)
    slope, start, loss = map(float, last[0])
    assert abs(slope - 2) < 0.01 and abs(start - 1) < 0.01 and loss < 1e-3


def test_the_claims_are_measured(page):
    complete = next(words(c) for c in page.cells if "graph.finalize()" in c.source)
    assert "3 operations: 7.0\n4 operations: 8.0\n5 operations: 9.0\nafter finalize(): this graph is finalized" in complete
    assert "exp ran 3 times in 3 runs" in next(words(c) for c in page.cells if "exp ran" in c.source)
    concepts = printed(page, "%%measure tensorflow-has-many-concepts")
    assert [len(line.split(",")) for line in concepts.splitlines()[:2]] == [1, 5]


def test_two_operations_can_be_had_in_more_than_one_way(page):
    cell = next(c.source for c in page.cells if "# <- your fetch" in c.source)
    found = []
    for fetch, feed in (("area", "{x: 2.0}"), ("box", "{side: 2.0}"), ("price", "{x: 2.0}")):
        lines: list[str] = []
        source = cell.replace("run(price, {x: 2.0})", f"run({fetch}, {feed})")
        exec(PREAMBLE + source, {"print": lambda *a, lines=lines: lines.append(" ".join(map(str, a)))})
        found.append(lines[-1])
    assert found == ["operations that ran: 2", "operations that ran: 2", "operations that ran: 4"]


PREAMBLE = "from tinygrad_core import static\nfrom tinygrad_core.recording import record\n"
