"""Figures from real frameworks: measured here where they are installed, stored with where they come from elsewhere."""

import importlib.util
import re
from dataclasses import replace

import pytest

from lessons import measured
from lessons.measured import FRAMEWORKS, Stopped, cells, fingerprint, known, run

CELLS = {id: (name, code) for name, id, code in cells()}
CODE = "import json\nprint('one', json.__version__)\n"


@pytest.fixture
def here(monkeypatch):
    """A framework that is installed: a module of the standard library that has a version."""
    monkeypatch.setitem(FRAMEWORKS, "pytorch", ("PyTorch", "json"))


@pytest.fixture
def nowhere(monkeypatch):
    """A framework that is not installed."""
    monkeypatch.setitem(FRAMEWORKS, "pytorch", ("PyTorch", "no_such_framework"))


def test_every_cell_of_the_course_was_measured_as_it_stands():
    assert CELLS and len(CELLS) == len(list(cells())), "ids are unique"
    stored = known()
    assert list(stored) == list(CELLS), "run `python -m lessons.measured`"
    for id, (name, code) in CELLS.items():
        assert (stored[id].framework, stored[id].cell) == (name, fingerprint(code)), f"measure {id} again"
        assert stored[id].version and stored[id].machine and stored[id].printed


def numbers(text):
    return [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", text)]


@pytest.mark.parametrize("id", CELLS)
def test_what_is_stored_is_what_the_framework_prints(id):
    name, code = CELLS[id]
    if importlib.util.find_spec(FRAMEWORKS[name][1]) is None:
        pytest.skip(f"{name} is not installed")
    now, stored = run(name, code), known()[id]
    if now.version != stored.version:
        pytest.skip(f"measured in {name} {stored.version}, here is {now.version}")
    words = [re.sub(r"-?\d+(?:\.\d+)?", "#", one.printed) for one in (now, stored)]
    assert words[0].split() == words[1].split()
    assert numbers(now.printed) == pytest.approx(numbers(stored.printed), rel=0.03)


def test_where_the_framework_is_the_cell_runs(here):
    card = measured.measured("pytorch", "no-such-cell", CODE)
    assert card.aside == "measured here, just now"
    assert re.search(r"it printed +one [\d.]+\n +on +\w", repr(card))
    assert re.fullmatch(r"PyTorch [\d.]+", card.title)


def test_where_it_is_not_the_stored_figure_says_where_it_comes_from(nowhere):
    id, (_, code) = next((id, cell) for id, cell in CELLS.items() if cell[0] == "pytorch")
    stored, card = known()[id], measured.measured("pytorch", id, code)
    assert card.title == f"PyTorch {stored.version}"
    assert f"{stored.date.day} {stored.date:%B %Y}; PyTorch is not installed here" in card.aside
    assert stored.printed.splitlines()[0] in repr(card) and stored.machine in repr(card)
    assert "changed" not in repr(card)
    assert "Yours has been changed" in repr(measured.measured("pytorch", id, code + "print(1)\n"))


def test_nothing_is_made_up_for_a_cell_that_nobody_measured(nowhere):
    assert repr(measured.measured("pytorch", "mine", CODE)) == "Nothing was measured: PyTorch is not installed here."


def test_a_cell_that_fails_says_why_and_shows_what_was_stored(here):
    id = next(iter(CELLS))
    card = measured.measured("pytorch", id, "import json\n1 / 0\n")
    assert "here it stopped: ZeroDivisionError: division by zero" in card.aside
    assert known()[id].printed.splitlines()[0] in repr(card)
    with pytest.raises(Stopped, match="ZeroDivisionError"):
        run("pytorch", "import json\n1 / 0\n")


def test_a_cell_keeps_nothing_of_the_page_and_leaves_nothing_there(here):
    run("pytorch", "import json, sys\njson.left = 1\nprint(len(sys.argv))\n")
    import json

    assert not hasattr(json, "left")


def test_measuring_anew_keeps_what_cannot_be_measured_here(monkeypatch, tmp_path, nowhere, capsys):
    file = tmp_path / "measured.toml"
    id, (name, code) = next((id, cell) for id, cell in CELLS.items() if cell[0] == "pytorch")
    old = replace(known()[id], printed="what 'was' there\nbefore")
    file.write_text(measured._toml({id: old, "gone": old}))
    monkeypatch.setattr(measured, "STORED", file)
    monkeypatch.setattr(measured, "cells", lambda: [(name, id, code)])
    import sys

    assert measured.measure_anew(sys.executable) == []
    assert known() == {id: old}
    assert f"{id}: " in capsys.readouterr().err
