// Predict mode: which question a step asks, what to say about an answer, and the form it is typed into.
import { h, setText } from "./dom";
import { isScalar, num, scalarOf, shapeTuple } from "./format";
import {
  forwardLine,
  meetLine,
  nameOf,
  plain,
  storeLine,
  visitLines,
  type Line,
  type Names,
} from "./notation";
import type { State } from "./state";
import type { Step } from "./steps";
import type { Accumulate, Shape } from "./types";

export interface Question {
  readonly node: number;
  /** The edge whose gradient is asked for; null when it is a node's value or sum. */
  readonly edge: number | null;
  readonly asked: "value" | "gradient" | "shape";
  readonly expected: number | Shape;
  readonly prompt: string;
  readonly line: Line;
  /** For sums: what was there, and what arrives. */
  readonly parts: readonly [number, number] | null;
}

/** One answer, as Python sees it. */
export interface Prediction {
  readonly step: number;
  readonly node: string;
  readonly asked: string;
  readonly answer: number | Shape | null;
  readonly expected: number | Shape;
  readonly correct: boolean;
}

function forward(step: Step, names: Names, after: State): Question | null {
  const event = step.events.find((e) => e.type === "execute" && e.node === step.node);
  const define = event && event.node !== null ? after.nodes.get(event.node)?.define : undefined;
  if (!define || event?.type !== "execute") return null;
  const line = forwardLine(define, undefined, names, after);
  const base = { node: event.node, edge: null, line, parts: null };
  const name = nameOf(names, event.node);
  const what = name.invented ? "the result" : name.text;
  const value = scalarOf(event.value);
  if (value === null && event.value.shape.length)
    return { ...base, asked: "shape", expected: event.value.shape, prompt: `Which shape will ${what} have?` };
  if (value === null || !Number.isFinite(value)) return null;
  return { ...base, asked: "value", expected: value, prompt: `What will ${what} be?` };
}

function sum(event: Accumulate, step: Step, names: Names, before: State): Question | null {
  const stored = step.kind === "store";
  const was = stored ? event.before : before.nodes.get(event.node)?.arriving;
  const [a, b, expected] = [scalarOf(was), scalarOf(event.added), scalarOf(event.value)];
  if (a === null || b === null || expected === null || !Number.isFinite(expected)) return null;
  const root = before.root === null ? "L" : nameOf(names, before.root).text;
  const name = nameOf(names, event.node).text;
  const line: Line = [
    ...(stored ? storeLine(event, root, names, true) : meetLine(event, was, root, names, true)),
  ];
  // The sum itself would be the answer: show only what is being asked for.
  const cut = line.findIndex((p) => p.t === "text" && p.s === " = ");
  return {
    node: event.node,
    edge: null,
    asked: "gradient",
    expected,
    prompt: stored
      ? `${name}.grad already holds ${num(a)}, and backward brings ${num(b)}. What will ${name}.grad be?`
      : `${name} has gathered ${num(a)}, and now ${num(b)} arrives. What will its gradient be?`,
    line: [...line.slice(0, cut + 1), { t: "hole", s: "?" }],
    parts: [a, b],
  };
}

/** The question that taking `step` answers, or null where there is nothing fair to ask. */
export function question(step: Step, names: Names, before: State, after: State): Question | null {
  if (step.kind === "operation" || step.kind === "run") return forward(step, names, after);
  if (step.kind === "meet") return sum(step.events[0] as Accumulate, step, names, before);
  if (step.kind === "store") {
    const event = step.events[0] as Accumulate;
    return event.before ? sum(event, step, names, before) : null;
  }
  if (step.kind !== "visit") return null;
  const event = step.events.find((e) => e.type === "backward");
  if (event?.type !== "backward") return null;
  const at = event.sends.findIndex((s) => isScalar(s.value) && Number.isFinite(scalarOf(s.value)));
  const send = event.sends[at] ?? event.sends[0];
  if (!send) return null;
  const root = before.root === null ? "L" : nameOf(names, before.root).text;
  const line = visitLines(event, root, names, before, send.edge)[Math.max(at, 0)]!;
  const to = nameOf(names, send.node).text;
  const from = nameOf(names, event.node).text;
  const base = { node: send.node, edge: send.edge, line, parts: null };
  if (at < 0)
    return {
      ...base,
      asked: "shape",
      expected: send.value.shape,
      prompt: `Which shape has the gradient that ${from} sends to ${to}?`,
    };
  return {
    ...base,
    asked: "gradient",
    expected: scalarOf(send.value)!,
    prompt: `${from} has gradient ${isScalar(event.grad) ? num(event.grad.data) : "of its own shape"}. What does it send to ${to}?`,
  };
}

const TOLERANCE = 0.01;

/** Numbers as people type them: 1,5 and −2 and 1/3. Null when it is not one. */
export function readNumber(text: string): number | null {
  const clean = text.trim().replace(/[−–]/g, "-").replace(",", ".");
  const fraction = /^([-+]?\d*\.?\d+)\s*\/\s*(\d*\.?\d+)$/.exec(clean);
  if (fraction) return +fraction[2]! ? +fraction[1]! / +fraction[2]! : null;
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(clean) ? +clean : null;
}

/** Shapes as people type them: (2, 3), 2x3, 2 3, [2,3]; () for a scalar. */
export function readShape(text: string): number[] | null {
  const clean = text.trim().replace(/^[([]|[)\]]$/g, "").trim();
  if (!clean) return /[([]/.test(text) ? [] : null;
  const parts = clean.split(/[\s,x×*]+/).filter(Boolean);
  return parts.every((p) => /^\d+$/.test(p)) ? parts.map(Number) : null;
}

export interface Verdict {
  readonly correct: boolean;
  readonly answer: number | Shape;
  readonly say: string;
}

/** Judges an answer; null when it cannot be read as one. */
export function judge(q: Question, text: string): Verdict | null {
  if (q.asked === "shape") {
    const answer = readShape(text);
    if (!answer) return null;
    const expected = q.expected as Shape;
    const correct = answer.length === expected.length && answer.every((n, i) => n === expected[i]);
    const turned = !correct && [...answer].reverse().join() === expected.join();
    const say = correct
      ? `Right: ${shapeTuple(expected)}.`
      : `Not ${shapeTuple(answer)}: it is ${shapeTuple(expected)}.${turned ? " The right numbers, the other way round." : ""}`;
    return { correct, answer, say };
  }
  const answer = readNumber(text);
  if (answer === null) return null;
  const expected = q.expected as number;
  const near = (a: number, b: number): boolean => Math.abs(a - b) <= TOLERANCE * Math.abs(b) + 1e-6;
  if (near(answer, expected)) return { correct: true, answer, say: `Right: ${num(expected)}.` };
  let hint = "";
  if (q.parts && near(answer, q.parts[1])) hint = " That is only the part that arrives: it is added to what is there.";
  else if (q.parts && near(answer, q.parts[0])) hint = " That is what was there: the part that arrives is added to it.";
  else if (near(answer, -expected)) hint = " The size is right, the sign is not.";
  else if (near(1 / answer, expected)) hint = " It is the other way up.";
  else if (Math.abs(answer - expected) <= 0.1 * Math.abs(expected)) hint = " You were close.";
  return { correct: false, answer, say: `Not ${num(answer)}: it is ${num(expected)}.${hint}` };
}

export const score = (predictions: readonly Prediction[]): string => {
  const right = predictions.filter((p) => p.correct).length;
  return `${right} of ${predictions.length} right`;
};

export const asText = (q: Question): string => `${q.prompt} ${plain(q.line)}`;

/**
 * The form for an answer. `answer` takes the text, and returns what is wrong with it where it cannot be
 * read; `skip` is called by who would rather be shown.
 */
export function answerForm(
  q: { readonly prompt: string; readonly asked: string },
  answer: (text: string) => string | null,
  skip: () => void,
): HTMLFormElement {
  const input = h("input", {
    type: "text",
    inputmode: q.asked === "shape" ? "text" : "decimal",
    autocomplete: "off",
    spellcheck: "false",
    "aria-label": q.prompt,
    placeholder: q.asked === "shape" ? "2, 3" : "a number",
  });
  const problem = h("span", { class: "tgs-problem", role: "alert" });
  const show = h("button", { type: "button", class: "tgs-quiet has-text" }, "Show me");
  show.addEventListener("click", skip);
  const form = h("form", { class: "tgs-answer" }, input, h("button", { type: "submit", class: "tgs-check" }, "Check"), show, problem);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const wrong = answer(input.value);
    if (wrong) setText(problem, wrong);
  });
  return form;
}
