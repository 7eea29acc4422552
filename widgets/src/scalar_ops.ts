// The operations that a scalar graph can work out by itself: result, local slopes, how both are written, and where there is none.

export interface Operation {
  /** What stands in the box. */
  readonly label: string;
  /** The result as it is written, with the inputs' places in braces. */
  readonly forward: string;
  readonly f: (x: number, y: number) => number;
  /** For each input its gradient rule as it is written, and its local slope; `out` is the result. */
  readonly slopes: Readonly<Record<string, readonly [rule: string, slope: (x: number, y: number, out: number) => number]>>;
  /** Why there is no value here, in words; null where there is one. */
  readonly refuses?: (x: number, y: number) => string | null;
  /** What is odd about the slope here, in words. */
  readonly odd?: (x: number, y: number) => string | null;
}

const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));
const corner = (at: boolean, sides: string): string | null =>
  at ? `There is a corner at this place: ${sides}. No slope is right, and the engine takes a middle way or one side.` : null;

export const OPERATIONS: Readonly<Record<string, Operation>> = {
  add: { label: "+", forward: "{x} + {y}", f: (x, y) => x + y, slopes: { x: ["{g}", () => 1], y: ["{g}", () => 1] } },
  sub: { label: "−", forward: "{x} − {y}", f: (x, y) => x - y, slopes: { x: ["{g}", () => 1], y: ["−{g}", () => -1] } },
  mul: { label: "×", forward: "{x} · {y}", f: (x, y) => x * y, slopes: { x: ["{g} · {y}", (_, y) => y], y: ["{g} · {x}", (x) => x] } },
  div: {
    label: "÷",
    forward: "{x} / {y}",
    f: (x, y) => x / y,
    slopes: { x: ["{g} / {y}", (_, y) => 1 / y], y: ["−{g} · {x} / ({y} · {y})", (x, y) => -x / (y * y)] },
    refuses: (_, y) => (y === 0 ? "nothing can be divided by 0" : null),
  },
  pow: {
    label: "^",
    forward: "{x}^{y}",
    f: (x, y) => x ** y,
    slopes: {
      x: ["{g} · {y} · {x}^({y} − 1)", (x, y) => (y === 0 ? 0 : y * x ** (y - 1))],
      y: ["{g} · {out} · log({x})", (x, y, out) => (x === 0 && y >= 0 ? 0 : out * Math.log(x))],
    },
    refuses: (x, y) =>
      x < 0 && !Number.isInteger(y) ? "a negative number can only be raised to whole powers" : x === 0 && y < 0 ? "0 to a negative power would be a division by 0" : null,
  },
  neg: { label: "−", forward: "−{x}", f: (x) => -x, slopes: { x: ["−{g}", () => -1] } },
  abs: {
    label: "|·|",
    forward: "|{x}|",
    f: Math.abs,
    slopes: { x: ["{g} · sign({x})", (x) => Math.sign(x)] },
    odd: (x) => corner(x === 0, "slope −1 on the left, 1 on the right"),
  },
  maximum: {
    label: "max",
    forward: "max({x}, {y})",
    f: Math.max,
    slopes: {
      x: ["{g} · [{x} > {y}]", (x, y) => (x > y ? 1 : x === y ? 0.5 : 0)],
      y: ["{g} · [{y} > {x}]", (x, y) => (y > x ? 1 : x === y ? 0.5 : 0)],
    },
    odd: (x, y) => corner(x === y, "both inputs are equally large"),
  },
  minimum: {
    label: "min",
    forward: "min({x}, {y})",
    f: Math.min,
    slopes: {
      x: ["{g} · [{x} < {y}]", (x, y) => (x < y ? 1 : x === y ? 0.5 : 0)],
      y: ["{g} · [{y} < {x}]", (x, y) => (y < x ? 1 : x === y ? 0.5 : 0)],
    },
    odd: (x, y) => corner(x === y, "both inputs are equally small"),
  },
  exp: { label: "exp", forward: "exp({x})", f: Math.exp, slopes: { x: ["{g} · {out}", (_x, _y, out) => out] } },
  log: {
    label: "log",
    forward: "log({x})",
    f: Math.log,
    slopes: { x: ["{g} / {x}", (x) => 1 / x] },
    refuses: (x) => (x <= 0 ? "only numbers above 0 have a logarithm" : null),
  },
  sqrt: {
    label: "sqrt",
    forward: "sqrt({x})",
    f: Math.sqrt,
    slopes: { x: ["{g} / (2 · {out})", (_x, _y, out) => 1 / (2 * out)] },
    refuses: (x) => (x < 0 ? "no number times itself is negative" : null),
    odd: (x) => (x === 0 ? "At 0 the square root rises straight up: its slope has no end." : null),
  },
  sin: { label: "sin", forward: "sin({x})", f: Math.sin, slopes: { x: ["{g} · cos({x})", (x) => Math.cos(x)] } },
  cos: { label: "cos", forward: "cos({x})", f: Math.cos, slopes: { x: ["−{g} · sin({x})", (x) => -Math.sin(x)] } },
  tanh: { label: "tanh", forward: "tanh({x})", f: Math.tanh, slopes: { x: ["{g} · (1 − {out} · {out})", (_x, _y, out) => 1 - out * out] } },
  sigmoid: { label: "sigmoid", forward: "σ({x})", f: sigmoid, slopes: { x: ["{g} · {out} · (1 − {out})", (_x, _y, out) => out * (1 - out)] } },
  relu: {
    label: "relu",
    forward: "relu({x})",
    f: (x) => Math.max(x, 0),
    slopes: { x: ["{g} · [{out} > 0]", (x) => (x > 0 ? 1 : 0)] },
    odd: (x) => corner(x === 0, "slope 0 on the left, 1 on the right"),
  },
};
