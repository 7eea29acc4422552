// Why a gradient is None, zero, huge: each answer from a recording of a small program, made by the engine.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { recordingOf } from "../src/load";
import { nameAll } from "../src/names";
import { find } from "../src/search";
import { stateAt } from "../src/state";
import { definitions, plan } from "../src/steps";
import type { Value } from "../src/types";
import { size, why, type Why } from "../src/why";
import { define, events, fixture, scalar } from "./help";

const all = JSON.parse(readFileSync(resolve("../tests/widgets/fixtures/why.json"), "utf8")) as Record<string, unknown>;

/** What is said about the node of that name, after all steps or so many. */
function ask(program: string, name: string, steps = Infinity): Why {
  const recording = recordingOf(all[program]);
  const p = plan(recording.events);
  const names = nameAll(p, recording.sources);
  const count = p.steps[Math.min(steps, p.steps.length) - 1]?.end ?? 0;
  const node = [...names].find(([, n]) => n.text === name)![0];
  return why(node, { events: p.events, count, state: stateAt(p.events, count), names, at: (x) => `line ${x?.line}` });
}
const says = (program: string, name = "w"): string => {
  const { question, says } = ask(program, name);
  return [question, ...says].join(" ");
};

describe("why None", () => {
  it.each([
    ["data", "x", /x\.grad None\? x does not require a gradient: it was made without requires_grad=True/],
    ["middle", "2", /2 is a number in the code/],
    ["middle", "y", /y\.grad None\? A gradient did come by, 12, and was passed on.*y\.retain_grad\(\) before backward/],
    ["data", "w · x", /Why is the \.grad of w · x None\?/],
    ["unused", "v", /Backward began at y, and no path leads from there to v: what was made from it \(other\)/],
    ["detached", "w", /loss was made from it, but the way back is cut: the numbers of target go on without their past: detach\(\)/],
    ["without_grad", "w", /mul \(y\) ran under no_grad\(\): nothing was noted \(line \d+\)/],
    ["without_grad", "y", /The way back ends here: mul \(y\) ran under no_grad/],
    ["compared", "w", /gt \(right\) gives true or false, which jump instead of sliding/],
    ["for_others", "w", /asked for the gradients of other tensors only/],
    ["handed_over", "w", /A gradient did come, 4, but it was handed to whoever asked for it, as autograd\.grad\(\) does/],
    ["twice", "y", /A gradient came by in an earlier backward/],
    ["never", "w", /This recording has no backward/],
    ["overwritten", "w", /Backward was refused before it began\. exp saved its result/],
  ])("%s: %s", (program, name, words) => {
    expect(says(program, name)).toMatch(words);
  });

  it("points to what cut the way, and to the step that brings more", () => {
    expect(ask("without_grad", "w").node).toBe(ask("without_grad", "y").node);
    const early = ask("middle", "w", 3);
    expect(early.says).toEqual(["Backward has not run yet."]);
    const recording = recordingOf(all["middle"]);
    expect(plan(recording.events).events[early.until! - 1]!.type).toBe("accumulate");
    expect(ask("middle", "w", 5).says.join()).toMatch(/^Not yet: backward is on its way\. First y must be visited/);
  });

  it("knows that a gradient which was asked for is kept", () => {
    expect(says("retained", "y")).toMatch(/^Where does the gradient of y come from\?.*2 ways meet here and add/);
  });

  it("sends readers of a static graph to gradients()", () => {
    const later = fixture("dynamic_static/static");
    const p = plan(later.events);
    const names = nameAll(p, later.sources);
    const told = why(later.events.find((e) => e.type === "define")!.node!, { events: p.events, count: p.events.length, state: stateAt(p.events, p.events.length), names, at: () => "" });
    expect(told.says[0]).toMatch(/as nodes of its own, and a run computes it/);
  });
});

describe("why zero", () => {
  it.each([
    ["dead", "w", /relu \(hidden\) stands on its dead side: all 2 elements of w − 3 are 0 or less \(the largest is −2\)/],
    ["factor", "w", /mul \(y\) multiplies by gate, which is 0/],
    ["saturated", "w", /tanh \(y\) is saturated: its result is 1/],
    ["masked", "w", /multiplies by mask, which is 0 wherever a gradient arrives: a mask/],
    ["cancelling", "w", /2 gradients reached w and cancel: 3 and −3 add up to 0/],
    ["other_side", "w", /where takes the other side: its condition never chooses w/],
    ["rounded", "w", /round is made of steps/],
  ])("%s: %s", (program, name, words) => {
    expect(says(program, name)).toMatch(/ zero\?/);
    expect(says(program, name)).toMatch(words);
  });

  it("is not asked of a gradient that is not", () => {
    expect(says("dead", "hidden")).not.toMatch(/zero\?/);
  });
});

describe("why huge, small, or no number", () => {
  it("finds the one step that did it", () => {
    const told = ask("huge", "tiny");
    expect(told.question).toBe("Why is the gradient of tiny so large?");
    expect(told.says[0]).toMatch(/^One step did it: log \(log\(tiny\)\), whose rule is g \/ tiny, multiplied by 500000 \(tiny is 2·10⁻⁶\)/);
    expect(told.culprit!.factor).toBeCloseTo(5e5, -2);
  });

  it.each([
    ["in_a_row", /so large\? No single step did it: 12 rules in a row multiplied by about 3 each/],
    ["vanishing", /so small\? No single step did it: 12 rules in a row multiplied by about 0\.19 each/],
    ["infinite", /infinite\? Up to sqrt \(sqrt\(w\)\) it was an ordinary number: its rule, g \/ \(2 · sqrt\(w\)\), made up to ∞ of it/],
    ["broken_before", /not a number\? The way forward was broken already: log\(w\) is NaN, made by log/],
  ])("%s", (program, words) => {
    expect(says(program)).toMatch(words);
  });

  it("shows the whole way, whose factors multiply to the gradient", () => {
    const { way } = ask("in_a_row", "w");
    expect(way.map((h) => h.factor)).toEqual(Array(12).fill(3));
    expect(size(way.at(-1)!.sent)).toBe(3 ** 12);
    for (let i = 1; i < way.length; i++) expect(way[i]!.by).toBe(way[i - 1]!.to);
  });

  it("measures what was only summed up, too", () => {
    const summary = { shape: [100], dtype: "float32", min: -7, max: 2, mean: 0, std: 1, nan: 0, inf: 0 } as Value;
    expect(size(summary)).toBe(7);
    expect(size({ ...summary, nan: 1 })).toBeNaN();
    expect(size({ ...summary, inf: 1 })).toBe(Infinity);
    expect(size(scalar(-3))).toBe(3);
  });
});

describe("finding nodes", () => {
  const sources = { s0: { name: "In [1]", first: 1, lines: ["h = relu(x)", "loss = h.sum()"] } };
  const recorded = events(
    define(0, { name: "x", source: { file: "s0", line: 1 } }),
    define(1, { name: "h", op: "relu", kind: "operation", label: "relu", module: "net.act", source: { file: "s0", line: 1 }, inputs: [{ edge: 0, node: 0, arg: "x" }] }),
    define(2, { name: "loss", op: "sum", kind: "operation", label: "Σ", source: { file: "s0", line: 2 }, inputs: [{ edge: 1, node: 1, arg: "x" }] }),
  );
  const p = plan(recorded);
  const look = (text: string): number[] => find(text, definitions(p.events).values(), nameAll(p, sources), sources);

  it.each([
    ["loss", [2]],
    ["RELU", [1, 0]], // the operation, then what else stands in that line
    ["Σ", [2]],
    ["net", [1]],
    ["line 2", [2]],
    ["1", [0, 1]],
    [".sum(", [2]],
    ["  ", []],
    ["nothing", []],
  ])("%s", (text, found) => {
    expect(look(text)).toEqual(found);
  });
});
