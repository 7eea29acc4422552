// Axes and lines: as much of a chart as these pictures need.
import { s } from "./dom";
import { num } from "./format";

export interface Scale {
  (value: number): number;
  /** From a place back to a value. */
  invert(place: number): number;
  readonly ticks: readonly number[];
}

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

const between = (n: number, lo: number, hi: number): number => Math.min(Math.max(n, lo), hi);

/** Powers of ten, at most about `most` of them marked. */
export function logScale(from: number, to: number, start: number, end: number, most = 8): Scale {
  const [a, b] = [Math.log10(from), Math.log10(to)];
  const scale = (value: number): number => start + ((end - start) * (Math.log10(value) - a)) / (b - a);
  const [lo, hi] = [Math.ceil(Math.min(a, b) - 1e-9), Math.floor(Math.max(a, b) + 1e-9)];
  const every = Math.max(1, Math.ceil((hi - lo) / most));
  const ticks: number[] = [];
  for (let e = lo; e <= hi; e++) if (e % every === 0) ticks.push(10 ** e);
  // Less than two powers of ten say little: 2 and 5 times as much are marked too.
  if (ticks.length < 2)
    for (let e = lo - 1; e <= hi; e++) for (const m of [2, 5]) if (m * 10 ** e >= Math.min(from, to) && m * 10 ** e <= Math.max(from, to)) ticks.push(m * 10 ** e);
  return Object.assign(scale, { ticks, invert: (place: number) => 10 ** (a + ((place - start) / (end - start)) * (b - a)) });
}

/** Round steps of 1, 2 or 5 times a power of ten. */
export function linearScale(from: number, to: number, start: number, end: number, most = 6): Scale {
  const span = to - from || 1;
  const scale = (value: number): number => start + ((end - start) * (value - from)) / span;
  const raw = Math.abs(span) / most;
  const ten = 10 ** Math.floor(Math.log10(raw));
  const step = ten * ([1, 2, 5, 10].find((m) => ten * m >= raw) ?? 10);
  const [lo, hi] = [Math.min(from, to), Math.max(from, to)];
  const ticks: number[] = [];
  for (let k = Math.ceil(lo / step - 1e-9); k * step <= hi + 1e-9 * step; k++) ticks.push(Number((k * step).toPrecision(12)));
  return Object.assign(scale, { ticks, invert: (place: number) => from + ((place - start) / (end - start)) * span });
}

/** Grid, ticks and what the axes measure. */
export function axes(x: Scale, y: Scale, box: Box, across: string, up: string): SVGGElement {
  const g = s("g", { class: "tgs-axes" });
  for (const t of x.ticks)
    g.append(
      s("path", { class: "tgs-grid", d: `M${x(t).toFixed(1)} ${box.top}V${box.bottom}` }),
      s("text", { x: x(t).toFixed(1), y: box.bottom + 15 }, num(t)),
    );
  for (const t of y.ticks)
    g.append(
      s("path", { class: "tgs-grid", d: `M${box.left} ${y(t).toFixed(1)}H${box.right}` }),
      s("text", { class: "is-left", x: box.left - 8, y: y(t).toFixed(1) }, num(t)),
    );
  g.append(
    s("path", { class: "tgs-axis", d: `M${box.left} ${box.top}V${box.bottom}H${box.right}` }),
    s("text", { class: "tgs-axisname is-right", x: box.right, y: box.bottom + 34 }, across),
    s("text", { class: "tgs-axisname is-start", x: Math.max(8, box.left - 46), y: box.top - 14 }, up),
  );
  return g;
}

/** A line through the points; it breaks where one is missing. */
export function line(points: readonly (readonly [number, number] | null)[]): string {
  let d = "";
  let pen = false;
  for (const p of points) {
    if (!p || !Number.isFinite(p[0]) || !Number.isFinite(p[1])) {
      pen = false;
      continue;
    }
    d += `${pen ? "L" : "M"}${p[0].toFixed(1)} ${p[1].toFixed(1)}`;
    pen = true;
  }
  return d;
}

/** The marks of several series: told apart by shape as well as by colour and by the pattern of their lines. */
const MARKS = ["M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z", "M-4.6 -4.6h9.2v9.2h-9.2z", "M0 -6l6 10.4h-12z", "M0 -6.2l6.2 6.2l-6.2 6.2l-6.2 -6.2z", "M-6 -2h4v-4h4v4h4v4h-4v4h-4v-4h-4z"] as const;

/** After five series the colours begin again, with other marks and patterns: 25 differ. */
const pattern = (k: number): number => (k + Math.floor(k / MARKS.length)) % MARKS.length;

export const series = (k: number): string => `is-series${(k % MARKS.length) + 1} is-pattern${pattern(k) + 1}`;
export const markOf = (k: number): string => MARKS[pattern(k)]!;
export const marker = (k: number): SVGGElement => s("g", { class: `tgs-marker ${series(k)}` }, s("path", { d: markOf(k) }));

/** The place of the pointer in the picture's own units. */
export function placeOf(svg: SVGSVGElement, event: PointerEvent): [number, number] {
  const box = svg.getBoundingClientRect();
  const view = svg.viewBox.baseVal;
  return [((event.clientX - box.left) / box.width) * view.width, ((event.clientY - box.top) / box.height) * view.height];
}

/** Calls `move` while the pointer is pressed on the picture and dragged. */
export function draggable(svg: SVGSVGElement, move: (x: number, y: number) => void): void {
  const at = (event: PointerEvent): void => move(...placeOf(svg, event));
  svg.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    svg.setPointerCapture(event.pointerId);
    at(event);
  });
  svg.addEventListener("pointermove", (event) => svg.hasPointerCapture(event.pointerId) && at(event));
}

export { between };
