// @vitest-environment jsdom
// Smoothing, thinning, what comes while a training runs, and the widget as a whole.
import { describe, expect, it, vi } from "vitest";
import widget, { add, rowsOf, sampleAt, smooth, thin, type Data } from "../src/monitor";
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
    const keep = thin(ys.map((_, i) => i), ys, 600);
    expect(keep.length).toBeLessThanOrEqual(2400);
    expect(keep).toContain(45_678);
    expect(keep).toContain(77_777);
    expect([keep[0], keep.at(-1)]).toEqual([0, n - 1]);
    expect([...keep].sort((a, b) => a - b)).toEqual(keep);
    expect(thin([0, 1], [3, 4], 600)).toEqual([0, 1]);
  });
});

const message = (from: [number, number], steps: number[], loss: (number | string)[], more = {}) =>
  ({ run: 0, name: "run 1", from, steps, metrics: { loss }, layers: [], samples: [], ...more }) as never;

describe("messages", () => {
  it("add rows, or write again what was sent before", () => {
    const data: Data = { title: "", runs: [] };
    add(data, message([0, 0], [0, 1], [3, 2]));
    add(data, message([2, 0], [2], [1]));
    expect(data.runs[0]!.metrics["loss"]).toEqual([3, 2, 1]);
    add(data, message([0, 0], [0, 1, 2, 3], [3, 2, 1, "NaN"]));
    expect(data.runs[0]!.steps).toEqual([0, 1, 2, 3]);
    expect(rowsOf(data)).toBe(4);
  });
  it("wait when something before them is missing", () => {
    const data: Data = { title: "", runs: [] };
    add(data, message([5, 0], [5], [1]));
    add(data, message([0, 0], [0], [1], { run: 3 }));
    expect(data.runs).toEqual([]);
  });
  it("may bring a metric late", () => {
    const data: Data = { title: "", runs: [] };
    add(data, message([0, 0], [0, 1], [3, 2]));
    add(data, message([2, 0], [2], [1], { metrics: { loss: [1], accuracy: [0.5] } }));
    expect(data.runs[0]!.metrics["accuracy"]).toEqual([NaN, NaN, 0.5]);
  });
});

const sample = (row: number, grad: number[]) => ({ row, grad, ratio: grad.map(() => 1e-3), hist: grad.map(() => [-1, 1, 2, 5, 2]) });

describe("samples", () => {
  it("are the last ones at or before a row", () => {
    const run = { name: "", steps: [], metrics: {}, layers: ["w"], samples: [sample(2, [1]), sample(7, [2])] };
    expect(sampleAt(run, 1)).toBeNull();
    expect([2, 6, 7, 99].map((row) => sampleAt(run, row)!.row)).toEqual([2, 2, 7, 7]);
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
    send({ ...run, run: 0, from: [3, 1], steps: [3], metrics: { loss: [0.5] }, samples: [] });
    expect(w.status()).toMatch(/^Step 3 of 3\. loss 0\.5/);
    w.key("ArrowLeft");
    send({ ...run, run: 0, from: [4, 1], steps: [4], metrics: { loss: [0.25] }, samples: [] });
    expect(w.status()).toMatch(/^Step 2 of 4\. loss 1\./);
    send({ ...run, run: 1, name: "two", from: [0, 0], steps: [0], metrics: { loss: [9] }, samples: [] });
    expect(w.status()).toContain("two (ended): loss 9");
    w.close();
    expect(w.model.count()).toBe(0);
  });

  it("leaves its own slider its arrows", async () => {
    const w = await page.show(widget, { data: data(), step: 1, smoothing: 0, logarithmic: false });
    expect(w.key("ArrowRight", w.root.querySelector(".tgs-smooth")!).defaultPrevented).toBe(false);
    expect(w.model.get("step")).toBe(1);
  });

  it("is ready for a training that has not begun, and refuses what does not fit", async () => {
    const empty = await page.show(widget, { data: JSON.stringify({ format: "training", version: 1, title: "T", runs: [{ ...run, steps: [], metrics: {}, samples: [] }] }), step: -1 });
    expect(empty.status()).toContain("Nothing has been trained yet");
    const bad = await page.show(widget, { data: data({ steps: [0] }) });
    expect(bad.root.querySelector("[role=alert]")!.textContent).toMatch(/differ in length/);
  });
});
