// @vitest-environment jsdom
// What is kept, what is torn, and what only looks like it.
import { describe, expect, it } from "vitest";
import widget from "../src/tape";
import type { Event } from "../src/types";
import { tapeAt, torn } from "../src/versions";
import { define, events, fixture, read, scalar } from "./help";
import { usePage } from "./page";

const op = (node: number, from: number, more: object = {}): Partial<Event> =>
  define(node, { kind: "operation", op: "mul", label: "×", inputs: [{ edge: node, node: from, arg: "x" }], memory: node, ...more });
const save = (node: number, ...saved: { what: string; node: number }[]): Partial<Event> =>
  ({ type: "save", node, saved: saved.map((x) => ({ ...x, version: 0 })) }) as Partial<Event>;
const write = (node: number, from: number, memory: number): Partial<Event> => op(node, from, { op: "add", memory, in_place: true });
const bad = (...parts: Partial<Event>[]): string[] => {
  const all = events(...parts);
  const tape = tapeAt(all, all.length);
  return tape.kept.filter((k) => torn(tape, k)).map((k) => `${k.by} kept ${k.of}`);
};
const leaf = define(0, { memory: 0 });

describe("a write in place", () => {
  it("spoils what was kept before it", () => {
    expect(bad(leaf, op(1, 0), save(1, { what: "out", node: 1 }), write(2, 1, 1))).toEqual(["1 kept 1"]);
    expect(bad(leaf, op(1, 0), op(2, 1), save(2, { what: "x", node: 1 }), write(3, 1, 1))).toEqual(["2 kept 1"]);
  });
  it("leaves alone what was kept after it, elsewhere, or not at all", () => {
    expect(bad(leaf, op(1, 0), write(2, 1, 1), op(3, 2), save(3, { what: "x", node: 2 }))).toEqual([]);
    expect(bad(leaf, op(1, 0), save(1, { what: "x", node: 0 }), write(2, 1, 1))).toEqual([]);
    expect(bad(leaf, op(1, 0), write(2, 1, 1))).toEqual([]);
  });
  it("reaches through views, which share memory", () => {
    expect(bad(leaf, op(1, 0), op(2, 1, { memory: 1 }), op(3, 2), save(3, { what: "x", node: 2 }), write(4, 1, 1))).toEqual(["3 kept 2"]);
  });
  it("does not spoil the operation's own copies, nor a mask that nobody else has", () => {
    expect(bad(leaf, op(1, 0), write(2, 1, 1), save(2, { what: "x", node: 1 }))).toEqual([]);
    expect(bad(leaf, op(1, 0), save(1, { what: "mask", node: 1 }), write(2, 1, 1))).toEqual([]);
  });
  it("does no harm once the value was released", () => {
    expect(bad(leaf, op(1, 0), save(1, { what: "out", node: 1 }), { type: "free", node: 1 }, write(2, 1, 1))).toEqual([]);
  });
  it("is what an optimiser does, too", () => {
    const update = { type: "update", node: 0, before: scalar(1), value: scalar(2) } as Partial<Event>;
    expect(bad(leaf, op(1, 0), save(1, { what: "x", node: 0 }), update)).toEqual(["1 kept 0"]);
    const all = events(leaf, update);
    expect(tapeAt(all, 2).versions.get(0)).toBe(1);
    expect(tapeAt(all, 1).versions.get(0)).toBeUndefined();
  });
  it("never happens in recordings that know nothing of memory", () => {
    for (const name of ["diamond", "square", "neuron", "big-values"]) {
      const all = fixture(name).events;
      const tape = tapeAt(all, all.length);
      expect(tape.kept.filter((k) => torn(tape, k))).toEqual([]);
    }
  });
});

describe("the widget", () => {
  const page = usePage();
  const spoiled = (): string => {
    const data = JSON.parse(read("diamond"));
    data.sources = {};
    data.events = events(
      define(0, { name: "x", memory: 0 }),
      op(1, 0, { name: "y", op: "exp", label: "exp" }),
      { type: "execute", node: 1, value: scalar(2) },
      save(1, { what: "out", node: 1 }),
      { ...write(2, 1, 1), name: "y" } as Partial<Event>,
    );
    return JSON.stringify(data);
  };

  it("turns the badge of the keeper only, and says why", async () => {
    const w = await page.show(widget, { recording: spoiled(), predict: false, predictions: [] });
    w.key("ArrowRight");
    w.key("ArrowRight");
    expect(w.root.querySelectorAll(".is-torn").length).toBe(0);
    w.key("ArrowRight");
    expect([...w.root.querySelectorAll(".tgs-node.is-torn")].map((n) => n.getAttribute("data-node"))).toEqual(["1"]);
    expect(w.status()).toContain("exp (y) kept its own result at version 0");
    expect(w.root.querySelector('[data-node="1"]')!.getAttribute("aria-label")).toContain("was written over");
    w.key("End");
    expect(w.status()).toMatch(/Could backward run now\? No/);
    w.key("Home");
    expect(w.root.querySelectorAll(".is-torn").length).toBe(0);
  });

  it("asks before a write", async () => {
    const w = await page.show(widget, { recording: spoiled(), predict: true, predictions: [], step: 2 });
    w.key("ArrowRight");
    expect(w.model.get("step")).toBe(2);
    [...w.root.querySelectorAll("button")].find((b) => b.textContent === "It will not")!.click();
    expect(w.status()).toMatch(/^No: the old value was kept/);
    expect(w.model.get("predictions")).toMatchObject([{ step: 3, answer: false, expected: true, correct: false }]);
  });
});
