// Where every box and line goes: by dagre in the browser, or from positions that Python sent.
import { Graph, layout as dagre } from "@dagrejs/dagre";
import type { Link, Visible } from "./fold";
import type { SentLayout } from "./types";

export type Direction = "LR" | "TB";
export type Size = readonly [width: number, height: number];

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

export interface Wire {
  /** Points the line passes through, from the border of one box to the border of the other. */
  readonly points: ReadonlyArray<readonly [number, number]>;
  /** Where the gradient is written. */
  readonly label: readonly [number, number];
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly direction: Direction;
  /** Box centres. */
  readonly boxes: ReadonlyMap<string, Box>;
  readonly wires: ReadonlyMap<string, Wire>;
}

/** Beyond this many boxes, dagre takes seconds. */
export const DAGRE_LIMIT = 300;

const LABEL: Size = [46, 18];
const PORT_GAP = 11;
type Point = readonly [number, number];

function byDagre(
  v: Visible,
  sizes: ReadonlyMap<string, Size>,
  direction: Direction,
  clusters: readonly string[],
): Layout {
  const g = new Graph({ multigraph: true, compound: clusters.length > 0 });
  const lr = direction === "LR";
  g.setGraph({ rankdir: direction, nodesep: lr ? 34 : 30, edgesep: 20, ranksep: lr ? 36 : 60 });
  g.setDefaultEdgeLabel(() => ({}));
  for (const { key } of v.items) {
    const [width, height] = sizes.get(key)!;
    g.setNode(key, { width, height });
  }
  // What is in an open module stays together, so that a frame can be drawn around it.
  const parentOf = (path: string, self: boolean): string | undefined =>
    clusters.filter((c) => (self && c === path) || path.startsWith(`${c}.`)).sort((a, b) => b.length - a.length)[0];
  for (const path of clusters) g.setNode(`f:${path}`, {});
  for (const path of clusters) {
    const outer = parentOf(path, false);
    if (outer) g.setParent(`f:${path}`, `f:${outer}`);
  }
  if (clusters.length)
    for (const item of v.items) {
      const outer = parentOf(item.module, item.node !== null);
      if (outer) g.setParent(item.key, `f:${outer}`);
    }
  for (const link of v.links)
    g.setEdge(
      link.from,
      link.to,
      link.graded ? { width: LABEL[0], height: LABEL[1], labelpos: "c" } : {},
      link.key,
    );
  dagre(g);
  const centres = new Map<string, Point>();
  for (const { key } of v.items) {
    const { x, y } = g.node(key) as { x: number; y: number };
    centres.set(key, [x, y]);
  }
  const bends = new Map<string, Point[]>();
  for (const link of v.links) {
    const edge = g.edge(link.from, link.to, link.key) as { points: { x: number; y: number }[]; x?: number; y?: number };
    // First and last lie on the borders: replaced by ports below. The label lies on the way.
    const through: Point[] = edge.points.slice(1, -1).map((p) => [p.x, p.y]);
    bends.set(link.key, through);
  }
  return finish(v, sizes, direction, centres, bends);
}

/** Columns by longest path, rows by the average of what leads there: for large graphs without Graphviz. */
export function byColumns(v: Visible, sizes: ReadonlyMap<string, Size>): Layout {
  const into = new Map<string, string[]>(v.items.map((i) => [i.key, []]));
  for (const link of v.links) into.get(link.to)!.push(link.from);
  const rank = new Map<string, number>();
  // Items come in the order of definition, so what leads to one stands before it (chips aside).
  for (const { key } of v.items)
    rank.set(key, Math.max(-1, ...into.get(key)!.map((from) => rank.get(from) ?? -1)) + 1);
  const columns: string[][] = [];
  for (const [key, r] of rank) (columns[r] ??= []).push(key);
  const centres = new Map<string, Point>();
  let x = 0;
  for (const column of columns) {
    const wish = new Map(
      column.map((key, i) => {
        const ys = into.get(key)!.map((from) => centres.get(from)?.[1]).filter((y) => y !== undefined);
        return [key, ys.length ? ys.reduce((a, b) => a + b, 0) / ys.length : i * 76];
      }),
    );
    column.sort((a, b) => wish.get(a)! - wish.get(b)!);
    const width = Math.max(...column.map((key) => sizes.get(key)![0]));
    let y = -Infinity;
    for (const key of column) {
      y = Math.max(y + sizes.get(key)![1] + 30, wish.get(key)!);
      centres.set(key, [x + width / 2, y]);
    }
    x += width + 80;
  }
  return finish(v, sizes, "LR", centres, new Map());
}

/** Positions from Graphviz. */
export function bySent(v: Visible, sizes: ReadonlyMap<string, Size>, sent: SentLayout): Layout {
  const centres = new Map<string, Point>(Object.entries(sent.nodes));
  const bends = new Map<string, Point[]>();
  for (const link of v.links) {
    const flat = sent.edges[link.key] ?? [];
    const points: Point[] = [];
    for (let i = 0; i + 1 < flat.length; i += 2) points.push([flat[i]!, flat[i + 1]!]);
    bends.set(link.key, points);
  }
  return finish(v, sizes, "LR", centres, bends);
}

/** From centres and bends to boxes, ports and a picture that starts at the origin. */
function finish(
  v: Visible,
  sizes: ReadonlyMap<string, Size>,
  direction: Direction,
  centres: ReadonlyMap<string, Point>,
  bends: ReadonlyMap<string, readonly Point[]>,
): Layout {
  const lr = direction === "LR";
  const across = lr ? 1 : 0;
  const boxes = new Map<string, Box>();
  for (const { key } of v.items) {
    const [w, h] = sizes.get(key)!;
    const [x, y] = centres.get(key) ?? [0, 0];
    boxes.set(key, { x, y, w, h });
  }
  const twins = new Map<string, Link[]>();
  for (const link of v.links) {
    const pair = `${link.from}>${link.to}`;
    twins.set(pair, [...(twins.get(pair) ?? []), link]);
  }
  /** How far the lines of such a pair bow apart. */
  const bowOf = (link: Link): number => {
    const pair = twins.get(`${link.from}>${link.to}`)!;
    return (pair.indexOf(link) - (pair.length - 1) / 2) * 44;
  };
  // Lines into one box end a little apart, in the order in which they come.
  const arriving = new Map<string, { key: string; at: number }[]>();
  for (const link of v.links) {
    const from = boxes.get(link.from)!;
    const twin = bowOf(link) !== 0;
    const last = (twin ? undefined : bends.get(link.key)?.at(-1)) ?? ([from.x, from.y] as Point);
    const list = arriving.get(link.to) ?? [];
    list.push({ key: link.key, at: last[across] + bowOf(link) });
    arriving.set(link.to, list);
  }
  const port = new Map<string, number>();
  for (const [to, list] of arriving) {
    list.sort((a, b) => a.at - b.at);
    const box = boxes.get(to)!;
    const room = (lr ? box.h : box.w) - 18;
    const gap = Math.min(PORT_GAP, room / Math.max(1, list.length - 1));
    list.forEach((e, i) => port.set(e.key, (i - (list.length - 1) / 2) * gap));
  }
  const wires = new Map<string, Wire>();
  const extent = [0, 0, 0, 0];
  const reach = (x: number, y: number): void => {
    extent[0] = Math.min(extent[0]!, x);
    extent[1] = Math.min(extent[1]!, y);
    extent[2] = Math.max(extent[2]!, x);
    extent[3] = Math.max(extent[3]!, y);
  };
  extent[0] = extent[1] = Infinity;
  extent[2] = extent[3] = -Infinity;
  for (const b of boxes.values()) {
    reach(b.x - b.w / 2, b.y - b.h / 2);
    reach(b.x + b.w / 2, b.y + b.h / 2);
  }
  for (const link of v.links) {
    const a = boxes.get(link.from)!;
    const b = boxes.get(link.to)!;
    const offset = port.get(link.key)!;
    const start: Point = lr ? [a.x + a.w / 2, a.y] : [a.x, a.y + a.h / 2];
    const end: Point = lr ? [b.x - b.w / 2, b.y + offset] : [b.x + offset, b.y - b.h / 2];
    let middle = bends.get(link.key) ?? [];
    const bow = bowOf(link);
    if (twins.get(`${link.from}>${link.to}`)!.length > 1 && middle.length <= 1) {
      const [mx, my] = [(start[0] + end[0]) / 2, (start[1] + end[1]) / 2];
      middle = [lr ? [mx, my - offset / 2 + bow] : [mx - offset / 2 + bow, my]];
    }
    const points = [start, ...middle, end];
    const label = middle.length
      ? middle[Math.floor((middle.length - 1) / 2)]!
      : ([(start[0] + end[0]) / 2, (start[1] + end[1]) / 2] as Point);
    for (const [x, y] of points) reach(x, y);
    wires.set(link.key, { points, label });
  }
  const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = extent.every(Number.isFinite) ? extent : [0, 0, 0, 0];
  const shift = ([x, y]: Point): Point => [x - x0, y - y0];
  return {
    width: x1 - x0,
    height: y1 - y0,
    direction,
    boxes: new Map([...boxes].map(([k, b]) => [k, { ...b, x: b.x - x0, y: b.y - y0 }])),
    wires: new Map(
      [...wires].map(([k, w]) => [k, { points: w.points.map(shift), label: shift(w.label) }]),
    ),
  };
}

const LARGEST = 1.5;

/** How large the picture may be drawn in a stage of this size. */
export const fit = (l: Layout, width: number, height: number): number =>
  Math.min(LARGEST, width / Math.max(1, l.width), height / Math.max(1, l.height));

/** Lays out what is visible; the direction that fills the stage better wins, left to right by default. */
export function arrange(
  v: Visible,
  sizes: ReadonlyMap<string, Size>,
  stage: Size,
  sent?: SentLayout,
  open: readonly string[] = [],
): Layout {
  if (sent && v.items.every((i) => i.key in sent.nodes)) return bySent(v, sizes, sent);
  if (v.items.length > DAGRE_LIMIT) return byColumns(v, sizes);
  const tidy = (direction: Direction): Layout => {
    try {
      return byDagre(v, sizes, direction, open);
    } catch {
      // dagre's clusters fail on some graphs; frames may then overlap, the rest is as good.
      return byDagre(v, sizes, direction, []);
    }
  };
  const across = tidy("LR");
  if (v.items.length > 80 || fit(across, ...stage) > 0.8) return across;
  const down = tidy("TB");
  return fit(down, ...stage) > 1.2 * fit(across, ...stage) ? down : across;
}

/** A smooth line through the points, leaving and arriving straight. */
export function curve(points: Wire["points"], direction: Direction): string {
  const [first, ...rest] = points;
  if (!first) return "";
  const r = (n: number): string => String(Math.round(n * 10) / 10);
  let d = `M${r(first[0])} ${r(first[1])}`;
  let [x, y] = first;
  for (const [u, v] of rest) {
    if (direction === "LR") {
      const m = (x + u) / 2;
      d += `C${r(m)} ${r(y)} ${r(m)} ${r(v)} ${r(u)} ${r(v)}`;
    } else {
      const m = (y + v) / 2;
      d += `C${r(x)} ${r(m)} ${r(u)} ${r(m)} ${r(u)} ${r(v)}`;
    }
    [x, y] = [u, v];
  }
  return d;
}
