// Folding, and where things go.
import { describe, expect, it } from "vitest";
import { modules, nodesOf, openModules, visible } from "../src/fold";
import { extents, sizesOf } from "../src/graph";
import { arrange, bySent, curve, DAGRE_LIMIT, type Layout } from "../src/layout";
import { outlineOf } from "../src/marks";
import { nameAll } from "../src/names";
import { definitions, plan } from "../src/steps";
import type { Event } from "../src/types";
import { define, events, fixture } from "./help";

function laid(recorded: readonly Event[], folded: string[] = [], round = 0) {
  const p = plan(recorded);
  const nodes = nodesOf(p, round);
  const v = visible(nodes, new Set(folded));
  const sizes = sizesOf(v, definitions(p.events), nameAll(p), extents(p.events));
  return { p, nodes, v, sizes, layout: arrange(v, sizes, [700, 400], undefined, openModules(nodes, new Set(folded))) };
}

function overlaps(l: Layout): string[] {
  const found: string[] = [];
  const boxes = [...l.boxes];
  boxes.forEach(([a, p], i) => {
    for (const [b, q] of boxes.slice(i + 1))
      if (Math.abs(p.x - q.x) < (p.w + q.w) / 2 && Math.abs(p.y - q.y) < (p.h + q.h) / 2) found.push(`${a} ${b}`);
  });
  return found;
}

const chain = (n: number): Event[] =>
  events(
    define(0, { name: "x" }),
    ...Array.from({ length: n - 1 }, (_, i) =>
      define(i + 1, { kind: "operation", op: "neg", label: "−", inputs: [{ edge: i, node: i, arg: "x" }] }),
    ),
  );

describe("layout", () => {
  it.each(["diamond", "square", "neuron", "mlp", "big-values"])("puts no two boxes of %s on top of each other", (name) => {
    const { layout, v } = laid(fixture(name).events);
    expect(layout.boxes.size).toBe(v.items.length);
    expect(overlaps(layout)).toEqual([]);
    for (const box of layout.boxes.values()) {
      expect(box.x - box.w / 2).toBeGreaterThanOrEqual(-0.01);
      expect(box.x + box.w / 2).toBeLessThanOrEqual(layout.width + 0.01);
    }
  });

  it("lets lines run from border to border", () => {
    const { layout, v } = laid(fixture("diamond").events);
    for (const link of v.links) {
      const [from, to] = [layout.boxes.get(link.from)!, layout.boxes.get(link.to)!];
      const { points } = layout.wires.get(link.key)!;
      expect(points[0]![0]).toBeCloseTo(from.x + from.w / 2);
      expect(points.at(-1)![0]).toBeCloseTo(to.x - to.w / 2);
      expect(points.at(-1)![1]).toBeGreaterThan(to.y - to.h / 2);
      expect(points.at(-1)![1]).toBeLessThan(to.y + to.h / 2);
    }
  });

  it("draws the two edges of a·a as two lines with labels apart", () => {
    const { layout, v } = laid(fixture("square").events);
    const twins = v.links.filter((l) => l.from === v.links[0]!.from && l.to === v.links[0]!.to);
    expect(twins).toHaveLength(2);
    const [one, two] = twins.map((l) => layout.wires.get(l.key)!);
    expect(Math.abs(one!.label[1] - two!.label[1])).toBeGreaterThan(30);
    expect(curve(one!.points, "LR")).not.toBe(curve(two!.points, "LR"));
  });

  it("falls back to columns beyond what dagre can do, without overlaps", () => {
    const { layout } = laid(chain(DAGRE_LIMIT + 50));
    expect(overlaps(layout)).toEqual([]);
  });

  it("uses positions that Python sent", () => {
    const { v, sizes } = laid(fixture("diamond").events);
    const nodes = Object.fromEntries(v.items.map((item, i) => [item.key, [100 * i, -50 * i] as const]));
    const layout = bySent(v, sizes, { width: 0, height: 0, nodes, edges: {} });
    const [first, second] = v.items.map((item) => layout.boxes.get(item.key)!);
    expect(second!.x - first!.x).toBe(100);
    expect(second!.y - first!.y).toBe(-50);
  });

  it("gives every kind an outline of its own", () => {
    const kinds = ["leaf", "parameter", "constant", "placeholder", "operation"];
    expect(new Set(kinds.map((k) => outlineOf(k, 60, 40))).size).toBe(kinds.length);
  });
});

describe("folding", () => {
  const recorded = fixture("mlp").events;

  it("finds the modules and folds each into one chip", () => {
    const open = laid(recorded);
    expect(modules(open.nodes)).toEqual(["fc1", "fc2"]);
    const shut = laid(recorded, ["fc1", "fc2"]);
    expect(shut.v.items.filter((i) => i.node === null).map((i) => i.key)).toEqual(["m:fc1", "m:fc2"]);
    expect(shut.v.items.length).toBeLessThan(open.v.items.length);
    expect(shut.v.items.flatMap((i) => i.members).sort()).toEqual(open.v.items.flatMap((i) => i.members).sort());
  });

  it("keeps no line inside a chip and joins those into it", () => {
    const { v } = laid(recorded, ["fc1", "fc2"]);
    for (const link of v.links) expect(link.from).not.toBe(link.to);
    expect(new Set(v.links.map((l) => l.key)).size).toBe(v.links.length);
  });

  it("folds by the outermost module", () => {
    const nested = events(define(0, { module: "net.a" }), define(1, { module: "net.b" }));
    const nodes = nodesOf(plan(nested), 0);
    expect(visible(nodes, new Set(["net", "net.a"])).items.map((i) => i.key)).toEqual(["m:net"]);
    expect(modules(nodes)).toEqual(["net"]);
  });

  it("shows each iteration's own graph, with the parameters it uses", () => {
    const p = plan(recorded);
    const [first, second] = [nodesOf(p, 0), nodesOf(p, 1)];
    const parameters = (nodes: typeof first): number[] => nodes.filter((d) => d.kind === "parameter").map((d) => d.node);
    expect(parameters(second)).toEqual(parameters(first));
    const ops = new Set(first.filter((d) => d.kind === "operation").map((d) => d.node));
    expect(second.some((d) => ops.has(d.node))).toBe(false);
  });
});
