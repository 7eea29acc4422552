"""How fast, how large and how steady the widgets are in a real browser and a real JupyterLab: `python benchmarks/widgets.py`.

Each figure is printed beside its bar and kept, with the date and the versions, in benchmarks/results/.
"""

import argparse
import contextlib
import datetime
import importlib.metadata
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import nbformat
from playwright.sync_api import Error, sync_playwright

from lessons.notebook import METADATA
from tests.conftest import FLAGS
from tests.e2e import chromium
from tests.e2e.conftest import serve
from tests.e2e.jupyter import Lab

SETUP = """
import os
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # or its threads wait for each other on a busy machine
import numpy as np
import tinygrad_core as tg
from tinygrad_core import nn, static
from tinygrad_core.recording import record
from widgets import *

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)
    def forward(self, x):
        return x + tg.relu(self.layer(x))

def deep(nodes):
    '''Residual blocks, with about so many nodes in their graph.'''
    return nn.Sequential(*(nn.Sequential(*(Block() for _ in range(10))) for _ in range(max(1, nodes // 50))))

def recorded(nodes):
    model, x = deep(nodes), tg.randn(1, 4, requires_grad=True)
    with record(f"{nodes} nodes") as rec:
        model(x).sum().backward()
    print(sum(e["type"] == "define" for e in rec.events), "nodes")
    return rec

def twice(nodes):
    model, data = deep(nodes), tg.randn(1, 4)
    with record(f"{nodes} nodes a side", echo=False) as now:
        model(data).sum().backward()
    with record(echo=False) as later:
        with static.Graph() as graph:
            x = static.placeholder((1, 4), name="x")
            loss = model(x).sum()
        static.Session(graph).run(loss, {x: data})
    return now, later
"""
TEN = """GraphStepper(rec200)
BackwardQuiz(rec200)
Tape(rec200)
DynamicVsStatic(*sides)
ScalarGraph(lambda a, b: a * b + a, a=2.0, b=3.0)
Broadcasting((3, 1), (4,))
StepSize(np.exp, 1.0)
OptimiserRace(lambda p: (p * p).sum(), tg.tensor([-4.0, 1.0]))
lessons.parsons("topo")
watched"""
WATCHED = """
import lessons
model = nn.Sequential(nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1))
sgd, data = tg.optim.SGD(model.parameters(), lr=0.01), tg.randn(32, 16)
watched = TrainingMonitor(model)
for _ in range(200):
    sgd.zero_grad()
    loss = (model(data) ** 2).mean()
    loss.backward()
    sgd.step()
    watched.log(loss=loss)
"""
# From the moment at which the kernel's answer is there (and from the one at which the cell was begun) to the first frame.
PAINT = """() => new Promise((done) => {
  const {sessionContext, content} = window.jupyterapp.shell.currentWidget;
  const kernel = sessionContext.session.kernel, begun = performance.now();
  const cell = content.activeCell.node;
  let answered = 0;
  const heard = (_, message) => { if (message.header.msg_type === 'execute_result') answered ||= performance.now(); };
  kernel.iopubMessage.connect(heard);
  const look = () => {
    if (!cell.querySelector('.tgs-bar, .tgp-work') || !answered) return requestAnimationFrame(look);
    requestAnimationFrame(() => {
      kernel.iopubMessage.disconnect(heard);
      done([performance.now() - answered, performance.now() - begun]);
    });
  };
  window.jupyterapp.commands.execute('notebook:run-cell');
  requestAnimationFrame(look);
})"""
# One key, and how long until the frame that shows what it did has been drawn. Nothing is waited for in between.
STEP = """async ([keys, times]) => {
  const el = [...document.querySelectorAll('.tgs')].filter((e) => e.checkVisibility()).at(-1);
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const took = [];
  await frame();
  for (let n = 0; n < times; n += 1) {
    const begun = performance.now();
    el.dispatchEvent(new KeyboardEvent('keydown', {key: keys[n % keys.length], bubbles: true}));
    await frame();
    took.push(performance.now() - begun);
  }
  return took;
}"""
# How many more steps of a training a second the page knows of, and how many different lengths of it were on frames.
DRAWN = """(seconds) => new Promise((done) => {
  const slider = [...document.querySelectorAll('.tgs-slider')].at(-1), begun = performance.now(), seen = new Set();
  const first = Number(slider.max);
  const look = () => {
    seen.add(slider.max);
    if (performance.now() - begun < 1000 * seconds) requestAnimationFrame(look);
    else done([(Number(slider.max) - first) / seconds, seen.size / seconds]);
  };
  look();
})"""
FEED = """
import time
import widgets.monitor
usual = widgets.monitor._PAUSE

def training(rows):
    shown = TrainingMonitor(title="Rate")
    for n in range(max(1, rows)):
        shown.log(loss=1 / (n + 1))
    shown.settle()
    return shown

def feed(rate, seconds):
    '''Logs and sends so many steps a second: what the page can take, not what it is spared.'''
    widgets.monitor._PAUSE = 0
    begun, n = time.perf_counter(), 0
    while time.perf_counter() < begun + seconds:
        shown.log(loss=1 / (n + 1))
        n += 1
        time.sleep(max(0, begun + n / rate - time.perf_counter()))
    widgets.monitor._PAUSE = usual
    print("logged", n / seconds)
"""
SLOWED = """
import statistics, time
def epoch(model, data, target, watched):
    sgd = tg.optim.SGD(model.parameters(), lr=0.01)
    begun = time.perf_counter()
    for _ in range(150):
        sgd.zero_grad()
        loss = nn.functional.mse_loss(model(data), target)
        loss.backward()
        sgd.step()
        if watched is not None:
            watched.log(loss=loss)
    return time.perf_counter() - begun

model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
data, target = tg.randn(128, 784), tg.randn(128, 10)
watched, ratios = TrainingMonitor(model), []
for _ in range(9):
    alone = epoch(model, data, target, None)
    ratios.append(epoch(model, data, target, watched) / alone)
print("SLOWED", statistics.median(ratios) - 1)
"""


class Figures:
    """What was measured, printed as it comes."""

    def __init__(self):
        self.all = []

    def add(self, what, value, unit, bar=None, most=True, note=""):
        met = None if bar is None else value <= bar if most else value >= bar
        self.all.append({"what": what, "value": round(value, 4), "unit": unit, "bar": bar, "met": met, "note": note})
        against = "" if bar is None else f"   bar {'under' if most else 'at least'} {bar:g}: {'met' if met else 'MISSED'}"
        print(f"{what:58} {value:10.4g} {unit:12}{against}   {note}", flush=True)


class Page:
    """A notebook in a window of its own; cells are added and run one by one."""

    def __init__(self, browser, server, name):
        nbformat.write(nbformat.v4.new_notebook(metadata=METADATA), server.folder / name)
        self.context = browser.new_context(viewport={"width": 1280, "height": 1000})
        self.file = server.folder / name
        self.heard = 0
        self.context.on("page", lambda page: page.on("websocket", self._listen))
        self.lab = Lab(self.context, server.url, server.token, name)
        self.lab.wait_for_kernel()
        self.cdp = self.context.new_cdp_session(self.lab.page)
        with contextlib.suppress(Error):  # a browser that cannot tell threads apart counts the time that goes by
            self.cdp.send("Performance.setTimeDomain", {"timeDomain": "threadTicks"})
        self.cdp.send("Performance.enable")

    def _listen(self, socket):
        socket.on("framereceived", lambda data: setattr(self, "heard", self.heard + len(data)))

    def put(self, source):
        """A cell below, made the active one."""
        self.lab.command("notebook:insert-cell-below")
        self.lab.page.evaluate("text => window.jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel.setSource(text)",
                               source.strip())

    def run(self, source):
        self.put(source)
        self.lab.command("notebook:run-cell")
        self.lab.wait_for_kernel()

    def said(self):
        """What the last cell printed."""
        return self.lab.panel.locator(".jp-CodeCell").last.locator(".jp-OutputArea").inner_text()

    def paint(self, source):
        """Milliseconds until the widget of a cell is seen: after the kernel has answered, and after the cell was begun."""
        self.put(source)
        took = self.lab.page.evaluate(PAINT)
        self.lab.wait_for_kernel()
        return took

    def worked(self):
        """Seconds that the page's main thread has worked: other programs on the machine do not count."""
        numbers = self.cdp.send("Performance.getMetrics")["metrics"]
        return next(m["value"] for m in numbers if m["name"] == "TaskDuration")

    def clear(self):
        self.lab.command("notebook:clear-cell-output")

    def close(self):
        self.context.close()


def first_paints(page, figures, rounds):
    for what, cell, bar in (
        ("GraphStepper, 200 nodes", "GraphStepper(rec200, step=-1, folded=[])", 300),
        ("GraphStepper, 2,000 nodes", "GraphStepper(rec2000, step=-1, folded=[])", 1000),
        ("BackwardQuiz, 200 nodes", "BackwardQuiz(rec200, step=-1)", 300),
        ("Tape, 200 nodes", "Tape(rec200, step=-1)", 300),
        ("DynamicVsStatic, 200 nodes a side", "DynamicVsStatic(*sides, step=-1)", 300),
        ("GraphStepper, 10,000 nodes, folded", "GraphStepper(rec10000)", 3000),
    ):
        took = []
        for _ in range(rounds):
            worked = page.worked()
            took.append([*page.paint(cell), 1000 * (page.worked() - worked)])
            page.clear()
        answered, begun, worked = (statistics.median(column) for column in zip(*took))
        figures.add(f"first paint of {what}", answered, "ms", bar,
                    note=f"{begun:.0f} ms from running the cell; {worked:.0f} ms of work, JupyterLab's included")


def steps(page, figures, times):
    for what, cell, bar in (
        ("GraphStepper, 200 nodes", "GraphStepper(rec200, folded=[])", 50),
        ("GraphStepper, 2,000 nodes", "GraphStepper(rec2000, folded=[])", 100),
        ("BackwardQuiz, 200 nodes", "BackwardQuiz(rec200)", 50),
        ("Tape, 200 nodes", "Tape(rec200)", 50),
        ("DynamicVsStatic, 200 nodes a side", "DynamicVsStatic(*sides)", 50),
        ("DynamicVsStatic, 2,000 nodes a side", "DynamicVsStatic(*large)", 100),
    ):
        page.paint(cell)
        for part, before in (("at the start", "Home"), ("at the end", "End")):
            keys = ["ArrowRight", "ArrowRight", "ArrowLeft"] if before == "Home" else ["ArrowLeft", "ArrowLeft", "ArrowRight"]
            page.lab.page.evaluate(STEP, [[before], 1])
            worked = page.worked()
            took = sorted(page.lab.page.evaluate(STEP, [keys, times]))
            worked = 1000 * (page.worked() - worked) / times
            figures.add(f"a step of {what}, {part}", statistics.median(took), "ms", bar,
                        note=f"{worked:.0f} ms of work; 95 of 100 seen within {took[int(0.95 * len(took))]:.0f} ms")
        page.clear()


def memory(page, figures):
    """What a thousand steps back and forth leave behind."""
    def now():
        for _ in range(3):
            page.cdp.send("HeapProfiler.collectGarbage")
        numbers = {m["name"]: m["value"] for m in page.cdp.send("Performance.getMetrics")["metrics"]}
        return numbers["JSHeapUsedSize"] / 1e6, numbers["Nodes"]

    for what, cell in (("GraphStepper, 200 nodes", "GraphStepper(rec200, folded=[])"),
                       ("DynamicVsStatic, 200 nodes a side", "DynamicVsStatic(*sides)")):
        page.paint(cell)
        there_and_back = ["ArrowRight"] * 100 + ["ArrowLeft"] * 100
        # The first thousand fill what is kept on purpose: compiled code, and what JupyterLab keeps of its messages.
        marks = []
        for _ in range(2):
            page.lab.page.evaluate(STEP, [there_and_back, 1000])
            marks.append(now())
        before, after = marks
        figures.add(f"memory after 1,000 steps of {what}", after[0] - before[0], "MB more", 1.0,
                    note=f"{before[0]:.1f} MB before; {after[1] - before[1]:+.0f} nodes of the page")
        page.clear()


def monitor(page, figures):
    page.run(FEED)
    for rows in (0, 100_000):
        page.run(f"shown = training({rows})")
        page.paint("shown")
        page.run("feed(20, 2)")  # of a long training not every row was saved: now the page gets them all
        for rate in (50, 200):
            page.put(f"feed({rate}, 4)")
            page.lab.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-cell'); }")
            page.lab.page.wait_for_timeout(500)
            worked = page.worked()
            taken, drawn = page.lab.page.evaluate(DRAWN, 3)
            worked = 100 * (page.worked() - worked) / 3
            page.lab.wait_for_kernel()
            logged = float(page.said().split("logged")[1])
            figures.add(f"TrainingMonitor, {rate} updates a second after {rows:,} steps", taken, "updates/s", 50 if rate == 200 else None,
                        most=False, note=f"{logged:.0f} sent; {drawn:.0f} new frames; {worked:.0f} % of the time spent on work")
        took = page.lab.page.evaluate(STEP, [["ArrowLeft"], 50])
        figures.add(f"a step back in a training of {rows or 1000:,} steps", statistics.median(took), "ms", 50)
    page.run(SLOWED)
    figures.add("training slowed by TrainingMonitor", 100 * float(page.said().split("SLOWED")[1].split()[0]), "%", 3.0)


def ten(browser, server, figures):
    """Ten widgets, one of each: what travels to the page, and what the saved notebook grows by."""
    page = Page(browser, server, "ten.ipynb")
    page.run(SETUP)
    page.run("rec200, sides = recorded(200), twice(200)")
    page.run(WATCHED)
    page.lab.save()
    before, heard = page.file.stat().st_size, page.heard
    for cell in TEN.splitlines():
        page.run(cell)
    page.lab.page.wait_for_function(f"document.querySelectorAll('.tgs, .tgp').length >= {len(TEN.splitlines())}")
    page.lab.save()
    figures.add("traffic of ten widgets", (page.heard - heard) / 1e6, "MB", 1.0)
    figures.add("saved notebook, ten widgets more", (page.file.stat().st_size - before) / 1e6, "MB", 1.0)
    page.close()


def machine(browser):
    versions = {name: importlib.metadata.version(name) for name in ("numpy", "jupyterlab", "anywidget", "ipywidgets", "pygraphviz")}
    cpu = ""
    with contextlib.suppress(OSError):
        cpu = next(line.partition(":")[2].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    return {"date": datetime.date.today().isoformat(), "cpu": cpu or platform.processor(), "cores": os.cpu_count(),
            "load": os.getloadavg()[0], "python": platform.python_version(), "chromium": browser.version, "versions": versions}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each first paint is measured")
    parser.add_argument("--steps", type=int, default=60, help="how many steps are timed in each place")
    parser.add_argument("--out", type=Path, help="the file to keep the figures in; by default one with today's date")
    parser.add_argument("--only", nargs="*", default=["paint", "step", "memory", "monitor", "ten"], help="parts to measure")
    options = parser.parse_args()
    figures, begun = Figures(), time.time()
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as home:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=FLAGS)
        about = machine(browser)
        if about["load"] > 1:
            print(f"The machine is busy (load {about['load']:.1f}): what is measured in time will be too high.")
        with serve(Path(home), Path(home) / "lab.log") as server:
            page = Page(browser, server, "figures.ipynb")
            page.run(SETUP)
            page.run("rec200, rec2000, rec10000 = map(recorded, (200, 2000, 10000))\nsides, large = twice(200), twice(2000)")
            parts = {
                "paint": lambda: first_paints(page, figures, options.rounds),
                "step": lambda: steps(page, figures, options.steps),
                "memory": lambda: memory(page, figures),
                "monitor": lambda: monitor(page, figures),
                "ten": lambda: ten(browser, server, figures),
            }
            for part in options.only:
                parts[part]()
        browser.close()
    out = options.out or ROOT / "benchmarks" / "results" / f"{about['date']}-widgets.json"
    out.write_text(json.dumps({"machine": about, "figures": figures.all}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{sum(f['met'] is False for f in figures.all)} bars missed; {time.time() - begun:.0f} s; kept in {out}")


if __name__ == "__main__":
    main()
