"""When what was learned is asked again: each time it is known the next gap is wider, and a mistake begins anew."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

GAPS = (1, 3, 7, 16, 35)  # days


@dataclass(frozen=True)
class Review:
    """Something that was learned, and the day from which it is asked again."""

    kind: str  # "exercise", "question" or "claim"
    id: str
    due: date


def due_on(history: Iterable[tuple[date, bool]]) -> date:
    """The day from which an item is due: `history` has the day it was learned and every review, each right or not.

    The gaps widen because expanding ones keep more in memory all the while than equal ones (Kang, Lindsey, Mozer and
    Pashler 2014, doi 10.3758/s13423-014-0636-z), and the best gap grows with the time for which one wants to remember
    (Cepeda and others 2008, doi 10.1111/j.1467-9280.2008.02209.x: some 20 to 40 % of a week, 5 to 10 % of a year, which
    is where 1 and 35 days come from). Between them each gap is a little more than twice the last, as in SuperMemo's SM-2
    (Woźniak 1990); as there, what was not known comes back the next day. The numbers themselves are ours.
    """
    days = sorted(history, key=lambda entry: entry[0])
    step = 0
    for _, right in days[1:]:
        step = min(step + 1, len(GAPS) - 1) if right else 0
    return days[-1][0] + timedelta(days=GAPS[step])
