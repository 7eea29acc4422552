// One run of a scalar graph, worked out here: values forwards, slopes backwards, and both as the events of a recording.
import { Unreadable } from "./data";
import { toNumber } from "./format";
import { OPERATIONS, type Operation } from "./scalar_ops";
import type { Event, Input, Kind, Num, Recording, Value } from "./types";

export interface Node {
  readonly id: number;
  readonly kind: Kind;
  readonly name: string | null;
  /** Null for what is no operation. */
  readonly op: string | null;
  readonly inputs: readonly Input[];
  /** Whether a slope is asked for. */
  readonly graded: boolean;
  /** What a leaf or a constant holds at first. */
  readonly start: number;
}

export interface Program {
  readonly nodes: readonly Node[];
  /** Numbers that can be moved. */
  readonly leaves: readonly Node[];
  /** The result. */
  readonly root: Node;
}

/** Values of leaves that were moved, by node. */
export type Moved = ReadonlyMap<number, number>;

const short = (text: string): string => (text.length > 20 ? `${text.slice(0, 19)}…` : text);

/** The last result in the recording with all that led to it; what cannot be worked out here is refused in words. */
export function programOf({ events }: Recording): Program {
  const all = new Map<number, Node>();
  const starts = new Map<number, number>();
  let root: number | null = null;
  for (const e of events) {
    if ((e.type === "execute" || e.type === "feed") && !starts.has(e.node)) starts.set(e.node, toNumber(e.value.data as Num));
    else if (e.type === "accumulate" && e.edge === null && e.into === "node") root = e.node;
  }
  for (const e of events) {
    if (e.type !== "define") continue;
    const operation = e.kind === "operation";
    all.set(e.node, {
      id: e.node,
      kind: e.kind,
      name: e.name,
      op: operation ? e.op : null,
      inputs: e.inputs,
      graded: e.requires_grad,
      start: starts.get(e.node) ?? NaN,
    });
  }
  const last = root === null ? [...all.values()].filter((n) => n.op !== null).at(-1) : all.get(root);
  if (!last) throw new Unreadable("There is no result to look at: the recording holds no operation. Record a sum or a product.");
  const needed = new Set([last.id]);
  for (const n of [...all.values()].reverse()) if (needed.has(n.id)) for (const i of n.inputs) needed.add(i.node);
  const free = (n: Node): boolean => n.op === null && (n.kind !== "constant" || n.name !== null);
  const nodes = [...all.values()].filter((n) => needed.has(n.id) || (free(n) && n.graded));
  for (const n of nodes) {
    if (n.op === null && !Number.isFinite(n.start)) throw new Unreadable(`A scalar graph is made of single numbers; ${short(n.name ?? "a leaf")} is none.`);
    const known = n.op !== null && Object.hasOwn(OPERATIONS, n.op) ? OPERATIONS[n.op]! : null;
    if (n.op !== null && (!known || n.inputs.some((i) => !Object.hasOwn(known.slopes, i.arg))))
      throw new Unreadable(`This widget cannot work out “${short(n.op)}” by itself. It knows ${Object.keys(OPERATIONS).join(", ")}.`);
  }
  const leaves = nodes.filter(free);
  if (!leaves.length) throw new Unreadable("There is no leaf to move: make one of the numbers a tensor of its own.");
  // Leaves first: they are there before anything runs.
  return { nodes: [...leaves, ...nodes.filter((n) => !leaves.includes(n))], leaves, root: last };
}

/** The operation of a node and the numbers it works on. */
export function working(n: Node, values: ReadonlyMap<number, number>): { op: Operation; x: number; y: number } {
  const of = (arg: string): number => values.get(n.inputs.find((i) => i.arg === arg)?.node ?? -1) ?? NaN;
  return { op: OPERATIONS[n.op!]!, x: of("x"), y: of("y") };
}

/** Every node's value. */
export function evaluate(p: Program, moved: Moved): Map<number, number> {
  const values = new Map<number, number>();
  for (const n of p.nodes) {
    if (n.op === null) values.set(n.id, moved.get(n.id) ?? n.start);
    else {
      const { op, x, y } = working(n, values);
      values.set(n.id, op.refuses?.(x, y) ? NaN : op.f(x, y));
    }
  }
  return values;
}

/** The local slope of every edge along which a gradient can come back. */
export function localSlopes(p: Program, values: ReadonlyMap<number, number>): Map<number, number> {
  const graded = new Set(p.nodes.filter((n) => n.graded).map((n) => n.id));
  const slopes = new Map<number, number>();
  for (const n of p.nodes)
    for (const i of n.inputs)
      if (graded.has(i.node)) {
        const { op, x, y } = working(n, values);
        const out = values.get(n.id)!;
        slopes.set(i.edge, Number.isNaN(out) ? NaN : op.slopes[i.arg]![1](x, y, out));
      }
  return slopes;
}

const value = (x: number): Value => ({ shape: [], dtype: "float64", data: Number.isFinite(x) ? x : Number.isNaN(x) ? "NaN" : x > 0 ? "Infinity" : "-Infinity" });

/** The run as a recording has it: every node forwards, then one walk back from the result. */
export function eventsOf(p: Program, moved: Moved): Event[] {
  const values = evaluate(p, moved);
  const local = localSlopes(p, values);
  const out: Event[] = [];
  const push = (event: object): void => {
    out.push({ seq: out.length, source: null, module: "", ...event } as Event);
  };
  for (const n of p.nodes) {
    const op = n.op === null ? null : OPERATIONS[n.op]!;
    push({
      type: "define", node: n.id, op: n.op ?? n.kind, kind: n.kind, name: n.name, label: op?.label ?? n.name ?? "", inputs: n.inputs,
      requires_grad: n.graded, shape: [], dtype: "float64", forward: op?.forward ?? "",
      rules: Object.fromEntries(Object.entries(op?.slopes ?? {}).map(([arg, [rule]]) => [arg, rule])),
    });
    push({ type: "execute", node: n.id, value: value(values.get(n.id)!) });
  }
  const slope = new Map([[p.root.id, 1]]);
  const arrivals = new Map<number, number>();
  push({ type: "accumulate", node: p.root.id, edge: null, added: value(1), value: value(1), count: 1, into: "node" });
  for (const n of [...p.nodes].reverse()) {
    const g = slope.get(n.id);
    if (g === undefined || n.op === null) continue;
    const sends = n.inputs.filter((i) => local.has(i.edge)).map((i) => ({ ...i, sent: g * local.get(i.edge)! }));
    if (!sends.length) continue;
    push({ type: "backward", node: n.id, grad: value(g), sends: sends.map(({ sent, ...i }) => ({ ...i, value: value(sent) })) });
    for (const { node, edge, sent } of sends) {
      slope.set(node, (slope.get(node) ?? 0) + sent);
      arrivals.set(node, (arrivals.get(node) ?? 0) + 1);
      push({ type: "accumulate", node, edge, added: value(sent), value: value(slope.get(node)!), count: arrivals.get(node), into: "node" });
    }
  }
  return out;
}

/** How every node moves when one leaf is nudged by `h`. */
export function nudged(p: Program, moved: Moved, leaf: number, h: number): Map<number, number> {
  const before = evaluate(p, moved);
  const after = evaluate(p, new Map(moved).set(leaf, before.get(leaf)! + h));
  return new Map([...before].map(([id, v]) => [id, after.get(id)! - v]));
}

/** Where a leaf can be dragged to, and how far one arrow key moves it. */
export function reachOf(start: number): { readonly low: number; readonly high: number; readonly step: number } {
  const reach = Math.max(4, 2 * Math.abs(start));
  const step = 10 ** (Math.floor(Math.log10(reach)) - 1);
  const whole = (x: number, round: (x: number) => number): number => tidy(round(x / (10 * step)) * 10 * step);
  return { low: whole(start - reach, Math.floor), high: whole(start + reach, Math.ceil), step };
}

/** Without the crumbs that adding tenths leaves behind. */
export const tidy = (x: number): number => Number(x.toPrecision(12));
