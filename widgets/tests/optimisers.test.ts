// @vitest-environment jsdom
// Levels, standings, and the widget as a whole.
import { describe, expect, it } from "vitest";
import { contour, levelsOf } from "../src/contour";
import widget, { columns, ranking, standing } from "../src/optimisers";
import { usePage } from "./page";

const grid = (values: number[], across: number) => ({ values, across, place: (i: number, j: number) => [i, j] as const });
/** The area of a path of closed straight-sided pieces, by the shoelace formula. */
const area = (d: string): number =>
  d.split("Z").filter(Boolean).reduce((sum, piece) => {
    const p = piece.slice(1).split("L").map((q) => q.split(" ").map(Number) as [number, number]);
    return sum + Math.abs(p.reduce((n, [x, y], i) => n + x * p[(i + 1) % p.length]![1] - p[(i + 1) % p.length]![0] * y, 0)) / 2;
  }, 0);

describe("the table", () => {
  const racer = (name: string, memory = 2) => ({ name, memory, trail: [], loss: [] });
  it("gives names the room that is there, and cuts the rest", () => {
    const wide = columns([racer("Adam as its paper has it"), racer("SGD", 0)], 800);
    expect(wide.letters).toBe("Adam as its paper has it".length);
    const narrow = columns([racer("Adam as its paper has it"), racer("SGD", 0)], 340);
    expect(narrow.letters).toBeLessThan(wide.letters);
    for (const [place, width] of [[wide, 800], [narrow, 340]] as const) expect(place.blocks + 4 * 19).toBeLessThanOrEqual(width);
    expect(columns([racer("SGD", 0)], 340).figure).toBe(176);
  });
});

describe("contours", () => {
  it("hold as much of a slope as lies above", () => {
    const slope = grid(Array.from({ length: 25 }, (_, k) => k % 5), 5);
    for (const level of [0.5, 1, 2.5, 3.5]) expect(area(contour(slope, level).area)).toBeCloseTo(4 * (4 - level), 1);
    expect(contour(slope, 9)).toEqual({ area: "", border: "" });
    expect(area(contour(slope, -1).area)).toBe(16);
  });
  it("take what is not finite for a wall", () => {
    expect(area(contour(grid([0, 0, NaN, 0, 0, NaN], 3), 1).area)).toBeGreaterThan(0.9);
  });
  it("are spread by how much lies between them", () => {
    expect(levelsOf([0, 1, 2, 3, 4, 5, 6, 7, 8, 1e9], 3)).toEqual([2, 4, 6]);
    expect(levelsOf([1, 1, 1], 3)).toEqual([]);
  });
});

const racer = (name: string, loss: (number | string)[]) => ({ name, loss, trail: loss.map((_, i) => [i, 0]), memory: 1 });

describe("standings", () => {
  it("put who has run away last, where the trail ends", () => {
    const racers = [racer("a", [4, 8, "Infinity"]), racer("b", [4, 3, 2]), racer("c", [4, 1, 1.5])] as never[];
    expect(ranking(racers, 1)).toEqual(["c", "b", "a"]);
    expect(ranking(racers, 2)).toEqual(["c", "b", "a"]);
    expect(standing(racers[0]!, 2)).toMatchObject({ gone: true, place: [2, 0] });
    expect(standing(racer("d", [4, 3]) as never, 9)).toMatchObject({ gone: true, place: [1, 0] });
  });
});

describe("the widget", () => {
  const page = usePage();
  const data = (more = {}): string =>
    JSON.stringify({
      format: "optimiser-race", version: 1, title: "<b>race</b>", steps: 2, window: [0, 3, -1, 1], across: 3,
      surface: [0, 1, 2, 0, 1, 2], racers: [racer("SGD", [4, 3, 2]), racer("Adam", [4, 2, 1])], ...more,
    });

  it("shows no more of a trail or a loss than has been walked", async () => {
    const w = await page.show(widget, { data: data(), predict: false, guess: "" });
    const points = () => [...w.root.querySelectorAll(".tgs-curve")].map((p) => p.getAttribute("d")!.split("L").length);
    expect(new Set(points())).toEqual(new Set([1]));
    w.key("ArrowRight");
    expect(new Set(points())).toEqual(new Set([2]));
    expect(w.status()).toContain("Adam 2, SGD 3");
    w.key("ArrowLeft");
    expect(new Set(points())).toEqual(new Set([1]));
    expect(w.root.querySelector("b:not(.tgs-subtract b)")).toBeNull();
  });

  it("keeps a guess until the end", async () => {
    const w = await page.show(widget, { data: data(), predict: true, guess: "", predictions: [] });
    w.key("ArrowRight");
    expect(w.model.get("step")).toBe(0);
    [...w.root.querySelectorAll("button")].find((b) => b.textContent === "SGD")!.click();
    expect(w.model.get("step")).toBe(1);
    w.key("End");
    expect(w.status()).toMatch(/^Not SGD: Adam is lowest/);
    expect(w.model.get("predictions")).toMatchObject([{ answer: "SGD", expected: "Adam", correct: false }]);
  });

  it.each([
    [{ surface: [1, 2, 3, 4] }, /surface does not fit/],
    [{ racers: [] }, /nobody races/],
    [{ racers: [{ name: "x", loss: [1, 2], trail: [[0, 0]], memory: 0 }] }, /trail is shorter/],
  ])("refuses %j in words", async (bad, words) => {
    const w = await page.show(widget, { data: data(bad) });
    expect(w.root.querySelector("[role=alert]")!.textContent).toMatch(words);
  });
});
