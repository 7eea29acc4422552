// Moves of blocks: nothing is lost, nothing is doubled, and each is told.
import { describe, expect, it } from "vitest";
import { append, empty, find, indent, isEmpty, landmark, put, regionCount, shift, takeOut, tell } from "../src/arrange";
import type { Arrangement, Puzzle } from "../src/arrange";

const block = (id: string) => ({ id, text: `line ${id}` });
const puzzle: Puzzle = {
  title: "Two methods",
  parts: [{ given: "class A:\n    def one(self):\n" }, { region: 0, indent: 8 }, { given: "\n    def two(self):\n" }, { region: 1, indent: 8 }],
  groups: [[block("a"), block("b")], [block("c")], [block("d")]],
  deepest: 6,
};
const start: Arrangement = [[["a", 0], ["b", 1]], [["c", 2]]];
const ids = (a: Arrangement): string[][] => a.map((region) => region.map(([id]) => id));

describe("moves", () => {
  it("begin with nothing in as many regions as there are", () => {
    expect(regionCount(puzzle)).toBe(2);
    expect(empty(puzzle)).toEqual([[], []]);
    expect(isEmpty(empty(puzzle))).toBe(true);
    expect(isEmpty(start)).toBe(false);
  });
  it("put a block before another, within a region and from another one", () => {
    expect(ids(put(start, "a", { region: 0, index: 2, level: 0 }))).toEqual([["b", "a"], ["c"]]);
    expect(ids(put(start, "b", { region: 0, index: 0, level: 0 }))).toEqual([["b", "a"], ["c"]]);
    expect(ids(put(start, "c", { region: 0, index: 1, level: 0 }))).toEqual([["a", "c", "b"], []]);
    expect(put(start, "a", { region: 0, index: 0, level: 3 })).toEqual([[["a", 3], ["b", 1]], [["c", 2]]]);
  });
  it("append as far to the right as the line above", () => {
    expect(append(start, "d", 1)).toEqual([[["a", 0], ["b", 1]], [["c", 2], ["d", 2]]]);
    expect(append(empty(puzzle), "d", 0)).toEqual([[["d", 0]], []]);
  });
  it("go up and down, from region to region, and stop at both ends", () => {
    let a = start;
    const seen = [1, 1, 1, 1, 1, -1, -1, -1, -1, -1].map((by) => ids((a = shift(a, "a", by as -1 | 1))).join("|"));
    expect(seen).toEqual(["b,a|c", "b|a,c", "b|c,a", "b|c,a", "b|c,a", "b|a,c", "b,a|c", "a,b|c", "a,b|c", "a,b|c"]);
    expect(shift(start, "d", 1)).toBe(start);
  });
  it("indent between nothing and the deepest", () => {
    let a = start;
    for (let i = 0; i < 9; i++) a = indent(a, "a", 1, puzzle.deepest);
    expect(find(a, "a")?.level).toBe(6);
    for (let i = 0; i < 9; i++) a = indent(a, "a", -1, puzzle.deepest);
    expect(a).toEqual(start);
  });
  it("take out what is in and leave what is not", () => {
    expect(ids(takeOut(start, "a"))).toEqual([["b"], ["c"]]);
    expect(takeOut(start, "d")).toEqual(start);
  });
});

describe("what is told", () => {
  it("says line, region and indentation", () => {
    expect(tell(puzzle, start, block("b"))).toBe("“line b” is line 2 of 2 of one, indented once.");
    expect(tell(puzzle, start, block("c"))).toBe("“line c” is line 1 of 1 of two, indented 2 times.");
    expect(tell(puzzle, start, block("d"))).toBe("“line d” is back among the blocks.");
  });
  it("calls a region by the function it lies in", () => {
    expect([landmark(puzzle, 0), landmark(puzzle, 1)]).toEqual(["one", "two"]);
    expect(landmark({ ...puzzle, parts: [{ region: 0, indent: 0 }] }, 0)).toBe("part 1");
  });
});
