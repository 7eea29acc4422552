"""A course of one exercise with one visible and one hidden case, and the sandboxes that work here."""

from pathlib import Path

import pytest

from lessons.classroom import mark as marking
from lessons.classroom import sandbox
from lessons.grader.exercise import Exercise

COURSE = Path(__file__).parent / "course"


@pytest.fixture(scope="session")
def softmax() -> Exercise:
    return Exercise(COURSE / "01-sums" / "exercises" / "softmax")


@pytest.fixture(scope="session", params=["strong", "good"])
def tier(request):
    if not sandbox.works(request.param):
        pytest.skip(f"isolation {request.param!r} does not work here: {sandbox.MEANING[request.param]}")
    return request.param


@pytest.fixture(scope="session")
def best():
    found = sandbox.strongest()
    if found == "weak":
        pytest.skip("no isolation works here")
    return found


@pytest.fixture(scope="session", autouse=True)
def _no_sandbox_stays():
    yield
    marking.close()
