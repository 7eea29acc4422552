// Rules such as "{g} · {y}" as mathematics: with names, then with numbers, as pieces or plain text.
import { isExact, isScalar, num, rows, scalarOf, shapeTuple } from "./format";
import type { Name } from "./names";
import type { State } from "./state";
import type { Step } from "./steps";
import type { Accumulate, Backward, Define, Num, Update, Value } from "./types";

export type Piece =
  | { readonly t: "text" | "name" | "value" | "grad" | "hole"; readonly s: string }
  | { readonly t: "frac"; readonly top: Piece[]; readonly bottom: Piece[] }
  | { readonly t: "sup"; readonly body: Piece[] }
  | { readonly t: "matrix"; readonly rows: string[][]; readonly of: "value" | "grad" };

export type Line = readonly Piece[];
export type Names = ReadonlyMap<number, Name>;

const text = (s: string): Piece => ({ t: "text", s });

/** What to write for a placeholder: `alone` needs no brackets at all, a term of a sum none around products. */
type Put = (arg: string, alone: boolean, term: boolean) => Piece[] | null;

/** Splits a template at its placeholders and exponents, and fills each placeholder. */
export function fill(template: string, put: Put): Piece[] | null {
  const out: Piece[] = [];
  let plain = "";
  const flush = (): void => {
    if (plain) out.push(text(plain));
    plain = "";
  };
  for (let i = 0; i < template.length; ) {
    const placeholder = /^\{(\w+)\}/.exec(template.slice(i));
    if (placeholder) {
      flush();
      const before = template.slice(0, i).trimEnd();
      const after = template.slice(i + placeholder[0].length).trimStart();
      // Alone, or already inside brackets: no brackets of its own are needed.
      const alone = (!before || /[(,[]$/.test(before)) && (!after || /^[),\]]/.test(after));
      const term = alone || (/(^|[(,[+])$/.test(before) && /^($|[),\]+−])/.test(after));
      const pieces = put(placeholder[1]!, alone, term);
      if (!pieces) return null;
      out.push(...pieces);
      i += placeholder[0].length;
    } else if (template[i] === "^") {
      flush();
      const rest = template.slice(i + 1);
      const inner =
        rest[0] === "(" ? bracketed(rest) : (/^(\{\w+\}|[−-]?[\w.]+)/.exec(rest)?.[0] ?? "");
      const bare = rest[0] === "(" ? inner.slice(1, -1) : inner;
      const body = fill(bare, (arg) => put(arg, true, true));
      if (!body) return null;
      if (body.length) out.push({ t: "sup", body });
      else plain += "^";
      i += 1 + inner.length;
    } else {
      plain += template[i++];
    }
  }
  flush();
  return out;
}

function bracketed(s: string): string {
  let depth = 0;
  for (let i = 0; i < s.length; i++) {
    if (s[i] === "(") depth++;
    if (s[i] === ")" && --depth === 0) return s.slice(0, i + 1);
  }
  return s;
}

const wrap = (pieces: Piece[]): Piece[] => [text("("), ...pieces, text(")")];

export function nameOf(names: Names, node: number): Name {
  return names.get(node) ?? { text: `#${node}`, compound: false, invented: false, drawn: true };
}

function named(names: Names, node: number, alone: boolean): Piece[] {
  const name = nameOf(names, node);
  const piece: Piece[] = [{ t: "name", s: name.text }];
  return name.compound && !alone ? wrap(piece) : piece;
}

function number(v: Num, kind: "value" | "grad", alone: boolean): Piece[] {
  const s = num(v);
  const piece: Piece[] = [{ t: kind, s }];
  return s.startsWith("−") && !alone ? wrap(piece) : piece;
}

/** ∂L/∂a as a fraction. */
export function partial(root: string, names: Names, node: number): Piece {
  const top = root.length > 6 ? "L" : root;
  return {
    t: "frac",
    top: [text("∂"), { t: "name", s: top }],
    bottom: [text("∂"), ...named(names, node, false)],
  };
}

const equals = (v: Value): string => (isScalar(v) && !isExact(v.data) ? " ≈ " : " = ");

/** A number, a small matrix, or the shape of a large one. */
export function result(v: Value, kind: "value" | "grad"): Piece[] {
  if (isScalar(v)) return [{ t: kind, s: num(v.data) }];
  const cells = rows(v.data);
  if (cells && cells.length <= 4 && cells.every((r) => r.length <= 4))
    return [{ t: "matrix", rows: cells.map((r) => r.map((x) => num(x, 3))), of: kind }];
  return [text("array of shape "), { t: kind, s: shapeTuple(v.shape) }];
}

/** The value each placeholder of a node's notation stands for. */
function standsFor(define: Define, arg: string): number | null {
  if (arg === "out") return define.node;
  return define.inputs.find((i) => i.arg === arg)?.node ?? null;
}

/** c = a · b = 3 · 2 = 6 */
export function forwardLine(define: Define, value: Value | undefined, names: Names, state: State): Line {
  const own = nameOf(names, define.node);
  const left: Piece[] = !own.drawn ? [] : [{ t: "name", s: own.text }];
  const template = define.forward || `${define.op}(${define.inputs.map((i) => `{${i.arg}}`).join(", ")})`;
  const out: Piece[] = [...left];
  const symbolic = fill(template, (arg, _alone, term) => {
    const node = standsFor(define, arg);
    return node === null ? [text(arg)] : named(names, node, term);
  });
  if (symbolic) out.push(...(out.length ? [text(" = ")] : []), ...symbolic);
  const numbers = fill(template, (arg, alone) => {
    const node = standsFor(define, arg);
    const v = node === null ? null : scalarOf(state.nodes.get(node)?.value);
    return v === null ? null : number(v, "value", alone);
  });
  // A bare constant in the notation needs no second telling.
  if (numbers && plain(numbers) !== plain(symbolic ?? [])) out.push(text(" = "), ...numbers);
  if (value) out.push(text(equals(value)), ...result(value, "value"));
  else out.push(text(" = "), { t: "hole", s: "?" });
  return out;
}

/** ∂L/∂a += ∂L/∂c · b = 1 · 3 = 3, one line for each edge the visit sends along. */
export function visitLines(
  event: Backward,
  root: string,
  names: Names,
  state: State,
  hideEdge?: number,
): Line[] {
  const node = state.nodes.get(event.node);
  if (!node) return [];
  return event.sends.map((send) => {
    const out: Piece[] = [partial(root, names, send.node), text(" += ")];
    const rule = node.define.rules[send.arg];
    if (rule !== undefined) {
      const symbolic = fill(rule, (arg, _alone, term) => {
        if (arg === "g") return [partial(root, names, event.node)];
        const from = standsFor(node.define, arg);
        return from === null ? [text(arg)] : named(names, from, term);
      });
      const numbers = fill(rule, (arg, alone) => {
        const from = arg === "g" ? event.grad : state.nodes.get(standsFor(node.define, arg) ?? -1)?.value;
        const v = scalarOf(from);
        return v === null ? null : number(v, arg === "g" ? "grad" : "value", alone);
      });
      if (symbolic) out.push(...symbolic);
      if (numbers && isScalar(send.value) && hideEdge === undefined) {
        out.push(text(" = "), ...numbers);
        // A rule that only passes the gradient on has already said its result.
        if (plain(numbers) === num(send.value.data)) return out;
      }
      out.push(text(hideEdge === undefined ? equals(send.value) : " = "));
    }
    if (hideEdge !== undefined) out.push({ t: "hole", s: "?" });
    else out.push(...result(send.value, "grad"));
    return out;
  });
}

/** ∂L/∂a = 1 + 2 = 3, where gradients meet. */
export function meetLine(
  event: Accumulate,
  before: Value | undefined,
  root: string,
  names: Names,
  hide = false,
): Line {
  const out: Piece[] = [partial(root, names, event.node), text(" = ")];
  const a = scalarOf(before);
  const b = scalarOf(event.added);
  if (a !== null && b !== null) out.push(...number(a, "grad", true), text(" + "), ...number(b, "grad", false));
  else out.push(text("what was there + what arrives"));
  if (hide) out.push(text(" = "), { t: "hole", s: "?" });
  else out.push(text(equals(event.value)), ...result(event.value, "grad"));
  return out;
}

/** a.grad = ∂L/∂a = 4, or with the gradient that was there before: 4 + 4 = 8. */
export function storeLine(event: Accumulate, root: string, names: Names, hide = false): Line {
  const out: Piece[] = [{ t: "name", s: `${nameOf(names, event.node).text}.grad` }, text(" = ")];
  if (event.before) {
    const a = scalarOf(event.before);
    const b = scalarOf(event.added);
    if (a !== null && b !== null)
      out.push(...number(a, "grad", true), text(" + "), ...number(b, "grad", false));
    else out.push(text("old .grad + "), partial(root, names, event.node));
  } else out.push(partial(root, names, event.node));
  if (hide) out.push(text(" = "), { t: "hole", s: "?" });
  else out.push(text(equals(event.value)), ...result(event.value, "grad"));
  return out;
}

/** w: 0.5 → 0.3, or null for arrays too large to be written out. */
export function updateLine(event: Update, names: Names): Line | null {
  const out: Piece[] = [{ t: "name", s: nameOf(names, event.node).text }];
  if (isScalar(event.before) && isScalar(event.value)) {
    out.push(text(": "), ...number(event.before.data, "value", true), text(" → "));
    out.push(...number(event.value.data, "value", true));
    if (isScalar(event.grad))
      out.push(text("  with gradient "), ...number(event.grad.data, "grad", true));
    return out;
  }
  const [before, after] = [result(event.before, "value"), result(event.value, "value")];
  return before[0]?.t === "matrix" ? [...out, text(": "), ...before, text(" → "), ...after] : null;
}

/** At most this many lines of formulas are shown; the rest are counted. */
const MOST_LINES = 4;

/** What a step says in formulas. `before` is the state as the step begins. */
export function equations(step: Step, names: Names, before: State, after: State): Line[] {
  const root = after.root === null ? "L" : nameOf(names, after.root).text;
  const lines: Line[] = [];
  const seen = new Map<number, Value | undefined>();
  for (const event of step.events) {
    if (event.type === "execute" && event.node === step.node && step.kind !== "enter") {
      const define = after.nodes.get(event.node)?.define;
      if (define) lines.push(forwardLine(define, event.value, names, after));
    } else if (event.type === "backward") {
      lines.push(...visitLines(event, root, names, before));
    } else if (event.type === "accumulate") {
      const node = event.node;
      if (step.kind === "meet") {
        lines.push(meetLine(event, seen.get(node) ?? before.nodes.get(node)?.arriving, root, names));
      } else if (step.kind === "store") lines.push(storeLine(event, root, names));
      else if (step.kind === "seed")
        lines.push([partial(root, names, node), text(" = "), ...result(event.value, "grad")]);
      seen.set(node, event.value);
    } else if (event.type === "update") {
      const line = updateLine(event, names);
      if (line) lines.push(line);
    }
    else if (event.type === "step")
      lines.push(
        Object.entries(event.metrics).flatMap(([k, v], i) => [
          text(`${i ? ",  " : ""}`),
          { t: "name" as const, s: k },
          text(" = "),
          { t: "value" as const, s: num(v) },
        ]),
      );
  }
  if (lines.length <= MOST_LINES) return lines;
  return [...lines.slice(0, MOST_LINES - 1), [text(`and ${lines.length - MOST_LINES + 1} more`)]];
}

/** A line as plain text, for screen readers and tests. */
export function plain(line: Line): string {
  return line
    .map((p) => {
      switch (p.t) {
        case "frac":
          return `${plain(p.top)}/${plain(p.bottom)}`;
        case "sup":
          return `^${p.body.length > 1 ? `(${plain(p.body)})` : plain(p.body)}`;
        case "matrix":
          return `[${p.rows.map((r) => (p.rows.length > 1 ? `[${r.join(", ")}]` : r.join(", "))).join(", ")}]`;
        default:
          return p.s;
      }
    })
    .join("");
}
