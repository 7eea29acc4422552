// What is true on one side after the first `count` events: which nodes exist, which have a value, what runs, what was printed.
import { stateAt as valuesAt, type State } from "./state";
import type { Event, RunEvent, Value } from "./types";

export type Life =
  | "defined" // it has a shape, and no value
  | "needed" // the run will come to it
  | "idle" // the run does not need it
  | "fed" // its value comes from outside
  | "read" // its value was there before the run
  | "computed"
  | "freed"; // its value was let go: nobody needs it any more

export interface Run {
  /** Counted from 1. */
  readonly number: number;
  readonly feeds: ReadonlySet<number>;
  readonly fetches: ReadonlySet<number>;
  readonly needed: ReadonlySet<number>;
  /** How many operations it runs in all. */
  readonly operations: number;
  /** Whether Python has got what it asked for. */
  readonly over: boolean;
}

export interface Side {
  readonly values: State;
  readonly life: ReadonlyMap<number, Life>;
  /** The run that goes on, or has just ended. */
  readonly run: Run | null;
  readonly runs: number;
  readonly printed: readonly { readonly text: string; readonly at: number }[];
}

/** The events of the run that begins at `at`: what it touches, up to its last fetch. */
function runAt(events: readonly Event[], at: number, number: number): { run: Omit<Run, "over">; end: number } {
  const event = events[at] as RunEvent;
  const needed = new Set<number>();
  const operations = new Set(events.flatMap((e) => (e.type === "define" && e.kind === "operation" ? [e.node] : [])));
  let count = 0;
  let end = at + 1;
  for (; end < events.length; end++) {
    const e = events[end]!;
    if (e.type === "run" || e.type === "define" || e.type === "print") break;
    if (e.type === "fetch" && events[end + 1]?.type !== "fetch") {
      end += 1;
      break;
    }
    if (e.type === "feed" || e.type === "execute") needed.add(e.node);
    if (e.type === "execute" && operations.has(e.node)) count += 1;
  }
  return { run: { number, feeds: new Set(event.feeds), fetches: new Set(event.fetches), needed, operations: count }, end };
}

/** One side after `count` events. A pure function: no value outlives a run, and none is there before one. */
export function stateAt(events: readonly Event[], count: number): Side {
  const values = valuesAt(events, count);
  const life = new Map<number, Life>();
  const printed: { text: string; at: number }[] = [];
  /** What ran at once, outside of any run: its values stay. */
  const atOnce = new Set<number>();
  const kept = new Map<number, Value>();
  let run: Omit<Run, "over"> | null = null;
  let end = 0;
  let runs = 0;
  const most = Math.min(count, events.length);
  for (let i = 0; i < most; i++) {
    const e = events[i]!;
    if (run && i >= end) {
      // The run is history: what it computed is gone.
      run = null;
      for (const node of life.keys()) if (!atOnce.has(node)) life.set(node, "defined");
    }
    if (e.type === "define") life.set(e.node, "defined");
    else if (e.type === "run") {
      ({ run, end } = runAt(events, i, ++runs));
      for (const node of life.keys())
        if (run.needed.has(node)) life.set(node, "needed");
        else if (!atOnce.has(node)) life.set(node, "idle");
    } else if (e.type === "feed") life.set(e.node, "fed");
    else if (e.type === "execute") {
      const source = values.nodes.get(e.node)?.define.kind !== "operation";
      life.set(e.node, run && source ? "read" : "computed");
      if (!run) atOnce.add(e.node);
      kept.set(e.node, e.value);
    } else if (e.type === "free" && e.node !== null && run) life.set(e.node, "freed");
    else if (e.type === "fetch") {
      kept.set(e.node, e.value);
      const now = life.get(e.node);
      if (now === "freed" || now === "needed") life.set(e.node, "computed");
    } else if (e.type === "print") printed.push({ text: e.text, at: i });
  }
  for (const [node, state] of values.nodes) {
    const now = life.get(node);
    if (now === "defined" || now === "needed" || now === "idle" || now === "freed") delete state.value;
    else state.value ??= kept.get(node)!;
  }
  return { values, life, run: run && { ...run, over: most >= end }, runs, printed };
}
