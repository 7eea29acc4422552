// Numbers, names, formulas and sentences.
import { describe, expect, it } from "vitest";
import { describe as tell } from "../src/describe";
import { brief, num, rows } from "../src/format";
import { equations, fill, plain } from "../src/notation";
import { define, events, fixture, scalar, walk, type Walk } from "./help";

const lines = (w: Walk, kind: Parameters<Walk["step"]>[0], nth = 0): string[] => {
  const step = w.step(kind, nth);
  return equations(step, w.names, ...w.around(step)).map(plain);
};
const says = (w: Walk, kind: Parameters<Walk["step"]>[0], nth = 0): string => {
  const step = w.step(kind, nth);
  return tell(step, w.names, ...w.around(step));
};

describe("numbers", () => {
  it.each([
    [3, "3"],
    [-2, "−2"],
    [0.1 + 1e-9, "0.1"],
    [0.123456, "0.1235"],
    [12345, "12345"],
    [1234.56, "1235"],
    [0.00001, "10⁻⁵"],
    [-0.000025, "−2.5·10⁻⁵"],
    [3e7, "3·10⁷"],
    [0, "0"],
    ["NaN", "NaN"],
    ["-Infinity", "−∞"],
  ] as const)("writes %s as %s", (x, text) => expect(num(x)).toBe(text));

  it("shows small vectors, and the shape of what is larger", () => {
    expect(brief({ shape: [2], dtype: "float32", data: [1, -2] })).toBe("[1, −2]");
    expect(brief({ shape: [32, 10], dtype: "float32", min: 0, max: 1 })).toBe("32×10");
    expect(brief({ shape: [32], dtype: "float32", min: 0, max: 1 })).toBe("(32,)");
    expect(rows([[1, 2], [3, 4]])).toEqual([[1, 2], [3, 4]]);
    expect(rows([[[1]]])).toBeNull();
  });
});

describe("formulas", () => {
  const w = walk(fixture("diamond").events);

  it("says the forward rule with names, then with numbers", () => {
    expect(lines(w, "operation")).toEqual(["c = a · b = 2 · 3 = 6"]);
    expect(lines(w, "operation", 1)).toEqual(["d = c + a = 6 + 2 = 8"]);
  });

  it("says the local rule of a visit for each edge", () => {
    expect(lines(w, "visit", 1)).toEqual([
      "∂d/∂a += ∂d/∂c · b = 1 · 3 = 3",
      "∂d/∂b += ∂d/∂c · a = 1 · 2 = 2",
    ]);
  });

  it("says a passed-on gradient once", () => {
    expect(lines(w, "visit", 0)[0]).toBe("∂d/∂c += ∂d/∂d = 1");
  });

  it("adds where paths meet", () => expect(lines(w, "meet")).toEqual(["∂d/∂a = 1 + 3 = 4"]));

  it("adds to what .grad held before", () => {
    const s = walk(fixture("square").events);
    expect(lines(s, "operation", 1)).toEqual(["a · 0.5 = 3 · 0.5 = 1.5"]);
    expect(lines(s, "store", 1)[0]).toMatch(/^a\.grad = 6 \+ 0\.09035 ≈ 6\.09$/);
  });

  it("names an unnamed product by what it is, with brackets only where they are needed", () => {
    const n = walk(fixture("neuron").events);
    expect(lines(n, "operation", 1)).toEqual(["v₁ = w · x + b = 1 + (−1) = 0"]);
    expect(lines(n, "visit", 2)[0]).toBe("∂out/∂w += ∂out/∂(w · x) · x = 1 · 2 = 2");
  });

  it("writes arrays as matrices and exponents as exponents", () => {
    const m = walk(fixture("mlp").events);
    expect(lines(m, "operation")[0]).toMatch(/^v₁ = x fc1\.weightᵀ \+ fc1\.bias = \[\[.*\]\]$/);
    const all = m.plan.steps.flatMap((s) => equations(s, m.names, ...m.around(s)).map(plain));
    expect(all.some((l) => /\^2 = \[/.test(l))).toBe(true);
  });

  it("puts brackets around negative numbers, not around single ones", () => {
    const put = () => [{ t: "value" as const, s: "−2" }];
    expect(plain(fill("{x}^({y} − 1)", put)!)).toBe("−2^(−2 − 1)");
    expect(plain(fill("a^b · {x}", put)!)).toBe("a^b · −2");
    expect(fill("{x} {n}", (arg) => (arg === "n" ? null : put()))).toBeNull();
  });
});

describe("names", () => {
  it("gives a name used again a prime", () => {
    const w = walk(
      events(
        define(0, { name: "x" }),
        define(1, { kind: "operation", op: "neg", name: "x", forward: "−{x}", inputs: [{ edge: 0, node: 0, arg: "x" }] }),
      ),
    );
    expect([...w.names.values()].map((n) => n.text)).toEqual(["x", "x′"]);
  });

  it("reads names from the source where the engine lost them", () => {
    const { events: recorded, sources } = fixture("mlp");
    const texts = [...walk(recorded, sources).names.values()].map((n) => n.text);
    expect(texts.filter((t) => t === "loss")).toHaveLength(2); // one in each iteration
    expect([...walk(recorded).names.values()].filter((n) => n.text === "loss")).toHaveLength(1);
  });

  it("tells the layers' weights apart by their modules", () => {
    const w = walk(fixture("mlp").events);
    const texts = [...w.names.values()].map((n) => n.text);
    for (const name of ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]) expect(texts).toContain(name);
  });
});

describe("sentences", () => {
  it("tells the diamond", () => {
    const w = walk(fixture("diamond").events);
    expect(says(w, "enter")).toBe("a = 2 and b = 3 enter the graph as leaves; they want gradients.");
    expect(says(w, "operation")).toBe("a is multiplied by b; c is 6. It keeps a and b for the way back.");
    expect(says(w, "seed")).toMatch(/^Backward starts at d/);
    expect(says(w, "visit", 1)).toBe("Backward visits c: gradient 1 arrives, and the rule of × sends 3 to a and 2 to b.");
    expect(says(w, "meet")).toBe("A second gradient reaches a: 1 + 3 = 4. Where paths meet, gradients add.");
    expect(says(w, "store")).toMatch(/a\.grad = 4/);
  });

  it.each(["diamond", "square", "neuron", "mlp", "big-values"])("has one for every step of %s", (name) => {
    const w = walk(fixture(name).events);
    for (const step of w.plan.steps) {
      const text = tell(step, w.names, ...w.around(step));
      expect(text).toMatch(/\.$/);
      expect(text).not.toMatch(/undefined|null|NaN|\{|\}|\[object/);
    }
  });

  it("has words for operations it does not know", () => {
    const w = walk(
      events(
        define(0, { name: "x" }),
        define(1, { kind: "operation", op: "wobble", name: "y", inputs: [{ edge: 0, node: 0, arg: "x" }] }),
        { type: "execute", node: 1, value: scalar(7) },
      ),
    );
    expect(says(w, "operation")).toBe("wobble is applied to x; y is 7.");
    expect(lines(w, "operation")).toEqual(["y = wobble(x) = 7"]);
  });
});
