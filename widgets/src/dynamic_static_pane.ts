// One pane: the program line by line, its operations as text and as a graph, and what was printed.
import { commonIndent, paint } from "./code";
import { asStep } from "./dynamic_static_words";
import { type Moment } from "./dynamic_static_steps";
import type { Side } from "./dynamic_static_state";
import { h, heading, setAttr, setText } from "./dom";
import { openModules, visible } from "./fold";
import { brief } from "./format";
import { extents, picture, sizesOf, type Picture } from "./graph";
import { inspect, type When } from "./inspector";
import { marksOf, shapeOf } from "./later";
import { arrange } from "./layout";
import { nameOf, type Names } from "./notation";
import { definitions } from "./steps";
import type { Define, Event, Place, Recording, SentLayout, Value } from "./types";

/** What the reader points at: nodes of this pane, and lines of its program. */
export interface Lit {
  readonly nodes: ReadonlySet<number>;
  readonly lines: ReadonlySet<string>;
}
export const lineKey = (place: Place | null): string => (place ? `${place.file}:${place.line}` : "");

interface Chunk {
  readonly file: string;
  readonly first: number;
  readonly lines: readonly string[];
}

const FAR = 3;
const LONGEST_CHUNK = 400;

/** The parts of the sources that the recording ran through, each from the head of its block on. */
export function excerpts(recording: Recording, events: readonly Event[]): Chunk[] {
  const used = new Map<string, Set<number>>();
  for (const e of events) if (e.source) used.set(e.source.file, (used.get(e.source.file) ?? new Set()).add(e.source.line));
  const files = [...used.keys()].filter((f) => recording.sources[f]);
  const name = (f: string): string => recording.sources[f]!.name;
  files.sort((a, b) => name(a).localeCompare(name(b), undefined, { numeric: true }));
  const out: Chunk[] = [];
  for (const file of files) {
    const source = recording.sources[file]!;
    const indent = (line: string): number => line.length - line.trimStart().length;
    const text = (n: number): string => source.lines[n - source.first] ?? "";
    const lines = [...used.get(file)!].sort((a, b) => a - b).filter((n) => n >= source.first && n < source.first + source.lines.length);
    let at = 0;
    let over = -Infinity;
    while (at < lines.length) {
      let first = lines[at]!;
      let end = at;
      while (end + 1 < lines.length && lines[end + 1]! - lines[end]! <= FAR) end += 1;
      const last = lines[end]!;
      const depth = indent(text(first));
      // Up to the head of the block, or to what stands alone above it.
      for (let n = first - 1; n >= source.first && n > over && first - n <= 12; n--) {
        const line = text(n);
        if (!line.trim()) {
          if (depth === 0) break;
          continue;
        }
        if (/^\s*with record\(/.test(line)) break;
        first = n;
        if (indent(line) < depth) break;
      }
      over = last;
      at = end + 1;
      const cut = Array.from({ length: Math.min(last - first + 1, LONGEST_CHUNK) }, (_, k) => text(first + k));
      const before = out.at(-1);
      if (before?.file === file && before.first + before.lines.length === first) out[out.length - 1] = { ...before, lines: [...before.lines, ...cut] };
      else out.push({ file, first, lines: cut });
    }
  }
  return out;
}

interface Row {
  readonly el: HTMLElement;
  readonly value: HTMLElement;
  /** The value it shows; "none" where the node has none, null before it is first drawn. */
  shown: Value | "none" | null;
}
export interface View {
  readonly side: Side;
  readonly before: Side;
  /** What happens at this tick on this side; null while it waits. */
  readonly moment: Moment | null;
  /** What is asked about, and comes next. */
  readonly asked: Moment | null;
  readonly selected: number | null;
  /** The node that was last touched here, now or before. */
  readonly latest: number | null;
}

export interface PaneHands {
  /** The pointer or the focus is on something, or on nothing any more. */
  point(what: Lit | null): void;
  pick(node: number | null): void;
  /** When things happen to a node, by the common axis. */
  moments(node: number): readonly When[];
  fold(path: string, fold: boolean): void;
}

export interface Pane {
  readonly el: HTMLElement;
  readonly graph: Picture;
  place(folded: ReadonlySet<string>, sent?: SentLayout): void;
  update(view: View): void;
  light(lit: Lit): void;
  resized(): boolean;
}

export const NAMES = ["Dynamic", "Static"] as const;
const MOTTOS = ["every line runs now", "defined first, run later"] as const;
const TEXTS = ["What ran", "The graph as text"] as const;
const DIRECTION_CHANGES = 60;
/** Both graphs are to be seen whole, as long as they can be read at all. */
const READABLE = 0.45;

export function pane(which: 0 | 1, recording: Recording, events: readonly Event[], names: Names, hands: PaneHands): Pane {
  const defines = definitions(events) as Map<number, Define>;
  const linesOf = new Map<number, Set<string>>();
  const nodesAt = new Map<string, Set<number>>();
  for (const e of events)
    if (e.node !== null && e.source && e.type !== "free" && e.type !== "save") {
      if (e.type === "define") linesOf.set(e.node, (linesOf.get(e.node) ?? new Set()).add(lineKey(e.source)));
      nodesAt.set(lineKey(e.source), (nodesAt.get(lineKey(e.source)) ?? new Set()).add(e.node));
    }
  const litBy = (nodes: Iterable<number>, line?: string): Lit => {
    const all = new Set(nodes);
    return { nodes: all, lines: line ? new Set([line]) : new Set([...all].flatMap((n) => [...(linesOf.get(n) ?? [])])) };
  };

  // --- the program ---
  const chunks = excerpts(recording, events);
  const code = h("div", { class: "dsv-program tgs-lines", role: "group", "aria-label": `${NAMES[which]}: the program` });
  const lineEls = new Map<string, HTMLElement>();
  const digits = String(Math.max(1, ...chunks.map((c) => c.first + c.lines.length - 1))).length;
  code.style.setProperty("--digits", String(digits));
  chunks.forEach((chunk, k) => {
    if (chunks[k - 1]?.file !== chunk.file) code.append(h("p", { class: "tgs-file" }, recording.sources[chunk.file]!.name));
    else code.append(h("p", { class: "dsv-gap", "aria-hidden": "true" }, "⋯"));
    const cut = commonIndent(chunk.lines);
    code.append(
      h(
        "ol",
        {},
        ...chunk.lines.map((line, i) => {
          const key = `${chunk.file}:${chunk.first + i}`;
          const li = h(
            "li",
            { "data-line": key },
            h("span", { class: "tgs-lineno", "aria-hidden": "true" }, String(chunk.first + i)),
            h("code", {}, ...paint(line.slice(cut))),
          );
          lineEls.set(key, li);
          if (nodesAt.has(key)) li.tabIndex = -1;
          return li;
        }),
      ),
    );
  });
  roving(code, "li[tabindex]");
  pointing(code, "li[tabindex]", (li) => litBy(nodesAt.get(li.dataset["line"]!)!, li.dataset["line"]));

  // --- the operations as text ---
  const list = h("ol", { class: "dsv-rows", "aria-label": `${NAMES[which]}: ${TEXTS[which].toLowerCase()}` });
  const rows = new Map<number, Row>();
  /** Made when the node first exists; nodes come in one order, so every row comes after those before it. */
  function rowOf(d: Define): Row {
    let row = rows.get(d.node);
    if (row) return row;
    const value = h("span", { class: "dsv-value" });
    const el = h("li", { tabindex: -1, "data-row": d.node }, h("code", {}, d.listing ?? rowText(d, names)), value);
    rows.set(d.node, (row = { el, value, shown: null }));
    list.append(el);
    return row;
  }
  roving(list, "li");
  pointing(list, "li", (li) => litBy([Number(li.dataset["row"])]));
  const pickRow = (e: { readonly target: EventTarget | null }): void => {
    const li = (e.target as Element).closest<HTMLElement>("li");
    if (li) hands.pick(Number(li.dataset["row"]));
  };
  list.addEventListener("click", pickRow);
  list.addEventListener("keydown", (e) => e.key === "Enter" && pickRow(e));
  const detail = h("div", { class: "tgs-detail dsv-detail", hidden: true });
  const texts = h("figure", { class: "dsv-texts" }, h("figcaption", { class: "tgs-file" }, TEXTS[which]), list, detail);

  // --- the graph ---
  const longest = new Map(extents(events));
  for (const d of defines.values()) longest.set(d.node, Math.max(longest.get(d.node) ?? 0, shapeOf(d).length));
  const graph = picture({
    pick: (node) => hands.pick(node),
    unfold: (path) => hands.fold(path, false),
    fold: (path) => hands.fold(path, true),
  }, READABLE);
  graph.svg.setAttribute("aria-label", `${NAMES[which]}: the graph`);
  pointing(graph.svg, "[data-node]", (g) => litBy([Number(g.getAttribute("data-node"))]));

  // --- what was printed ---
  const console_ = h("ol", { class: "dsv-printed", tabindex: "0", "aria-label": `${NAMES[which]}: printed so far` });
  const printed = h("figure", { class: "dsv-console" }, h("figcaption", {}, "Printed"), console_);

  const el = h(
    "section",
    { class: `dsv-pane is-${NAMES[which].toLowerCase()}`, "aria-label": `${NAMES[which]}: ${MOTTOS[which]}` },
    h("header", { class: "dsv-title" }, heading(2, NAMES[which]), h("span", {}, MOTTOS[which])),
    h("div", { class: "dsv-source" }, code, texts),
    graph.el,
    printed,
  );

  /** Tells what the pointer or the focus is on, among the parts of `host`. */
  function pointing(host: Element, parts: string, what: (part: HTMLElement) => Lit): void {
    for (const type of ["pointerover", "focusin"])
      host.addEventListener(type, (e) => {
        const part = (e.target as Element).closest<HTMLElement>(parts);
        hands.point(part ? what(part) : null);
      });
    for (const type of ["pointerleave", "focusout"]) host.addEventListener(type, () => hands.point(null));
  }

  const backward = events.some((e) => e.type === "backward");

  let width: number | null = null;

  function place(folded: ReadonlySet<string>, sent?: SentLayout): void {
    const all = [...defines.values()];
    const v = visible(all, folded);
    // Room for gradients on the lines only where some will come.
    if (!backward) for (const link of v.links) link.graded = false;
    const [w, tall] = graph.stage();
    const open = openModules(all, folded);
    const layout = arrange(v, sizesOf(v, defines, names, longest), [w - 60, tall - 60], sent, open);
    graph.show(v, layout, defines, names, open);
    width = w;
  }

  return {
    el,
    graph,
    place,
    resized() {
      graph.resized();
      const [w] = graph.stage();
      return width !== null && Math.abs(w - width) > DIRECTION_CHANGES;
    },
    update(view) {
      const { side, moment, asked, selected } = view;
      const now = asked ?? moment;
      graph.update({ state: side.values, step: moment ? asStep(moment) : null, selected, hole: null, before: view.before.values, marks: marksOf(side) });

      setAttr(code, "data-phase", now ? asStep(now).phase : "forward");
      const key = lineKey(now?.place ?? null);
      for (const [k, li] of lineEls) {
        setAttr(li, "aria-current", k === key ? "step" : null);
        toggle(li, "is-now", k === key);
      }
      reveal(code, lineEls.get(key));

      const touched = new Set(now && !asked ? now.events.map((e) => e.node) : []);
      for (const { define } of side.values.nodes.values()) rowOf(define);
      for (const [node, row] of rows) {
        const state = side.values.nodes.get(node);
        if (!state) {
          row.el.remove();
          rows.delete(node);
          continue;
        }
        const value = state.value ?? "none";
        if (row.shown !== value) {
          row.shown = value;
          if (value === "none") row.value.replaceChildren(h("span", { "aria-hidden": "true" }, "–"), h("span", { class: "tgs-sr" }, "no value"));
          else setText(row.value, brief(value));
        }
        setAttr(row.el, "data-life", side.life.get(node) ?? null);
        const isNow = touched.has(node) && node === now?.node;
        toggle(row.el, "is-now", isNow);
      }
      centre(list, view.latest === null ? undefined : rows.get(view.latest)?.el);

      const lines = side.printed.map((p, i) => {
        const fresh = moment?.kind === "print" && i === side.printed.length - 1;
        return h("li", { class: fresh ? "is-new" : null }, p.text.replace(/\n$/, ""));
      });
      if (asked?.kind === "print") lines.push(h("li", { class: "is-asked" }, "?"));
      console_.replaceChildren(...lines);
      console_.scrollTop = console_.scrollHeight;

      const node = selected === null ? undefined : side.values.nodes.get(selected);
      detail.hidden = !node;
      list.hidden = !!node;
      if (node) detail.replaceChildren(inspect(node, names, (f) => recording.sources[f]?.name ?? f, () => hands.pick(null), { moments: hands.moments(node.define.node) }));
    },
    light(lit) {
      for (const [k, li] of lineEls) toggle(li, "is-lit", lit.lines.has(k));
      for (const [node, row] of rows) toggle(row.el, "is-lit", lit.nodes.has(node));
      graph.light(lit.nodes);
    },
  };
}

/** Without the class, and without an empty attribute that would say nothing. */
function toggle(el: HTMLElement, cls: string, on: boolean): void {
  if (el.classList.contains(cls) === on) return;
  el.classList.toggle(cls, on);
  if (!el.classList.length) el.removeAttribute("class");
}

/** y = tanh(s) */
function rowText(d: Define, names: Names): string {
  const name = nameOf(names, d.node);
  if (d.kind !== "operation") return `${name.text}: ${d.kind}`;
  return `${name.drawn ? `${name.text} = ` : ""}${d.op}(${d.inputs.map((i) => nameOf(names, i.node).text).join(", ")})`;
}

/** Tab reaches the list, up and down move in it; left and right are the stepper's. */
function roving(host: HTMLElement, items: string): void {
  host.tabIndex = 0;
  host.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const all = [...host.querySelectorAll<HTMLElement>(items)];
    const at = all.indexOf(document.activeElement as HTMLElement);
    const to = all[at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + (event.key === "ArrowDown" ? 1 : -1)))];
    if (!to) return;
    event.preventDefault();
    event.stopPropagation();
    to.focus();
  });
}

/** Only the pane scrolls; the notebook stays where the reader left it. */
function centre(host: HTMLElement, target: HTMLElement | undefined): void {
  host.scrollTop = target ? target.offsetTop - host.clientHeight / 2 : 0;
}

function reveal(host: HTMLElement, target: HTMLElement | undefined): void {
  if (!target) return;
  const top = target.offsetTop;
  if (top < host.scrollTop + 4 || top + target.offsetHeight > host.scrollTop + host.clientHeight - 4) centre(host, target);
}
