// The picture: laid out once, revealed and lit by classes, never rebuilt while stepping.
import { h, s, setAttr, setText } from "./dom";
import type { Drawing } from "./export";
import type { Item, Link, Visible } from "./fold";
import { brief, isScalar, num } from "./format";
import { icon } from "./icons";
import { nodeLabel } from "./inspector";
import type { Life } from "./dynamic_static_state";
import { curve, fit, type Layout, type Size } from "./layout";
import { MARK, markAt, outlineOf, type Mark } from "./marks";
import { nameOf, type Names } from "./notation";
import type { State } from "./state";
import { touched, type Step } from "./steps";
import type { Accumulate, Define, Event, Value } from "./types";

const HEIGHT = 46;
const PAD = 30;
/** Between two texts of a card: not drawn, but words run together without it where only text is read. */
const GAP = " ";
const READABLE = 0.72;
const COMFORTABLE = 0.9;
const MANY = 60;
const CHAR = 7.5;
const LONGEST = 14;

const clip = (text: string, most = LONGEST + 4): string =>
  text.length > most ? `${text.slice(0, most - 1)}…` : text;
/** Of a path, the end says more than the beginning. */
const clipPath = (text: string, most = LONGEST + 4): string =>
  text.length > most ? `…${text.slice(1 - most)}` : text;

/** A chip stands inside its open parent, whose frame says the rest of the path. */
const lastPart = (path: string): string => clipPath(path.slice(path.lastIndexOf(".") + 1));

/** The longest text each node will ever hold, so that boxes never change their size. */
export function extents(events: readonly Event[]): Map<number, number> {
  const longest = new Map<number, number>();
  for (const e of events)
    if (e.type === "execute" || e.type === "feed" || e.type === "update")
      longest.set(e.node, Math.max(longest.get(e.node) ?? 0, brief(e.value).length));
  return longest;
}

const symbolOf = (d: Define): string => clip(d.label || d.op, LONGEST);
const symbolWidth = (symbol: string): number => (symbol.length <= 2 ? 34 : symbol.length * CHAR + 16);

/** The name a node's box shows: an operation without one shows only its symbol and value. */
function caption(d: Define, names: Names): string {
  const name = nameOf(names, d.node);
  if (d.kind !== "operation") return clipPath(d.kind === "constant" && !d.name ? "" : name.text);
  return name.drawn ? clip(name.text) : "";
}

export function sizesOf(
  v: Visible,
  defines: ReadonlyMap<number, Define>,
  names: Names,
  longest: ReadonlyMap<number, number>,
): Map<string, Size> {
  return new Map(
    v.items.map((item) => {
      if (item.node === null) {
        const text = Math.max(lastPart(item.module).length, 8);
        return [item.key, [text * CHAR + 56, HEIGHT + 6] as const];
      }
      const d = defines.get(item.node)!;
      const chars = longest.get(item.node) ?? 1;
      const inner = Math.max(chars * CHAR, caption(d, names).length * 8) + 18;
      const w =
        d.kind === "operation" ? symbolWidth(symbolOf(d)) + Math.max(inner, 38) : Math.max(inner + 14, 62);
      return [item.key, [Math.ceil(w), HEIGHT] as const];
    }),
  );
}

export interface View {
  /** The node to keep in view while there is no step. */
  readonly toward?: number;
  readonly state: State;
  readonly step: Step | null;
  readonly selected: number | null;
  /** What predict mode asks for and therefore hides. */
  readonly hole: { readonly node: number; readonly edge: number | null } | null;
  /** What the node had gathered before this step, to spell out sums. */
  readonly before: State;
  /** What a widget adds to a node: a class, other words on its tag, and in what it is called. */
  readonly marks?: ReadonlyMap<number, NodeMark>;
  /** What a widget writes on a line, in place of the gradient that goes back along it: a local slope. */
  readonly labels?: ReadonlyMap<number, string>;
}

export interface NodeMark {
  readonly cls?: string;
  /** What the node is to a graph that runs later: see `Life`. */
  readonly life?: Life;
  /** A word above it, in a frame, for what comes from outside or goes there. */
  readonly pin?: Pin | undefined;
  /** What stands in place of a value that is not there yet. */
  readonly instead?: string;
  /** A short text at the upper left: a version. */
  readonly corner?: string;
  /** The bookmark of what it saved, where it is not simply kept. */
  readonly badge?: Mark;
  readonly tag?: string;
  readonly said?: string;
}

export type Pin = "fed" | "asked for" | "handed out";

/** Left, top, right, bottom in the picture's own units. */
type Extent = readonly [number, number, number, number];

/** A card or a line has its place from the beginning, and is made when it first comes into view. */
interface Slot<T> {
  readonly of: T;
  readonly extent: Extent;
  /** Out of view, and so out of the page. */
  off: boolean;
}

interface Parts {
  readonly item: Item;
  readonly g: SVGGElement;
  readonly body: SVGGElement;
  readonly value: SVGTextElement;
  tag?: { g: SVGGElement; rect: SVGRectElement; text: SVGTextElement };
  badge?: SVGGElement;
  corner?: { rect: SVGRectElement; text: SVGTextElement };
  pin?: SVGGElement;
  cls: string;
}

interface Wiring {
  readonly link: Link;
  readonly g: SVGGElement;
  sent?: { rect: SVGRectElement; text: SVGTextElement };
  cls: string;
}

/** What every card and line is drawn by. */
interface Scene {
  readonly v: View;
  /** Nodes that the step is about. */
  readonly now: ReadonlySet<number>;
  /** Edges that a gradient goes along now. */
  readonly sending: ReadonlySet<number>;
  /** Of a large graph, what the keyboard reaches. */
  readonly near: ReadonlySet<string> | null;
  readonly pointed: ReadonlySet<number>;
}

export interface Picture {
  readonly el: HTMLElement;
  readonly svg: SVGSVGElement;
  show(v: Visible, layout: Layout, defines: ReadonlyMap<number, Define>, names: Names, open: readonly string[]): void;
  update(view: View): void;
  /** Brings a node, or the module that holds it, into view. */
  reveal(node: number): void;
  /** Points these nodes out. */
  light(nodes: ReadonlySet<number>): void;
  stage(): Size;
  frame(): void;
  /** The stage has another size now. */
  resized(): void;
  /** A copy of all of it, at its own size, also of what lies out of view. */
  drawing(): Drawing;
}

export interface Hands {
  pick(node: number): void;
  unfold(module: string): void;
  fold(module: string): void;
}

export function picture(hands: Hands, readable = READABLE): Picture {
  const frames = s("g", { class: "tgs-frames" });
  const wires = s("g", { class: "tgs-wires" });
  const cards = s("g", { class: "tgs-cards" });
  const camera = s("g", { class: "tgs-camera" }, frames, wires, cards);
  const svg = s("svg", { class: "tgs-graph", role: "group", "aria-label": "Computation graph" }, camera);
  const empty = h("p", { class: "tgs-empty" });
  const button = (label: string, name: Parameters<typeof icon>[0], act: () => void): HTMLElement => {
    const b = h("button", { type: "button", class: "tgs-quiet", "aria-label": label, title: label }, icon(name));
    b.addEventListener("click", act);
    return b;
  };
  const el = h(
    "div",
    { class: "tgs-stage" },
    svg,
    empty,
    h(
      "div",
      { class: "tgs-zoom" },
      button("Zoom in", "plus", () => zoom(1.25)),
      button("Zoom out", "minus", () => zoom(0.8)),
      button("Show the whole graph", "whole", () => {
        manual = wholeView();
        frame();
      }),
    ),
  );

  let cardSlots: Slot<Item>[] = [];
  let wireSlots: Slot<Link>[] = [];
  const parts = new Map<string, Parts>();
  const wiring = new Map<string, Wiring>();
  let shownFrames: { g: SVGGElement; path: string; members: number[] }[] = [];
  let visible: Visible = { items: [], links: [], itemOf: new Map() };
  let layout: Layout | null = null;
  let defines: ReadonlyMap<number, Define> = new Map();
  let names: Names = new Map();
  let consumer = new Map<number, number>();
  let view: View | null = null;
  let scene: Scene | null = null;
  /** Where the reader moved the picture to; null while it looks after itself. */
  let manual: { x: number; y: number; k: number } | null = null;

  // Measured once and when it changes: asking the page while drawing would make it lay out twice.
  let room: Size | null = null;
  const stage = (): Size => (room ??= [el.clientWidth || 600, el.clientHeight || 360]);

  /**
   * Of a large graph only what lies in view is in the page: even hidden elements cost the browser
   * time at every change of scale.
   */
  function cull(): void {
    if (visible.items.length <= MANY * 2) return;
    const [w, tall] = stage();
    const { x, y, k } = current;
    const margin = 60;
    const [l, t, r, b] = [-x / k - margin, -y / k - margin, (w - x) / k + margin, (tall - y) / k + margin];
    const sift = <T>(parent: SVGGElement, all: readonly Slot<T>[], made: (of: T) => SVGGElement): void => {
      let after: SVGGElement | null = null;
      for (let i = all.length - 1; i >= 0; i--) {
        const slot = all[i]!;
        const [x0, y0, x1, y1] = slot.extent;
        const inView = x1 >= l && x0 <= r && y1 >= t && y0 <= b;
        if (inView && slot.off) parent.insertBefore(made(slot.of), after);
        else if (!inView && !slot.off) made(slot.of).remove();
        slot.off = !inView;
        if (inView) after = made(slot.of);
      }
    };
    const come = <T>(all: readonly Slot<T>[]): Slot<T>[] => all.filter((slot) => slot.off);
    const [newCards, newWires] = [come(cardSlots), come(wireSlots)];
    sift(cards, cardSlots, (item) => partOf(item).g);
    sift(wires, wireSlots, (link) => wiringOf(link).g);
    // What was out of view has missed what happened since.
    if (scene) {
      for (const slot of newCards) if (!slot.off) updateCard(partOf(slot.of), scene);
      for (const slot of newWires) if (!slot.off) updateWire(wiringOf(slot.of), scene);
    }
  }

  function partOf(item: Item): Parts {
    let part = parts.get(item.key);
    if (!part) parts.set(item.key, (part = card(item)));
    return part;
  }
  function wiringOf(link: Link): Wiring {
    let one = wiring.get(link.key);
    if (!one) wiring.set(link.key, (one = wire(link)));
    return one;
  }

  function wholeView(): { x: number; y: number; k: number } {
    const [w, tall] = stage();
    const k = fit(layout!, w - 2 * PAD, tall - 2 * PAD);
    return { k, x: (w - layout!.width * k) / 2, y: (tall - layout!.height * k) / 2 };
  }

  const lit = (): string[] => {
    const nodes = view?.step ? touched(view.step) : [view?.toward ?? -1];
    for (const e of view?.step?.events ?? []) if (e.type === "backward") nodes.push(...e.sends.map((x) => x.node));
    return [...new Set(nodes.map((n) => visible.itemOf.get(n)?.key).filter((k) => k !== undefined))];
  };

  /** Fits the graph where that stays readable; else keeps what the step is about in view. */
  function frame(): void {
    if (!layout) return;
    const [w, tall] = stage();
    let at = wholeView();
    if (manual) at = manual;
    else if (at.k < readable) {
      const k = COMFORTABLE;
      const boxes = lit().map((key) => layout!.boxes.get(key)!);
      const mid = (v: number[]): number => (Math.min(...v) + Math.max(...v)) / 2;
      const cx = boxes.length ? mid(boxes.map((b) => b.x)) : w / 2 / k - PAD;
      const cy = boxes.length ? mid(boxes.map((b) => b.y)) : layout.height / 2;
      const clamp = (centre: number, size: number, room: number): number =>
        size * k + 2 * PAD <= room
          ? (room - size * k) / 2
          : Math.min(PAD, Math.max(room - size * k - PAD, room / 2 - centre * k));
      at = { k, x: clamp(cx, layout.width, w), y: clamp(cy, layout.height, tall) };
    }
    camera.style.transform = `translate(${at.x.toFixed(1)}px,${at.y.toFixed(1)}px) scale(${at.k.toFixed(4)})`;
    svg.classList.toggle("is-far", at.k < 0.38);
    current = at;
    cull();
  }
  let current = { x: 0, y: 0, k: 1 };

  function zoom(by: number, x = stage()[0] / 2, y = stage()[1] / 2): void {
    const k = Math.min(2.5, Math.max(0.03, current.k * by));
    const f = k / current.k;
    manual = { k, x: x - (x - current.x) * f, y: y - (y - current.y) * f };
    frame();
  }

  svg.addEventListener(
    "wheel",
    (event) => {
      // A plain wheel scrolls the notebook, as everywhere.
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const box = svg.getBoundingClientRect();
      zoom(Math.exp(-event.deltaY * 0.004), event.clientX - box.left, event.clientY - box.top);
    },
    { passive: false },
  );
  let drag: { x: number; y: number; moved: boolean } | null = null;
  svg.addEventListener("pointerdown", (event) => {
    if (event.button === 0) drag = { x: event.clientX, y: event.clientY, moved: false };
  });
  svg.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
    if (!drag.moved && Math.hypot(dx, dy) < 4) return;
    if (!drag.moved) {
      svg.setPointerCapture(event.pointerId);
      svg.classList.add("is-dragging");
    }
    manual = { ...current, x: current.x + dx, y: current.y + dy };
    drag = { x: event.clientX, y: event.clientY, moved: true };
    frame();
  });
  const drop = (): void => {
    svg.classList.remove("is-dragging");
    // The click that ends a drag must not open a node.
    if (drag?.moved) svg.addEventListener("click", (e) => e.stopPropagation(), { capture: true, once: true });
    drag = null;
  };
  svg.addEventListener("pointerup", drop);
  svg.addEventListener("pointercancel", drop);

  const activate = (target: EventTarget | null): boolean => {
    const g = target instanceof Element ? target.closest<SVGGElement>("[data-key]") : null;
    const key = g?.getAttribute("data-key");
    if (!key) return false;
    if (key.startsWith("m:")) hands.unfold(key.slice(2));
    else if (key.startsWith("f:")) hands.fold(key.slice(2));
    else hands.pick(Number(key.slice(1)));
    return true;
  };
  svg.addEventListener("click", (event) => activate(event.target));
  svg.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && activate(event.target)) event.preventDefault();
  });

  function card(item: Item): Parts {
    const box = layout!.boxes.get(item.key)!;
    const define = item.node === null ? null : defines.get(item.node)!;
    const kind = define?.kind ?? "module";
    const outline = outlineOf(kind, box.w, box.h);
    const body = s("g", { class: "tgs-body" });
    const value = s("text", { class: "tgs-v" });
    if (define?.kind === "operation") {
      const symbol = symbolOf(define);
      const zone = symbolWidth(symbol);
      const left = -box.w / 2;
      const name = caption(define, names);
      const mid = left + zone + (box.w - zone) / 2;
      body.append(
        s("path", { class: "tgs-halo", d: outline }),
        s("path", { class: "tgs-shape", d: outline }),
        s("path", { class: "tgs-rule", d: `M${left + zone} ${-box.h / 2 + 7}v${box.h - 14}` }),
        s("text", { class: `tgs-symbol${symbol.length > 2 ? " is-word" : ""}`, x: left + zone / 2 + 1, y: 0 }, symbol),
        GAP,
      );
      if (name) body.append(s("text", { class: "tgs-name", x: mid, y: -9 }, name), GAP);
      value.setAttribute("x", String(mid));
      value.setAttribute("y", name ? "11" : "0");
    } else if (define) {
      const name = caption(define, names);
      body.append(s("path", { class: "tgs-halo", d: outline }), s("path", { class: "tgs-shape", d: outline }));
      if (name) body.append(s("text", { class: "tgs-name", y: -9 }, name), GAP);
      value.setAttribute("y", name ? "11" : "0");
    } else {
      const left = -box.w / 2;
      const mid = left + 34 + (box.w - 34) / 2;
      body.append(
        s("path", { class: "tgs-halo", d: outline }),
        s("path", { class: "tgs-under", d: outline, transform: "translate(4 4)" }),
        s("path", { class: "tgs-shape", d: outline }),
        s("path", { class: "tgs-plus", d: `M${left + 14} -6.5h13v13h-13zM${left + 17} 0h7M${left + 20.5} -3.5v7` }),
        s("text", { class: "tgs-name", x: mid, y: -9 }, lastPart(item.module)),
        GAP,
      );
      value.setAttribute("x", String(mid));
      value.setAttribute("y", "11");
    }
    body.append(value);
    const g = s(
      "g",
      {
        "data-key": item.key,
        "data-node": item.node,
        "data-module": item.node === null ? item.module : null,
        transform: `translate(${box.x.toFixed(1)} ${box.y.toFixed(1)})`,
        role: "button",
      },
      body,
    );
    return { item, g, body, value, cls: "" };
  }

  function cardExtent(item: Item): Extent {
    const box = layout!.boxes.get(item.key)!;
    return [box.x - box.w / 2, box.y - box.h / 2, box.x + box.w / 2, box.y + box.h / 2 + 20];
  }
  function wireExtent(link: Link): Extent {
    const { points } = layout!.wires.get(link.key)!;
    const [xs, ys] = [points.map((p) => p[0]), points.map((p) => p[1])];
    return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
  }

  function wire(link: Link): Wiring {
    const { points } = layout!.wires.get(link.key)!;
    const lr = layout!.direction === "LR";
    const [x, y] = points.at(-1)!;
    const d = curve(points, layout!.direction);
    const head = lr ? `M${x} ${y}l-7 -3.6v7.2z` : `M${x} ${y}l-3.6 -7h7.2z`;
    const g = s("g", { "data-edge": link.edges.join(" ") }, s("path", { class: "tgs-wire", d }), s("path", { class: "tgs-tip", d: head }));
    return { link, g, cls: "" };
  }

  /** The gradient's own line, made the first time it is needed. */
  function sentOf(w: Wiring): { rect: SVGRectElement; text: SVGTextElement } {
    if (w.sent) return w.sent;
    const { points, label } = layout!.wires.get(w.link.key)!;
    const lr = layout!.direction === "LR";
    const [x, y] = points[0]!;
    const d = curve(points, layout!.direction);
    // Downwards the box's own gradient hangs where the line begins: the tip comes below it.
    const head = lr ? `M${x + 1} ${y}l9 -4.5v9z` : `M${x} ${y + 18}l-4.5 9h9z`;
    const rect = s("rect", { class: "tgs-pill", height: 18, rx: 9, y: -9 });
    const text = s("text", { class: "tgs-g" });
    w.g.append(
      s("path", { class: "tgs-flow", d, pathLength: 1 }),
      s("path", { class: "tgs-backhead", d: head }),
      s("g", { class: "tgs-sent", transform: `translate(${label[0].toFixed(1)} ${label[1].toFixed(1)})` }, rect, text),
    );
    w.sent = { rect, text };
    return w.sent;
  }

  function tagOf(p: Parts): NonNullable<Parts["tag"]> {
    if (p.tag) return p.tag;
    const box = layout!.boxes.get(p.item.key)!;
    const rect = s("rect", { class: "tgs-pill", height: 18, rx: 9, y: -9 });
    const text = s("text", { class: "tgs-g" });
    const g = s("g", { class: "tgs-tag", transform: `translate(0 ${box.h / 2 + 8})` }, rect, text);
    p.body.append(GAP, g);
    p.tag = { g, rect, text };
    return p.tag;
  }

  function badge(p: Parts): void {
    if (p.badge) return;
    const box = layout!.boxes.get(p.item.key)!;
    p.badge = s(
      "g",
      { class: "tgs-badge", transform: `translate(${box.w / 2 - 20} ${-box.h / 2 - 6})` },
      s("path", { d: MARK.saved }),
    );
    p.body.append(p.badge);
  }

  function cornerOf(p: Parts): NonNullable<Parts["corner"]> {
    if (p.corner) return p.corner;
    const box = layout!.boxes.get(p.item.key)!;
    const rect = s("rect", { class: "tgs-counter", height: 15, rx: 4, y: -7.5 });
    const text = s("text", { class: "tgs-count-text" });
    p.body.append(GAP, s("g", { transform: `translate(${-box.w / 2 + 12} ${-box.h / 2 - 3})` }, rect, text));
    p.corner = { rect, text };
    return p.corner;
  }

  function pin(p: Parts, words: Pin | undefined): void {
    if ((p.pin?.getAttribute("data-words") ?? undefined) === words) return;
    p.pin?.remove();
    delete p.pin;
    if (!words) return;
    const box = layout!.boxes.get(p.item.key)!;
    const width = words.length * 6.4 + 32;
    const mark = words === "fed" ? "fed" : "fetched";
    p.pin = s(
      "g",
      { class: "tgs-pin", transform: `translate(0 ${-box.h / 2 - 9})`, "data-words": words },
      GAP,
      s("rect", { class: "tgs-pintag", x: -width / 2, y: -9, width, height: 18, rx: 9 }),
      markAt(mark, `is-${mark}`, -width / 2 + 7, -6),
      s("text", { class: "tgs-pintext", x: 10 }, words),
    );
    p.body.append(p.pin);
  }

  /** What stands on a card, from the first word to the last: what a person who speaks to the page will say. */
  const written = (p: Parts): string =>
    [...p.body.getElementsByTagName("text")].map((t) => t.textContent).filter(Boolean).join(" ");

  function pill(rect: SVGRectElement, text: SVGTextElement, words: string): void {
    if (text.textContent === words) return;
    const w = Math.max(22, words.length * 7.1 + 13);
    text.textContent = words;
    rect.setAttribute("width", String(w));
    rect.setAttribute("x", String(-w / 2));
  }

  function sumOf(step: Step | null, node: number, before: State): string | null {
    if (step?.kind !== "meet" && step?.kind !== "store") return null;
    const e = step.events.find((x): x is Accumulate => x.type === "accumulate" && x.node === node);
    const was = step.kind === "meet" ? before.nodes.get(node)?.arriving : e?.before;
    if (!e || !isScalar(was) || !isScalar(e.added) || !isScalar(e.value)) return null;
    const b = num(e.added.data, 3);
    return `${num(was.data, 3)} + ${b.startsWith("−") ? `(${b})` : b} = ${num(e.value.data, 3)}`;
  }

  function updateCard(p: Parts, { v, now, near, pointed }: Scene): void {
    const { item } = p;
    setAttr(p.g, "data-lit", item.node !== null && pointed.has(item.node) ? "true" : null);
    const known = item.members.filter((n) => v.state.nodes.has(n));
    const last = known.at(-1);
    const node = last === undefined ? undefined : v.state.nodes.get(last)!;
    const kind = item.node === null ? "module" : defines.get(item.node)!.kind;
    let cls = `tgs-node kind-${kind}`;
    if (node) cls += " is-shown";
    const isNow = known.some((n) => now.has(n));
    if (isNow) cls += ` is-now is-${v.step!.phase}`;
    if (item.members.includes(v.selected ?? -1)) cls += " is-selected";
    if (node?.visited) cls += " is-visited";
    if (node && item.node !== null && node.saved.length) {
      badge(p);
      cls += node.freed ? " is-freed" : " is-saved";
    }
    const hidden = v.hole?.node === item.node && v.hole?.edge === null;
    const hideValue = hidden && v.step?.phase === "forward";
    const holdGrad = hidden && v.step?.phase === "backward";
    if (hideValue || holdGrad) cls += " is-asked";
    if (node) {
      const mark = item.node === null ? undefined : v.marks?.get(item.node);
      if (mark?.cls) cls += ` ${mark.cls}`;
      setText(p.value, hideValue ? "?" : node.value ? brief(node.value) : (mark?.instead ?? ""));
      setAttr(p.g, "data-life", mark?.life ?? null);
      pin(p, mark?.pin);
      if (p.badge && v.marks) setAttr(p.badge.firstElementChild!, "d", MARK[mark?.badge ?? "saved"]);
      if (mark?.corner) {
        const corner = cornerOf(p);
        pill(corner.rect, corner.text, mark.corner);
      }
      if (node.arriving || node.grad || p.tag || holdGrad || mark?.tag) {
        const tag = tagOf(p);
        const sum = item.node === null || holdGrad ? null : sumOf(v.step, item.node, v.before);
        const stored = node.grad !== undefined && (node.stored || !node.arriving);
        const shown = stored ? node.grad : node.arriving;
        const words = holdGrad ? "?" : (mark?.tag ?? sum ?? (shown ? `${stored ? ".grad " : ""}${brief(shown)}` : ""));
        pill(tag.rect, tag.text, words);
        if (words) cls += stored ? " has-grad is-stored" : " has-grad";
      }
      const tab = near && !near.has(item.key) ? "-1" : "0";
      setAttr(p.g, "tabindex", tab);
      const more =
        item.node === null
          ? `module ${item.module}, folded, ${item.members.length} nodes. Open it.`
          : hideValue
            ? "value to be predicted"
            : [nodeLabel(node, v.state), mark?.said, mark?.pin].filter(Boolean).join(", ");
      const seen = written(p);
      const name = item.node === null || caption(defines.get(item.node)!, names) ? "" : nameOf(names, item.node).text;
      setAttr(p.g, "aria-label", [seen, name === seen ? "" : name, more].filter(Boolean).join(", "));
      setAttr(p.g, "aria-hidden", null);
    } else {
      setAttr(p.g, "tabindex", null);
      setAttr(p.g, "aria-hidden", "true");
    }
    if (cls !== p.cls) {
      p.g.setAttribute("class", cls);
      p.cls = cls;
    }
  }

  function updateWire(w: Wiring, { v, sending }: Scene): void {
    let cls = "tgs-edge";
    let grad: Value | undefined;
    let shown = false;
    for (const edge of w.link.edges) {
      const to = consumer.get(edge);
      if (to !== undefined && v.state.nodes.has(to)) shown = true;
      if (to !== undefined && v.step?.phase === "forward" && v.step.node === to && v.step.kind !== "enter") cls += " is-now";
      const g = v.state.edges.get(edge);
      if (g) grad = g;
      if (sending.has(edge)) cls += " is-sending";
    }
    if (shown) cls += " is-shown";
    const asked = v.hole?.edge != null && w.link.edges.includes(v.hole.edge);
    if (asked) cls += " is-asked";
    const label = shown ? w.link.edges.map((edge) => v.labels?.get(edge)).find((text) => text !== undefined) : undefined;
    if (grad || asked || label !== undefined) {
      const sent = sentOf(w);
      pill(sent.rect, sent.text, asked ? "?" : (label ?? brief(grad!)));
      cls += grad || asked ? " is-sent" : " is-labelled";
    }
    const to = consumer.get(w.link.edges[0]!);
    setAttr(w.g, "data-life", (to === undefined ? undefined : v.marks?.get(to)?.life) ?? null);
    if (cls !== w.cls) {
      w.g.setAttribute("class", cls);
      w.cls = cls;
    }
  }

  /** Everything that is in view. */
  function refresh(now: Scene): void {
    for (const slot of cardSlots) if (!slot.off) updateCard(partOf(slot.of), now);
    for (const slot of wireSlots) if (!slot.off) updateWire(wiringOf(slot.of), now);
  }

  return {
    el,
    svg,
    stage,
    frame,
    reveal(node) {
      const box = layout?.boxes.get(visible.itemOf.get(node)?.key ?? "");
      if (!box) return;
      const [w, tall] = stage();
      const [x, y] = [box.x * current.k + current.x, box.y * current.k + current.y];
      if (x > PAD && y > PAD && x < w - PAD && y < tall - PAD && current.k > 0.38) return;
      const k = Math.max(current.k, READABLE);
      manual = { k, x: w / 2 - box.x * k, y: tall / 2 - box.y * k };
      frame();
    },
    light(nodes) {
      if (!scene) return;
      const before = scene.pointed;
      scene = { ...scene, pointed: nodes };
      for (const node of new Set([...before, ...nodes])) {
        const p = parts.get(`n${node}`);
        if (p) setAttr(p.g, "data-lit", nodes.has(node) ? "true" : null);
      }
    },
    resized: () => (room = null),
    drawing() {
      for (const slot of [...cardSlots, ...wireSlots]) slot.off = false;
      cards.replaceChildren(...cardSlots.map((slot) => partOf(slot.of).g));
      wires.replaceChildren(...wireSlots.map((slot) => wiringOf(slot.of).g));
      if (scene) refresh(scene);
      const copy = svg.cloneNode(true) as SVGSVGElement;
      frame();
      const view = copy.querySelector(".tgs-camera")!;
      view.removeAttribute("style");
      view.setAttribute("transform", `translate(${PAD} ${PAD})`);
      for (const hidden of copy.querySelectorAll(".tgs-node:not(.is-shown),.tgs-edge:not(.is-shown),.tgs-frame:not(.is-shown)"))
        hidden.remove();
      return { svg: copy, width: (layout?.width ?? 0) + 2 * PAD, height: (layout?.height ?? 0) + 2 * PAD };
    },

    show(v, l, d, n, open) {
      visible = v;
      layout = l;
      defines = d;
      names = n;
      manual = null;
      consumer = new Map();
      for (const define of d.values()) for (const input of define.inputs) consumer.set(input.edge, define.node);
      const far = v.items.length > MANY * 2;
      parts.clear();
      wiring.clear();
      scene = null;
      cardSlots = v.items.map((item) => ({ of: item, extent: cardExtent(item), off: far }));
      wireSlots = v.links.map((link) => ({ of: link, extent: wireExtent(link), off: far }));
      shownFrames = open.map((path) => {
        const inside = v.items.filter((i) => i.module === path || i.module.startsWith(`${path}.`));
        const depth = open.filter((o) => path.startsWith(`${o}.`)).length;
        const grow = 17 - 4 * Math.min(depth, 3);
        const boxes = inside.map((i) => l.boxes.get(i.key)!);
        const x0 = Math.min(...boxes.map((b) => b.x - b.w / 2)) - grow;
        const y0 = Math.min(...boxes.map((b) => b.y - b.h / 2)) - grow - 4;
        const x1 = Math.max(...boxes.map((b) => b.x + b.w / 2)) + grow;
        const y1 = Math.max(...boxes.map((b) => b.y + b.h / 2)) + grow;
        const g = s(
          "g",
          { class: "tgs-frame", "data-key": `f:${path}`, role: "button", "aria-label": `${path}, module, open. Fold it.` },
          s("rect", { x: x0, y: y0, width: x1 - x0, height: y1 - y0, rx: 14 }),
          s("path", { class: "tgs-plus", d: `M${x0 + 9} ${y0 - 6}h11v11h-11zM${x0 + 11.5} ${y0 - 0.5}h6` }),
          s("text", { x: x0 + 25, y: y0 }, path),
        );
        return { g, path, members: inside.flatMap((i) => i.members) };
      });
      frames.replaceChildren(...shownFrames.map((f) => f.g));
      wires.replaceChildren(...(far ? [] : v.links.map((link) => wiringOf(link).g)));
      cards.replaceChildren(...(far ? [] : v.items.map((item) => partOf(item).g)));
      svg.classList.toggle("is-large", v.items.length > 150);
    },

    update(v) {
      view = v;
      const now = new Set(v.step ? touched(v.step) : []);
      const sending = new Set<number>();
      for (const e of v.step?.events ?? []) {
        if (e.type === "backward" && !v.hole) for (const x of e.sends) sending.add(x.edge);
        if (e.type === "accumulate" && e.edge !== null && v.step?.kind === "meet") sending.add(e.edge);
      }
      let near: Set<string> | null = null;
      if (visible.items.length > MANY) {
        near = new Set(lit());
        const at = visible.itemOf.get(v.step?.node ?? -1)?.key;
        for (const l of visible.links) if (l.to === at) near.add(l.from);
      }
      scene = { v, now, near, sending, pointed: scene?.pointed ?? new Set() };
      refresh(scene);
      for (const f of shownFrames) {
        const on = f.members.some((n) => v.state.nodes.has(n));
        setAttr(f.g, "class", on ? "tgs-frame is-shown" : "tgs-frame");
        setAttr(f.g, "tabindex", on && !near ? "0" : null);
      }
      setText(empty, v.state.nodes.size ? "" : "The graph grows here.");
      if (manual) {
        // Follow only when the reader's own view has lost what the step is about.
        const [w, tall] = stage();
        const boxes = lit().map((k) => layout!.boxes.get(k)!);
        const out = boxes.length && boxes.every((b) => {
          const [x, y] = [b.x * manual!.k + manual!.x, b.y * manual!.k + manual!.y];
          return x < 0 || y < 0 || x > w || y > tall;
        });
        if (out) {
          const b = boxes[0]!;
          manual = { k: manual.k, x: w / 2 - b.x * manual.k, y: tall / 2 - b.y * manual.k };
        }
      }
      frame();
    },
  };
}
