"""The pictures that pages draw themselves: a curve with its slope at a place you can move, and many curves side by side."""

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from lessons.look import STYLE

WIDTH, HEIGHT, PAD = 520, 280, 30
# The slider of ipywidgets has a handle without a name, which a screen reader cannot announce.
SLIDER = """export default {
  render({model, el}) {
    const label = el.appendChild(document.createElement("label"));
    label.className = "tgc-slider";
    const input = document.createElement("input");
    const now = document.createElement("output");
    const show = () => {
      input.value = model.get("value");
      now.textContent = Number(input.value).toFixed(2);
    };
    Object.assign(input, {type: "range", min: model.get("min"), max: model.get("max"), step: model.get("step")});
    label.append(model.get("name"), input, now);
    show();
    input.addEventListener("input", () => {
      model.set("value", Number(input.value));
      model.save_changes();
    });
    model.on("change:value", show);
    return () => model.off("change:value", show);
  },
};"""


def plot(f: Callable[[float], float], at: float, reach: float = 4.0) -> Any:
    """The curve of `f` around `at`, with its slope there as a step of 1 to the right; drag to move.

    `reach` is how far the picture goes to each side of `at`.
    """
    import anywidget
    import ipywidgets as w
    import traitlets

    class Slider(anywidget.AnyWidget):
        _esm = SLIDER
        name, step = traitlets.Unicode("x").tag(sync=True), traitlets.Float(0.25).tag(sync=True)
        value, min, max = (traitlets.Float().tag(sync=True) for _ in range(3))

    low, high = at - reach, at + reach
    place = Slider(value=at, min=low, max=high - 1)
    picture = w.HTML(drawing(f, at, low, high))
    place.observe(lambda change: setattr(picture, "value", drawing(f, change["new"], low, high)), "value")

    class Plot(w.VBox):
        def __repr__(self) -> str:  # what is seen where widgets are not
            return f"A curve and its slope at x = {place.value:g}; run this cell to see it."

    return Plot([picture, place], layout=w.Layout(overflow="visible"))


def drawing(f: Callable[[float], float], at: float, low: float, high: float) -> str:
    """The picture as SVG, in the theme's colours."""
    xs = [low + (high - low) * i / 160 for i in range(161)]
    ys = [f(x) for x in xs]
    bottom, top = min(ys), max(ys)
    span = (top - bottom) or 1.0
    h = 1e-5
    slope = (f(at + h) - f(at - h)) / (2 * h)

    def px(x: float) -> float:
        return PAD + (x - low) / (high - low) * (WIDTH - 2 * PAD)

    def py(y: float) -> float:
        return HEIGHT - PAD - (y - bottom) / span * (HEIGHT - 2 * PAD)

    def path(points: list[tuple[float, float]]) -> str:
        return "M" + "L".join(f"{px(x):.1f} {py(y):.1f}" for x, y in points)

    y = f(at)
    line = [(low, y + slope * (low - at)), (high, y + slope * (high - at))]
    step = [(at, y), (at + 1, y), (at + 1, y + slope)]
    words = f"At x = {at:g} the curve is {y:.4g} high and its slope is {slope:.4g}."
    below = py(y) + 16 if slope >= 0 else py(y) - 6
    ticks = "".join(
        f'<text class="soft" x="{px(x):.0f}" y="{HEIGHT - PAD + 18}">{x:g}</text>'
        for x in range(math.ceil(low), math.floor(high) + 1)
    )
    return f"""{STYLE}
<svg class="tgc-plot" role="img" aria-label="{words}" viewBox="0 0 {WIDTH} {HEIGHT}">
<clipPath id="tgc-clip"><path d="M{PAD} 0H{WIDTH - PAD}V{HEIGHT - PAD}H{PAD}Z"/></clipPath>
<path class="soft" d="M{PAD} {HEIGHT - PAD}H{WIDTH - PAD}"/>{ticks}
<g clip-path="url(#tgc-clip)">
<path class="soft dashed" d="{path(line)}"/>
<path class="curve" d="{path(list(zip(xs, ys, strict=True)))}"/>
<path class="step" d="{path(step)}"/>
</g>
<circle cx="{px(at):.1f}" cy="{py(y):.1f}" r="4.5"/>
<text class="step" x="{px(at + 0.5):.0f}" y="{below:.0f}">1</text>
<text class="step start" x="{px(at + 1) + 7:.0f}" y="{py(y + slope / 2) + 4:.0f}">{slope:.4g}</text>
<text class="start" x="{PAD}" y="16">x = {at:g}, slope {slope:.4g}</text>
</svg>"""



def panels(curves: Mapping[str, Sequence[float]], what: str, columns: int = 3) -> Any:
    """Each curve in a small chart of its own, all with the same axes and heights on a logarithmic scale."""
    from IPython.display import HTML

    return HTML(_panels({name: _calm(ys) for name, ys in curves.items()}, what, columns))


def _panels(curves: Mapping[str, Sequence[float]], what: str, columns: int) -> str:
    wide, tall, left, top = 180, 112, 34, 22
    known = [math.log10(y) for ys in curves.values() for y in ys if 0 < y < math.inf]
    if not known:
        raise ValueError(f"there is no {what} above 0 to be drawn, and a logarithmic scale has no place for others")
    low, high = math.floor(min(known)), math.ceil(max(known))
    span = max(high - low, 1)

    def y_of(power: float) -> float:
        return top + (high - power) / span * tall

    charts = []
    for n, (name, ys) in enumerate(curves.items()):
        places = ((k / max(len(ys) - 1, 1) * wide, y) for k, y in enumerate(ys))
        line = "L".join(f"{left + x:.1f} {y_of(math.log10(y)):.1f}" for x, y in places if 0 < y < math.inf)
        grid = "".join(f'<path class="soft" d="M{left} {y_of(p):.1f}h{wide}"/>' for p in range(low, high + 1))
        marks = "".join(
            f'<text class="soft end" x="{left - 5}" y="{y_of(p) + 4:.1f}">{10.0**p:g}</text>' for p in range(low, high + 1)
        )
        place = f"{n % columns * (left + wide + 10)} {n // columns * (top + tall + 14)}"
        title = f'<text class="start" x="{left}" y="14">{escape(name)}</text>'
        charts.append(f'<g transform="translate({place})">{grid}{marks}{title}<path class="curve" d="M{line}"/></g>')
    rows = -(-len(curves) // columns)
    size = f"{columns * (left + wide + 10)} {rows * (top + tall + 14)}"
    ends = "; ".join(f"{name} from {ys[0]:.3g} to {ys[-1]:.3g}" for name, ys in curves.items())
    words = escape(f"The {what} of each, step by step, on one logarithmic scale: {ends}.")
    head = f'<svg class="tgc-plot tgc-panels" role="img" aria-label="{words}" viewBox="0 0 {size}">'
    return f"{STYLE}\n{head}{''.join(charts)}</svg>"


def _calm(ys: Sequence[float], over: int = 5) -> list[float]:
    """The mean of each number and the few before it."""
    return [sum(part) / len(part) for part in (ys[max(0, k - over + 1) : k + 1] for k in range(len(ys)))]
