// @vitest-environment jsdom
// A scalar graph's own arithmetic, and the widget as a whole.
import { describe, expect, it } from "vitest";
import widget from "../src/scalar";
import { OPERATIONS } from "../src/scalar_ops";
import { eventsOf, evaluate, localSlopes, nudged, programOf, reachOf, type Program } from "../src/scalar_run";
import { stateAt } from "../src/state";
import type { Define, Event, Recording } from "../src/types";
import { define, events, scalar } from "./help";
import { usePage } from "./page";

type Part = readonly [op: string, inputs?: readonly number[], more?: Partial<Define> & { value?: number }];

/** Nodes by number: leaves and constants with a value, operations with their inputs. */
function recorded(...parts: Part[]): Recording {
  let edge = 0;
  const all = parts.flatMap(([op, inputs = [], { value, ...more } = {}], node): Partial<Event>[] => {
    const made = define(node, {
      op,
      kind: inputs.length ? "operation" : op === "constant" ? "constant" : "leaf",
      name: inputs.length || op === "constant" ? null : "abcde"[node]!,
      requires_grad: op !== "constant",
      inputs: inputs.map((from, k) => ({ edge: edge++, node: from, arg: "xy"[k]! })),
      ...more,
    });
    return inputs.length ? [made] : [made, { type: "execute", node, value: scalar(value ?? 0) } as Partial<Event>];
  });
  return { format: "tinygrad-recording", version: 1, meta: {}, sources: {}, events: events(...all) };
}
const leaf = (value: number): Part => ["leaf", [], { value }];
const slopesOf = (p: Program, moved = new Map<number, number>()): Map<number, number> =>
  new Map([...stateAt(eventsOf(p, moved), Infinity).nodes].flatMap(([id, n]) => (n.arriving ? [[id, Number(n.arriving.data)]] : [])));

describe("arithmetic", () => {
  it("multiplies along a path and adds where paths meet", () => {
    const p = programOf(recorded(leaf(2), leaf(3), ["mul", [0, 1]], ["add", [2, 0]]));
    expect(evaluate(p, new Map()).get(3)).toBe(8);
    expect(slopesOf(p)).toEqual(new Map([[0, 4], [1, 2], [2, 1], [3, 1]]));
    expect(slopesOf(p, new Map([[1, -1]])).get(0)).toBe(0);
  });

  it("keeps two edges between the same nodes two", () => {
    const p = programOf(recorded(leaf(3), ["mul", [0, 0]]));
    expect(localSlopes(p, evaluate(p, new Map()))).toEqual(new Map([[0, 3], [1, 3]]));
    expect(slopesOf(p).get(0)).toBe(6);
    const arrivals = eventsOf(p, new Map()).filter((e) => e.type === "accumulate" && e.node === 0);
    expect(arrivals).toHaveLength(2);
  });

  it.each(Object.keys(OPERATIONS))("has the slope of %s that a nudge measures", (name) => {
    const op = OPERATIONS[name]!;
    const h = 1e-6;
    for (const [x, y] of [[0.7, 1.3], [2.4, 0.4], [1.1, -1.7]] as const) {
      const out = op.f(x, y);
      const measured = { x: (op.f(x + h, y) - op.f(x - h, y)) / (2 * h), y: (op.f(x, y + h) - op.f(x, y - h)) / (2 * h) };
      for (const [arg, [, slope]] of Object.entries(op.slopes)) expect(slope(x, y, out)).toBeCloseTo(measured[arg as "x" | "y"], 5);
    }
  });

  it("moves everything behind a nudged leaf, and nothing else", () => {
    const p = programOf(recorded(leaf(2), leaf(3), ["mul", [0, 1]], ["add", [2, 0]]));
    const by = nudged(p, new Map(), 0, 0.1);
    expect(by.get(1)).toBe(0);
    expect(by.get(2)).toBeCloseTo(0.3);
    expect(by.get(3)).toBeCloseTo(0.4);
  });

  it("leaves a leaf to which no path leads without a slope", () => {
    const p = programOf(recorded(leaf(2), leaf(5), ["exp", [0]]));
    expect(p.leaves).toHaveLength(2);
    expect(slopesOf(p).has(1)).toBe(false);
  });

  it("says NaN where there is no number, all the way", () => {
    const p = programOf(recorded(leaf(-1), ["log", [0]], ["mul", [1, 0]]));
    expect(evaluate(p, new Map()).get(2)).toBeNaN();
    expect(evaluate(p, new Map([[0, 1]])).get(2)).toBe(0);
  });

  it("asks for no slope of a constant", () => {
    const p = programOf(recorded(leaf(-2), ["constant", [], { value: 3 }], ["pow", [0, 1]]));
    expect([...localSlopes(p, evaluate(p, new Map())).values()]).toEqual([12]);
  });

  it("refuses what it cannot work out", () => {
    expect(() => programOf(recorded(leaf(1), ["softmax", [0]]))).toThrow(/cannot work out “softmax”/);
    expect(() => programOf(recorded(leaf(1), ["constructor", [0]]))).toThrow(/cannot work out “constructor”/);
    expect(() => programOf(recorded(["leaf", [], { value: NaN }], ["exp", [0]]))).toThrow(/single numbers; a is none/);
    expect(() => programOf(recorded(leaf(1)))).toThrow(/no result/);
    expect(() => programOf(recorded(["constant", [], { value: 1 }], ["exp", [0], { requires_grad: false }]))).toThrow(/no leaf to move/);
  });

  it("drags around where the number was, in round steps", () => {
    expect(reachOf(2)).toEqual({ low: -2, high: 6, step: 0.1 });
    expect(reachOf(0.5)).toEqual({ low: -4, high: 5, step: 0.1 });
    expect(reachOf(-300)).toEqual({ low: -900, high: 300, step: 10 });
  });
});

describe("the widget", () => {
  const page = usePage();
  const text = (r: Recording): string => JSON.stringify(r);
  const product = text(recorded(leaf(2), leaf(3), ["mul", [0, 1]], ["add", [2, 0], { name: "d" }]));
  const show = (recording: string, more = {}): ReturnType<typeof page.show> =>
    page.show(widget, { recording, step: -1, values: {}, predict: false, predictions: [], ...more });
  const press = (el: Element, key: string): boolean => el.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  const button = (w: { root: HTMLElement }, label: string): HTMLElement => [...w.root.querySelectorAll("button")].find((b) => b.textContent === label)!;

  it("moves a leaf by keys, and everything with it", async () => {
    const w = await show(product);
    expect(w.status()).toContain("a = 2, b = 3: d is 8. Move a by a little, and d moves 4 times as far.");
    const b = w.root.querySelector('[data-node="1"]')!;
    expect(b.getAttribute("role")).toBe("slider");
    press(b, "ArrowUp");
    expect(w.model.get("values")).toEqual({ b: 3.1 });
    press(b, "PageDown");
    expect(w.model.get("values")).toEqual({ b: 2.1 });
    expect(b.getAttribute("aria-valuetext")).toBe("2.1");
    expect(w.status()).toContain("d is 6.2. Move b by a little, and d moves 2 times as far.");
    button(w, "As it was").click();
    expect(w.model.get("values")).toEqual({});
    expect(w.status()).toContain("d is 8");
  });

  it("takes typed numbers, and says what is none", async () => {
    const w = await show(product);
    const field = w.root.querySelectorAll<HTMLInputElement>(".tgs-leaves input")[1]!;
    const type = (value: string): void => {
      field.value = value;
      field.dispatchEvent(new Event("change"));
    };
    type("−1");
    expect(w.status()).toContain("Move b by a little");
    button(w, "Values").click();
    button(w, "Slopes").click();
    w.root.querySelector('[data-node="0"]')!.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    expect(w.status()).toContain("Move a by a little, and d does not move.");
    type("one");
    expect(w.root.querySelector(".tgs-leaves [role=alert]")!.textContent).toMatch(/looks like/);
    expect(w.model.get("values")).toEqual({ b: -1 });
  });

  it("hears of leaves that Python moves, and lets what is no leaf or no number pass", async () => {
    const w = await show(product, { values: { a: "two", z: 3 } });
    expect(w.status()).toContain("a = 2, b = 3: d is 8");
    w.model.set("values", { b: -1, a: 5, nobody: 1 });
    expect(w.status()).toContain("a = 5, b = −1: d is 0");
    w.model.set("values", { b: NaN });
    expect(w.status()).toContain("a = 2, b = 3: d is 8");
  });

  it("shows by a nudge that the slope is true", async () => {
    const w = await show(text(recorded(leaf(3), ["mul", [0, 0], { name: "y" }])));
    button(w, "Nudge").click();
    const rows = [...w.root.querySelectorAll(".tgs-nudges tbody tr")].map((r) => [...r.children].map((c) => c.textContent));
    expect(rows).toEqual([["1", "+7", "7"], ["0.1", "+0.61", "6.1"], ["0.01", "+0.0601", "6.01"], ["0.001", "+0.006", "6.001"]]);
    expect(w.root.querySelector('[data-node="1"] .tgs-tag')!.textContent).toBe("+0.61");
    w.key("ArrowLeft");
    expect(w.root.querySelector(".tgs-nudges")).toBeNull();
  });

  it("says in words where there is no number, and comes back", async () => {
    const w = await show(text(recorded(leaf(1), ["log", [0], { name: "y" }])));
    const a = w.root.querySelector('[data-node="0"]')!;
    press(a, "PageDown");
    expect(w.status()).toContain("There is no log(0): only numbers above 0 have a logarithm.");
    expect(w.root.dataset["phase"]).toBe("refused");
    press(a, "PageUp");
    expect(w.status()).toContain("a = 1: y is 0");
    const kink = await show(text(recorded(leaf(0), ["relu", [0], { name: "y" }])));
    expect(kink.status()).toContain("There is a corner at this place: slope 0 on the left, 1 on the right.");
  });

  it("asks for the number that comes, also when a leaf has moved meanwhile", async () => {
    const w = await show(product, { step: 0, predict: true });
    w.key("ArrowRight");
    expect(w.root.querySelector('[data-node="2"] .tgs-v')!.textContent).toBe("?");
    press(w.root.querySelector('[data-node="0"]')!, "PageUp");
    const field = w.root.querySelector<HTMLInputElement>(".tgs-answer input")!;
    field.value = "9";
    field.form!.requestSubmit();
    expect(w.status()).toMatch(/^Right: 9/);
    expect(w.model.get("predictions")).toMatchObject([{ step: 1, answer: 9, expected: 9, correct: true }]);
  });

  it("says None where no path leads", async () => {
    const w = await show(text(recorded(leaf(2), leaf(5), ["exp", [0], { name: "y" }])));
    expect(w.root.querySelector('[data-node="1"] .tgs-tag')!.textContent).toBe("None");
    w.root.querySelector('[data-node="1"]')!.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    expect(w.status()).toContain("its slope is None, not 0");
  });

  it("takes names for text", async () => {
    const w = await show(text(recorded(["leaf", [], { value: 1, name: "<i>a</i>" }], ["exp", [0], { name: "<b>y</b>" }])));
    expect(w.root.querySelector("svg i, svg b, .tgs-leaves i, .tgs-sentence b")).toBeNull();
    expect(w.root.querySelector(".tgs-leaves")!.textContent).toContain("<i>a</i>");
  });

  it("refuses in words what it cannot draw", async () => {
    const w = await show(text(recorded(leaf(1), ["softmax", [0]])));
    expect(w.root.querySelector("[role=alert]")!.textContent).toMatch(/cannot work out “softmax”/);
  });
});
