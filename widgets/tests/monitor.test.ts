// @vitest-environment jsdom
// Smoothing, thinning, what comes while a training runs, and the widget as a whole.
import { describe, expect, it, vi } from "vitest";
import widget, { clockWords, panesOf } from "../src/monitor";
import { rowAt } from "../src/monitor_chart";
import { add, barsOf, digits, lastAt, read, rowsOf, smooth, thin, valueAt, type Data, type Run } from "../src/monitor_data";
import { bitmap, mostMistaken, wrongOf } from "../src/monitor_examples";
import { rowsShown } from "../src/monitor_panes";
import { markOf, series } from "../src/plot";
import { usePage } from "./page";

describe("curves", () => {
  it("are smoothed without leaning towards zero at their start", () => {
    expect(smooth([5, 5, 5], 0.9)).toEqual([5, 5, 5].map((v) => expect.closeTo(v)));
    expect(smooth([0, 1], 0.5)[1]).toBeCloseTo(2 / 3);
    expect(smooth([1, NaN, 1], 0.9)).toEqual([1, NaN, expect.closeTo(1)]);
    const growing = [4, 2];
    smooth(growing, 0.9);
    growing.push(8);
    expect([...smooth(growing, 0.9)]).toEqual([...smooth([4, 2, 8], 0.9)]);
  });

  it("are thinned to the page without losing a peak or an end", () => {
    const n = 100_000;
    const ys = Array.from({ length: n }, (_, i) => Math.sin(i / 900));
    ys[45_678] = 99;
    ys[77_777] = -99;
    const keep = thin(ys, 600);
    expect(keep.length).toBeLessThanOrEqual(2400);
    expect(keep).toContain(45_678);
    expect(keep).toContain(77_777);
    expect([keep[0], keep.at(-1)]).toEqual([0, n - 1]);
    expect([...keep].sort((a, b) => a - b)).toEqual(keep);
    expect(thin([3, 4], 600)).toEqual([0, 1]);
    const part = thin(ys, 100, 45_000, 46_000);
    expect([part[0], part.at(-1), part.includes(45_678)]).toEqual([45_000, 45_999, true]);
  });

  it("go on where a metric was not logged, and show the last that was", () => {
    const now_and_then = [null, 3, null, null, 5, null];
    expect(thin(now_and_then, 600)).toEqual([1, 4]);
    expect(thin(Array.from({ length: 5000 }, (_, i) => (i % 100 ? null : i)), 40)).toEqual(Array.from({ length: 50 }, (_, i) => 100 * i));
    expect(smooth(now_and_then, 0.5)).toEqual([null, 3, null, null, expect.closeTo(13 / 3), null]);
    expect([0, 1, 3, 9].map((row) => valueAt(now_and_then, row))).toEqual([null, 3, 3, 5]);
  });

  it("are told apart by mark and colour, 25 of them", () => {
    const all = Array.from({ length: 25 }, (_, k) => `${series(k)} ${markOf(k)}`);
    expect(new Set(all).size).toBe(25);
    expect(new Set(all.slice(0, 5).map((x) => x.split(" ")[0])).size).toBe(5);
  });
});

const message = (from: [number, number, number], steps: number[], loss: (number | string)[], more = {}) =>
  ({ run: 0, name: "run 1", from, steps, metrics: { loss }, samples: [], looks: [], ...more }) as never;

describe("messages", () => {
  it("add rows, or write again what was sent before", () => {
    const data: Data = { title: "", runs: [] };
    add(data, message([0, 0, 0], [0, 1], [3, 2]));
    add(data, message([2, 0, 0], [2], [1]));
    expect(data.runs[0]!.metrics["loss"]).toEqual([3, 2, 1]);
    add(data, message([0, 0, 0], [0, 1, 2, 3], [3, 2, 1, "NaN"]));
    expect(data.runs[0]!.steps).toEqual([0, 1, 2, 3]);
    expect(rowsOf(data)).toBe(4);
  });
  it("wait when something before them is missing", () => {
    const data: Data = { title: "", runs: [] };
    add(data, message([5, 0, 0], [5], [1]));
    add(data, message([0, 0, 0], [0], [1], { run: 3 }));
    expect(data.runs).toEqual([]);
  });
  it("may bring a metric late", () => {
    const data: Data = { title: "", runs: [] };
    add(data, message([0, 0, 0], [0, 1], [3, 2]));
    add(data, message([2, 0, 0], [2], [1], { metrics: { loss: [1], accuracy: [0.5] } }));
    expect(data.runs[0]!.metrics["accuracy"]).toEqual([null, null, 0.5]);
  });
});

const sample = (row: number, grad: number[]) => ({ row, grad, ratio: grad.map(() => 1e-3), hist: grad.map(() => [-1, 1, 2, 5, 2]) });

describe("what is looked up", () => {
  it("is the last that was measured at or before a row", () => {
    const samples = [sample(2, [1]), sample(7, [2])];
    expect(lastAt(samples, 1)).toBeNull();
    expect([2, 6, 7, 99].map((row) => lastAt(samples, row)!.row)).toEqual([2, 2, 7, 7]);
  });
  it("is found by a step's number, whatever rows were saved", () => {
    const run = { steps: [0, 10, 25] } as unknown as Run;
    expect([-1, 0, 9, 10, 24, 25, 99].map((step) => rowAt(run, step))).toEqual([-1, 0, 0, 1, 1, 2, 2]);
  });
  it("is a histogram in heights or in counts", () => {
    expect(barsOf([-1, 1, "0-V"])).toEqual({ low: -1, high: 1, heights: [0, 1, 31 / 63] });
    expect(barsOf([0, 4, 1, 2, 4])).toEqual({ low: 0, high: 4, heights: [0.25, 0.5, 1] });
    expect(barsOf([])).toBeNull();
    expect(digits("0Az-")).toEqual([0, 10, 61, 63]);
  });
  it("is the first and the last of very many rows", () => {
    expect(rowsShown(3)).toEqual([0, 1, 2]);
    expect(rowsShown(100)).toHaveLength(24);
    expect([rowsShown(100)[11], rowsShown(100)[12]]).toEqual([11, 88]);
  });
});

describe("answers", () => {
  const known = { count: 4, classes: ["a", "b"], truth: "0011" };
  const look = { row: 0, right: 2, said: "0110", matrix: [1, 1, 1, 1] };
  it("are right or wrong, and some mistakes are made more often", () => {
    expect(wrongOf(known, look)).toEqual([1, 3]);
    expect(mostMistaken({ ...look, matrix: [9, 1, 3, 9] })).toEqual([1, 0, 3]);
    expect(mostMistaken({ ...look, matrix: [2, 0, 0, 2] })).toBeNull();
  });
  it("come with pictures that a browser reads: two rows of three, greys of their own, the last row first", () => {
    const bytes = Uint8Array.from(atob(bitmap([0, 15, 1, 2, 3, 4], 3, 2).split(",")[1]!), (c) => c.charCodeAt(0));
    expect(String.fromCharCode(...bytes.slice(0, 2))).toBe("BM");
    expect([bytes[18], bytes[22], bytes[28]]).toEqual([3, 2, 8]);
    expect([...bytes.slice(54, 62)]).toEqual([0, 0, 0, 0, 17, 17, 17, 0]);
    expect([...bytes.slice(-8)]).toEqual([2, 3, 4, 0, 0, 15, 1, 0]);
  });
});

describe("the time", () => {
  const clock = { seconds: 75.2, total: 1000, left: 30 };
  const run = (n: number): Run => ({ steps: Array.from({ length: n }, (_, i) => i) }) as unknown as Run;
  it("is left while it runs, and was taken afterwards", () => {
    expect(clockWords(run(400), clock)).toBe("400 of 1000 steps, about 30 s left");
    expect(clockWords(run(1000), { ...clock, left: 0 })).toBe("1000 steps in 1 min 15 s");
    expect(clockWords(run(400), { ...clock, left: null })).toBe("400 of 1000 steps in 1 min 15 s");
    expect(clockWords(run(400), { seconds: 7300, total: null, left: null })).toBe("400 steps in 2 h 1 min");
    expect(clockWords(undefined, null)).toBe("");
  });
});

describe("the widget", () => {
  const page = usePage();
  const run = { name: "<b>one</b>", steps: [0, 1, 2], metrics: { loss: [3, 2, 1] }, layers: ["0.weight", "2.weight"], samples: [sample(1, [1e-9, 0.5])] };
  const data = (more = {}): string => JSON.stringify({ format: "training", version: 1, title: "Training", runs: [{ ...run, ...more }] });

  it("revisits any step, and says which layer is far behind", async () => {
    const w = await page.show(widget, { data: data(), step: -1, smoothing: 0, logarithmic: false });
    expect(w.status()).toMatch(/^Step 2 of 2\. loss 1\. Largest gradient: 2.weight with 0.5; smallest: 0.weight with 10⁻⁹/);
    w.key("Home");
    expect(w.status()).toMatch(/^Step 0 of 2\. loss 3\.$/);
    expect(w.root.querySelector("b")).toBeNull();
  });

  it("grows as messages come, follows its end, and stays where the reader went", async () => {
    vi.stubGlobal("requestAnimationFrame", (f: () => void) => (f(), 0));
    const w = await page.show(widget, { data: data(), step: -1, smoothing: 0.5, logarithmic: true });
    const send = (m: unknown): void => w.model.send(m);
    send({ ...run, run: 0, from: [3, 1, 0], looks: [], steps: [3], metrics: { loss: [0.5] }, samples: [] });
    expect(w.status()).toMatch(/^Step 3 of 3\. loss 0\.5/);
    w.key("ArrowLeft");
    send({ ...run, run: 0, from: [4, 1, 0], looks: [], steps: [4], metrics: { loss: [0.25] }, samples: [] });
    expect(w.status()).toMatch(/^Step 2 of 4\. loss 1\./);
    send({ ...run, run: 1, name: "two", from: [0, 0, 0], looks: [], steps: [0], metrics: { loss: [9] }, samples: [] });
    expect(w.status()).toContain("two (ended): loss 9");
    w.close();
    expect(w.model.count()).toBe(0);
  });

  it("leaves its own slider its arrows", async () => {
    const w = await page.show(widget, { data: data(), step: 1, smoothing: 0, logarithmic: false });
    expect(w.key("ArrowRight", w.root.querySelector(".tgs-smooth")!).defaultPrevented).toBe(false);
    expect(w.model.get("step")).toBe(1);
  });

  const v2 = (name: string, more = {}) => ({
    name, steps: { from: 0, by: 2, count: 3 }, metrics: { loss: [3, 2, 1], accuracy: [null, null, 0.9] }, layers: ["w"], modules: [["0", "ReLU"]],
    samples: [{ ...sample(1, [0.5]), hist: [[-1, 1, "0V-"]], out: [[0, 2, "-0V"]], zero: [0.6], dead: [0.75] }],
    looks: [{ row: 0, right: 1, said: "01", matrix: [1, 0, 1, 0], field: ["0000----00----00"] }, { row: 2, right: 2, said: "00", matrix: [2, 0, 0, 0], field: ["0000000000000000"] }],
    examples: { count: 2, classes: ["<i>up</i>", "down"], truth: "00", plane: { across: 4, box: [0, 1, 0, 1], points: [[0.2, 0.2], [0.8, 0.8]] } },
    hints: [{ row: 1, could_be: "units are <u>dead</u>", saw: "They give 0.", look: "Look there." }],
    clock: { seconds: 1, total: null, left: null }, ...more,
  });
  const several = (n: number, more = {}): string => JSON.stringify({ format: "training", version: 2, title: "T", runs: Array.from({ length: n }, (_, k) => v2(`r${k}`, more)) });
  const press = (w: { root: HTMLElement }, words: string): void => [...w.root.querySelectorAll("button")].find((b) => b.textContent === words)!.click();

  it("shows weights, outputs or examples of the step, and says what they say", async () => {
    const w = await page.show(widget, { data: several(1), step: -1 });
    expect(w.status()).toMatch(/^Step 2 of 2\. loss 1, accuracy 0\.9\. Of ReLU \(0\), 75 % of the units gave 0/);
    expect(w.status()).toContain("Of 2 examples 2 right.");
    expect(w.status()).toContain("Could be: units are <u>dead</u>. They give 0.");
    expect(w.root.querySelector("u, i:not([class]):not(:empty) i")).toBeNull();
    const tabs = [...w.root.querySelectorAll(".tgs-tab")].map((b) => b.textContent);
    expect(tabs).toEqual(["Weights", "Outputs", "Examples"]);
    press(w, "Outputs");
    expect(w.model.get("pane")).toBe("outputs");
    expect(w.root.querySelector(".tgs-monitor-pane")!.textContent).toContain("✕ 75 %");
    press(w, "Examples");
    expect(w.root.querySelector(".tgs-monitor-pane")!.textContent).toContain("answers at step 4: 2 of 2 right");
    const border = (): string => w.root.querySelector(".tgs-border")?.getAttribute("d") ?? "";
    expect(border()).toBe("");
    w.key("Home");
    expect(w.root.querySelector(".tgs-monitor-pane")!.textContent).toContain("answers at step 0: 1 of 2 right");
    expect(border()).not.toBe("");
    expect(w.root.querySelector(".tgs-wrong")!.getAttribute("d")!.split("M")).toHaveLength(2);
    expect(w.status()).not.toContain("Could be");
    w.key("End");
    press(w, "Hints");
    expect(w.status()).not.toContain("Could be");
    expect(w.root.querySelector(".tgs-hints")).toBeNull();
  });

  it("draws the runs that are chosen, and watches one of them", async () => {
    const w = await page.show(widget, { data: several(7), step: -1 });
    const drawn = (): string[] => [...w.root.querySelectorAll<SVGElement>(".tgs-run-curve")].map((g) => g.dataset["run"]!).filter((k, i, all) => all.indexOf(k) === i);
    expect(drawn()).toHaveLength(7);
    expect(w.root.querySelectorAll(".tgs-chip[aria-pressed=true]")).toHaveLength(7);
    expect(w.status()).toContain("; and 1 more.");
    press(w, "r6");
    press(w, "r2");
    expect(w.model.get("hidden")).toEqual([2, 6]);
    expect(drawn()).toEqual(["0", "1", "3", "4", "5"]);
    expect(w.status()).not.toContain("r2:");
    const select = w.root.querySelector<HTMLSelectElement>(".tgs-watched")!;
    expect(select.value).toBe("5");
    select.value = "1";
    select.dispatchEvent(new Event("change"));
    expect(w.model.get("watched")).toBe(1);
    press(w, "r2");
    expect(drawn()).toContain("2");
  });

  it("looks closer around the step, and follows it", async () => {
    const long = { ...v2("r"), steps: { from: 0, by: 1, count: 900 }, metrics: { loss: Array.from({ length: 900 }, (_, i) => 1 / (i + 1)) } };
    const w = await page.show(widget, { data: JSON.stringify({ format: "training", version: 2, title: "T", runs: [long] }), step: 450 });
    const ends = (): number[] => { const t = [...w.root.querySelectorAll(".tgs-curves .tgs-axes text:not(.is-left):not(.tgs-axisname)")].map((x) => Number(x.textContent)); return [t[0]!, t.at(-1)!]; };
    expect(ends()).toEqual([0, 800]);
    press(w, "+");
    expect(ends()[0]).toBeGreaterThanOrEqual(300);
    expect(ends()[1]).toBeLessThanOrEqual(600);
    w.key("Home");
    expect(ends()[0]).toBe(0);
    expect(ends()[1]).toBeLessThanOrEqual(300);
    press(w, "−");
    expect(ends()).toEqual([0, 800]);
  });

  it("reads what was written before, and refuses what is damaged", () => {
    expect(read(data()).runs[0]).toMatchObject({ steps: [0, 1, 2], looks: [], hints: [], examples: null });
    expect(read(several(1)).runs[0]!.steps).toEqual([0, 2, 4]);
    expect(panesOf(read(data()).runs[0])).toEqual(["weights"]);
    for (const more of [{ steps: { from: 0 } }, { steps: { from: 0, by: 1, count: -1 } }, { samples: [1] }, { looks: [{}] }, { hints: 3 }, { samples: [{ row: 0, grad: 1 }] }, { hints: [{ row: 0, could_be: "x" }] }, { examples: { count: 1 } }])
      expect(() => read(several(1, more))).toThrow(/damaged/);
  });

  it("is ready for a training that has not begun, and refuses what does not fit", async () => {
    const empty = await page.show(widget, { data: JSON.stringify({ format: "training", version: 1, title: "T", runs: [{ ...run, steps: [], metrics: {}, samples: [] }] }), step: -1 });
    expect(empty.status()).toContain("Nothing has been trained yet");
    const bad = await page.show(widget, { data: data({ steps: [0] }) });
    expect(bad.root.querySelector("[role=alert]")!.textContent).toMatch(/differ in length/);
  });
});
