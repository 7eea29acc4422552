// Groups the events of a recording into the steps a learner takes, one thought each.
import type { Accumulate, Define, Event } from "./types";

export type StepKind =
  | "enter" // inputs come into the graph
  | "operation" // an operation runs
  | "begin" // a graph begins to run: what is fed, and what is asked for
  | "run" // an operation defined earlier runs now (static graphs)
  | "fetch" // the run is over: what was asked for is handed out
  | "seed" // backward starts
  | "visit" // backward visits a node
  | "meet" // a further gradient arrives and is added
  | "store" // a leaf's .grad is written
  | "free" // saved values are released
  | "update" // the optimiser changes parameters
  | "train" // a training step is complete
  | "error"; // something was refused or broke

export type Phase = "forward" | "backward" | "update" | "refused";

export interface Step {
  readonly kind: StepKind;
  readonly phase: Phase;
  /** How many of the plan's events have happened once this step is done. */
  end: number;
  readonly events: Event[];
  /** The node the step is about, where it is about one. */
  readonly node: number | null;
  /** Which iteration of the recording this belongs to; each draws its own graph. */
  readonly round: number;
}

export interface Plan {
  /** All events, in the order in which the steps apply them. */
  readonly events: readonly Event[];
  readonly steps: readonly Step[];
  readonly rounds: number;
}

const PHASE: Record<StepKind, Phase> = {
  enter: "forward",
  operation: "forward",
  begin: "forward",
  run: "forward",
  fetch: "forward",
  seed: "backward",
  visit: "backward",
  meet: "backward",
  store: "backward",
  free: "backward",
  update: "update",
  train: "update",
  error: "refused",
};

const samePlace = (a: Event, b: Event): boolean =>
  a.source?.file === b.source?.file && a.source?.line === b.source?.line;

/** What the events before have told: whether a graph runs, and which nodes stand in it without being computed. */
interface Told {
  running: boolean;
  readonly sources: Set<number>;
}

function tell(told: Told, event: Event): void {
  if (event.type === "define" && event.kind !== "operation") told.sources.add(event.node);
  if (event.type === "run") told.running = true;
  else if (!["feed", "execute", "free", "fetch"].includes(event.type)) told.running = false;
}

/** Does `event` belong to the thought that `step` already holds? */
function belongs(step: Step, event: Event, told: Told): boolean {
  const first = step.events[0]!;
  const mine = step.events.some((e) => e.node === event.node);
  switch (event.type) {
    case "define":
      return step.kind === "enter" && event.kind !== "operation" && samePlace(first, event);
    case "execute":
    case "feed":
      // What is there as soon as a run begins comes with its beginning.
      if (step.kind === "begin") return event.type === "feed" || told.sources.has(event.node);
      return mine && (step.kind === "enter" || step.kind === "operation" || step.kind === "run");
    case "fetch":
      return step.kind === "fetch";
    case "save":
      return mine && (step.kind === "operation" || step.kind === "run");
    case "free": // while a graph runs, a value that nobody needs any more
      return told.running || step.kind === "free" || (mine && step.kind === "visit");
    case "accumulate":
      if (event.into === "grad")
        return step.kind === "store" && !event.before && !(first as Accumulate).before;
      return step.kind === "visit" && event.edge !== null && event.count <= 1;
    case "update":
      return step.kind === "update";
    case "backward":
    case "step":
    case "run":
    case "error":
      return false;
    default: // what compilers and devices tell: rides along
      return true;
  }
}

const onlyNumbers = (step: Step): boolean =>
  step.kind === "enter" &&
  step.events.every((e) => e.type !== "define" || (e.kind === "constant" && !e.name && !e.shape.length));

function kindOf(event: Event): StepKind | null {
  switch (event.type) {
    case "define":
      return event.kind === "operation" ? "operation" : "enter";
    case "run":
      return "begin";
    case "fetch":
    case "error":
      return event.type;
    case "execute":
    case "feed":
    case "save":
      return "run";
    case "backward":
      return "visit";
    case "accumulate":
      return event.into === "grad" ? "store" : event.edge === null ? "seed" : "meet";
    case "free":
      return "free";
    case "update":
      return "update";
    case "step":
      return "train";
    default:
      return null;
  }
}

/**
 * The arrivals of one visit are handed out so that those which only land somewhere come with the
 * visit, and each one that meets a gradient already there gets a step of its own afterwards.
 */
function reorder(events: readonly Event[]): Event[] {
  const out: Event[] = [];
  let meets: Event[] = [];
  for (const event of events) {
    if (event.type === "accumulate" && event.into === "node" && event.edge !== null) {
      (event.count > 1 ? meets : out).push(event);
      continue;
    }
    // The release of what a node had saved ends its visit.
    if (event.type === "free" && meets.length) {
      out.push(event);
      continue;
    }
    out.push(...meets, event);
    meets = [];
  }
  out.push(...meets);
  return out;
}

export function plan(recorded: readonly Event[]): Plan {
  const events = reorder(recorded);
  const steps: Step[] = [];
  let round = 0;
  let trained = false;
  const told: Told = { running: false, sources: new Set() };
  events.forEach((event, i) => {
    const last = steps.at(-1);
    tell(told, event);
    // Nothing changes in the graph.
    if (event.type === "print") return;
    // After an optimiser's update, the next definition opens a new iteration.
    if (event.type === "update" || event.type === "step") trained = true;
    else if (event.type === "define" && trained) {
      round += 1;
      trained = false;
    }
    if (last && last.round === round && belongs(last, event, told)) {
      last.events.push(event);
      last.end = i + 1;
      return;
    }
    const kind = kindOf(event);
    if (!kind) {
      if (last) last.end = i + 1;
      return;
    }
    // A bare number (the 2 of x ** 2) is no thought of its own: it comes with the operation that uses it.
    const numbers = kind === "operation" && last?.round === round && onlyNumbers(last) ? steps.pop() : undefined;
    if (numbers) {
      const all = [...numbers.events, event];
      steps.push({ kind, phase: PHASE[kind], end: i + 1, events: all, node: event.node, round });
      return;
    }
    const node = kind === "free" || kind === "train" || kind === "fetch" ? null : event.node;
    steps.push({ kind, phase: PHASE[kind], end: i + 1, events: [event], node, round });
  });
  return { events, steps, rounds: round + 1 };
}

/** The nodes a step touches, to be lit in the picture. */
export function touched(step: Step): number[] {
  const nodes =
    step.kind === "visit" || step.kind === "operation"
      ? [step.node]
      : step.events.map((e) => (e.type === "free" && step.kind !== "free" ? null : e.node));
  return [...new Set(nodes.filter((n): n is number => n !== null))];
}

export const definitions = (events: readonly Event[]): Map<number, Define> =>
  new Map(events.filter((e): e is Define => e.type === "define").map((e) => [e.node, e]));
