// The time axis: two lanes with a mark for each moment, what both share joined, runs framed, and where we are.
import { s } from "./dom";
import type { Moment, Tick } from "./dynamic_static_steps";

export const LANES_HEIGHT = 74;
const LANE = [17, 56] as const;

export interface Lanes {
  readonly el: SVGSVGElement;
  update(at: number): void;
}

/** What each kind of moment looks like, around its own origin. */
export function mark(kind: Moment["kind"]): SVGElement[] {
  switch (kind) {
    case "define":
      return [s("circle", { r: 4.2, class: "dsv-ring" })];
    case "make":
      return [s("circle", { r: 5.4, class: "dsv-ring" }), s("circle", { r: 3, class: "dsv-dot" })];
    case "execute":
      return [s("circle", { r: 4.2, class: "dsv-dot" })];
    case "print":
      return [s("path", { class: "dsv-said", d: "M-6 -6h12a1.5 1.5 0 0 1 1.5 1.5v6a1.5 1.5 0 0 1 -1.5 1.5h-7l-3.5 3.5v-3.5h-1.5a1.5 1.5 0 0 1 -1.5 -1.5v-6a1.5 1.5 0 0 1 1.5 -1.5z" }), s("path", { class: "dsv-saying", d: "M-3.5 -2.6h7M-3.5 0.3h4.5" })];
    case "run":
      return [s("path", { class: "dsv-in", d: "M-4.5 -4.5h9l-4.5 8z" })];
    case "fetch":
      return [s("path", { class: "dsv-out", d: "M-4.5 4.5h9l-4.5 -8z" })];
    case "backward":
    case "grad":
      return [s("path", { class: "dsv-back", d: "M4 -4.5v9l-8 -4.5z" })];
    case "error":
      return [s("path", { class: "dsv-error", d: "M-4.5 -4.5l9 9M4.5 -4.5l-9 9" })];
    case "update":
      return [s("path", { class: "dsv-update", d: "M0 -5.5l5.5 5.5l-5.5 5.5l-5.5 -5.5z" })];
  }
}

/** The lanes for a given width; `go` is called with the tick that was clicked. */
export function lanes(
  ticks: readonly Tick[],
  sides: readonly [readonly Moment[], readonly Moment[]],
  pairs: ReadonlySet<number>,
  width: number,
  go: (tick: number) => void,
): Lanes {
  const x = (tick: number): number => Math.round(((tick * width) / Math.max(1, ticks.length)) * 10) / 10;
  const cursor = s("path", { class: "dsv-cursor", d: `M0 0V${LANES_HEIGHT}` });
  const marks: { tick: number; g: SVGGElement }[] = [];
  const el = s("svg", { class: "dsv-lanes", width, height: LANES_HEIGHT, viewBox: `0 0 ${width} ${LANES_HEIGHT}`, "aria-hidden": "true" });
  const behind = s("g");
  el.append(behind, cursor);
  sides.forEach((moments, side) => {
    const y = LANE[side]!;
    behind.append(s("path", { class: "dsv-lane", d: `M0 ${y}H${width}` }));
    let open: number | null = null;
    let runs = 0;
    let done = 0;
    const drawn = new Set<string>();
    ticks.forEach((tick, k) => {
      if (tick[side]! === done) return;
      done = tick[side]!;
      const m = moments[done - 1]!;
      const at = x(k + 1);
      if (m.kind === "run") open = at;
      if (m.kind === "fetch" && open !== null) {
        runs += 1;
        const label = at - open > 30 ? [s("text", { x: open - 7, y: y - 16, class: "dsv-runlabel" }, `run ${runs}`)] : [];
        behind.append(s("rect", { class: "dsv-run", x: open - 9, y: y - 12, width: at - open + 18, height: 24, rx: 12 }), ...label);
        open = null;
      }
      if (side === 0 && pairs.has(done - 1)) behind.append(s("path", { class: "dsv-pair", d: `M${at} ${LANE[0]}V${LANE[1]}` }));
      // Where many moments share a pixel, one mark of each kind stands for them.
      const spot = `${m.kind}${Math.round(at)}`;
      if (drawn.has(spot)) return;
      drawn.add(spot);
      const g = s("g", { class: `dsv-mark is-${m.kind}`, transform: `translate(${at} ${y})` }, ...mark(m.kind));
      marks.push({ tick: k + 1, g });
      el.append(g);
    });
  });
  el.addEventListener("click", (event) => {
    const box = el.getBoundingClientRect();
    go(Math.round(((event.clientX - box.left) / Math.max(1, box.width)) * ticks.length));
  });
  let was = 0;
  return {
    el,
    update(at) {
      cursor.setAttribute("transform", `translate(${x(at)} 0)`);
      const [from, to] = [Math.min(was, at), Math.max(was, at)];
      for (const { tick, g } of marks)
        if (tick >= from && tick <= to) {
          g.classList.toggle("is-past", tick <= at);
          g.classList.toggle("is-here", tick === at);
        }
      was = at;
    },
  };
}
