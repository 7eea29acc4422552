"""Counterexamples become small, and stay counterexamples."""

from hypothesis import given
from hypothesis import strategies as st

from lessons.grader.shrink import shrink, size, smaller

DATA = st.recursive(
    st.floats(allow_nan=False) | st.integers(-1000, 1000) | st.text(max_size=3) | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=12,
)


@given(DATA)
def test_shrinking_ends_and_never_grows(data):
    assert size(shrink(data, lambda _: True, smaller)) <= size(data)


@given(st.lists(st.integers(-1000, 1000), max_size=8))
def test_what_is_left_is_still_a_counterexample_and_has_nothing_idle(numbers):
    numbers = [*numbers, 500]
    found = shrink(numbers, lambda case: any(n > 100 for n in case), smaller)
    assert len(found) == 1 and found[0] > 100


@given(DATA)
def test_the_original_is_left_alone(data):
    before = repr(data)
    shrink(data, lambda _: True, smaller)
    assert repr(data) == before


def test_it_can_be_stopped():
    tried = []

    def still(case):
        if len(tried) == 3:
            raise StopIteration
        tried.append(case)
        return False

    assert shrink([50, 60, 70], still, smaller) == [50, 60, 70]
    assert len(tried) == 3
