// What a moment is in one plain sentence, and what may be asked before it is shown.
import { describe as step_words } from "./describe";
import { num, toNumber } from "./format";
import { nameOf, type Names } from "./notation";
import { readNumber } from "./predict";
import type { Side } from "./dynamic_static_state";
import { began, flat, handed, hasValue, written } from "./later";
import { lineText, type Moment } from "./dynamic_static_steps";
import type { Step, StepKind } from "./steps";
import type { PrintEvent, Recording, RunEvent } from "./types";

const KINDS: Record<Moment["kind"], StepKind> = {
  define: "operation",
  make: "operation",
  run: "run",
  execute: "run",
  fetch: "run",
  print: "train",
  backward: "visit",
  grad: "store",
  update: "update",
  error: "error",
};

/** The moment in the stepper's terms, for the picture and the words that both share. */
export function asStep(m: Moment): Step {
  const backward = m.kind === "backward" || m.kind === "grad";
  const phase = backward ? "backward" : m.kind === "update" ? "update" : m.kind === "error" ? "refused" : "forward";
  let kind = KINDS[m.kind];
  const main = m.events.find((e) => e.type === "define" && e.node === m.node);
  if (main?.type === "define" && main.kind !== "operation") kind = "enter";
  if (m.kind === "backward" && !m.events.some((e) => e.type === "backward")) kind = "seed";
  return { kind, phase, end: m.end, events: m.events, node: m.node, round: 0 };
}

function printed(m: Moment, names: Names, after: Side): string {
  const event = m.events[0] as PrintEvent;
  if (event.node === null) return "print runs, and shows what Python has.";
  const name = nameOf(names, event.node).text;
  return hasValue(after, event.node)
    ? `print runs: ${name} has its value, and print shows it.`
    : `print runs now, and ${name} has no value yet: it shows what is known, a name and a shape.`;
}

/** What the moment did. `before` and `after` are the states around it. */
export function describe(m: Moment, names: Names, before: Side, after: Side): string {
  switch (m.kind) {
    case "define":
      return written(m, names);
    case "run":
      return began(m, names, after);
    case "fetch":
      return handed(m, names);
    case "print":
      return printed(m, names, after);
    default:
      return step_words(asStep(m), names, before.values, after.values);
  }
}

// --- predict ---------------------------------------------------------------------------------

export interface Question {
  readonly side: 0 | 1;
  readonly prompt: string;
  readonly asked: "print" | "count";
  /** The numbers that are shown, or null: there are none yet. */
  readonly expected: readonly number[] | null;
}
export interface Prediction {
  readonly step: number;
  readonly side: string;
  readonly asked: string;
  readonly answer: readonly number[] | null;
  readonly expected: readonly number[] | null;
  readonly correct: boolean;
}
export interface Verdict {
  readonly correct: boolean;
  readonly say: string;
}

const NUMBER = /[-−]?\d+(?:\.\d*)?(?:e[-+]?\d+)?/gi;
/** The numbers in a text, but for those that are part of a word (float32, x_1) or of a shape. */
export function numbersIn(text: string): number[] {
  const bare = text.replace(/shape=\([^)]*\)|shape=\[[^\]]*\]/g, "").replace(/[\p{L}_][\p{L}\p{N}_]*/gu, (w) => (/^e$/i.test(w) ? w : ""));
  return (bare.match(NUMBER) ?? []).map((t) => +t.replace("−", "-"));
}

/** What taking this moment would show, asked beforehand; null where there is nothing fair to ask. */
export function question(side: 0 | 1, m: Moment, after: Side, recording: Recording): Question | null {
  if (m.kind === "run") {
    const fetches = (m.events[0] as RunEvent).fetches;
    const all = [...after.values.nodes.values()].filter((n) => n.define.kind === "operation").length;
    if (!fetches.length || all < 2) return null;
    return { side, asked: "count", expected: [after.run!.operations], prompt: `A run begins. How many of the ${all} operations will it need?` };
  }
  if (m.kind !== "print") return null;
  const event = m.events[0] as PrintEvent;
  const line = lineText(recording.sources, m.place) || "print";
  const prompt = `${line} runs now. Which number will it show?`;
  if (event.node !== null && !hasValue(after, event.node)) return { side, asked: "print", expected: null, prompt };
  const value = event.node === null ? undefined : after.values.nodes.get(event.node)?.value;
  const data = value?.data === undefined ? numbersIn(event.text) : flat(value.data).map(toNumber);
  const expected = data.filter(Number.isFinite);
  return expected.length && expected.length <= 4 && expected.length === data.length ? { side, asked: "print", expected, prompt } : null;
}

/** The numbers a person typed; null when there are none. */
export function readNumbers(text: string): number[] | null {
  const one = readNumber(text);
  if (one !== null) return [one];
  const parts = text.replace(/[[\]()]/g, " ").trim().split(/[\s;]+|,\s+|,(?=[-−+.\d]+(?:,|$))/).filter(Boolean);
  const all = parts.map(readNumber);
  return all.length && all.every((x): x is number => x !== null) ? all : null;
}

const shown = (all: readonly number[]): string => (all.length === 1 ? num(all[0]!) : `[${all.map((x) => num(x, 3)).join(", ")}]`);

/** `answer` is null for “no number yet”. */
export function judge(q: Question, answer: readonly number[] | null): Verdict {
  const { expected } = q;
  if (expected === null)
    return answer === null
      ? { correct: true, say: "Right: there is no number yet." }
      : { correct: false, say: `Not ${shown(answer)}: there is no number yet. Nothing has been computed.` };
  if (answer === null) return { correct: false, say: `There is one: ${shown(expected)}.` };
  const near = (a: number, b: number): boolean => Math.abs(a - b) <= 0.01 * Math.abs(b) + 1e-6;
  const correct = answer.length === expected.length && answer.every((x, i) => near(x, expected[i]!));
  return { correct, say: correct ? `Right: ${shown(expected)}.` : `Not ${shown(answer)}: it is ${shown(expected)}.` };
}
