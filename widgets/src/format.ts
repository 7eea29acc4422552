// Numbers, shapes and values as short text.
import type { Nested, Num, Shape, Value } from "./types";

const SUPERSCRIPT = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const raise = (n: number): string =>
  (n < 0 ? "⁻" : "") + String(Math.abs(n)).replace(/\d/g, (d) => SUPERSCRIPT[+d]!);

export const toNumber = (x: Num): number =>
  typeof x === "number" ? x : x === "NaN" ? NaN : x === "Infinity" ? Infinity : -Infinity;

/** At most `digits` significant digits, a true minus sign, powers of ten where they are shorter. */
export function num(x: Num | boolean, digits = 4): string {
  if (typeof x === "boolean") return x ? "true" : "false";
  const v = toNumber(x);
  if (Number.isNaN(v)) return "NaN";
  if (!Number.isFinite(v)) return v > 0 ? "∞" : "−∞";
  const size = Math.abs(v);
  let text: string;
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) {
    const [m, e] = v.toExponential(digits - 1).split("e") as [string, string];
    text = `${+m === 1 ? "" : +m === -1 ? "-" : `${+m}·`}10${raise(+e)}`;
  } else if (size >= 1000 && Math.abs(v - Math.round(v)) < 1e-6 * size) {
    text = String(Math.round(v));
  } else {
    text = String(+v.toPrecision(digits));
  }
  return text.replace("-", "−");
}

/** Does the short text say all of it? Float32's own rounding (0.1 arrives as 0.100000001) is forgiven. */
export function isExact(x: Num, digits = 4): boolean {
  const v = toNumber(x);
  return !Number.isFinite(v) || Math.abs(+v.toPrecision(digits) - v) <= 2e-7 * Math.abs(v);
}

export const isScalar = (v: Value | undefined | null): v is Value & { data: Num } =>
  !!v && v.shape.length === 0 && (typeof v.data === "number" || typeof v.data === "string");

export const scalarOf = (v: Value | undefined | null): number | null =>
  isScalar(v) ? toNumber(v.data) : null;

/** 2×3; a bare 3 would look like a value, so a vector's shape is written (3,). */
export const shapeText = (shape: Shape): string =>
  shape.length > 1 ? shape.join("×") : shape.length ? `(${shape[0]},)` : "scalar";
export const shapeTuple = (shape: Shape): string =>
  shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;

/** What fits inside a node: the number, two or three of them, or the shape. */
export function brief(v: Value): string {
  if (isScalar(v)) return num(v.data);
  if (v.shape.length === 1 && Array.isArray(v.data) && v.data.length <= 3) {
    const text = `[${(v.data as Num[]).map((x) => num(x, 2)).join(", ")}]`;
    if (text.length <= 14) return text;
  }
  return shapeText(v.shape);
}

/** Said aloud: a number, or what kind of array it is. */
export function spoken(v: Value): string {
  if (isScalar(v)) return num(v.data).replace("−", "minus ");
  const words = `an array of shape ${v.shape.join(" by ")}`;
  return v.shape.length === 1 ? `a vector of ${v.shape[0]}` : words;
}

/** A value as rows of cells, where it is whole and at most two-dimensional. */
export function rows(data: Nested | undefined): Num[][] | null {
  if (!Array.isArray(data)) return null;
  if (data.every((x) => !Array.isArray(x))) return [data as Num[]];
  if (data.every((x) => Array.isArray(x) && x.every((y: Nested) => !Array.isArray(y))))
    return data as Num[][];
  return null;
}
