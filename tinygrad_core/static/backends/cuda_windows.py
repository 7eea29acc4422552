"""Windows that slide over images, as CUDA: where a thread goes about it otherwise than C's loops do."""
from __future__ import annotations

import math
from typing import Any

from ..graph import Operation
from .cuda_loops import element


def fold(made: Any, o: Operation, number: int) -> bool:
    """What lies in each window is added where the window lay: each element of the image collects it."""
    y, out = made.layout.array(o.sources[0]), made.layout.array(o.results[0])
    n, find = out.ndim - 2, ""
    for k, (s, d) in enumerate(zip(o.attrs["stride"], o.attrs["dilation"], strict=True)):
        find += (f"for (I w{k} = 0; w{k} < {y.shape[2 + k]}; w{k}++) {{ "
                 f"const I d{k} = i{k + 2} - w{k} * {d}, p{k} = d{k} / {s}; "
                 f"if (d{k} < 0 || d{k} % {s} || p{k} >= {y.shape[2 + n + k]}) continue; ")
    names = ["i0", "i1", *[f"w{k}" for k in range(n)], *[f"p{k}" for k in range(n)]]
    made.say(made.nest([made.writes("o", o.results[0]), made.reads("x", o.sources[0])],
                       [(f"i{k}", m, "") for k, m in enumerate(out.shape)],
                       f"{made.type_of(o.results[0])} s = 0; {find}s += x[{element(y, names)}]; {'}' * n} "
                       f"o[{element(out)}] = s;"))
    return True


def max_pool(made: Any, o: Operation, number: int) -> bool:
    """The greatest element of each window, and its place in the flattened image; of equals the first, of NaNs the last."""
    x, out, index = (made.layout.array(s) for s in (o.sources[0], *o.results))
    if not x.flags.c_contiguous or index.dtype.name != "int64":
        return False
    size, t, n = x.shape[2:], made.type_of(o.sources[0]), x.ndim - 2
    find = "".join(f"for (I w{k} = 0; w{k} < {o.attrs['kernel'][k]}; w{k}++) " for k in range(n)) + "{ "
    for k, (s, d, (before, _)) in enumerate(zip(o.attrs["stride"], o.attrs["dilation"], o.attrs["widths"], strict=True)):
        find += f"const I c{k} = p{k} * {s} + w{k} * {d} - {before}; if (c{k} < 0 || c{k} >= {size[k]}) continue; "
    flat = " + ".join(f"c{k} * {math.prod(size[k + 1:])}" for k in range(n))
    made.say(made.nest([made.writes("o", o.results[0]), made.writes("l", o.results[1]), made.reads("x", o.sources[0])],
                       [("b", math.prod(x.shape[:2]), ""), *[(f"p{k}", m, "") for k, m in enumerate(out.shape[2:])]],
                       f"{t} best = -INFINITY; I where = -1; {find}const I a = {flat}; "
                       f"const {t} v = x[b * {math.prod(size)} + a]; "
                       "if (where < 0 || v > best || v != v) { best = v; where = a; } } o[n] = best; l[n] = where;"))
    return True


def pick(made: Any, o: Operation, number: int) -> bool:
    """Elements at places of flattened images; and the reverse, unpick: zeros, with elements added there, image by image."""
    picks = o.op is not None and o.op.name == "pick"
    image, elements = (o.sources[0], o.results[0]) if picks else (o.results[0], o.sources[0])
    x, y, index = (made.layout.array(s) for s in (image, elements, o.sources[1]))
    if not (x.flags.c_contiguous and y.flags.c_contiguous and index.flags.c_contiguous) or index.dtype.name != "int64":
        return False
    size, count, images = math.prod(x.shape[2:]), math.prod(y.shape[2:]), ("b", math.prod(x.shape[:2]), "")
    places = made.reads("l", o.sources[1])
    if picks:
        made.say(made.nest([made.writes("o", elements), made.reads("x", image), places], [images, ("k", count, "")],
                           f"o[n] = x[b * {size} + l[n]];"))
    else:
        made.say(made.zeroed(image))
        made.say(made.nest([made.writes("o", image), made.reads("x", elements), places], [images],
                           f"for (I k = b * {count}; k < (b + 1) * {count}; k++) o[b * {size} + l[k]] += x[k];"))
    return True


KERNELS = {"fold": fold, "max_pool": max_pool, "pick": pick, "unpick": pick}
