// Broadcasting: two shapes laid under each other from the right, stretched forwards and summed on the way back.
import css from "./broadcasting.css";
import type { Band } from "./controls";
import { check, isShape, readData, Unreadable } from "./data";
import { h, s, setAttr, setText } from "./dom";
import { num, shapeTuple, toNumber } from "./format";
import { keys, widgetOf, type Frame, type Said, type Show } from "./frame";
import { icon } from "./icons";
import { answerForm, readNumber, readShape } from "./predict";
import type { Num, Shape } from "./types";

export type Side = "a" | "b";

interface Operand {
  readonly name: string;
  readonly shape: Shape;
  /** Entries in row-major order; empty where they are too many to be drawn. */
  readonly values: readonly Num[];
}

export interface Data {
  readonly a: Operand;
  readonly b: Operand;
  readonly sign: string;
  /** Entries of the result; empty where there is none, or too many. */
  readonly values: readonly Num[];
}

/** One column of the rulers, counted from the left of the longer shape. */
export interface Axis {
  /** Sizes as written; null where a shape has no such dim. */
  readonly a: number | null;
  readonly b: number | null;
  /** The result's size; null where the two cannot be joined. */
  readonly out: number | null;
  /** Whose size 1 (or missing dim) is used again and again. */
  readonly stretch: Side | null;
}

export type Step =
  | { readonly kind: "align" | "result" | "seed"; readonly phase: "forward" | "backward" }
  | { readonly kind: "axis"; readonly phase: "forward"; readonly axis: number }
  | { readonly kind: "sum"; readonly phase: "backward"; readonly axis: number; readonly of: Side; readonly last: boolean }
  | { readonly kind: "keep"; readonly phase: "backward"; readonly of: Side };

export interface Plan {
  readonly axes: readonly Axis[];
  readonly steps: readonly Step[];
  /** The result's shape, or null where there is none. */
  readonly shape: Shape | null;
}

/** How the two shapes are joined, as NumPy and PyTorch do it, one decision a step. */
export function planOf(a: Shape, b: Shape): Plan {
  const rank = Math.max(a.length, b.length);
  const axes = Array.from({ length: rank }, (_, i): Axis => {
    const [m, n] = [a[i - rank + a.length] ?? null, b[i - rank + b.length] ?? null];
    const [p, q] = [m ?? 1, n ?? 1];
    const out = p === q ? p : p === 1 ? q : q === 1 ? p : null;
    // A dim of size 1 that meets another 1 is new at most, and nothing is used twice.
    const stretch = out === null || p === q ? (m === null ? "a" : n === null ? "b" : null) : p === 1 ? "a" : "b";
    return { a: m, b: n, out, stretch };
  });
  const steps: Step[] = [{ kind: "align", phase: "forward" }];
  for (let axis = rank - 1; axis >= 0; axis--) {
    steps.push({ kind: "axis", phase: "forward", axis });
    if (axes[axis]!.out === null) return { axes, steps, shape: null };
  }
  steps.push({ kind: "result", phase: "forward" }, { kind: "seed", phase: "backward" });
  for (const of of ["a", "b"] as const) {
    const mine = axes.map((x, axis) => ({ x, axis })).filter(({ x }) => x.stretch === of);
    if (!mine.length) steps.push({ kind: "keep", phase: "backward", of });
    mine.forEach(({ axis }, i) => steps.push({ kind: "sum", phase: "backward", axis, of, last: i === mine.length - 1 }));
  }
  return { axes, steps, shape: axes.map((x) => x.out!) };
}

export interface State {
  readonly aligned: boolean;
  /** Columns that have been compared. */
  readonly compared: ReadonlySet<number>;
  readonly stretched: Readonly<Record<Side, ReadonlySet<number>>>;
  readonly result: boolean;
  readonly backward: boolean;
  readonly summed: Readonly<Record<Side, ReadonlySet<number>>>;
  /** Whose gradient is complete. */
  readonly done: ReadonlySet<Side>;
}

/** What is true after `at` steps. */
export function stateAt(plan: Plan, at: number): State {
  const compared = new Set<number>();
  const stretched = { a: new Set<number>(), b: new Set<number>() };
  const summed = { a: new Set<number>(), b: new Set<number>() };
  const done = new Set<Side>();
  let [result, backward] = [false, false];
  for (const step of plan.steps.slice(0, at)) {
    if (step.kind === "axis") {
      compared.add(step.axis);
      const side = plan.axes[step.axis]!.stretch;
      if (side) stretched[side].add(step.axis);
    } else if (step.kind === "result") result = true;
    else if (step.kind === "seed") backward = true;
    else if (step.kind === "keep") done.add(step.of);
    else if (step.kind === "sum") {
      summed[step.of].add(step.axis);
      if (step.last) done.add(step.of);
    }
  }
  return { aligned: at > 0, compared, stretched, result, backward, summed, done };
}

/** How many entries of the result's gradient are added into each entry of one side's. */
export const copies = (plan: Plan, of: Side): number =>
  plan.axes.reduce((n, x) => (x.stretch === of ? n * (x.out ?? 1) : n), 1);

/** What to say about a predicted shape; null when the text is no answer at all. */
export function judgeShape(text: string, a: Shape, b: Shape): { correct: boolean; answer: Shape | null; say: string } | null {
  const { shape, axes } = planOf(a, b);
  if (/^\s*(err|no)/i.test(text)) {
    if (!shape) return { correct: true, answer: null, say: "Right: these two cannot be joined." };
    return { correct: false, answer: null, say: `They can: the result is ${shapeTuple(shape)}.` };
  }
  const answer = readShape(text);
  if (!answer) return null;
  const said = shapeTuple(answer);
  if (!shape) {
    const bad = [...axes].reverse().find((x) => x.out === null)!;
    return { correct: false, answer, say: `Not ${said}: ${bad.a} and ${bad.b} stand under each other, and neither is 1.` };
  }
  if (String(answer) === String(shape)) return { correct: true, answer, say: `Right: ${said}.` };
  const left = [...(planOf([...a].reverse(), [...b].reverse()).shape ?? [])].reverse();
  let hint = "";
  if (left.length && String(left) === String(answer)) hint = " Shapes are laid under each other from the right, not from the left.";
  else if (String(answer) === String(a) || String(answer) === String(b)) hint = " Both sides may be stretched.";
  else if ([...answer].reverse().join() === shape.join()) hint = " The right numbers, the other way round.";
  return { correct: false, answer, say: `Not ${said}: it is ${shapeTuple(shape)}.${hint}` };
}

// --- the picture ---------------------------------------------------------------------------------

/** So many entries of an axis are drawn; the ruler says how many there are. */
const MOST = 6;
const GAP = 4;

interface Cell {
  readonly g: SVGGElement;
  readonly text: SVGTextElement;
  /** Where it is in the result. */
  readonly index: readonly number[];
}

interface Panel {
  readonly cells: readonly Cell[];
  readonly arrows: SVGGElement;
  readonly title: SVGTextElement;
  readonly name: string;
}

/** Every index of a box of these sizes, in row-major order. */
const indices = (sizes: Shape): number[][] =>
  sizes.reduce<number[][]>((all, n) => all.flatMap((x) => Array.from({ length: n }, (_, i) => [...x, i])), [[]]);

/** The place of an index of the result in an operand's own entries. */
function flat(index: readonly number[], shape: Shape): number {
  const mine = index.slice(index.length - shape.length);
  return shape.reduce((at, n, i) => at * n + (n === 1 ? 0 : mine[i]!), 0);
}

/** What one entry of the result sends to each side where 1 arrives at it: the local slopes of the operation. */
const SENDS: Readonly<Record<string, { readonly a: (a: number, b: number) => number; readonly b: (a: number, b: number) => number; readonly words: (a: string, b: string) => string }>> = {
  "+": { a: () => 1, b: () => 1, words: (a, b) => `${a} and ${b} get 1 each` },
  "−": { a: () => 1, b: () => -1, words: (a, b) => `${a} gets 1, and ${b} gets −1, since the result falls where ${b} rises` },
  "×": { a: (_, b) => b, b: (a) => a, words: (a, b) => `${a} gets the ${b} beside it, and ${b} the ${a}` },
  "÷": { a: (_, b) => 1 / b, b: (a, b) => -a / (b * b), words: (a, b) => `${a} gets 1/${b}, and ${b} gets −${a}/${b}²` },
};

/** The gradients, one for each copy along the axes in `over`, that meet in the entry of `side` at `index` of the result. */
export function arriving(data: Data, plan: Plan, side: Side, index: readonly number[], over: ReadonlySet<number>): number[] {
  const send = SENDS[data.sign]![side];
  const entry = (o: Operand, at: readonly number[]): number => toNumber(o.values[flat(at, o.shape)] ?? NaN);
  const ways = indices(plan.shape!.map((n, axis) => (over.has(axis) ? n : 1)));
  return ways.map((way) => {
    const at = index.map((i, axis) => (over.has(axis) ? way[axis]! : i));
    return send(entry(data.a, at), entry(data.b, at));
  });
}

const without = (all: ReadonlySet<number>, one: number): ReadonlySet<number> => new Set([...all].filter((x) => x !== one));
const add = (terms: readonly number[]): number => terms.reduce((x, y) => x + y, 0);

function mount(frame: Frame, data: Data): Show {
  const { a, b } = data;
  const plan = planOf(a.shape, b.shape);
  const { axes, steps, shape } = plan;
  const rank = axes.length;
  const result = `${a.name} ${data.sign} ${b.name}`;
  const predicting = (): boolean => frame.model.get("predict") === true;
  const predictions = (): Record<string, unknown>[] => (frame.model.get("predictions") as Record<string, unknown>[] | undefined) ?? [];
  let asking: "shape" | Side | null = null;
  let verdict: Said["verdict"] = null;

  const svg = s("svg", { class: "tgs-bc", role: "img", "aria-label": "Shapes, and the entries they hold" });
  const stage = h("div", { class: "tgs-paperwork" }, svg);
  const drawn = (n: number): number => Math.min(n, MOST);
  const sizes = (shape ?? axes.map((x) => x.out ?? Math.max(x.a ?? 1, x.b ?? 1))).map(drawn);
  const drawable = shape !== null && rank <= 3 && a.values.length > 0 && shape.every((n) => n > 0);
  let [width, height] = [0, 0];
  let panels: Record<Side | "out", Panel> | null = null;
  let boxes: { g: SVGGElement; side: Side | "out"; axis: number; text: SVGTextElement }[] = [];
  const band = s("rect", { class: "tgs-column", rx: 9 });
  const DIM = [54, 34] as const;
  const [rowGap, top] = [44, 20];

  /** Where column `axis` of a ruler stands, before and after the shapes are laid under each other. */
  function columnX(side: Side | "out", axis: number, aligned: boolean): number {
    const own = side === "out" ? rank : data[side].shape.length;
    const shift = aligned ? axis : axis - (rank - own);
    const left = width / 2 - (rank * DIM[0]) / 2 + 34;
    return left + shift * DIM[0];
  }

  function build(): void {
    boxes = [];
    const rows = (["a", "b", "out"] as const).flatMap((side, row) => {
      const name = side === "out" ? result : data[side].name;
      const own = side === "out" ? shape : data[side].shape;
      const y = top + row * rowGap + DIM[1] / 2;
      const label = s("text", { class: "tgs-rulername", x: width / 2 - (rank * DIM[0]) / 2 - 22, y }, name, s("tspan", { class: "tgs-tuple", dx: 10 }, side === "out" ? "" : shapeTuple(own!)));
      const dims = axes.map((_, axis) => {
        const text = s("text", { x: DIM[0] / 2 - 4, y: DIM[1] / 2 });
        const g = s("g", { class: "tgs-dim" }, s("rect", { width: DIM[0] - 8, height: DIM[1], rx: 7 }), text);
        g.style.setProperty("--y", `${top + row * rowGap}px`);
        boxes.push({ g, side, axis, text });
        return g;
      });
      return [label, ...dims];
    });
    const rulers = top + 3 * rowGap + 4;
    const line = s("path", { class: "tgs-hairline", d: `M${width / 2 - (rank * DIM[0]) / 2 - 130} ${top + 2 * rowGap - 5}H${width / 2 + (rank * DIM[0]) / 2 + 34}` });
    svg.replaceChildren(band, line, ...rows);
    height = rulers + 10;
    if (drawable) {
      const made = grids(rulers + 34);
      svg.append(...made.parts);
      height = made.bottom + 18;
    }
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.style.height = `${height}px`;
  }

  /** Entries of both sides and of the result, with room for every copy. */
  function grids(y0: number): { parts: Element[]; bottom: number } {
    const [cols, rowsOf, sheets] = [sizes.at(-1) ?? 1, sizes.at(-2) ?? 1, sizes.at(-3) ?? 1];
    const room = (width - 36 - 2 * 34) / 3;
    const size = Math.max(20, Math.min(44, (room - 8) / cols - GAP, 250 / (rowsOf * sheets) - GAP));
    const [pitchX, pitchY] = [size + GAP, Math.min(size, 34) + GAP];
    const tall = pitchY - GAP;
    const sheetGap = 12;
    const [w, hgt] = [cols * pitchX - GAP, sheets * rowsOf * pitchY - GAP + (sheets - 1) * sheetGap];
    const at = (index: readonly number[]): [number, number] => [
      (index.at(-1) ?? 0) * pitchX,
      (index.at(-2) ?? 0) * pitchY + (index.at(-3) ?? 0) * (rowsOf * pitchY + sheetGap),
    ];
    const gap = Math.min(34, (width - 36 - 3 * w) / 2);
    const left = (width - 3 * w - 2 * gap) / 2;
    const parts: Element[] = [];
    const panel = (side: Side | "out", k: number): Panel => {
      const x0 = left + k * (w + gap);
      const arrows = s("g", { class: "tgs-arrows" });
      const cells = indices(sizes).map((index): Cell => {
        const text = s("text", { x: size / 2, y: tall / 2 + 0.5 });
        const g = s("g", { class: "tgs-cell" }, s("rect", { width: size, height: tall, rx: 5 }), text);
        if (side === "out") {
          g.addEventListener("pointerenter", () => pair(index));
          g.addEventListener("pointerleave", () => pair(null));
          g.addEventListener("focus", () => pair(index));
          g.addEventListener("blur", () => pair(null));
        }
        const origin = side === "out" ? index : index.map((i, axis) => (axes[axis]!.stretch === side ? 0 : i));
        const [[x, y], [ox, oy]] = [at(index), at(origin)];
        g.style.setProperty("--x", `${x}px`);
        g.style.setProperty("--y", `${y}px`);
        g.style.setProperty("--ox", `${ox}px`);
        g.style.setProperty("--oy", `${oy}px`);
        return { g, text, index };
      });
      const name = side === "out" ? result : data[side].name;
      const title = s("text", { class: "tgs-gridname", x: x0 + w / 2, y: y0 - 16 }, name);
      parts.push(
        title,
        s("g", { "data-side": side, transform: `translate(${x0} ${y0})` }, ...[...cells].reverse().map((c) => c.g), arrows),
      );
      if (k) parts.push(s("text", { class: "tgs-sign", x: x0 - gap / 2, y: y0 + hgt / 2 }, k === 1 ? data.sign : "="));
      return { cells, arrows, title, name };
    };
    panels = { a: panel("a", 0), b: panel("b", 1), out: panel("out", 2) };
    draft = (side, axis, inward) => {
      // One arrow for each line of copies along the axis.
      const along = sizes.map((n, i) => (i === axis ? 1 : stateful(side, i) ? 1 : n));
      return indices(along).map((index) => {
        const [x, y] = at(index);
        const end = at(index.map((v, i) => (i === axis ? sizes[axis]! - 1 : v)));
        const horizontal = axis === rank - 1;
        // Along the edge of the entries, so that no number is struck through.
        const [p, q] = horizontal
          ? [[x + size * 0.8, y + tall - 5], [end[0] + size * 0.7, y + tall - 5]]
          : [[x + size - 6, y + tall * 0.7], [end[0] + size - 6, end[1] + tall * 0.7]];
        const [from, to] = inward ? [q!, p!] : [p!, q!];
        const d = `M${from[0]} ${from[1]}L${to[0]} ${to[1]}`;
        const dir = Math.sign(horizontal ? to[0]! - from[0]! : to[1]! - from[1]!);
        const head = horizontal ? `M${to[0]! + 2 * dir} ${to[1]}l${-7 * dir} -4v8z` : `M${to[0]} ${to[1]! + 2 * dir}l-4 ${-7 * dir}h8z`;
        return s("g", { class: inward ? "is-inward" : "is-outward" }, s("path", { class: "tgs-shaft", d }), s("path", { class: "tgs-head-of", d: head }));
      });
    };
    return { parts, bottom: y0 + hgt };
  }
  let draft: (side: Side, axis: number, inward: boolean) => Element[] = () => [];
  /** Whether an axis of one side shows a single line now. */
  let stateful: (side: Side, axis: number) => boolean = () => false;

  /** Lights the two entries that made one of the result. */
  function pair(index: readonly number[] | null): void {
    if (!panels) return;
    for (const side of ["a", "b", "out"] as const)
      for (const cell of panels[side].cells) {
        const lit = index !== null && (side === "out" || stateAt(plan, frame.at).result) && String(cell.index) === String(index);
        cell.g.classList.toggle("is-lit", lit);
      }
  }

  function drawRulers(state: State, step: Step | null): void {
    for (const { g, side, axis, text } of boxes) {
      const x = axes[axis]!;
      const own = side === "out" ? (state.compared.has(axis) ? x.out : undefined) : x[side];
      const missing = side !== "out" && own === null;
      const clash = x.out === null && state.compared.has(axis);
      g.style.setProperty("--x", `${columnX(side, axis, state.aligned)}px`);
      let cls = "tgs-dim";
      if (own === undefined || (missing && !state.aligned)) cls += " is-hidden";
      else if (clash) cls += " is-clash";
      else if (side !== "out" && state.stretched[side].has(axis)) cls += " is-stretched";
      else if (side === "out") cls += " is-out";
      if (missing) cls += " is-missing";
      g.setAttribute("class", cls);
      const stretched = side !== "out" && state.stretched[side].has(axis) && (x.out ?? 1) !== 1;
      setText(text, clash && side === "out" ? "?" : stretched ? `1→${x.out}` : String(own ?? 1));
    }
    const axis = step && "axis" in step ? step.axis : null;
    band.setAttribute("class", axis === null ? "tgs-column is-hidden" : `tgs-column is-${step!.phase}${axes[axis]!.out === null ? " is-clash" : ""}`);
    for (const [name, value] of Object.entries({ x: columnX("out", axis ?? 0, true) - 5, y: top - 7, width: DIM[0] + 2, height: 3 * rowGap + 4 }))
      band.setAttribute(name, String(value));
  }

  function drawGrids(state: State, step: Step | null): void {
    if (!panels) return;
    stateful = (side, i) => {
      if (axes[i]!.stretch !== side) return false;
      return state.backward ? state.summed[side].has(i) : !state.stretched[side].has(i);
    };
    svg.classList.toggle("is-back", state.backward);
    for (const { title, name } of Object.values(panels)) setText(title, !state.backward ? name : name === result ? `gradient of ${name}` : `${name}.grad`);
    for (const side of ["a", "b"] as const) {
      const { cells, arrows } = panels[side];
      const graded = state.backward;
      const now = step?.kind === "sum" && step.of === side ? step.axis : null;
      for (const { g, text, index } of cells) {
        const copy = index.some((i, axis) => i > 0 && axes[axis]!.stretch === side);
        const hidden = index.some((i, axis) => i > 0 && stateful(side, axis) && axis !== now);
        const fading = !hidden && now !== null && index[now]! > 0;
        const cls = hidden ? "is-hidden" : fading ? "is-fading" : copy ? "is-ghost" : "is-own";
        g.setAttribute("class", `tgs-cell ${cls}${graded ? " is-grad" : ""}${state.done.has(side) ? " is-done" : ""}`);
        setText(text, graded ? num(add(arriving(data, plan, side, index, fading ? without(state.summed[side], now!) : state.summed[side])), 3) : num(data[side].values[flat(index, data[side].shape)] ?? 0));
      }
      const stretching = step?.kind === "axis" && axes[step.axis]!.stretch === side && axes[step.axis]!.out !== 1 ? step.axis : null;
      arrows.replaceChildren(...(now !== null && sizes[now]! > 1 ? draft(side, now, true) : stretching !== null ? draft(side, stretching, false) : []));
    }
    for (const { g, text, index } of panels.out.cells) {
      // Its outline alone would answer the question about its shape.
      const known = state.compared.size === rank;
      g.setAttribute("class", `tgs-cell ${state.result ? "is-own" : known ? "is-empty" : "is-empty is-hidden"}${state.backward ? " is-grad" : ""}`);
      setText(text, state.backward ? "1" : state.result ? num(data.values[flat(index, shape!)] ?? 0) : "");
      setAttr(g, "tabindex", state.result && !state.backward ? "0" : null);
      setAttr(g, "role", state.result && !state.backward ? "img" : null);
      const entry = (o: Operand): string => `${o.name} ${num(o.values[flat(index, o.shape)] ?? 0)}`;
      setAttr(g, "aria-label", state.result && !state.backward ? `Entry ${index.join(", ")}: ${entry(a)} and ${entry(b)} make ${num(data.values[flat(index, shape!)] ?? 0)}` : null);
    }
  }

  // --- words ---------------------------------------------------------------------------------

  const tuple = (side: Side): string => shapeTuple(data[side].shape);
  const other = (side: Side): Side => (side === "a" ? "b" : "a");

  function say(step: Step): string {
    switch (step.kind) {
      case "align": {
        const short = a.shape.length < b.shape.length ? "a" : "b";
        const missing = Math.abs(a.shape.length - b.shape.length);
        const dims = missing === 1 ? "one dim" : `${missing} dims`;
        return `The shapes are laid under each other from the right.${missing ? ` ${data[short].name} has ${dims} fewer: what is missing counts as 1.` : ""}`;
      }
      case "axis": {
        const x = axes[step.axis]!;
        const [p, q] = [x.a ?? 1, x.b ?? 1];
        const where = `Dim ${step.axis} of the result: `;
        if (x.out === null) return `${where}${p} and ${q} differ, and neither is 1. There is nothing to pair them by: this is an error.`;
        if (p === q) return `${where}${p} and ${q} agree${x.stretch ? ", the missing one counted as 1" : ""}.`;
        const who = data[x.stretch!].name;
        return `${where}${who} has ${x[x.stretch!] === null ? "none" : "1"} here, ${data[other(x.stretch!)].name} has ${x.out}. ${who} is used ${x.out} times: its copies are seen, not made.`;
      }
      case "result":
        return `${result} has shape ${shapeTuple(shape!)}: each entry is one of ${a.name} and the one of ${b.name} that stands in the same place.`;
      case "seed":
        return `Backward: 1 arrives at each entry of the result, as from a sum. For every entry, ${SENDS[data.sign]!.words(a.name, b.name)}: a gradient of the result's shape, ${shapeTuple(shape!)}, reaches both sides.`;
      case "keep":
        return `${data[step.of].name} was not stretched: nothing is summed, and its gradient has shape ${tuple(step.of)} already.`;
      case "sum": {
        const x = axes[step.axis]!;
        const who = data[step.of].name;
        const gone = x[step.of] === null ? ` ${who} has no such dim, so it goes.` : "";
        const end = step.last ? ` ${who}.grad has ${who}'s own shape again: ${tuple(step.of)}.` : "";
        return `${who} was used ${x.out} times along dim ${step.axis}: the gradients of the ${x.out} are summed${example(step)}.${gone}${end}`;
      }
    }
  }

  /** The first entry's sum, where it is short and no mere count. */
  function example(step: Extract<Step, { kind: "sum" }>): string {
    if (!drawable) return "";
    const before = steps.slice(0, steps.indexOf(step)).flatMap((x) => (x.kind === "sum" && x.of === step.of ? [x.axis] : []));
    const start = axes.map(() => 0);
    const terms = Array.from({ length: shape![step.axis]! }, (_, k) => add(arriving(data, plan, step.of, start.map((v, i) => (i === step.axis ? k : v)), new Set(before))));
    if (terms.length < 2 || terms.length > 4 || terms.every((t) => t === 1)) return "";
    const [first, ...rest] = terms.map((t) => num(t, 3));
    return `, in the first entry ${[first, ...rest.map((t) => (t.startsWith("−") ? `(${t})` : t))].join(" + ")} = ${num(add(terms), 3)}`;
  }

  const QUESTIONS = {
    shape: `Which shape will ${result} have? Write “error” if there is none.`,
    a: `How many gradients are added into each entry of ${a.name}.grad?`,
    b: `How many gradients are added into each entry of ${b.name}.grad?`,
  };

  function answer(text: string): string | null {
    const asked = asking!;
    const found = asked === "shape" ? judgeShape(text, a.shape, b.shape) : judgeCount(text, asked);
    if (!found) return asked === "shape" ? "A shape looks like 2, 3." : "A number looks like 6.";
    const expected = asked === "shape" ? shape : copies(plan, asked);
    frame.put("predictions", [...predictions(), { step: frame.at + 1, asked, answer: found.answer, expected, correct: found.correct }]);
    frame.go(frame.at + 1);
    verdict = found;
    frame.draw();
    frame.root.focus({ preventScroll: true });
    return null;
  }

  function judgeCount(text: string, side: Side): { correct: boolean; answer: number; say: string } | null {
    const n = readNumber(text);
    if (n === null) return null;
    const expected = copies(plan, side);
    const mean = n === 1 && expected > 1 ? " They are summed, not averaged." : "";
    return { correct: n === expected, answer: n, say: n === expected ? `Right: ${expected}.` : `Not ${num(n)}: it is ${expected}.${mean}` };
  }

  const toggle = h("button", { type: "button", class: "tgs-toggle", title: "Ask me before each answer is shown" }, icon("think"), h("span", {}, "Predict"));
  toggle.addEventListener("click", () => {
    asking = null;
    verdict = null;
    frame.put("predict", !predicting());
    frame.draw();
  });
  frame.listen("predict", () => frame.draw());

  function draw(at: number): Said {
    const step = at > 0 ? steps[at - 1]! : null;
    const state = stateAt(plan, at);
    drawRulers(state, step);
    drawGrids(state, step);
    setAttr(toggle, "aria-pressed", String(predicting()));
    const phase = step ? step.phase : "start";
    if (asking) {
      const form = answerForm({ prompt: QUESTIONS[asking], asked: asking === "shape" ? "shape" : "number" }, answer, () => {
        frame.go(frame.at + 1);
        frame.root.focus({ preventScroll: true });
      });
      return { phase, words: QUESTIONS[asking], more: [form] };
    }
    if (step?.kind === "axis" && axes[step.axis]!.out === null) return { phase: "refused", title: "Error", words: say(step), verdict };
    if (step) return { phase, words: say(step), verdict };
    return { phase, words: `${a.name} has shape ${tuple("a")}, ${b.name} has shape ${tuple("b")}. Can they be joined, and what will the result look like?`, more: [keys()] };
  }

  const runs: Band[] = (["forward", "backward"] as const)
    .map((phase) => ({ phase, count: steps.filter((x) => x.phase === phase).length }))
    .filter((x) => x.count > 0);

  return {
    title: `${result}: ${tuple("a")} and ${tuple("b")}`,
    bands: runs,
    body: [stage],
    actions: [toggle],
    draw,
    drawing: () => ({ svg: svg.cloneNode(true) as SVGSVGElement, width, height }),
    ask(at) {
      const step = steps[at]!;
      const before = steps[at - 1];
      // Of several sums on one side, the first asks for all of them.
      const opens = step.kind === "sum" && !(before?.kind === "sum" && before.of === step.of);
      asking = !predicting() ? null : at === 0 ? "shape" : opens ? step.of : null;
      verdict = null;
      if (asking) queueMicrotask(() => frame.root.querySelector<HTMLInputElement>(".tgs-answer input")?.focus({ preventScroll: true }));
      return asking !== null;
    },
    asking: () => asking !== null,
    leave(to) {
      asking = null;
      if (to !== frame.at) verdict = null;
    },
    escape() {
      asking = null;
      frame.draw();
    },
    resized(w) {
      width = Math.max(480, w || 720);
      build();
      frame.draw();
    },
  };
}

function read(text: string): Data {
  const data = readData(text, "broadcasting", 1, { a: "object", b: "object", sign: "text", values: "list" });
  for (const side of ["a", "b"]) check(data[side] as Record<string, unknown>, { name: "text", shape: "shape", values: "list" }, `${side}.`);
  const { a, b, sign } = data as unknown as Data;
  if (!Object.hasOwn(SENDS, sign)) throw new Unreadable(`This picture joins by +, −, × or ÷, not by “${sign.slice(0, 20)}”.`);
  if (![a, b].every((x) => isShape(x.shape) && x.shape.length <= 8)) throw new Unreadable("This picture shows shapes of at most 8 dims.");
  return data as unknown as Data;
}

export default widgetOf<Data>({
  label: "Broadcasting",
  picture: css,
  data: "data",
  saved: ["predict", "predictions"],
  read,
  mount,
});
