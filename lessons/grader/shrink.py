"""Makes a failing case as small as it can be while it still fails in the same way."""

import math
from collections.abc import Callable, Iterator
from typing import Any

PLAIN = (2, 3, 1, 0)


def shrink(case: Any, still: Callable[[Any], bool], smaller: Callable[[Any], Any]) -> Any:
    """Walks from `case` to ever smaller cases for which `still` holds, until none is left.

    `still` may raise StopIteration to say that there is no time for more.
    """
    best = case
    try:
        moved = True
        while moved:
            moved = False
            for candidate in smaller(best):
                if size(candidate) < size(best) and still(candidate):
                    best, moved = candidate, True
                    break
    except StopIteration:
        pass
    return best


def size(data: Any) -> tuple[float, ...]:
    """Orders plain data: fewer parts first, then plainer numbers.

    0, 1, 2 and 3 are equally plain, and nothing is plainer: 0 and 1 hide mistakes (1 * 1 is 1 / 1),
    so they are not what a counterexample should end in.
    """
    parts, digits, magnitude, signs = 0, 0, 0.0, 0
    stack = [data]
    while stack:
        item = stack.pop()
        parts += 1
        if isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, (list, tuple)):
            stack.extend(item)
        elif isinstance(item, (int, float)) and not isinstance(item, bool) and item not in PLAIN:
            digits += len(f"{abs(item):g}")
            magnitude += abs(item) if math.isfinite(item) else 1e300
            signs += item < 0
    return parts, digits, magnitude, signs


def smaller(data: Any) -> Iterator[Any]:
    """Simpler neighbours of plain data: parts left out, then numbers made plainer."""
    if isinstance(data, dict):
        for key, value in data.items():
            for less in smaller(value):
                yield {**data, key: less}
    elif isinstance(data, list):
        for i in range(len(data)):
            yield data[:i] + data[i + 1 :]
        for i, value in enumerate(data):
            for less in smaller(value):
                yield [*data[:i], less, *data[i + 1 :]]
    elif isinstance(data, (int, float)) and not isinstance(data, bool):
        kind = type(data)
        tries: list[float] = [*PLAIN]
        if math.isfinite(data):
            tries += [int(data / 2), int(data), -data]
        for number in tries:
            if kind(number) != data:
                yield kind(number)
