// @vitest-environment jsdom
// Digits, guesses, and the widget as a whole.
import { describe, expect, it } from "vitest";
import { linearScale, logScale } from "../src/plot";
import widget, { best, judge, lost, upTo } from "../src/stepsize";
import { usePage } from "./page";

describe("digits", () => {
  it("counts what a subtraction loses, also across a round number", () => {
    expect(lost("8.000120", "7.999880")).toBe(4);
    expect(lost("27.00000", "1.000000")).toBe(0);
    expect(lost("8.000000", "8.000000")).toBeNull();
  });

  it("finds a significant digit in its text", () => {
    expect(upTo("0.0012345", 2)).toBe("0.0012".length);
    expect(upTo("-1.5e-7", 2)).toBe("-1.5".length);
    expect(upTo("8.000120", 0)).toBe(0);
    expect(upTo("8", 3)).toBe(1);
  });
});

describe("guesses", () => {
  const h = [1, 0.1, 0.01, 0.001, 0.0001];
  it("accept a power of ten either way, and say which way is wrong", () => {
    expect(judge(h, 1, 2).correct).toBe(true);
    expect(judge(h, 4, 2).say).toMatch(/Smaller is not always better/);
    expect(judge(h, 0, 2).say).toMatch(/still bends/);
  });
});

describe("scales", () => {
  it("mark powers of ten, and go back and forth", () => {
    const x = logScale(1, 1e-18, 0, 180, 9);
    expect(x(1e-9)).toBeCloseTo(90);
    expect(Math.log10(x.invert(90))).toBeCloseTo(-9);
    expect(x.ticks.length).toBeLessThanOrEqual(10);
  });
  it("mark round numbers", () => {
    expect(linearScale(-0.13, 0.29, 0, 100).ticks).toEqual([-0.1, 0, 0.1, 0.2]);
    expect(linearScale(3, 3, 0, 100)(3)).toBe(0);
  });
});

const curve = (dtype: string, central: (number | string)[]) => ({
  dtype, plus: central.map(() => "4.41"), minus: central.map(() => "3.61"), middle: "4.0",
  quotient: { central: central.map(String), forward: central.map(String) }, error: { central, forward: central },
});
const data = (more = {}): string =>
  JSON.stringify({ format: "step-size", version: 1, name: "<i>f</i>", at: "2", slope: "4", h: [1, 0.1, 0.01], curves: [curve("float64", [1, 0.01, 0.1]), curve("float32", [1, 0.2, "Infinity"])], ...more });

describe("the widget", () => {
  const page = usePage();

  it("takes what is not finite for no point and no best", () => {
    expect(best(curve("float32", [1, 0.2, "Infinity"]) as never, "central")).toBe(1);
    expect(best(curve("float32", ["NaN", 0.2, 0.2]) as never, "central")).toBe(1);
  });

  it("hides the curves until a guess is locked", async () => {
    const w = await page.show(widget, { data: data(), way: "central", predict: true, guess: 0, predictions: [] });
    expect(w.root.querySelector("svg.is-hidden-curves")).not.toBeNull();
    w.key("ArrowRight");
    [...w.root.querySelectorAll("button")].find((b) => b.textContent === "This is my guess")!.click();
    expect(w.root.querySelector("svg.is-hidden-curves")).toBeNull();
    expect(w.status()).toMatch(/^Close: 0.1 is best/);
    expect(w.model.get("predictions")).toEqual([{ asked: "best h in float64", answer: 0.1, expected: 0.1, correct: true }]);
    expect(w.root.querySelector("i:not(.tgs-bands i)")).toBeNull();
  });

  it("refuses curves that do not fit their steps", async () => {
    const w = await page.show(widget, { data: data({ h: [1, 0.1, 0.01, 0.001] }) });
    expect(w.root.querySelector("[role=alert]")!.textContent).toMatch(/differ in length/);
  });
});
