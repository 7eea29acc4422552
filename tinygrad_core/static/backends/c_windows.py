"""Windows that slide over images, as C: unfolding, folding, padding and pooling."""
from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..graph import Operation


def window_view(array: np.ndarray, kernel: tuple[int, ...], places: tuple[int, ...], stride: tuple[int, ...],
                dilation: tuple[int, ...]) -> np.ndarray:
    """Every window of (N, C, *size) as a view (N, C, *kernel, *places), without a copy."""
    steps = array.strides[2:]
    return np.lib.stride_tricks.as_strided(
        array, (*array.shape[:2], *kernel, *places),
        (*array.strides[:2], *[s * d for s, d in zip(steps, dilation, strict=True)],
         *[s * t for s, t in zip(steps, stride, strict=True)]))


def unfold(made: Any, o: Operation, number: int) -> bool:
    """The windows, copied side by side."""
    x, out = made.layout.array(o.sources[0]), made.layout.array(o.results[0])
    n = x.ndim - 2
    seen = window_view(x, out.shape[2:2 + n], out.shape[2 + n:], o.attrs["stride"], o.attrs["dilation"])
    made.say(made.copied(out, seen, made.pointer(o.results[0]), made.pointer(o.sources[0])))
    return True


def fold(made: Any, o: Operation, number: int) -> bool:
    """The reverse: what lies in each window is added where the window lay."""
    y, out = made.layout.array(o.sources[0]), made.layout.array(o.results[0])
    n = out.ndim - 2
    seen = window_view(out, y.shape[2:2 + n], y.shape[2 + n:], o.attrs["stride"], o.attrs["dilation"])
    made.say(made.zeroed(o.results[0]))
    made.say(made.copied(seen, y, made.pointer(o.results[0]), made.pointer(o.sources[0]), "+="))
    return True


def pad(made: Any, o: Operation, number: int) -> bool:
    """A border around the values, or one cut off."""
    x, out = made.layout.array(o.sources[0]), made.layout.array(o.results[0])
    widths = o.attrs["widths"]
    kept = x[tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(widths, x.shape, strict=True))]
    to = out[tuple(slice(max(a, 0), max(a, 0) + n) for (a, _), n in zip(widths, kept.shape, strict=True))]
    if kept.size < out.size:
        value, t = float(o.attrs["value"]), made.type_of(o.results[0])
        made.say(made.filled(o.results[0], f"({t}){literal(value)}") if value else made.zeroed(o.results[0]))
    made.say(made.copied(to, kept, made.pointer(o.results[0], to), made.pointer(o.sources[0], kept)))
    return True


def literal(value: float) -> str:
    """A number of Python as C has it."""
    return "NAN" if math.isnan(value) else ("INFINITY" if value > 0 else "-INFINITY") if math.isinf(value) else repr(value)


def max_pool(made: Any, o: Operation, number: int) -> bool:
    """The greatest element of each window, and its place in the flattened image; of equals the first, of NaNs the last."""
    x, out = made.layout.array(o.sources[0]), made.layout.array(o.results[0])
    if not x.flags.c_contiguous:
        return False
    size, places = x.shape[2:], out.shape[2:]
    t, n = made.type_of(o.sources[0]), len(size)
    inner = "".join(f"for (I w{k} = 0; w{k} < {o.attrs['kernel'][k]}; w{k}++) " for k in range(n))
    # The coordinates of the element that window position w meets in place p; windows may reach over the edges.
    at = "".join(f"I c{k} = p{k} * {o.attrs['stride'][k]} + w{k} * {o.attrs['dilation'][k]} - {o.attrs['widths'][k][0]}; "
                 + (f"if (c{k} < 0 || c{k} >= {size[k]}) continue; " if any(o.attrs["widths"][k]) else "") for k in range(n))
    flat = " + ".join(f"c{k} * {math.prod(size[k + 1:])}" for k in range(n))
    to = " + ".join([f"b * {math.prod(places)}", *[f"p{k} * {math.prod(places[k + 1:])}" for k in range(n)]])
    whole = "int32_t" if math.prod(size) < 1 << 31 else "I"
    made.say(made.nest(
        [made.reads("x", o.sources[0]), made.writes("o", o.results[0]), made.writes("i", o.results[1])],
        [("b", math.prod(x.shape[:2]), f"const {t} *s = x + b * {math.prod(size)};"),
         *[(f"p{k}", count, "") for k, count in enumerate(places)]],
        f"{t} best = -INFINITY; {whole} where = -1; {inner}{{ {at}{whole} a = {flat}; {t} v = s[a]; "
        "int better = (where < 0) | (v > best) | (v != v); best = better ? v : best; where = better ? a : where; } "
        f"I to = {to}; o[to] = best; i[to] = where;"))
    return True


def pick(made: Any, o: Operation, number: int) -> bool:
    """Elements at places of the flattened images."""
    found = _at_places(made, o, o.sources[0], o.results[0])
    if found is None:
        return False
    size, count, images, places = found
    made.say(made.nest([made.reads("x", o.sources[0]), made.writes("o", o.results[0]), places], [images, ("k", count, "")],
                       f"o[b * {count} + k] = i[b * {count} + k] < 0 ? 0 : x[b * {size} + i[b * {count} + k]];"))
    return True


def unpick(made: Any, o: Operation, number: int) -> bool:
    """Zeros, with elements added at places of the flattened images, image by image."""
    found = _at_places(made, o, o.results[0], o.sources[0])
    if found is None:
        return False
    size, count, images, places = found
    made.say(made.zeroed(o.results[0]))
    made.say(made.nest([made.reads("x", o.sources[0]), made.writes("o", o.results[0]), places], [images],
                       f"for (I k = 0; k < {count}; k++) if (i[b * {count} + k] >= 0) "
                       f"o[b * {size} + i[b * {count} + k]] += x[b * {count} + k];"))
    return True


def _at_places(made: Any, o: Operation, image: Any, elements: Any) -> Any:
    """How large images are, how many elements each has, the loop over them, and the places; None where no kernel fits."""
    x, y, index = (made.layout.array(s) for s in (image, elements, o.sources[1]))
    if not (x.flags.c_contiguous and y.flags.c_contiguous and index.flags.c_contiguous):
        return None
    images = "b", math.prod(x.shape[:2]), ""
    return math.prod(x.shape[2:]), math.prod(y.shape[2:]), images, made.reads("i", o.sources[1])


KERNELS = {"unfold": unfold, "fold": fold, "pad": pad, "max_pool": max_pool, "pick": pick, "unpick": unpick}
