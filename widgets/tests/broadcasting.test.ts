// @vitest-environment jsdom
// Shapes against what NumPy says of them, the way back, and the widget as a whole.
import { describe, expect, it } from "vitest";
import widget, { copies, judgeShape, planOf, stateAt } from "../src/broadcasting";
import { usePage } from "./page";

describe("shapes", () => {
  it.each([
    [[3, 1], [4], [3, 4]],
    [[], [2, 3], [2, 3]],
    [[5, 1, 3], [4, 1], [5, 4, 3]],
    [[1], [1, 1], [1, 1]],
    [[0, 3], [1, 1], [0, 3]],
    [[2, 3], [2], null],
    [[4, 3], [2, 3], null],
    [[0], [2], null],
  ])("%j and %j make %j", (a, b, out) => {
    expect(planOf(a, b).shape).toEqual(out);
    expect(planOf(b, a).shape).toEqual(out);
  });

  it("stops at the first clash from the right", () => {
    const { steps } = planOf([2, 3], [4, 5]);
    expect(steps.map((x) => x.kind)).toEqual(["align", "axis"]);
  });

  it("sums exactly the dims that were stretched or missing", () => {
    const plan = planOf([5, 1, 3], [4, 1]);
    const end = stateAt(plan, plan.steps.length);
    expect([...end.summed.a]).toEqual([1]);
    expect([...end.summed.b].sort()).toEqual([0, 2]);
    expect([copies(plan, "a"), copies(plan, "b")]).toEqual([4, 15]);
    expect(end.done).toEqual(new Set(["a", "b"]));
  });

  it("tells one step from the next, both ways", () => {
    const plan = planOf([3, 1], [4]);
    expect([...stateAt(plan, 2).stretched.a]).toEqual([1]);
    expect(stateAt(plan, 2).result).toBe(false);
    expect(stateAt(plan, 4).result).toBe(true);
    expect(stateAt(plan, 4).backward).toBe(false);
  });
});

describe("answers", () => {
  it("knows the misconceptions by their results", () => {
    expect(judgeShape("(3, 4)", [3, 1], [4])).toMatchObject({ correct: true });
    expect(judgeShape("2, 3", [3], [2, 3])).toMatchObject({ correct: true });
    expect(judgeShape("3 1", [3, 1], [4])?.say).toMatch(/Both sides may be stretched/);
    expect(judgeShape("2, 2", [2], [1, 2])?.correct).toBe(false);
    expect(judgeShape("2, 3", [2], [2, 3])?.say).toMatch(/neither is 1/);
    expect(judgeShape("error", [2], [2, 3])).toMatchObject({ correct: true });
    expect(judgeShape("error", [2], [2])).toMatchObject({ correct: false });
    expect(judgeShape("4, 4", [4], [4, 1])).toMatchObject({ correct: true });
    expect(judgeShape("?", [2], [2])).toBeNull();
  });

  it("sees a shape that was aligned at the left", () => {
    expect(judgeShape("3, 2", [3, 1], [1, 2, 1])?.correct).toBe(false);
    expect(judgeShape("1, 2", [1, 1], [2])?.correct).toBe(true);
    expect(judgeShape("2, 1", [1, 1], [2])?.say).toMatch(/from the right/);
  });
});

describe("the widget", () => {
  const page = usePage();
  const data = JSON.stringify({
    format: "broadcasting", version: 1, sign: "+", values: [11, 21, 12, 22],
    a: { name: "<b>a</b>", shape: [2, 1], values: [1, 2] }, b: { name: "b", shape: [2], values: [10, 20] },
  });

  it("asks for the shape, counts copies, and ends with the shapes it began with", async () => {
    const w = await page.show(widget, { data, predict: true, predictions: [] });
    w.key("ArrowRight");
    expect(w.model.get("step")).toBe(0);
    w.root.querySelector("input[type=text]")!.setAttribute("value", "");
    (w.root.querySelector("input[type=text]") as HTMLInputElement).value = "2, 2";
    w.root.querySelector("form")!.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
    expect(w.model.get("step")).toBe(1);
    expect(w.status()).toMatch(/^Right: \(2, 2\)/);
    w.key("End");
    expect(w.status()).toContain("b.grad has b's own shape again: (2,)");
    expect([...w.root.querySelectorAll(".is-done.is-own text")].map((t) => t.textContent)).toEqual(["2", "2", "2", "2"]);
    expect(w.root.querySelector("b")).toBeNull();
  });

  it.each([
    ["nonsense", /not JSON/],
    ["{}", /not the data of a broadcasting/],
    [data.replace('"version":1', '"version":7'), /version 7.*newer/],
    [data.replace('"shape":[2,1]', '"shape":"x"'), /“a.shape” is not a shape/],
  ])("refuses %s in words", async (bad, words) => {
    const w = await page.show(widget, { data: bad });
    expect(w.root.querySelector("[role=alert]")!.textContent).toMatch(words);
  });
});
