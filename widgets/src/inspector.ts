// What is known about one node, and, while none is chosen, how to read the picture.
import { keptAs } from "./describe";
import { h, heading, s } from "./dom";
import { isScalar, num, rows, shapeTuple, spoken } from "./format";
import { icon } from "./icons";
import { markAt, outlineOf } from "./marks";
import { nameOf, type Names } from "./notation";
import type { NodeState, State } from "./state";
import type { Nested, Num, Value } from "./types";
import { size, type Why } from "./why";

const MOST_CELLS = 8;

function table(cells: readonly (readonly Num[])[], more: boolean): HTMLElement {
  const cut = cells.slice(0, MOST_CELLS).map((r) => r.slice(0, MOST_CELLS));
  const dots = more || cells.length > MOST_CELLS || cells.some((r) => r.length > MOST_CELLS);
  return h(
    "div",
    { class: "tgs-table" },
    h("table", {}, ...cut.map((r) => h("tr", {}, ...r.map((x) => h("td", {}, num(x, 3)))))),
    dots ? h("span", { class: "tgs-faint" }, "…") : null,
  );
}

function histogram(v: Value): Element | null {
  const counts = v.histogram?.counts;
  if (!counts?.length) return null;
  const top = Math.max(...counts, 1);
  const [w, tall] = [160, 36];
  const bar = w / counts.length;
  return h(
    "div",
    { class: "tgs-histogram" },
    s(
      "svg",
      { viewBox: `0 0 ${w} ${tall}`, width: w, height: tall, "aria-hidden": "true" },
      ...counts.map((c, i) =>
        s("rect", {
          x: i * bar + 0.5,
          width: Math.max(bar - 1, 0.5),
          y: tall - (tall * c) / top,
          height: (tall * c) / top,
        }),
      ),
    ),
    h("div", {}, h("span", {}, num(v.histogram!.edges[0] ?? 0, 3)), h("span", {}, num(v.histogram!.edges[1] ?? 0, 3))),
  );
}

/** A value in full where it is small, else its shape, range and spread. */
export function valueView(v: Value, role: "value" | "grad"): HTMLElement {
  if (isScalar(v)) return h("span", { class: `tgs-num is-${role}` }, num(v.data, 6));
  const box = h("div", { class: `tgs-value is-${role}` });
  const cells = rows(v.data);
  if (cells) box.append(table(cells, false));
  else if (v.data !== undefined) box.append(h("code", { class: "tgs-nested" }, clip(v.data)));
  else {
    const part = histogram(v);
    if (part) box.append(part);
    const facts = [`${num(v.min ?? NaN, 3)} … ${num(v.max ?? NaN, 3)}`, `mean ${num(v.mean ?? NaN, 3)} ± ${num(v.std ?? NaN, 3)}`];
    if (v.nan) facts.push(`${v.nan} NaN`);
    if (v.inf) facts.push(`${v.inf} infinite`);
    box.append(h("div", { class: "tgs-faint" }, facts.join(", ")));
    const corner = rows(v.corner);
    if (corner) box.append(table(corner, true));
  }
  return box;
}

function clip(data: Nested): string {
  const show = (x: Nested): string => (Array.isArray(x) ? `[${x.map(show).join(", ")}]` : num(x as Num, 3));
  const text = show(data);
  return text.length > 240 ? `${text.slice(0, 240)} …` : text;
}

function fact(term: string, detail: Node | string | null): Node[] {
  return detail === null ? [] : [h("dt", {}, term), h("dd", {}, detail)];
}

/** What a reader may do with an answer. */
export interface Asking {
  readonly why: Why;
  readonly open: boolean;
  toggle(): void;
  /** Shows where a node's rule ran on the way back. */
  visit(node: number): void;
  /** Goes on until so many events have happened. */
  until(count: number): void;
  pick(node: number): void;
}

/** The question about a gradient, and below it the answer: in words, then rule by rule along the way. */
function question({ why, open, toggle, visit, until, pick }: Asking, names: Names, node: number): HTMLElement {
  const button = (words: string, act: () => void, cls = "tgs-quiet has-text"): HTMLElement => {
    const b = h("button", { type: "button", class: cls }, words);
    b.addEventListener("click", act);
    return b;
  };
  const ask = button(why.question, toggle, "tgs-ask");
  ask.prepend(icon("think"));
  ask.setAttribute("aria-expanded", String(open));
  const el = h("section", { class: "tgs-why", "aria-label": "Why" }, ask);
  if (!open) return el;
  el.append(...why.says.map((words) => h("p", {}, words)));
  if (why.way.length)
    el.append(
      h(
        "ol",
        { class: "tgs-way", "aria-label": "The way of this gradient, from where backward began" },
        ...why.way.map((hop) => {
          const [by, to] = [nameOf(names, hop.by).text, nameOf(names, hop.to).text];
          const go = button(`${by} → ${to}`, () => visit(hop.by));
          go.title = "Show this step";
          return h(
            "li",
            { class: hop === why.culprit ? "is-culprit" : null },
            go,
            h("span", {}, `× ${num(hop.factor, 3)}`),
            h("span", { class: "tgs-num is-grad" }, isScalar(hop.sent) ? num(hop.sent.data, 3) : `to ${num(size(hop.sent), 3)}`),
            hop === why.culprit ? h("span", { class: "tgs-sr" }, "this step did most") : null,
          );
        }),
      ),
    );
  const more = h("div", { class: "tgs-then" });
  if (why.until !== null) more.append(button("Go to that step", () => until(why.until!)));
  if (why.node !== null && why.node !== node) more.append(button(`Show ${nameOf(names, why.node).text}`, () => pick(why.node!)));
  if (more.childElementCount) el.append(more);
  return el;
}

/** Something that happens to a node, and how to go there. */
export interface When {
  readonly what: string;
  readonly steps: readonly number[];
  go(step: number): void;
}

const MOST_MOMENTS = 6;
function moments({ what, steps, go }: When): Node[] {
  if (!steps.length) return [];
  const jumps = steps.slice(0, MOST_MOMENTS).map((step) => {
    const b = h("button", { type: "button", class: "tgs-jump", "aria-label": `${what}: go to step ${step}` }, String(step));
    b.addEventListener("click", () => go(step));
    return b;
  });
  return fact(what, h("span", {}, steps.length > 1 ? "steps " : "step ", ...jumps, steps.length > MOST_MOMENTS ? "…" : null));
}

export function inspect(
  node: NodeState,
  names: Names,
  sourceName: (file: string) => string,
  close: () => void,
  more: { readonly asking?: Asking; readonly memory?: string | null; readonly moments?: readonly When[] } = {},
): HTMLElement {
  const d = node.define;
  const name = nameOf(names, d.node);
  const button = h("button", { type: "button", class: "tgs-quiet", "aria-label": "Close details", title: "Close (Esc)" }, icon("close"));
  button.addEventListener("click", close);
  const what = d.kind === "operation" ? `operation ${d.op}` : d.kind;
  const saved = node.saved.map((x) => keptAs(d, x, names));
  const from = d.inputs.map((i) => nameOf(names, i.node).text);
  const stored = node.grad;
  const pending = node.arriving;
  return h(
    "div",
    { class: "tgs-inspector", role: "region", "aria-label": `Details of ${name.text}` },
    h("div", { class: "tgs-inspector-head" }, heading(2, name.text), h("span", { class: "tgs-faint" }, what), button),
    more.asking ? question(more.asking, names, d.node) : null,
    h(
      "dl",
      {},
      ...fact("value", node.value ? valueView(node.value, "value") : "not computed yet"),
      ...(more.moments ?? []).flatMap(moments),
      ...fact("shape", `${shapeTuple(d.shape)}  ${d.dtype}`),
      ...fact("gradient", pending ? valueView(pending, "grad") : d.requires_grad ? "none yet" : "not wanted"),
      ...fact(".grad", stored ? valueView(stored, "grad") : null),
      ...fact("memory", more.memory ?? null),
      ...fact("made from", from.length ? from.join(", ") : null),
      ...fact(d.kind === "operation" ? "made in" : "first used", d.source ? `${sourceName(d.source.file)}, line ${d.source.line}` : null),
      ...fact("module", d.module || null),
      ...fact("saved", saved.length ? [...new Set(saved)].join(", ") + (node.freed ? " (released)" : "") : null),
    ),
  );
}

const SHAPES: [string, string, string][] = [
  ["leaf", "Leaf", "you made it"],
  ["parameter", "Parameter", "learned"],
  ["constant", "Constant", "no gradient"],
  ["placeholder", "Placeholder", "fed by a run"],
  ["operation", "Operation", "made by running"],
];

const mark = (which: "fed" | "fetched"): SVGElement =>
  s("svg", { viewBox: "-12 -2 34 18", width: 34, height: 18, "aria-hidden": "true" }, markAt(which, `is-${which}`, 0, 0));

/** How to read the picture: shapes first, colours second. Only the kinds that occur. */
export function legend(
  kinds: ReadonlySet<string>,
  has: { readonly gradients: boolean; readonly saves: boolean; readonly writes?: boolean; readonly runs?: boolean } = { gradients: true, saves: true },
): HTMLElement {
  return h(
    "div",
    { class: "tgs-legend", role: "note", "aria-label": "How to read the picture" },
    ...SHAPES.filter(([kind]) => kinds.has(kind)).map(([kind, name, said]) => [kind, name, has.runs && kind === "operation" ? "runs when needed" : said] as const).map(([kind, name, more]) =>
      h(
        "div",
        {},
        s("svg", { viewBox: "-17 -10 34 20", width: 34, height: 20, "aria-hidden": "true" }, s("path", { d: outlineOf(kind, 30, 16), class: `tgs-shape kind-${kind}` })),
        h("span", {}, name, h("span", { class: "tgs-faint" }, ` ${more}`)),
      ),
    ),
    h("div", {}, h("span", { class: "tgs-swatch is-value" }, "1.5"), h("span", {}, "Value", h("span", { class: "tgs-faint" }, " flows forward"))),
    has.gradients ? h("div", {}, h("span", { class: "tgs-swatch is-grad" }, "0.2"), h("span", {}, "Gradient", h("span", { class: "tgs-faint" }, " flows back"))) : null,
    has.saves ? h("div", {}, h("span", { class: "tgs-swatch is-saved" }, icon("saved")), h("span", {}, "Saved", h("span", { class: "tgs-faint" }, " for the way back"))) : null,
    has.writes ? h("div", {}, h("span", { class: "tgs-swatch is-version" }, "v1"), h("span", {}, "Version", h("span", { class: "tgs-faint" }, " written in place"))) : null,
    has.runs ? h("div", {}, mark("fed"), h("span", {}, "Fed", h("span", { class: "tgs-faint" }, " from outside"))) : null,
    has.runs ? h("div", {}, mark("fetched"), h("span", {}, "Fetched", h("span", { class: "tgs-faint" }, " asked for"))) : null,
  );
}

/** What a screen reader says for a node after what is written on it. */
export function nodeLabel(node: NodeState, state: State): string {
  const d = node.define;
  const parts = [d.kind === "operation" ? `operation ${d.op}` : d.kind];
  if (node.value) parts.push(`value ${spoken(node.value)}`);
  if (node.arriving) parts.push(`gradient ${spoken(node.arriving)}`);
  else if (node.grad) parts.push(`stored gradient ${spoken(node.grad)}`);
  if (state.root === d.node) parts.push("backward started here");
  return parts.join(", ");
}
