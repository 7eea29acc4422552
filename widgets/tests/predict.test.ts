// Questions, and what is said about answers.
import { describe, expect, it } from "vitest";
import { plain } from "../src/notation";
import { judge, question, readNumber, readShape, score, type Question } from "../src/predict";
import { fixture, walk, type Walk } from "./help";

const ask = (w: Walk, kind: Parameters<Walk["step"]>[0], nth = 0): Question | null => {
  const step = w.step(kind, nth);
  return question(step, w.names, ...w.around(step));
};

describe("questions", () => {
  const w = walk(fixture("diamond").events);

  it("asks for the next value, with what is known and a hole", () => {
    const q = ask(w, "operation")!;
    expect(q).toMatchObject({ asked: "value", expected: 6, prompt: "What will c be?" });
    expect(plain(q.line)).toBe("c = a · b = 2 · 3 = ?");
  });

  it("asks for the gradient along an edge", () => {
    const q = ask(w, "visit", 1)!;
    expect(q).toMatchObject({ asked: "gradient", expected: 3 });
    expect(plain(q.line)).toBe("∂d/∂a += ∂d/∂c · b = ?");
    expect(q.edge).not.toBeNull();
  });

  it("asks for the sum where paths meet, without giving it away", () => {
    const q = ask(w, "meet")!;
    expect(q).toMatchObject({ asked: "gradient", expected: 4, edge: null });
    expect(plain(q.line)).toBe("∂d/∂a = ?");
  });

  it("asks nothing where there is nothing to work out", () => {
    expect(ask(w, "enter")).toBeNull();
    expect(ask(w, "seed")).toBeNull();
    expect(ask(w, "store")).toBeNull();
  });

  it("asks for shapes where values are arrays", () => {
    const m = walk(fixture("mlp").events);
    expect(ask(m, "operation")).toMatchObject({ asked: "shape", expected: [2, 3] });
  });

  it("never shows the answer in the question", () => {
    for (const name of ["diamond", "neuron", "square"]) {
      const v = walk(fixture(name).events);
      for (const step of v.plan.steps) {
        const q = question(step, v.names, ...v.around(step));
        if (q) expect(plain(q.line)).toMatch(/= \?$/);
      }
    }
  });
});

describe("answers", () => {
  const q = ask(walk(fixture("diamond").events), "visit", 1)!;
  const sum = ask(walk(fixture("diamond").events), "meet")!;

  it.each([["3", true], ["3.0", true], ["3,02", true], ["9/3", true], ["2", false], ["-3", false]])(
    "judges %s",
    (text, correct) => expect(judge(q, text)?.correct).toBe(correct),
  );

  it("says what kind of mistake it was", () => {
    expect(judge(q, "-3")!.say).toMatch(/sign/);
    expect(judge(sum, "3")!.say).toMatch(/only the part that arrives/);
    expect(judge(sum, "1")!.say).toMatch(/what was there/);
    expect(judge(q, "3.2")!.say).toMatch(/close/);
    expect(judge(q, "3")!.say).toBe("Right: 3.");
  });

  it("cannot read what is not a number", () => {
    for (const text of ["", "abc", "1/0", "3 3", "--2"]) expect(judge(q, text)).toBeNull();
    expect(readNumber("−2")).toBe(-2);
    expect(readNumber(".5")).toBe(0.5);
    expect(readNumber("1e-3")).toBe(0.001);
  });

  it("reads shapes as people write them", () => {
    for (const text of ["2, 3", "(2, 3)", "2x3", "2×3", "[2,3]", "2 3"]) expect(readShape(text)).toEqual([2, 3]);
    expect(readShape("(3,)")).toEqual([3]);
    expect(readShape("()")).toEqual([]);
    expect(readShape("two")).toBeNull();
    expect(readShape("")).toBeNull();
  });

  it("tells a turned shape from a wrong one", () => {
    const s = ask(walk(fixture("mlp").events), "operation")!;
    expect(judge(s, "2, 3")!.correct).toBe(true);
    expect(judge(s, "3, 2")!.say).toMatch(/other way round/);
  });

  it("keeps the score", () => {
    const p = (correct: boolean) => ({ step: 1, node: "a", asked: "value", answer: 1, expected: 1, correct });
    expect(score([p(true), p(false), p(true)])).toBe("2 of 3 right");
  });
});
