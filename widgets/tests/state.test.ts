// The reducer and the grouping into steps.
import { describe, expect, it } from "vitest";
import { stateAt } from "../src/state";
import { plan } from "../src/steps";
import { define, events, fixture, scalar, walk } from "./help";

const NAMES = ["diamond", "square", "neuron", "mlp", "big-values"];

describe("steps", () => {
  it("tells the diamond in the order a learner follows", () => {
    const { steps } = plan(fixture("diamond").events);
    expect(steps.map((s) => s.kind)).toEqual([
      "enter", "operation", "operation", "seed", "visit", "visit", "meet", "store",
    ]);
    expect(steps.map((s) => s.phase).filter((p, i, all) => p !== all[i - 1])).toEqual(["forward", "backward"]);
  });

  it.each(NAMES)("loses and repeats no event of %s", (name) => {
    const recorded = fixture(name).events;
    const p = plan(recorded);
    expect([...p.events].map((e) => e.seq).sort((a, b) => a - b)).toEqual(recorded.map((e) => e.seq));
    expect(p.steps.flatMap((s) => s.events)).toHaveLength(recorded.length);
    expect(p.steps.at(-1)!.end).toBe(recorded.length);
    p.steps.forEach((s, i) => expect(s.end).toBeGreaterThan(i ? p.steps[i - 1]!.end : 0));
  });

  it("gives each further gradient a step of its own, after the visit that sent it", () => {
    const { plan: p } = walk(fixture("square").events);
    const i = p.steps.findIndex((s) => s.kind === "meet");
    expect(p.steps[i - 1]!.kind).toBe("visit");
    expect(p.steps[i]!.events).toHaveLength(1);
  });

  it("takes a bare number together with the operation that uses it", () => {
    const { plan: p } = walk(fixture("square").events);
    const times = p.steps.find((s) => s.kind === "operation" && s.events.filter((e) => e.type === "define").length === 2);
    expect(times?.events.map((e) => e.type)).toContain("execute");
    expect(p.steps.filter((s) => s.kind === "enter")).toHaveLength(1);
  });

  it("opens a new iteration after an optimiser's update", () => {
    const p = plan(fixture("mlp").events);
    expect(p.rounds).toBe(2);
    expect(p.steps.filter((s) => s.kind === "update").map((s) => s.round)).toEqual([0, 1]);
  });

  it("lets events of static graphs pass", () => {
    const p = plan(
      events(define(0), { type: "execute", node: 0, value: scalar(1) }, { type: "launch" }, { type: "rewrite" }, { type: "guard" }),
    );
    expect(p.steps).toHaveLength(1);
    expect(p.steps[0]!.end).toBe(5);
  });

  it("runs what was defined long before", () => {
    const p = plan(
      events(
        define(0, { kind: "placeholder", name: "x" }),
        define(1, { kind: "operation", op: "neg", inputs: [{ edge: 0, node: 0, arg: "x" }] }),
        { type: "feed", node: 0, value: scalar(2) },
        { type: "execute", node: 1, value: scalar(-2) },
      ),
    );
    expect(p.steps.map((s) => s.kind)).toEqual(["enter", "operation", "run", "run"]);
  });
});

describe("stateAt", () => {
  it("is a pure function: the same place twice, forwards and backwards, is the same state", () => {
    const { events: recorded } = plan(fixture("mlp").events);
    const frozen = JSON.stringify(recorded);
    const forwards = recorded.map((_, i) => JSON.stringify([...stateAt(recorded, i).nodes]));
    for (let i = recorded.length - 1; i >= 0; i--)
      expect(JSON.stringify([...stateAt(recorded, i).nodes])).toBe(forwards[i]);
    expect(JSON.stringify(recorded)).toBe(frozen);
  });

  it("ends with the gradients of the diamond: d = a·b + a at a = 2, b = 3", () => {
    const { events: recorded } = plan(fixture("diamond").events);
    const { nodes, root } = stateAt(recorded, recorded.length);
    const grads = Object.fromEntries([...nodes.values()].filter((n) => n.grad).map((n) => [n.define.name, n.grad!.data]));
    expect(grads).toEqual({ a: 4, b: 2 });
    expect(nodes.get(root!)?.define.name).toBe("d");
  });

  it("keeps the two edges of a·a apart", () => {
    const w = walk(fixture("square").events);
    const [, after] = w.around(w.step("meet"));
    expect([...after.edges].map(([, v]) => v.data)).toEqual([3, 3]);
  });

  it("forgets what went along the edges when the next pass begins, and keeps .grad", () => {
    const w = walk(fixture("square").events);
    const [, after] = w.around(w.step("seed", 1));
    expect(after.edges.size).toBe(0);
    expect(after.passes).toBe(2);
    expect([...after.nodes.values()].find((n) => n.define.name === "a")?.grad?.data).toBe(6);
  });

  it("knows that a gradient stored with nothing before it had been cleared", () => {
    const w = walk(fixture("mlp").events);
    const [, first] = w.around(w.step("store"));
    const [, second] = w.around(w.step("seed", 1));
    const count = (s: typeof first): number => [...s.nodes.values()].filter((n) => n.grad).length;
    expect(count(first)).toBe(4);
    expect(count(second)).toBe(0);
  });

  it("marks what was saved, and that it was released", () => {
    const w = walk(fixture("diamond").events);
    const product = w.step("operation");
    const [, kept] = w.around(product);
    expect(kept.nodes.get(product.node!)).toMatchObject({ freed: false });
    expect(kept.nodes.get(product.node!)!.saved.map((s) => s.what)).toEqual(["x", "y"]);
    const visited = w.plan.steps.find((s) => s.kind === "visit" && s.node === product.node)!;
    expect(w.around(visited)[1].nodes.get(product.node!)!.freed).toBe(true);
  });

  it("moves parameters when the optimiser does", () => {
    const w = walk(fixture("mlp").events);
    const step = w.step("update");
    const [before, after] = w.around(step);
    const node = step.events[0]!.node!;
    expect(after.nodes.get(node)!.value).not.toEqual(before.nodes.get(node)!.value);
  });
});
