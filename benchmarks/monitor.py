"""What watching a training costs, and how the monitor moves with 100,000 points: `python benchmarks/monitor.py`.

Slowdown is the processor's time of watched trainings by that of the plain ones before and after each, one thread. The
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


def trained(width: int, epochs: int, watch: str) -> tuple[float, TrainingMonitor | None]:
    """Seconds that a training on digits takes: `plain`, with its `layers` watched, or with `examples` asked too."""
    images, labels = digits().tensors
    x, y = images.reshape(-1, 64), labels
    manual_seed(0)
    model = nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))
    sgd = optim.SGD(model.parameters(), lr=0.1)
    examples = (x[1500:], y[1500:]) if watch == "examples" else None
    monitor = None if watch == "plain" else TrainingMonitor(model, examples=examples)
    start = process_time()
    for _ in range(epochs):
        for a, b in DataLoader((x[:1000], y[:1000]), 50, shuffle=True):
            sgd.zero_grad()
            loss = F.cross_entropy(model(a), b)
            loss.backward()
            sgd.step()
            if monitor is not None:
                monitor.log(loss=loss)
    return process_time() - start, monitor


def slowdown(width: int, seconds: float, rounds: int) -> None:
    """How much longer a training takes that is watched."""
    once = trained(width, 20, "plain")[0] / 20
    epochs = max(20, round(seconds / once))
    for watch in ("layers", "examples"):
        ratios = []
        for _ in range(rounds):
            before, (watched, monitor), after = trained(width, epochs, "plain")[0], trained(width, epochs, watch), \
                trained(width, epochs, "plain")[0]
            ratios.append(100 * (2 * watched / (before + after) - 1))
        assert monitor is not None
        run = monitor._runs[0]
        print(f"64-{width}-10, {watch}: {1e6 * before / epochs / 20:.0f} us a step, {epochs * 20} steps in {before:.1f} s: slower by "
              f"{statistics.median(ratios):.1f} % (from {min(ratios):.1f} to {max(ratios):.1f}); {len(run.samples)} samples, "
              f"{len(run.looks)} looks; saved in {len(monitor.data):,} characters")


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
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each training")
    parser.add_argument("--only", choices=("training", "browser"))
    options = parser.parse_args()
    if options.only != "browser":
        for width in (32, 256):
            slowdown(width, options.seconds, options.rounds)
    if options.only != "training":
        browser()
