// One sentence in plain words for each step.
import { isScalar, num, shapeText } from "./format";
import { nameOf, type Names } from "./notation";
import type { State } from "./state";
import type { Step } from "./steps";
import type { Accumulate, Backward, Define, Event, Execute, Failure, Num, Save, Saved, Update, Value } from "./types";

const DEEDS: Record<string, string> = {
  add: "{x} and {y} are added",
  sub: "{y} is subtracted from {x}",
  mul: "{x} is multiplied by {y}",
  div: "{x} is divided by {y}",
  neg: "{x} changes its sign",
  pow: "{x} is raised to a power",
  matmul: "{x} and {y} are multiplied as matrices",
  exp: "e is raised to the power {x}",
  log: "the logarithm of {x} is taken",
  tanh: "tanh squeezes {x} between −1 and 1",
  relu: "relu keeps {x} where it is positive and puts 0 elsewhere",
  sum: "the entries of {x} are summed",
  mean: "the entries of {x} are averaged",
  max: "the largest of {x} is picked",
  reshape: "{x} gets a new shape",
  transpose: "{x} is transposed",
  softmax: "softmax turns {x} into probabilities",
  log_softmax: "{x} is turned into log-probabilities",
  linear: "{x} goes through the weights {weight}, and {bias} is added",
  sqrt: "the square root of {x} is taken",
  sin: "the sine of {x} is taken",
  cos: "the cosine of {x} is taken",
  abs: "{x} loses its sign",
  permute: "the dimensions of {x} change places",
  getitem: "a part of {x} is taken",
  cross_entropy: "the cross-entropy compares {x} with the labels",
};

const KINDS: Record<string, [string, string]> = {
  leaf: ["a leaf", "leaves"],
  parameter: ["a parameter", "parameters"],
  constant: ["a constant", "constants"],
  placeholder: ["a placeholder", "placeholders"],
};

const list = (words: readonly string[]): string =>
  words.length < 2 ? (words[0] ?? "") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;

/** The first few by name, the rest by number. */
const some = (words: readonly string[], most = 4): string =>
  words.length <= most ? list(words) : list([...words.slice(0, most - 1), `${words.length - most + 1} more`]);

const of = <T extends Event["type"]>(step: Step, type: T): Extract<Event, { type: T }>[] =>
  step.events.filter((e): e is Extract<Event, { type: T }> => e.type === type);

const capital = (s: string): string => s[0]!.toUpperCase() + s.slice(1);

/** a = 3, or W (a 2×3 array) */
function with_value(name: string, v: Value | undefined): string {
  if (!v) return name;
  return isScalar(v) ? (name === num(v.data) ? name : `${name} = ${num(v.data)}`) : `${name} (${shapeText(v.shape)})`;
}

const as_grad = (v: Value): string => (isScalar(v) ? num(v.data) : `a gradient of shape ${shapeText(v.shape)}`);

function enter(step: Step, names: Names): string {
  const defines = of(step, "define");
  const values = new Map(of(step, "execute").map((e) => [e.node, e.value]));
  const words = defines.map((d) => with_value(nameOf(names, d.node).text, values.get(d.node)));
  const one = defines.length === 1;
  const kinds = [...new Set(defines.map((d) => d.kind))];
  const as = list(kinds.map((k) => KINDS[k]?.[defines.filter((d) => d.kind === k).length > 1 ? 1 : 0] ?? k));
  const wanting = defines.filter((d) => d.requires_grad).map((d) => nameOf(names, d.node).text);
  const who = wanting.length < defines.length ? some(wanting) : one ? "it" : "they";
  const tail = wanting.length ? `; ${who} ${wanting.length > 1 ? "want gradients" : "wants a gradient"}` : "";
  return `${some(words)} ${one ? "enters" : "enter"} the graph as ${as}${tail}.`;
}

function operation(step: Step, names: Names, state: State): string {
  const node = step.node!;
  const define: Define | undefined = of(step, "define").find((d) => d.node === node) ?? state.nodes.get(node)?.define;
  if (!define) return "An operation runs.";
  const inputs = define.inputs.map((i) => nameOf(names, i.node).text);
  const args = new Map(define.inputs.map((i, k) => [i.arg, inputs[k]!]));
  const first = inputs[0] ?? "";
  const template = DEEDS[define.op];
  let deed = template?.replace(/\{(\w+)\}/g, (whole, a: string) => args.get(a) ?? (a === "x" ? first : whole));
  // A sentence about an input that is not there would be wrong.
  if (deed?.includes("{")) deed = undefined;
  if (define.op === "mul" && inputs.length === 2 && define.inputs[0]!.node === define.inputs[1]!.node)
    deed = `${first} is multiplied by itself`;
  deed ??= inputs.length ? `${define.op} is applied to ${list(inputs)}` : `${define.op} runs`;
  const value = (of(step, "execute") as Execute[]).find((e) => e.node === node)?.value;
  const name = nameOf(names, node);
  const own = name.invented || !name.drawn ? "" : name.text;
  let made = "";
  if (value) made = isScalar(value) ? (own ? `; ${own} is ${num(value.data)}` : `; the result is ${num(value.data)}`) : `; ${own || "the result"} has shape ${shapeText(value.shape)}`;
  const kept = (of(step, "save")[0] as Save | undefined)?.saved ?? [];
  const keeps = [...new Set(kept.map((s) => keptAs(define, s, names)))];
  const keeping = keeps.length ? ` It keeps ${list(keeps)} for the way back.` : "";
  // A sentence may begin with a name or with what the operation is called: those stay as they are.
  const opening = template && !template.startsWith("{") && !template.startsWith(define.op) ? capital(deed) : deed;
  const over = define.in_place ? " It is written in place, over the value that was there." : "";
  return `${opening}${made}.${over}${keeping}`;
}

/** What an operation keeps, in words: its result, one of its inputs, or what it worked out on the way. */
export function keptAs(define: Define, s: Saved, names: Names): string {
  if (s.what === "out") return "its own result";
  const input = s.node !== define.node || define.inputs.some((i) => i.arg === s.what);
  return input ? nameOf(names, s.node).text : "what it worked out on the way";
}

function visit(event: Backward, names: Names, state: State): string {
  const define = state.nodes.get(event.node)?.define;
  const name = nameOf(names, event.node);
  const who = name.text;
  const by = new Map<string, string[]>();
  for (const send of event.sends) {
    const what = as_grad(send.value);
    by.set(what, [...(by.get(what) ?? []), nameOf(names, send.node).text]);
  }
  const parts = [...by].map(([what, to]) => `${what} to ${to.length === 2 && to[0] === to[1] ? `${to[0]}, twice` : to.length > 1 ? `each of ${list(to)}` : to[0]}`);
  const arrives = isScalar(event.grad) ? `gradient ${num(event.grad.data)} arrives` : "its gradient arrives";
  if (!parts.length) return `Backward visits ${who}: ${arrives}, and nothing is sent on.`;
  const rule = define ? `the rule of ${define.label || define.op}` : "its rule";
  return `Backward visits ${who}: ${arrives}, and ${rule} sends ${list(parts)}.`;
}

function meet(event: Accumulate, before: State, names: Names): string {
  const name = nameOf(names, event.node).text;
  const was = before.nodes.get(event.node)?.arriving;
  const nth = ["", "", "second", "third", "fourth", "fifth"][event.count] ?? `${event.count}th`;
  if (was && isScalar(was) && isScalar(event.added) && isScalar(event.value)) {
    const b = num(event.added.data);
    const sum = `${num(was.data)} + ${b.startsWith("−") ? `(${b})` : b} = ${num(event.value.data)}`;
    return `A ${nth} gradient reaches ${name}: ${sum}. Where paths meet, gradients add.`;
  }
  return `A ${nth} gradient reaches ${name} and is added to what is there. Where paths meet, gradients add.`;
}

function store(step: Step, names: Names): string {
  const events = step.events.filter((e): e is Accumulate => e.type === "accumulate");
  const first = events[0]!;
  if (first.before) {
    const name = nameOf(names, first.node).text;
    if (isScalar(first.before) && isScalar(first.added) && isScalar(first.value)) {
      const b = num(first.added.data);
      return `${name}.grad held ${num(first.before.data)} from before; the new gradient ${b} is added, which makes ${num(first.value.data)}.`;
    }
    return `${name}.grad held a gradient from before; the new one is added to it.`;
  }
  const words = events.map((e) => {
    const name = `${nameOf(names, e.node).text}.grad`;
    return isScalar(e.value) ? `${name} = ${num(e.value.data)}` : name;
  });
  return `The gradient${events.length > 1 ? "s are" : " is"} kept where you can read ${events.length > 1 ? "them" : "it"}: ${some(words)}.`;
}

function update(events: readonly Update[], names: Names): string {
  const first = events[0]!;
  const name = nameOf(names, first.node).text;
  if (events.length === 1 && isScalar(first.before) && isScalar(first.value))
    return `${first.optimizer} moves ${name} from ${num(first.before.data)} to ${num(first.value.data)}, against its gradient.`;
  return `${first.optimizer} moves ${some(events.map((e) => nameOf(names, e.node).text))} a little, against ${events.length > 1 ? "their gradients" : "its gradient"}.`;
}

/** What the step did. `before` and `after` are the states around it. */
export function describe(step: Step, names: Names, before: State, after: State): string {
  switch (step.kind) {
    case "enter":
      return enter(step, names);
    case "operation":
    case "begin":
    case "run":
    case "fetch":
      return operation(step, names, after);
    case "error": {
      const event = step.events[0] as Failure;
      return `${event.error}: ${event.text.split("\n")[0]}`;
    }
    case "seed": {
      const event = step.events[0] as Accumulate;
      const name = nameOf(names, event.node).text;
      const v = isScalar(event.value) ? num(event.value.data) : "all ones or what you gave";
      return `Backward starts at ${name}: how fast does ${name} change with itself? ${v === "1" ? "At rate 1." : `The starting gradient is ${v}.`}`;
    }
    case "visit":
      return visit(step.events.find((e): e is Backward => e.type === "backward")!, names, before);
    case "meet":
      return meet(step.events[0] as Accumulate, before, names);
    case "store":
      return store(step, names);
    case "free": {
      const nodes = step.events.filter((e) => e.node !== null).length;
      return nodes > 1
        ? `The values that ${nodes} operations had kept for the way back are released.`
        : "The values kept for the way back are released.";
    }
    case "update":
      return update(step.events.filter((e): e is Update => e.type === "update"), names);
    case "train": {
      const event = step.events[0] as Extract<Event, { type: "step" }>;
      const words = Object.entries(event.metrics).map(([k, v]) => `${k} ${num(v as Num)}`);
      return `One training step is done${words.length ? `: ${list(words)}` : ""}.`;
    }
  }
}

/** The way things stand before the first step. */
export const OPENING = "Nothing has run yet. Step forward to run the first line.";
