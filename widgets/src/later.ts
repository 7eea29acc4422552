// What is said and shown of a graph that runs later: what is written down, what a run needs, and what it hands out.
import type { Life, Side } from "./dynamic_static_state";
import type { NodeMark } from "./graph";
import { isScalar, num, shapeTuple } from "./format";
import { nameOf, type Names } from "./notation";
import type { Define, Event, FetchEvent, Nested, Num, RunEvent, Value } from "./types";

/** A step or a moment: the events that make it up. */
interface Thought {
  readonly events: readonly Event[];
  readonly node: number | null;
}

export const hasValue = (side: Side, node: number): boolean => side.values.nodes.get(node)?.value !== undefined;

const list = (words: readonly string[]): string =>
  words.length < 2 ? (words[0] ?? "nothing") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
const some = (words: readonly string[]): string =>
  words.length <= 4 ? list(words) : list([...words.slice(0, 3), `${words.length - 3} more`]);

export const flat = (data: Nested | undefined): Num[] =>
  Array.isArray(data) ? data.flatMap(flat) : data === undefined || typeof data === "boolean" ? [] : [data as Num];

/** 0.76, or [2, 1], or an array of shape (8, 8). */
export function told(v: Value): string {
  if (isScalar(v)) return num(v.data);
  const all = v.shape.length === 1 ? flat(v.data) : [];
  if (v.data !== undefined && all.length && all.length <= 4) return `[${all.map((x) => num(x, 3)).join(", ")}]`;
  return `an array of shape ${shapeTuple(v.shape)}`;
}

/** (?, 3): a size that only a run will know is a question mark. */
export function shapeOf(d: Define): string {
  const sizes = d.shape.map((n, k) => (d.unknown?.includes(k) ? "?" : String(n)));
  return sizes.length === 1 ? `(${sizes[0]},)` : `(${sizes.join(", ")})`;
}

const LIVES: Record<Life, string> = {
  defined: "no value yet",
  needed: "needed by this run, no value yet",
  idle: "not needed by this run",
  fed: "fed",
  read: "read",
  computed: "computed",
  freed: "its value was let go",
};

/** What each node is to the run, and its shape while it has no value. */
export function marksOf({ life, run, values }: Side): Map<number, NodeMark> {
  const marks = new Map<number, NodeMark>();
  for (const [node, now] of life) {
    const { value, define } = values.nodes.get(node)!;
    const pin = !run ? undefined : run.feeds.has(node) ? "fed" : run.fetches.has(node) ? (run.over ? "handed out" : "asked for") : undefined;
    marks.set(node, { life: now, pin, ...(value ? {} : { instead: shapeOf(define), said: LIVES[now] }) });
  }
  return marks;
}

/** An operation or a source is written down, to run later. */
export function written(m: Thought, names: Names): string {
  const all = m.events.filter((e): e is Define => e.type === "define");
  const made = all.find((d) => d.node === m.node) ?? all[0]!;
  const name = nameOf(names, made.node);
  const type = made.shape.length ? `${made.dtype} of shape ${shapeOf(made)}` : `a ${made.dtype} number`;
  if (made.kind !== "operation") {
    const words = all.map((d) => nameOf(names, d.node).text);
    const kind = made.kind === "placeholder" ? "placeholder" : made.kind === "parameter" ? "variable" : made.kind;
    if (all.length > 1) return `${some(words)} enter the graph. No number moves.`;
    return made.kind === "placeholder"
      ? `A placeholder ${name.text} is written down: ${type}. Its value will come with a run.`
      : `The ${kind} ${name.text} enters the graph: ${type}.`;
  }
  const inputs = made.inputs.map((i) => nameOf(names, i.node).text);
  const what = inputs.length ? `${made.op} of ${list(inputs)}` : made.op;
  const who = name.drawn && !name.invented ? `${name.text}, the ${what},` : `The ${what}`;
  return `${who} is written down: ${type}, without a value. Nothing is computed.`;
}

/** A run begins. */
export function began(m: Thought, names: Names, after: Side): string {
  const event = m.events[0] as RunEvent;
  const run = after.run!;
  const asked = some(event.fetches.map((n) => nameOf(names, n).text));
  const fed = m.events.flatMap((e) => (e.type === "feed" ? [`${nameOf(names, e.node).text} = ${told(e.value)}`] : []));
  const all = [...after.life.keys()].filter((n) => after.values.nodes.get(n)!.define.kind === "operation").length;
  const idle = all - run.operations;
  const feeds = fed.length ? ` Fed: ${some(fed)}.` : " Nothing is fed.";
  const rest = idle > 0 ? `${run.operations} of ${all} operations are needed; the others do nothing.` : `All ${all} operations are needed.`;
  return `Run ${run.number} begins: it is asked for ${asked}.${feeds} ${rest}`;
}

/** A run is over. */
export function handed(m: Thought, names: Names): string {
  const got = m.events.filter((e): e is FetchEvent => e.type === "fetch").map((e) => `${nameOf(names, e.node).text} = ${told(e.value)}`);
  return `The run is over. Python gets ${some(got)}; every other value is gone.`;
}

