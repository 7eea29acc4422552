// TrainingMonitor: the curves of running and past trainings, and what every layer did at any step of them.
import { check, isObject, readData, unpack, Unreadable } from "./data";
import { h, s, setAttr, setText } from "./dom";
import { num, toNumber } from "./format";
import { keys, widgetOf, type Frame, type Said, type Show } from "./frame";
import css from "./monitor.css";
import { axes, draggable, line, linearScale, logScale, marker, series, type Scale } from "./plot";
import plotCss from "./plot.css";
import type { Num } from "./types";

/** What was measured of the layers at one row. */
export interface Sample {
  readonly row: number;
  readonly grad: readonly Num[];
  /** Size of the update over size of the weights; null before two steps were seen. */
  readonly ratio: readonly (Num | null)[];
  /** For each layer: lowest, highest, and counts in equal bins between. */
  readonly hist: readonly (readonly Num[])[];
}

export interface Run {
  readonly name: string;
  readonly steps: number[];
  readonly metrics: Record<string, number[]>;
  layers: readonly string[];
  readonly samples: Sample[];
}

export interface Data {
  readonly title: string;
  readonly runs: Run[];
}

/** What Python sends while a training runs. */
interface Message {
  readonly run: number;
  readonly name: string;
  /** The first row and the first sample in it; what is known from there on is sent again. */
  readonly from: readonly [number, number];
  readonly steps: readonly number[];
  readonly metrics: Readonly<Record<string, readonly Num[]>>;
  readonly layers: readonly string[];
  readonly samples: readonly Sample[];
}

interface Smoothed {
  readonly weight: number;
  readonly values: number[];
  sum: number;
  mass: number;
}
const smoothed = new WeakMap<readonly number[], Smoothed>();

/**
 * Exponential smoothing, corrected for its start; what is no number is left out of the average.
 * Of an array that has grown only the new end is computed.
 */
export function smooth(values: readonly number[], weight: number): readonly number[] {
  let known = smoothed.get(values);
  if (known?.weight !== weight || known.values.length > values.length) known = { weight, values: [], sum: 0, mass: 0 };
  smoothed.set(values, known);
  for (let i = known.values.length; i < values.length; i++) {
    const v = values[i]!;
    if (Number.isFinite(v)) {
      known.sum = weight * known.sum + (1 - weight) * v;
      known.mass = weight * known.mass + (1 - weight);
    }
    known.values.push(Number.isFinite(v) ? known.sum / known.mass : v);
  }
  return known.values;
}

/** At most four points for each column of the page: first, lowest, highest, last. No peak is lost. */
export function thin(xs: readonly number[], ys: readonly number[], columns: number): number[] {
  const n = xs.length;
  if (n <= 4 * columns) return xs.map((_, i) => i);
  const keep: number[] = [];
  for (let c = 0; c < columns; c++) {
    const [from, to] = [Math.floor((c * n) / columns), Math.floor(((c + 1) * n) / columns)];
    let [low, high] = [from, from];
    for (let i = from; i < to; i++) {
      if (ys[i]! < ys[low]! || Number.isNaN(ys[low]!)) low = i;
      if (ys[i]! > ys[high]! || Number.isNaN(ys[high]!)) high = i;
    }
    keep.push(...new Set([from, Math.min(low, high), Math.max(low, high), to - 1]));
  }
  return keep;
}

/** The last sample taken at or before a row. */
export const sampleAt = (run: Run, row: number): Sample | null => {
  let [low, high] = [0, run.samples.length];
  while (low < high) {
    const mid = (low + high) >> 1;
    if (run.samples[mid]!.row <= row) low = mid + 1;
    else high = mid;
  }
  return run.samples[low - 1] ?? null;
};

/** Adds what Python sent to what is known; a message that came too early is left out, all of it comes again at the end. */
export function add(data: Data, m: Message): void {
  const run = data.runs[m.run] ?? { name: m.name, steps: [], metrics: {}, layers: [], samples: [] };
  const [row, sample] = m.from;
  if (m.run > data.runs.length || run.steps.length < row || run.samples.length < sample) return;
  data.runs[m.run] = run;
  run.steps.length = row;
  run.samples.length = sample;
  for (const v of m.steps) run.steps.push(v);
  for (const v of m.samples) run.samples.push(v);
  for (const [name, values] of Object.entries(m.metrics)) {
    const all = (run.metrics[name] ??= []);
    // What was smoothed of rows that are written again no longer holds.
    if (row < all.length) smoothed.delete(all);
    all.length = Math.min(all.length, row);
    while (all.length < row) all.push(NaN);
    for (const v of values) all.push(toNumber(v));
  }
  run.layers = m.layers;
}

export const rowsOf = (data: Data): number => Math.max(0, ...data.runs.map((r) => r.steps.length));

const CHART = 150;
const ROW = 34;

function mount(frame: Frame, data: Data): Show {
  let width = 720;
  let height = 400;
  let pending = 0;
  const smoothing = (): number => Number(frame.model.get("smoothing") ?? 0);
  const logarithmic = (): boolean => frame.model.get("logarithmic") === true;

  const svg = s("svg", { class: "tgs-plot tgs-monitor", role: "img", "aria-label": "Metrics by step, and the layers at the step chosen" });
  const stage = h("div", { class: "tgs-paperwork" }, svg);
  let toX: Scale | null = null;
  let drawAt: (at: number) => void = () => {};
  draggable(svg, (px, py) => {
    const first = data.runs[0];
    if (!toX || !first || py > height || px > chartRight + 20) return;
    frame.pause();
    const longest = data.runs.reduce((a, b) => (b.steps.length > a.steps.length ? b : a), first);
    const wish = toX.invert(px);
    // Steps come in order: halve until the nearest is found.
    let [low, high] = [0, longest.steps.length - 1];
    while (low < high) {
      const mid = (low + high) >> 1;
      if (longest.steps[mid]! < wish) low = mid + 1;
      else high = mid;
    }
    frame.go(low);
  });
  let chartRight = 0;

  const slider = h("input", { type: "range", min: 0, max: 0.99, step: 0.01, class: "tgs-smooth", "aria-label": "Smoothing" });
  slider.addEventListener("input", () => {
    frame.put("smoothing", Number(slider.value));
    rebuild();
  });
  const log = h("button", { type: "button", class: "tgs-toggle", title: "Powers of ten on the upright axes" }, h("span", {}, "Log"));
  log.addEventListener("click", () => {
    frame.put("logarithmic", !logarithmic());
    rebuild();
  });
  for (const trait of ["smoothing", "logarithmic"]) frame.listen(trait, rebuild);
  frame.listen("data", () => {
    void unpack(String(frame.model.get("data"))).then((text) => {
      const { runs } = read(text);
      // What was sent while it ran is all there already, and perhaps more of it.
      if (rowsOf({ ...data, runs }) < rowsOf(data)) return;
      data.runs.splice(0, data.runs.length, ...runs);
      changed();
    });
  });
  frame.hear((message) => {
    add(data, message as Message);
    // Many messages, one picture.
    pending ||= requestAnimationFrame(changed);
  });

  function changed(): void {
    pending = 0;
    build();
    frame.grow(Math.max(1, rowsOf(data) - 1));
  }
  function rebuild(): void {
    build();
    frame.draw();
  }

  // --- the picture ------------------------------------------------------------------------------

  function metricNames(): string[] {
    return [...new Set(data.runs.flatMap((r) => Object.keys(r.metrics)))];
  }

  function build(): void {
    const names = metricNames();
    const wide = width > 860 && data.runs.some((r) => r.layers.length);
    const left = 66;
    chartRight = wide ? Math.round(width * 0.54) : width - 24;
    const last = Math.max(1, ...data.runs.map((r) => r.steps.at(-1) ?? 0));
    const first = Math.min(...data.runs.map((r) => r.steps[0] ?? 0), last - 1);
    const x = (toX = linearScale(first, last, left, chartRight, 7));
    const parts: Element[] = [];
    const moving: ((at: number) => void)[] = [];
    let top = 34;
    for (const name of names) {
      const box = { left, top, right: chartRight, bottom: top + CHART };
      parts.push(...chart(name, box, x, moving, name === names.at(-1)));
      top = box.bottom + 56;
    }
    if (!names.length) parts.push(s("text", { class: "tgs-small", x: (left + chartRight) / 2, y: 90 }, "Curves appear here with the first step."));
    const layersTop = wide ? 34 : top + 12;
    const side = wide ? { left: chartRight + 60, right: width - 20 } : { left: 20, right: width - 20 };
    const bottom = layers(side, layersTop, parts, moving);
    height = Math.max(top - 6, bottom, 160);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.style.height = `${height}px`;
    svg.replaceChildren(...parts);
    drawAt = (at) => moving.forEach((f) => f(at));
  }

  function chart(name: string, box: { left: number; top: number; right: number; bottom: number }, x: Scale, moving: ((at: number) => void)[], lowest: boolean): Element[] {
    const curves = data.runs.map((r) => r.metrics[name] ?? []);
    let [low, high] = [Infinity, -Infinity];
    const positive = logarithmic();
    for (const c of curves)
      for (const v of c)
        if (Number.isFinite(v) && (!positive || v > 0)) {
          if (v < low) low = v;
          if (v > high) high = v;
        }
    if (low > high) [low, high] = positive ? [0.1, 1] : [0, 1];
    if (low === high) [low, high] = positive ? [low / 2, high * 2] : [low - 0.5, high + 0.5];
    const y = positive ? logScale(low, high, box.bottom - 4, box.top + 4, 4) : linearScale(low, high, box.bottom - 4, box.top + 4, 4);
    const parts: Element[] = [axes(x, y, box, lowest ? "step" : "", name)];
    const columns = Math.max(50, Math.round(box.right - box.left));
    const point = (r: Run, c: readonly number[], i: number): [number, number] | null =>
      Number.isFinite(c[i]!) && (!positive || c[i]! > 0) ? [x(r.steps[i]!), y(c[i]!)] : null;
    const rule = s("path", { class: "tgs-now" });
    const marks: Element[] = [];
    data.runs.forEach((r, k) => {
      const raw = curves[k]!;
      const even = smoothing() > 0 ? smooth(raw, smoothing()) : raw;
      if (even !== raw) parts.push(s("path", { class: `tgs-curve is-raw ${series(k)}`, d: line(thin(r.steps, raw, columns).map((i) => point(r, raw, i))) }));
      parts.push(s("path", { class: `tgs-curve ${series(k)}`, d: line(thin(r.steps, even, columns).map((i) => point(r, even, i))) }));
      const dot = marker(k);
      const figure = s("text", { class: `is-right tgs-figure ${series(k)}`, x: box.right - 118 * (data.runs.length - 1 - k), y: box.top - 14 });
      marks.push(dot, figure);
      moving.push((at) => {
        const i = Math.min(at, r.steps.length - 1);
        const p = i >= 0 ? point(r, even, i) : null;
        dot.setAttribute("transform", p ? `translate(${p[0].toFixed(1)} ${p[1].toFixed(1)})` : "translate(-99 -99)");
        setText(figure, i < 0 ? "" : `${data.runs.length > 1 ? `${clip(r.name)} ` : ""}${num(even[i] ?? NaN, 3)}`);
      });
    });
    moving.push((at) => {
      const longest = data.runs.reduce((a, b) => (b.steps.length > a.steps.length ? b : a), data.runs[0]!);
      const step = longest.steps[Math.min(at, longest.steps.length - 1)];
      if (step !== undefined) rule.setAttribute("d", `M${x(step).toFixed(1)} ${box.top}V${box.bottom}`);
    });
    return [...parts, rule, ...marks];
  }

  const clip = (name: string): string => (name.length > 12 ? `${name.slice(0, 11)}…` : name);

  /** For each layer of the last run: how large its gradient is, how large its update, and how its gradient is spread. */
  function layers(side: { left: number; right: number }, top: number, parts: Element[], moving: ((at: number) => void)[]): number {
    const run = data.runs.filter((r) => r.layers.length).at(-1);
    if (!run) return top;
    const room = side.right - side.left;
    const label = Math.min(118, room * 0.24);
    const part = (room - label) / 3;
    const [a, b, c] = [side.left + label, side.left + label + part, side.left + label + 2 * part];
    const finite = (v: readonly (Num | null)[]): number[] => v.map((n) => (n === null ? NaN : toNumber(n))).filter((n) => n > 0 && Number.isFinite(n));
    const span = (values: number[], low: number, high: number): [number, number] =>
      values.reduce(([p, q], v) => [Math.min(p, 10 ** Math.floor(Math.log10(v))), Math.max(q, 10 ** Math.ceil(Math.log10(v)))] as [number, number], [low, high]);
    const grads = span(run.samples.flatMap((x) => finite(x.grad)), 1e-3, 1);
    const ratios = span(run.samples.flatMap((x) => finite(x.ratio)), 1e-4, 1e-2);
    const gx = logScale(...grads, a + 8, b - 16, 3);
    const rx = logScale(...ratios, b + 8, c - 16, 3);
    const bottom = top + 30 + run.layers.length * ROW;
    const title = s("text", { class: "tgs-small is-start", x: side.left, y: top - 14 });
    parts.push(title);
    const head = (x: number, words: string): Element => s("text", { class: "tgs-small is-start", x: x + 8, y: top + 8 }, words);
    parts.push(head(a, "gradient norm"), head(b, "update / weight"), head(c, "gradient, spread"));
    // About a thousandth of its size at a step is what a weight usually bears; both spans hold it.
    const usual = rx(1e-3);
    for (const scale of [gx, rx])
      for (const t of scale.ticks) {
        const at = scale(t);
        parts.push(s("path", { class: "tgs-grid", d: `M${at.toFixed(1)} ${top + 20}V${bottom}` }));
        if (scale === gx || Math.abs(at - usual) > 48) parts.push(s("text", { class: "tgs-small", x: at.toFixed(1), y: bottom + 12 }, num(t)));
      }
    parts.push(
      s("path", { class: "tgs-usual", d: `M${usual.toFixed(1)} ${top + 20}V${bottom}` }),
      s("text", { class: "tgs-small tgs-usual-name", x: usual.toFixed(1), y: bottom + 12 }, "10⁻³, usual"),
    );
    run.layers.forEach((name, i) => {
      const y = top + 20 + i * ROW + ROW / 2;
      const g = s("path", { class: "tgs-layer-grad", d: "M-4.6 -4.6h9.2v9.2h-9.2z" });
      const u = s("path", { class: "tgs-layer-ratio", d: "M0 -6.2l6.2 6.2l-6.2 6.2l-6.2 -6.2z" });
      const histogram = s("path", { class: "tgs-histogram-fill" });
      const zero = s("path", { class: "tgs-now" });
      const text = s("text", { class: "is-start tgs-layer-name", x: side.left, y }, name.length > 17 ? `…${name.slice(-16)}` : name);
      text.append(s("title", {}, name));
      parts.push(s("path", { class: "tgs-grid", d: `M${side.left} ${y + ROW / 2}H${side.right}` }), text, histogram, zero, g, u);
      moving.push((at) => {
        const sample = sampleAt(run, Math.min(at, run.steps.length - 1));
        const put = (el: Element, scale: Scale, v: Num | null | undefined): void => {
          const n = v === null || v === undefined ? NaN : toNumber(v);
          el.setAttribute("transform", n > 0 && Number.isFinite(n) ? `translate(${scale(n).toFixed(1)} ${y})` : "translate(-99 -99)");
        };
        put(g, gx, sample?.grad[i]);
        put(u, rx, sample?.ratio[i]);
        const bins = sample?.hist[i]?.map(toNumber) ?? [];
        const [low = 0, high = 0, ...counts] = bins;
        const most = Math.max(1, ...counts);
        const [x0, w] = [c + 8, side.right - c - 12];
        const bar = w / Math.max(1, counts.length);
        histogram.setAttribute("d", counts.map((n, k) => (n ? `M${(x0 + k * bar).toFixed(1)} ${y + 13}v${((-26 * n) / most).toFixed(1)}h${(bar * 0.9).toFixed(1)}V${y + 13}z` : "")).join(""));
        const at0 = x0 + (w * (0 - low)) / (high - low || 1);
        zero.setAttribute("d", counts.length && low <= 0 && high >= 0 ? `M${at0.toFixed(1)} ${y - 14}v28` : "");
      });
    });
    moving.push((at) => {
      const sample = sampleAt(run, Math.min(at, run.steps.length - 1));
      setText(title, sample ? `${data.runs.length > 1 ? `${clip(run.name)}, ` : ""}layers as measured at step ${run.steps[sample.row] ?? sample.row}` : "layers: not measured yet");
    });
    return bottom + 26;
  }

  // --- words ------------------------------------------------------------------------------------

  function facts(at: number): string {
    const of = (r: Run): string => {
      const i = Math.min(at, r.steps.length - 1);
      const values = Object.entries(r.metrics).map(([name, v]) => `${name} ${num(v[i] ?? NaN, 4)}`);
      const over = at > r.steps.length - 1 ? " (ended)" : "";
      return `${data.runs.length > 1 ? `${r.name}${over}: ` : ""}${values.join(", ")}`;
    };
    const run = data.runs.filter((r) => r.layers.length).at(-1);
    const sample = run ? sampleAt(run, Math.min(at, run.steps.length - 1)) : null;
    if (!run || !sample) return `${data.runs.map(of).join("; ")}.`;
    const ranked = sample.grad.map((g, i) => [toNumber(g), run.layers[i]!] as const).filter(([g]) => Number.isFinite(g)).sort((p, q) => q[0] - p[0]);
    const broken = sample.grad.length - ranked.length;
    const [most, least] = [ranked[0], ranked.at(-1)];
    const spread = most && least && most !== least ? ` Largest gradient: ${most[1]} with ${num(most[0], 2)}; smallest: ${least[1]} with ${num(least[0], 2)}.` : "";
    return `${data.runs.map(of).join("; ")}.${spread}${broken ? ` ${broken} of the gradients ${broken > 1 ? "are" : "is"} not finite.` : ""}`;
  }

  function draw(at: number): Said {
    drawAt(at);
    slider.value = String(smoothing());
    setAttr(slider, "aria-valuetext", smoothing() ? `${num(smoothing(), 2)}` : "none");
    setAttr(log, "aria-pressed", String(logarithmic()));
    const longest = data.runs.reduce((a, b) => (b.steps.length > a.steps.length ? b : a), data.runs[0]!);
    if (!longest?.steps.length) return { phase: "start", title: "Waiting", words: "Nothing has been trained yet: call log(loss=…) after each step of the optimiser.", more: [keys()] };
    return { phase: "update", title: `Step ${longest.steps[Math.min(at, longest.steps.length - 1)]}`, words: facts(at) };
  }

  return {
    title: data.title,
    bands: [{ phase: "update", label: "Training", count: Math.max(1, rowsOf(data) - 1) }],
    pace: 40,
    body: [stage],
    actions: [h("label", { class: "tgs-smoothing" }, h("span", {}, "Smooth"), slider), log],
    draw,
    drawing: () => ({ svg: svg.cloneNode(true) as SVGSVGElement, width, height }),
    resized(w) {
      width = Math.max(480, w || 720);
      rebuild();
    },
    close: () => cancelAnimationFrame(pending),
  };
}

function read(text: string): Data {
  const data = readData(text, "training", 1, { title: "text", runs: "list" });
  for (const run of data["runs"] as unknown[]) {
    if (!isObject(run)) throw new Unreadable("This picture's data is damaged: a run is no object. Run the cell again.");
    check(run, { name: "text", steps: "numbers", metrics: "object", layers: "list", samples: "list" }, "run.");
    const metrics = run["metrics"] as Record<string, unknown>;
    for (const [name, values] of Object.entries(metrics)) {
      if (!Array.isArray(values) || values.length !== (run["steps"] as unknown[]).length)
        throw new Unreadable(`This picture's data is damaged: “${name}” and its steps differ in length. Run the cell again.`);
      metrics[name] = values.map(toNumber);
    }
  }
  return data as unknown as Data;
}

export default widgetOf<Data>({
  label: "Training monitor",
  picture: plotCss + css,
  data: "data",
  live: true,
  saved: ["smoothing", "logarithmic"],
  read,
  mount,
});
