// Groups the events of a recording into the steps a learner takes, one thought each.
import type { Accumulate, Define, Event } from "./types";

export type StepKind =
  | "enter" // inputs come into the graph
  | "operation" // an operation runs
  | "run" // an operation defined earlier runs now (static graphs)
  | "seed" // backward starts
  | "visit" // backward visits a node
  | "meet" // a further gradient arrives and is added
  | "store" // a leaf's .grad is written
  | "free" // saved values are released
  | "update" // the optimiser changes parameters
  | "train"; // a training step is complete

export type Phase = "forward" | "backward" | "update";

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
  run: "forward",
  seed: "backward",
  visit: "backward",
  meet: "backward",
  store: "backward",
  free: "backward",
  update: "update",
  train: "update",
};

const samePlace = (a: Event, b: Event): boolean =>
  a.source?.file === b.source?.file && a.source?.line === b.source?.line;

/** Does `event` belong to the thought that `step` already holds? */
function belongs(step: Step, event: Event): boolean {
  const first = step.events[0]!;
  const mine = step.events.some((e) => e.node === event.node);
  switch (event.type) {
    case "define":
      return step.kind === "enter" && event.kind !== "operation" && samePlace(first, event);
    case "execute":
    case "feed":
      return mine && (step.kind === "enter" || step.kind === "operation" || step.kind === "run");
    case "save":
      return mine && (step.kind === "operation" || step.kind === "run");
    case "free":
      return step.kind === "free" || (mine && step.kind === "visit");
    case "accumulate":
      if (event.into === "grad")
        return step.kind === "store" && !event.before && !(first as Accumulate).before;
      return step.kind === "visit" && event.edge !== null && event.count <= 1;
    case "update":
      return step.kind === "update";
    case "backward":
    case "step":
      return false;
    default: // reserved for static graphs and devices: rides along
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
  events.forEach((event, i) => {
    const last = steps.at(-1);
    // After an optimiser's update, the next definition opens a new iteration.
    if (event.type === "update" || event.type === "step") trained = true;
    else if (event.type === "define" && trained) {
      round += 1;
      trained = false;
    }
    if (last && last.round === round && belongs(last, event)) {
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
    const node = kind === "free" || kind === "train" ? null : event.node;
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
