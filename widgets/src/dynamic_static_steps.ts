// Cuts two recordings into moments, and sets both on one time axis: what both programs share happens at the same tick.
import type { Define, Event, Place, Recording } from "./types";

export type MomentKind =
  | "define" // a node is written down, without a value
  | "make" // a node and its value come into being together
  | "run" // a graph begins to run
  | "execute" // a node written down earlier gets its value
  | "fetch" // the run ends, and Python gets what it asked for
  | "print"
  | "backward"
  | "grad" // a leaf's .grad is written
  | "update"
  | "error"; // something was refused or broke

export interface Moment {
  kind: MomentKind;
  /** How many of the recording's events have happened after it. */
  end: number;
  readonly events: Event[];
  node: number | null;
  readonly place: Place | null;
}

const samePlace = (a: Place | null, b: Place | null): boolean => a?.file === b?.file && a?.line === b?.line;
const defines = (m: Moment, node: number | null): boolean => m.events.some((e) => e.type === "define" && e.node === node);
const onlySources = (m: Moment): boolean =>
  m.kind !== "run" && m.events.every((e) => (e.type === "define" ? e.kind !== "operation" : e.type === "execute")) && m.events[0]!.type === "define";

/** The kind of the moment that an event opens; null for what only rides along. */
function opens(event: Event): MomentKind | null {
  switch (event.type) {
    case "define":
    case "run":
    case "execute":
    case "fetch":
    case "print":
    case "backward":
    case "update":
    case "error":
      return event.type;
    case "feed":
      return "execute";
    case "accumulate":
      return event.into === "grad" ? "grad" : "backward";
    default:
      return null;
  }
}

/** Does the event belong to what is happening already? */
function belongs(m: Moment, event: Event): boolean {
  switch (event.type) {
    case "define": // what an operation reads comes with it
      return onlySources(m) && samePlace(m.place, event.source);
    case "execute":
      return defines(m, event.node) || (m.kind === "run" && !m.events.some((e) => e.type === "execute" && e.node === event.node));
    case "feed":
      return m.kind === "run";
    case "backward": // the seed comes with the first visit
      return m.kind === "backward" && m.events.every((e) => e.type === "accumulate" && e.edge === null);
    case "accumulate":
      return event.into === "grad" ? m.kind === "grad" : m.kind === "backward" && event.edge !== null;
    case "fetch":
    case "update":
      return m.kind === event.type;
    default:
      return opens(event) === null;
  }
}

/** A recording's moments, one thought each, in order. */
export function moments(events: readonly Event[]): Moment[] {
  const out: Moment[] = [];
  const sources = new Set<number>();
  events.forEach((event, i) => {
    if (event.type === "define" && event.kind !== "operation") sources.add(event.node);
    const last = out.at(-1);
    // Only what stands in the graph without being computed is there as soon as a run begins.
    const early = event.type !== "execute" || sources.has(event.node);
    if (last && belongs(last, event) && (last.kind !== "run" || early)) {
      last.events.push(event);
      last.end = i + 1;
      if (event.type === "define" || event.type === "backward") last.node = event.node;
      if (event.type === "execute" && last.kind === "define") last.kind = "make";
      return;
    }
    const kind = opens(event);
    if (kind) out.push({ kind, end: i + 1, events: [event], node: event.node, place: event.source });
    else if (last) last.end = i + 1;
  });
  return out;
}

/** The text of a line as it was recorded. */
export function lineText(sources: Recording["sources"], place: Place | null): string {
  const source = place ? sources[place.file] : undefined;
  return (source?.lines[place!.line - source.first] ?? "").trim();
}

/** What must agree for two moments to be the same one; null for what only one side can do. */
export function keyOf(m: Moment, recording: Pick<Recording, "sources">): string | null {
  const text = lineText(recording.sources, m.place);
  if (!text) return null;
  if (m.kind === "print") return `print|${text}`;
  if (m.kind !== "define" && m.kind !== "make") return null;
  const made = m.events.find((e): e is Define => e.type === "define" && e.node === m.node);
  return made?.kind === "operation" ? `${made.op}|${text}` : null;
}

const MOST_COMPARED = 2e7;

/** Pairs of equal keys in the longest common order. */
export function paired(a: readonly (string | null)[], b: readonly (string | null)[]): [number, number][] {
  // What both begin with needs no search.
  const begin = a.findIndex((key, i) => key === null || key !== b[i]);
  if (begin !== 0) {
    const n = begin < 0 ? a.length : begin;
    const rest = paired(a.slice(n), b.slice(n));
    return [...a.slice(0, n).map((_, i): [number, number] => [i, i]), ...rest.map(([i, j]): [number, number] => [i + n, j + n])];
  }
  if (a.length * b.length > MOST_COMPARED) return [];
  const width = b.length + 1;
  const longest = new Uint32Array((a.length + 1) * width);
  const same = (i: number, j: number): boolean => a[i] !== null && a[i] === b[j];
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      longest[i * width + j] = same(i, j)
        ? longest[(i + 1) * width + j + 1]! + 1
        : Math.max(longest[(i + 1) * width + j]!, longest[i * width + j + 1]!);
  const out: [number, number][] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (same(i, j)) out.push([i++, j++]);
    else if (longest[(i + 1) * width + j]! >= longest[i * width + j + 1]!) i++;
    else j++;
  }
  return out;
}

/** After a tick: how many moments of either side are over. */
export type Tick = readonly [number, number];

/** One time axis: shared moments meet at a tick, and what lies between goes on side by side. */
export function axis(na: number, nb: number, pairs: readonly (readonly [number, number])[]): Tick[] {
  const ticks: Tick[] = [];
  let [i, j] = [0, 0];
  const advance = (toA: number, toB: number): void => {
    const most = Math.max(toA - i, toB - j);
    for (let k = 1; k <= most; k++) ticks.push([Math.min(i + k, toA), Math.min(j + k, toB)]);
    [i, j] = [toA, toB];
  };
  for (const [a, b] of pairs) {
    advance(a, b);
    advance(a + 1, b + 1);
  }
  advance(na, nb);
  return ticks;
}
