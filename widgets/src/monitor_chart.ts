// The curves of one metric: every run that is drawn, over the steps that are looked at.
import { s, setText } from "./dom";
import { num } from "./format";
import { rowOf, smooth, thin, valueAt, type Run } from "./monitor_data";
import { axes, line, linearScale, logScale, marker, series, type Box, type Scale } from "./plot";

export interface ChartOptions {
  readonly smoothing: number;
  readonly logarithmic: boolean;
  /** The runs that are drawn, by their place. */
  readonly shown: readonly number[];
  /** The run whose figure is shown where there is no room for all. */
  readonly watched: number;
  /** What the horizontal axis measures; nothing where another chart stands below. */
  readonly across: string;
}

export interface Chart {
  readonly nodes: Element[];
  /** What moves with the step, to lie above: so that the curves need not be painted again. */
  readonly marks: Element[];
  /** Moves the marks to a step. */
  at(step: number): void;
}

const SLOT = 78; // a figure with its mark

/** The last row of a run that is not after a step; -1 before its first. */
export const rowAt = (run: Run, step: number): number => rowOf(run.steps, step + 0.5) - 1;

export function chart(runs: readonly Run[], name: string, box: Box, x: Scale, window: readonly [number, number], o: ChartOptions): Chart {
  const inside = runs.map((r): [number, number] => [Math.max(0, rowAt(r, window[0])), Math.min(r.steps.length, rowOf(r.steps, window[1]) + 1)]);
  const [low, high] = reach(o.shown.map((k) => [runs[k]!.metrics[name] ?? [], ...inside[k]!]), o.logarithmic);
  const y = o.logarithmic ? logScale(low, high, box.bottom - 4, box.top + 4, 4) : linearScale(low, high, box.bottom - 4, box.top + 4, 4);
  const columns = Math.max(50, Math.round(box.right - box.left));
  const nodes: Element[] = [axes(x, y, box, o.across, name)];
  const marks: Element[] = [];
  const moving: ((step: number) => void)[] = [];
  const place = (v: number | null | undefined): number | null => (v != null && Number.isFinite(v) && (!o.logarithmic || v > 0) ? y(v) : null);
  const rule = s("path", { class: "tgs-now" });
  const logged = o.shown.filter((k) => runs[k]!.metrics[name]);
  // Where not all figures fit, only that of the run that is watched.
  const figures = logged.length * SLOT < box.right - box.left - 90 ? logged : logged.filter((k) => k === o.watched);
  for (const k of logged) {
    const r = runs[k]!;
    const raw = r.metrics[name]!;
    const even = o.smoothing > 0 ? smooth(raw, o.smoothing) : raw;
    const path = (values: readonly (number | null)[]): string =>
      line(
        thin(values, columns, ...inside[k]!).map((i) => {
          const up = place(values[i]);
          return up === null ? null : [x(r.steps[i]!), up];
        }),
      );
    // Dashes along a curve that fills its column up and down are not seen, and take long to paint.
    const dense = inside[k]![1] - inside[k]![0] > 4 * columns ? " is-dense" : "";
    const g = s("g", { class: `tgs-run-curve${dense}`, "data-run": k });
    if (even !== raw) g.append(s("path", { class: `tgs-curve is-raw ${series(k)}`, d: path(raw) }));
    g.append(s("path", { class: `tgs-curve ${series(k)}`, d: path(even) }));
    nodes.push(g);
    const dot = marker(k);
    const slot = figures.indexOf(k);
    const right = box.right - SLOT * (figures.length - 1 - slot);
    const figure = slot < 0 ? null : s("text", { class: `is-right tgs-figure ${series(k)}`, x: right, y: box.top - 14 });
    const sign = slot < 0 || runs.length < 2 ? null : marker(k);
    marks.push(dot, ...(figure ? [figure] : []), ...(sign ? [sign] : []));
    moving.push((step) => {
      const value = valueAt(even, rowAt(r, step));
      const up = place(value);
      const over = step > r.steps.at(-1)! ? r.steps.at(-1)! : step;
      const seen = up !== null && over >= window[0] && over <= window[1];
      dot.setAttribute("transform", seen ? `translate(${x(over).toFixed(1)} ${up.toFixed(1)})` : "translate(-99 -99)");
      if (!figure) return;
      const words = value === null ? "" : num(value, 3);
      setText(figure, words);
      sign?.setAttribute("transform", words ? `translate(${right - 7.8 * words.length - 12} ${box.top - 14})` : "translate(-99 -99)");
    });
  }
  moving.push((step) => rule.setAttribute("d", step >= window[0] && step <= window[1] ? `M${x(step).toFixed(1)} ${box.top}V${box.bottom}` : ""));
  return { nodes, marks: [rule, ...marks], at: (step) => moving.forEach((f) => f(step)) };
}

/** Lowest and highest of what is drawn, never the same. */
function reach(columns: readonly (readonly [readonly (number | null)[], number, number])[], positive: boolean): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const [values, from, to] of columns)
    for (let i = from; i < to; i++) {
      const v = values[i];
      if (v == null || !Number.isFinite(v) || (positive && v <= 0)) continue;
      if (v < low) low = v;
      if (v > high) high = v;
    }
  if (low > high) return positive ? [0.1, 1] : [0, 1];
  if (low === high) return positive ? [low / 2, high * 2] : [low - 0.5, high + 0.5];
  return [low, high];
}
