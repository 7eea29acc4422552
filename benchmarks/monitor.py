"""What watching a training costs, and how the monitor moves with 100,000 points: `python benchmarks/monitor.py`.

Slowdown is the processor's time of a watched training by that of a plain one, which takes turns with it, one thread. The
browser's figures are from a page of its own, without Jupyter: the time of the script itself, and from frame to frame.
"""

import argparse
import json
import math
import os
import statistics
import sys
import tempfile
from pathlib import Path
from time import process_time

for library in ("OPENBLAS", "OMP", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.conftest import FLAGS  # noqa: E402
from tests.e2e import chromium  # noqa: E402
from tinygrad_core import manual_seed, nn, optim  # noqa: E402
from tinygrad_core.data import DataLoader, digits  # noqa: E402
from tinygrad_core.nn import functional as F  # noqa: E402
from widgets import TrainingMonitor  # noqa: E402

POINTS = 100_000


class Training:
    """A small training on digits, an epoch at a time: `plain`, with its `layers` watched, or with `examples` asked too."""

    def __init__(self, width: int, watch: str):
        images, labels = digits().tensors
        x = images.reshape(-1, 64)
        manual_seed(0)
        self.model = nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))
        self.sgd = optim.SGD(self.model.parameters(), lr=0.1)
        self.loader = DataLoader((x[:1000], labels[:1000]), 50, shuffle=True)
        examples = (x[1500:], labels[1500:]) if watch == "examples" else None
        self.monitor = None if watch == "plain" else TrainingMonitor(self.model, examples=examples)

    def epoch(self) -> float:
        """Seconds of the processor that one epoch, 20 steps, takes."""
        start = process_time()
        for x, y in self.loader:
            self.sgd.zero_grad()
            loss = F.cross_entropy(self.model(x), y)
            loss.backward()
            self.sgd.step()
            if self.monitor is not None:
                self.monitor.log(loss=loss)
        return process_time() - start


def slowdown(width: int, seconds: float) -> None:
    """How much longer a training takes that is watched: a plain one takes turns with it, epoch by epoch."""
    for watch in ("layers", "examples"):
        plain, watched = Training(width, "plain"), Training(width, watch)
        assert watched.monitor is not None
        times: list[tuple[float, float]] = []
        while sum(map(sum, times)) < seconds:
            before = plain.epoch()
            watched.monitor._runs[-1].computing += before  # not this training's own
            times.append((before, watched.epoch()))
        without, with_it = zip(*times, strict=True)
        usual = statistics.median(b - a for a, b in times)
        run = watched.monitor._runs[0]
        share = 100 * run.spent / sum(with_it)
        step = statistics.median(without) / 20
        print(f"64-{width}-10, {watch}: {1e6 * step:.0f} us a step; watched, {1e6 * usual / 20:.1f} us more in the usual epoch "
              f"({100 * usual / 20 / step:.1f} %), all in all {100 * (sum(with_it) / sum(without) - 1):.1f} %; of that measuring took "
              f"{share:.1f} %, {len(run.samples)} samples and {len(run.looks)} looks in {len(times) * 20:,} steps")


def page_of(runs: int, points: int) -> str:
    """A page's data: that many runs of that many points each, with two metrics."""
    def run(k: int) -> dict:
        loss = [2 / (1 + i / 5000) + 0.2 * math.sin(i * (k + 2.7)) ** 2 for i in range(points)]
        sample = [{"row": r, "grad": [0.1, 0.2], "ratio": [1e-3, 2e-3], "hist": [[-1, 1, "0az-z0"]] * 2, "out": [[-1, 1, "0a-"]],
                   "zero": [0.0], "dead": [0.0], "moved": 0.01} for r in range(0, points, max(1, points // 100))]
        return {"name": f"run {k}", "steps": {"from": 0, "by": 1, "count": points}, "layers": ["w", "b"], "modules": [["0", "ReLU"]],
                "metrics": {"loss": [round(v, 5) for v in loss], "right": [round(1 - v / 3, 4) for v in loss]}, "samples": sample,
                "looks": [], "hints": [], "clock": {"seconds": 100.0, "total": None, "left": None}}

    return json.dumps({"format": "training", "version": 2, "title": "Many points", "runs": [run(k) for k in range(runs)]})


MEASURE = """async (act) => {
  const root = document.querySelector('.tgs'), acts = {
    step: () => root.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft', bubbles: true})),
    hover: (k) => { const svg = root.querySelector('.tgs-monitor'), b = svg.getBoundingClientRect();
      svg.dispatchEvent(new PointerEvent('pointermove', {clientX: b.left + 80 + (k * 7) % 400, clientY: b.top + 60})); },
    drag: (k) => { const s = root.querySelector('.tgs-slider'); s.value = String((k * 977) % Number(s.max));
      s.dispatchEvent(new Event('input')); },
    zoom: (k) => root.querySelectorAll('.tgs-runtools button')[k % 6 < 3 ? 1 : 0].click(),
    smooth: (k) => { const s = root.querySelector('.tgs-smooth'); s.value = String(0.1 + 0.08 * (k % 10)); s.dispatchEvent(new Event('input')); },
  };
  const frame = () => new Promise(requestAnimationFrame), script = [], frames = [];
  let last = await frame();
  for (let k = 0; k < 40; k++) {
    const start = performance.now(); acts[act](k); script.push(performance.now() - start);
    const now = await frame(); frames.push(now - last); last = now;
  }
  const middle = (v) => v.sort((a, b) => a - b)[v.length >> 1];
  return [middle(script), Math.max(...script), middle(frames)];
}"""

LIVE = """async () => {
  const shim = globalThis.tinygradStandalone; delete globalThis.tinygradStandalone;
  const code = document.getElementById('bundle').textContent;
  const {default: widget} = await import(URL.createObjectURL(new Blob([code], {type: 'text/javascript'})));
  globalThis.tinygradStandalone = shim;
  const state = {data: '{"format":"training","version":2,"title":"Live","runs":[]}', step: -1, smoothing: 0.6}, heard = [];
  const model = {get: (k) => state[k], set: (k, v) => { state[k] = v; }, save_changes() {}, off() {},
                 on: (e, f) => e === 'msg:custom' && heard.push(f)};
  const el = document.createElement('div'); document.body.append(el);
  await widget.render({model, el});
  const out = [];
  for (const [rows, each] of [[20000, 100], [100000, 500]]) {
    let sent = out.length ? 20000 : 0, messages = 0, drawn = 0; const start = performance.now();
    while (sent < rows) {
      const steps = Array.from({length: each}, (_, i) => sent + i);
      for (const f of heard) f({run: 0, name: 'live', from: [sent, 0, 0], steps, metrics: {loss: steps.map((i) => 1 / (1 + i / 900))},
                                 samples: [], looks: []});
      sent += each; messages += 1;
      await new Promise(requestAnimationFrame); drawn += 1;
    }
    out.push([rows, messages * 1000 / (performance.now() - start)]);
  }
  return out;
}"""


def browser() -> None:
    """First paint, and how long each movement takes."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        running = playwright.chromium.launch(executable_path=chromium.find(), args=FLAGS)
        for runs, points in ((1, 1000), (1, POINTS), (5, POINTS // 5), (5, POINTS)):
            monitor = TrainingMonitor(title="Many points")
            monitor.data = page_of(runs, points)
            page = running.new_page(viewport={"width": 1200, "height": 900})
            page.add_init_script("new MutationObserver((_, o) => { if (document.querySelector('.tgs-bar')) { o.disconnect(); "
                                 "requestAnimationFrame(() => setTimeout(() => { window.painted = performance.now(); })); } })"
                                 ".observe(document, {childList: true, subtree: true})")
            page.goto(monitor.to_html(Path(folder) / "page.html").as_uri())
            page.wait_for_function("window.painted")
            print(f"{runs} x {points:,} points: first paint after {page.evaluate('window.painted'):.0f} ms, with the page itself")
            for act in ("step", "hover", "drag", "zoom", "smooth"):
                usual, most, frame = page.evaluate(MEASURE, act)
                print(f"    {act:6} {usual:6.1f} ms of script (at most {most:.0f}), {frame:.0f} ms from frame to frame")
            page.close()
        page = running.new_page(viewport={"width": 1200, "height": 900})
        page.goto(TrainingMonitor().to_html(Path(folder) / "page.html").as_uri())
        page.wait_for_selector(".tgs-bar")
        for rows, rate in page.evaluate(LIVE):
            print(f"live, up to {rows:,} rows: {rate:.0f} updates a second, each drawn")
        running.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each pair of trainings")
    parser.add_argument("--only", choices=("training", "browser"))
    options = parser.parse_args()
    if options.only != "browser":
        for width in (32, 256):
            slowdown(width, options.seconds)
    if options.only != "training":
        browser()
