// A training's data: read, added to as messages come, smoothed, thinned, and looked up by row.
import { check, isObject, readData, Unreadable } from "./data";
import { toNumber } from "./format";
import type { Num } from "./types";

/** Lowest, highest, and the heights of equal bars between: digits from 0 to 63, or, as once written, their counts. */
export type Bars = readonly (Num | string)[];

/** What was measured of the layers at one row: a list for the weights, a list for what the modules give. */
export interface Sample {
  readonly row: number;
  readonly grad: readonly (Num | null)[];
  /** Size of the update over size of the weights; null where there is none. */
  readonly ratio: readonly (Num | null)[];
  readonly hist: readonly Bars[];
  readonly out?: readonly Bars[];
  /** Share of zeros in what a module gives, and of its units that give 0 for every example. */
  readonly zero?: readonly (number | null)[];
  readonly dead?: readonly (number | null)[];
}

/** What the model answered to its examples at one row. */
export interface Look {
  readonly row: number;
  readonly right: number;
  /** A digit for each example that is shown: the class it was taken for. */
  readonly said: string;
  /** True class by said class, row by row. */
  readonly matrix?: readonly number[];
  /** By how much a class leads at each place of the plane: digits, 31.5 where it is even. */
  readonly field?: readonly string[];
}

export interface Examples {
  readonly count: number;
  readonly classes: readonly string[];
  readonly truth: string;
  readonly plane?: { readonly across: number; readonly box: readonly number[]; readonly points: readonly (readonly number[])[] };
  readonly images?: { readonly shape: readonly number[]; readonly grey: readonly string[] };
}

/** A suspicion, from a row on. */
export interface Hint {
  readonly row: number;
  readonly could_be: string;
  readonly saw: string;
  readonly look: string;
}

export interface Clock {
  readonly seconds: number;
  readonly total: number | null;
  readonly left: number | null;
}

/** Values of a metric; null where it was not logged. */
export type Column = (number | null)[];

export interface Run {
  readonly name: string;
  readonly steps: number[];
  readonly metrics: Record<string, Column>;
  layers: readonly string[];
  modules: readonly (readonly [string, string])[];
  readonly samples: Sample[];
  readonly looks: Look[];
  examples: Examples | null;
  hints: readonly Hint[];
  clock: Clock | null;
}

export interface Data {
  readonly title: string;
  readonly runs: Run[];
}

/** What Python sends while a training runs. */
export interface Message {
  readonly run: number;
  readonly name: string;
  /** The first row, sample and look in it; what is known from there on is sent again. */
  readonly from: readonly [number, number, number];
  readonly steps: readonly number[];
  readonly metrics: Readonly<Record<string, readonly (Num | null)[]>>;
  readonly samples: readonly Sample[];
  readonly looks: readonly Look[];
  readonly clock?: Clock;
  readonly hints?: readonly Hint[];
  readonly layers?: readonly string[];
  readonly modules?: readonly (readonly [string, string])[];
  readonly examples?: Examples;
}

const HEIGHTS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+-";
const VALUE = new Map([...HEIGHTS].map((c, i) => [c, i]));

/** Whole numbers from 0 to 63, written a letter each. */
export const digits = (text: string): number[] => Array.from(text, (c) => VALUE.get(c) ?? 0);

/** A histogram: where it begins and ends, and how high each bar is, the highest 1. */
export function barsOf(bars: Bars | undefined): { low: number; high: number; heights: number[] } | null {
  if (!bars || bars.length < 3) return null;
  const [low, high] = [toNumber(bars[0] as Num), toNumber(bars[1] as Num)];
  const third = bars[2]!;
  const heights = typeof third === "string" && bars.length === 3 ? digits(third) : bars.slice(2).map((n) => toNumber(n as Num));
  const most = Math.max(1e-9, ...heights);
  return { low, high, heights: heights.map((n) => n / most) };
}

const cell = (v: Num | null): number | null => (v === null ? null : toNumber(v));

interface Smoothed {
  readonly weight: number;
  readonly values: Column;
  sum: number;
  mass: number;
}
const smoothed = new WeakMap<readonly (number | null)[], Smoothed>();

/**
 * Exponential smoothing, corrected for its start; what is no number is left out of the average.
 * Of an array that has grown only the new end is computed.
 */
export function smooth(values: readonly (number | null)[], weight: number): readonly (number | null)[] {
  let known = smoothed.get(values);
  if (known?.weight !== weight || known.values.length > values.length) known = { weight, values: [], sum: 0, mass: 0 };
  smoothed.set(values, known);
  for (let i = known.values.length; i < values.length; i++) {
    const v = values[i]!;
    const is = v !== null && Number.isFinite(v);
    if (is) {
      known.sum = weight * known.sum + (1 - weight) * v;
      known.mass = weight * known.mass + (1 - weight);
    }
    known.values.push(is ? known.sum / known.mass : v);
  }
  return known.values;
}

/** Of the rows from `from` to `to`, at most four for each column of the page: first, lowest, highest, last. No peak is lost. */
export function thin(ys: readonly (number | null)[], columns: number, from = 0, to = ys.length): number[] {
  const n = to - from;
  const keep: number[] = [];
  if (n <= 4 * columns) {
    for (let i = from; i < to; i++) if (ys[i] !== null) keep.push(i);
    return keep;
  }
  for (let c = 0; c < columns; c++) {
    const [start, end] = [from + Math.floor((c * n) / columns), from + Math.floor(((c + 1) * n) / columns)];
    let [first, low, high, last] = [-1, -1, -1, -1];
    for (let i = start; i < end; i++) {
      const y = ys[i]!;
      if (y === null) continue;
      if (first < 0) first = low = high = i;
      last = i;
      if (y < ys[low]! || Number.isNaN(ys[low]!)) low = i;
      if (y > ys[high]! || Number.isNaN(ys[high]!)) high = i;
    }
    if (first >= 0) keep.push(...new Set([first, Math.min(low, high), Math.max(low, high), last]));
  }
  return keep;
}

/** The last of what was measured at or before a row; each has its `row`, and they come in order. */
export function lastAt<T extends { readonly row: number }>(measured: readonly T[], row: number): T | null {
  let [low, high] = [0, measured.length];
  while (low < high) {
    const mid = (low + high) >> 1;
    if (measured[mid]!.row <= row) low = mid + 1;
    else high = mid;
  }
  return measured[low - 1] ?? null;
}

/** The first row whose step is at least this. */
export function rowOf(steps: readonly number[], step: number): number {
  let [low, high] = [0, steps.length];
  while (low < high) {
    const mid = (low + high) >> 1;
    if (steps[mid]! < step) low = mid + 1;
    else high = mid;
  }
  return low;
}

/** The last value that was logged at or before a row. */
export function valueAt(column: readonly (number | null)[], row: number): number | null {
  for (let i = Math.min(row, column.length - 1); i >= 0; i--) if (column[i] !== null) return column[i]!;
  return null;
}

const blank = (name: string): Run => ({ name, steps: [], metrics: {}, layers: [], modules: [], samples: [], looks: [], examples: null, hints: [], clock: null });

/** Adds what Python sent to what is known; a message that came too early is left out, all of it comes again later. */
export function add(data: Data, m: Message): void {
  const run = data.runs[m.run] ?? blank(m.name);
  const [row, sample, look] = m.from;
  if (m.run > data.runs.length || run.steps.length < row || run.samples.length < sample || run.looks.length < look) return;
  // A run that was sent from its start may be another one than the empty one that stood in its place.
  data.runs[m.run] = Object.assign(run, { name: m.name });
  run.steps.length = row;
  run.samples.length = sample;
  run.looks.length = look;
  for (const v of m.steps) run.steps.push(v);
  for (const v of m.samples) run.samples.push(v);
  for (const v of m.looks) run.looks.push(v);
  for (const name of Object.keys(run.metrics)) if (!(name in m.metrics) && row === 0) delete run.metrics[name];
  for (const [name, values] of Object.entries(m.metrics)) {
    const all = (run.metrics[name] ??= []);
    // What was smoothed of rows that are written again no longer holds.
    if (row < all.length) smoothed.delete(all);
    all.length = Math.min(all.length, row);
    while (all.length < row) all.push(null);
    for (const v of values) all.push(cell(v));
  }
  Object.assign(run, Object.fromEntries(Object.entries({ layers: m.layers, modules: m.modules, examples: m.examples, hints: m.hints, clock: m.clock }).filter(([, v]) => v !== undefined)));
}

export const rowsOf = (data: Data): number => Math.max(0, ...data.runs.map((r) => r.steps.length));

/** The run with most rows: the steps of the timeline are its own. */
export const longest = (data: Data): Run | undefined => data.runs.reduce<Run | undefined>((a, b) => (a && a.steps.length >= b.steps.length ? a : b), undefined);

/** Numbers of steps, written out where only their distance was written down. */
function stepsOf(steps: unknown): number[] {
  if (!isObject(steps)) return steps as number[];
  check(steps, { from: "number", by: "number", count: "number" }, "run.steps.");
  const { from, by, count } = steps as { from: number; by: number; count: number };
  if (!(count >= 0 && count <= 1e7)) throw new Unreadable("This picture's data is damaged: a run has no number of steps. Run the cell again.");
  return Array.from({ length: count }, (_, i) => from + by * i);
}

const PARTS = {
  samples: { grad: "list", ratio: "list", hist: "list" },
  looks: { right: "number", said: "text" },
  hints: { could_be: "text", saw: "text", look: "text" },
} as const;

export function read(text: string): Data {
  const data = readData(text, "training", 2, { title: "text", runs: "list" });
  const runs = (data["runs"] as unknown[]).map((run): Run => {
    if (!isObject(run)) throw new Unreadable("This picture's data is damaged: a run is no object. Run the cell again.");
    const whole: Record<string, unknown> = { ...blank(""), ...run, steps: stepsOf(run["steps"]) };
    check(whole, { name: "text", steps: "numbers", metrics: "object", layers: "list", modules: "list", samples: "list", looks: "list", hints: "list" }, "run.");
    const metrics = whole["metrics"] as Record<string, unknown>;
    for (const [name, values] of Object.entries(metrics)) {
      if (!Array.isArray(values) || values.length !== (whole["steps"] as unknown[]).length)
        throw new Unreadable(`This picture's data is damaged: “${name}” and its steps differ in length. Run the cell again.`);
      metrics[name] = values.map(cell);
    }
    for (const [part, fields] of Object.entries(PARTS))
      for (const measured of whole[part] as unknown[]) {
        if (!isObject(measured)) throw new Unreadable(`This picture's data is damaged: one of a run's ${part} is no object. Run the cell again.`);
        check(measured, { row: "number", ...fields }, `run.${part}.`);
      }
    if (whole["examples"]) check(whole["examples"] as Record<string, unknown>, { count: "number", classes: "list", truth: "text" }, "run.examples.");
    return whole as unknown as Run;
  });
  return { title: data["title"] as string, runs };
}
