"""What differs is marked, in HTML and under the text; what is alike is not."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lessons.grader.differences import differences, first
from lessons.look import Card


@pytest.mark.parametrize(
    ("expected", "yours", "marked"),
    [
        ("[1.0, 2.0, 3.0]", "[1.0, 2.5, 3.0]", (["2.0"], ["2.5"])),
        ("a.grad = 6, b.grad = 1", "a.grad = -6, b.grad = 1", (["6"], ["-6"])),
        ("[[1, 2], [3, 4]], shape (2, 2)", "[[1, 2], [3, 5]], shape (2, 2)", (["4"], ["5"])),
        ("[1.0, 2.0], shape (2,)", "[1.0], shape (1,)", ([", 2.0", "2"], ["1"])),
        ("0.30000000000000004 and 1e-05", "0.3 and 2e-05", (["1e-05"], ["2e-05"])),
        ("loss nan", "loss 1.5", (["nan"], ["1.5"])),
        ("3", "4", ([], [])),
        ("[1, 2]", "None", ([], [])),
        ("the same 1", "the same 1", ([], [])),
    ],
)
def test_the_entries_that_differ_are_marked(expected, yours, marked):
    spans = differences(expected, yours)
    assert tuple([text[s:e] for s, e in one] for text, one in zip((expected, yours), spans)) == marked


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=60), st.text(max_size=60))
def test_marks_lie_in_their_text_in_order_and_never_overlap(one, other):
    for text, spans in zip((one, other), differences(one, other)):
        flat = [place for span in spans for place in span]
        assert flat == sorted(flat) and all(0 <= place <= len(text) for place in flat)
        assert all(start < end for start, end in spans)


def test_a_card_shows_marks_with_and_without_colours():
    card = Card("failed", "No").facts({"expected": "<a> 1\n2 3", "yours": "<a> 1\n2 4"}, {"yours": [(8, 9)]})
    html = card._repr_html_()
    assert "<mark>4</mark>" in html and html.count("<mark>") == 1 and "<a>" not in html
    assert repr(card).splitlines()[-2:] == ["            2 4", "              ^"]


def test_the_first_difference_is_told_with_the_name_of_its_line():
    expected, yours = "[1.0, 2.0]\nmean [0.5, 1.5]\nvar [1.0, 3.0]", "[1.0, 2.0]\nmean [0.5, 2.5]\nvar [1.0, 4.0]"
    assert first(expected, yours, differences(expected, yours)) == "The first difference, in mean: 2.5, expected 1.5."
    expected, yours = "[1.0, 2.0, 3.0]", "[1.0, 3.0, 4.0]"
    assert first(expected, yours, differences(expected, yours)) == "The first difference: 3.0, expected 2.0."


def test_a_single_difference_needs_no_sentence():
    for expected, yours in (("[1.0, 2.0]", "[1.0, 3.0]"), ("7", "8")):
        assert first(expected, yours, differences(expected, yours)) == ""
