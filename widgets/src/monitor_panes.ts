// Beside the curves: what the weights of a run did at a step, or what its layers gave.
import { s, setText } from "./dom";
import { num, toNumber } from "./format";
import { barsOf, lastAt, type Bars, type Run, type Sample } from "./monitor_data";
import { logScale, type Scale } from "./plot";
import type { Num } from "./types";

export interface Pane {
  readonly nodes: Element[];
  readonly height: number;
  /** Shows what was measured last at or before a row. */
  at(row: number): void;
}

const ROW = 34;
const MOST = 24; // rows
const TOP = 44;

/** Which of so many are shown: of very many, the first and the last. */
export function rowsShown(n: number): number[] {
  const all = Array.from({ length: n }, (_, i) => i);
  return n <= MOST ? all : [...all.slice(0, MOST / 2), ...all.slice(n - MOST / 2)];
}

const finite = (v: readonly (Num | null)[]): number[] => v.map((n) => (n === null ? NaN : toNumber(n))).filter((n) => n > 0 && Number.isFinite(n));
const span = (values: readonly number[], low: number, high: number): [number, number] =>
  values.reduce<[number, number]>(([p, q], v) => [Math.min(p, 10 ** Math.floor(Math.log10(v))), Math.max(q, 10 ** Math.ceil(Math.log10(v)))], [low, high]);

const small = (x: number, y: number, words: string, cls = "is-start"): SVGTextElement => s("text", { class: `tgs-small ${cls}`, x, y }, words);

/** Names at the left, one a row, with a line below each; after the first half of very many, how many are left out. */
function names(words: readonly string[], shown: readonly number[], width: number, label: number, total: number): { nodes: Element[]; y: (k: number) => number; bottom: number } {
  const gap = shown.length < total ? 22 : 0;
  const y = (k: number): number => TOP + k * ROW + ROW / 2 + (gap && k >= MOST / 2 ? gap : 0);
  const room = Math.max(6, Math.floor((label - 6) / 7.6));
  const nodes: Element[] = shown.flatMap((i, k) => {
    const name = words[i]!;
    const text = s("text", { class: "is-start tgs-layer-name", x: 0, y: y(k) }, name.length > room ? `…${name.slice(1 - room)}` : name);
    text.append(s("title", {}, name));
    return [s("path", { class: "tgs-grid", d: `M0 ${y(k) + ROW / 2}H${width}` }), text];
  });
  if (gap) nodes.push(small(0, y(MOST / 2 - 1) + ROW / 2 + gap / 2, `… ${total - shown.length} more between …`));
  return { nodes, y, bottom: y(shown.length - 1) + ROW / 2 };
}

/** The bars of a histogram, and where zero is in it. */
function histogram(bars: Bars | undefined, x: number, width: number, y: number): { fill: string; zero: string } {
  const found = barsOf(bars);
  if (!found) return { fill: "", zero: "" };
  const { low, high, heights } = found;
  const bar = width / heights.length;
  const fill = heights.map((n, k) => (n ? `M${(x + k * bar).toFixed(1)} ${y + 13}v${(-26 * n).toFixed(1)}h${(bar * 0.9).toFixed(1)}V${y + 13}z` : "")).join("");
  const at = x + (high > low ? (width * (0 - low)) / (high - low) : 0.45 * bar);
  return { fill, zero: low <= 0 && high >= 0 ? `M${at.toFixed(1)} ${y - 15}v30` : "" };
}

const title = (run: Run, sample: Sample | null): string => (sample ? `as measured at step ${run.steps[sample.row] ?? sample.row}` : "not measured yet at this step");

/** For each weight: how long its gradient is, how far a step moves it, and how its gradient is spread. */
export function weights(run: Run, width: number): Pane {
  const shown = rowsShown(run.layers.length);
  const label = Math.min(130, width * 0.27);
  const part = (width - label) / 3;
  const [a, b, c] = [label, label + part, label + 2 * part];
  const { nodes, y, bottom } = names(run.layers, shown, width, label, run.layers.length);
  const gx = logScale(...span(run.samples.flatMap((x) => finite(x.grad)), 1e-3, 1), a + 8, b - 16, 3);
  const rx = logScale(...span(run.samples.flatMap((x) => finite(x.ratio)), 1e-4, 1e-2), b + 8, c - 16, 3);
  // About a thousandth of its size at a step is what a weight usually bears; both spans hold it.
  const usual = rx(1e-3);
  const ticks = [gx, rx].flatMap((scale) =>
    scale.ticks.flatMap((t) => {
      const at = scale(t);
      const named = scale === gx || Math.abs(at - usual) > 48;
      return [s("path", { class: "tgs-grid", d: `M${at.toFixed(1)} ${TOP}V${bottom}` }), ...(named ? [small(at, bottom + 12, num(t), "")] : [])];
    }),
  );
  const heading = small(0, 10, "");
  const still = [
    ...ticks,
    s("path", { class: "tgs-usual", d: `M${usual.toFixed(1)} ${TOP}V${bottom}` }),
    s("text", { class: "tgs-small tgs-usual-name", x: usual.toFixed(1), y: bottom + 12 }, "10⁻³, usual"),
    small(a + 8, 32, "gradient norm"), small(b + 8, 32, "update / weight"), small(c + 8, 32, "gradient, spread"),
  ];
  const rows = shown.map((i, k) => {
    const g = s("path", { class: "tgs-layer-grad", d: "M-4.6 -4.6h9.2v9.2h-9.2z" });
    const u = s("path", { class: "tgs-layer-ratio", d: "M0 -6.2l6.2 6.2l-6.2 6.2l-6.2 -6.2z" });
    const [fill, zero] = [s("path", { class: "tgs-histogram-fill" }), s("path", { class: "tgs-now" })];
    const none = small(a + 2, y(k), "", "is-right");
    nodes.push(fill, zero, g, u, none);
    return (sample: Sample | null): void => {
      // Nothing has no place on an axis of powers of ten, and is what one looks for.
      setText(none, sample?.grad[i] === 0 ? "0" : "");
      put(g, gx, sample?.grad[i], y(k));
      put(u, rx, sample?.ratio[i], y(k));
      const drawn = histogram(sample?.hist[i], c + 8, width - c - 12, y(k));
      fill.setAttribute("d", drawn.fill);
      zero.setAttribute("d", drawn.zero);
    };
  });
  return {
    nodes: [heading, ...still, ...nodes],
    height: bottom + 24,
    at: (row) => {
      const sample = lastAt(run.samples, row);
      setText(heading, `weights and their gradients, ${title(run, sample)}`);
      rows.forEach((f) => f(sample));
    },
  };
}

function put(el: Element, scale: Scale, v: Num | null | undefined, y: number): void {
  const n = v === null || v === undefined ? NaN : toNumber(v);
  el.setAttribute("transform", n > 0 && Number.isFinite(n) ? `translate(${scale(n).toFixed(1)} ${y})` : "translate(-99 -99)");
}

/** What a module is called: its place in the model, and its kind. */
export const moduleName = ([name, kind]: readonly [string, string]): string => (name ? `${name} ${kind}` : kind);

/** The same in a sentence, where a number in front would read as how many. */
export const spokenName = ([name, kind]: readonly [string, string]): string => (name ? `${kind} (${name})` : kind);

/** For each layer: how what it gives is spread, how much of it is zero, and how many units answer to no example. */
export function outputs(run: Run, width: number): Pane {
  const shown = rowsShown(run.modules.length);
  const label = Math.min(150, width * 0.3);
  const [a, b] = [label, width - Math.max(112, width * 0.26)];
  const { nodes, y, bottom } = names(run.modules.map(moduleName), shown, width, label, run.modules.length);
  const heading = small(0, 10, "");
  const still = [small(a + 8, 32, "what it gives, spread"), small(b + 14, 32, "zeros"), small(b + 66, 32, "dead")];
  const rows = shown.map((i, k) => {
    const [fill, zero] = [s("path", { class: "tgs-histogram-fill is-output" }), s("path", { class: "tgs-now" })];
    const [low, high] = [small(a + 4, y(k) + 11, "", "is-right tgs-end"), small(b - 30, y(k) + 11, "", "is-start tgs-end")];
    const zeros = s("text", { class: "is-start tgs-figure is-plain", x: b + 14, y: y(k) });
    const dead = s("text", { class: "is-start tgs-figure is-plain", x: b + 66, y: y(k) });
    nodes.push(fill, zero, low, high, zeros, dead);
    return (sample: Sample | null): void => {
      const bars = sample?.out?.[i];
      const drawn = histogram(bars, a + 46, b - a - 80, y(k));
      fill.setAttribute("d", drawn.fill);
      zero.setAttribute("d", drawn.zero);
      const found = barsOf(bars);
      for (const [el, v] of [[low, found?.low], [high, found?.high]] as const) setText(el, v === undefined ? "" : num(v, 2));
      low.setAttribute("x", String(a + 42));
      const share = (v: number | null | undefined): string => (v == null ? "" : `${num(100 * v, 2)} %`);
      setText(zeros, share(sample?.zero?.[i]));
      const gone = sample?.dead?.[i] ?? 0;
      setText(dead, `${gone >= 0.5 ? "✕ " : ""}${share(sample?.dead?.[i])}`);
      dead.setAttribute("class", `is-start tgs-figure ${gone >= 0.5 ? "is-bad" : "is-plain"}`);
    };
  });
  return {
    nodes: [heading, ...still, ...nodes],
    height: bottom + 8,
    at: (row) => {
      const sample = lastAt(run.samples, row);
      setText(heading, `what the layers give, ${title(run, sample)}`);
      rows.forEach((f) => f(sample));
    },
  };
}
