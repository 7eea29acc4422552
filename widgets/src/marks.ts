// The shapes of the visual language: what a node is, and what has happened to it. Drawn, never only coloured.
import { s } from "./dom";

/** The outline of each kind of node: kinds differ in shape, not only in colour. */
export function outlineOf(kind: string, w: number, tall: number): string {
  const [x, y] = [w / 2, tall / 2];
  const rounded = (r: number): string =>
    `M${-x + r} ${-y}H${x - r}A${r} ${r} 0 0 1 ${x} ${-y + r}V${y - r}A${r} ${r} 0 0 1 ${x - r} ${y}` +
    `H${-x + r}A${r} ${r} 0 0 1 ${-x} ${y - r}V${-y + r}A${r} ${r} 0 0 1 ${-x + r} ${-y}Z`;
  const cut = Math.min(11, tall / 3);
  switch (kind) {
    case "leaf":
      return rounded(y);
    case "parameter":
      return `M${-x} 0L${-x + cut} ${-y}H${x - cut}L${x} 0L${x - cut} ${y}H${-x + cut}Z`;
    case "constant":
      return rounded(0.1);
    case "placeholder":
      return `M${-x + cut} ${-y}H${x}L${x - cut} ${y}H${-x}Z`;
    default:
      return rounded(Math.min(9, tall / 5));
  }
}

/** Small marks, each a path on a ground of about 10 by 14 units from its own origin. */
export const MARK = {
  /** A bookmark: kept for the way back. Filled while it is kept, an outline once released. */
  saved: "M0 0h10v14l-5 -4l-5 4z",
  /** The same, torn on both sides: the value was overwritten after it was kept. */
  stale: "M0 0h10v4l-4 2.5l4 2.5v5l-5 -4l-5 4v-5l4 -2.5l-4 -2.5z",
  /** An arrow into a bowl: a value given from outside. */
  fed: "M5 0v8M2 5l3 3l3 -3M0 8v4h10v-4",
  /** An arrow out of it: a value asked for. */
  fetched: "M5 8v-8M2 3l3 -3l3 3M0 8v4h10v-4",
} as const;

export type Mark = keyof typeof MARK;

/** A mark with its class, at a place. */
export const markAt = (mark: Mark, cls: string, x: number, y: number): SVGGElement =>
  s("g", { class: `tgs-mark ${cls}`, transform: `translate(${x} ${y})` }, s("path", { d: MARK[mark] }));
