// DynamicVsStatic without a page: moments, the common axis, what is true at each step, questions and answers.
import { describe, expect, it } from "vitest";
import { excerpts } from "../src/dynamic_static_pane";
import { stateAt } from "../src/dynamic_static_state";
import { axis, keyOf, moments, paired, type Moment } from "../src/dynamic_static_steps";
import { describe as words, judge, numbersIn, question, readNumbers } from "../src/dynamic_static_words";
import { nameAll } from "../src/names";
import { plan } from "../src/steps";
import type { Define, Event, Recording } from "../src/types";
import { fixture } from "./help";

const eager = fixture("dynamic_static/eager");
const later = fixture("dynamic_static/static");
const told = (r: Recording): readonly Event[] => r.events;
const ms = { eager: moments(told(eager)), later: moments(told(later)) };
const node = (r: Recording, op: string): number => (r.events.find((e) => e.type === "define" && e.op === op) as Define).node;
const kinds = (all: readonly Moment[]): string => all.map((m) => m.kind).join(" ");

describe("moments", () => {
  it("are made with their values where lines run now", () => {
    expect(kinds(ms.eager)).toBe("make make make print make print");
  });

  it("are definitions first and runs later in a static program", () => {
    expect(kinds(ms.later)).toBe(
      "define define define define print define define define" +
        " run execute execute execute execute fetch print".repeat(2) +
        " run execute execute execute execute execute execute fetch print",
    );
  });

  it("lose no event and keep their order", () => {
    for (const [r, all] of [[eager, ms.eager], [later, ms.later]] as const) {
      expect(all.at(-1)!.end).toBe(r.events.length);
      expect(all.flatMap((m) => m.events).map((e) => e.seq)).toEqual([...all.flatMap((m) => m.events).map((e) => e.seq)].sort((a, b) => a - b));
    }
  });

  it("let events ride along that are no moment of their own", () => {
    const fetch = ms.later.findIndex((m) => m.kind === "fetch");
    const until = told(later).slice(0, ms.later[fetch]!.end);
    const ridden = [...until, { type: "guard", seq: until.length, node: null, source: null, module: "" } as Event];
    const all = moments(ridden);
    expect(all.at(-1)).toMatchObject({ kind: "fetch", end: ridden.length });
    const names = nameAll(plan(later.events), later.sources);
    const [before, after] = [stateAt(ridden, all.at(-2)!.end), stateAt(ridden, ridden.length)];
    expect(words(all.at(-1)!, names, before, after)).toContain("Python gets tanh(s) = 0.7616");
  });

  it("have one for what goes wrong, in the error's own words", () => {
    const failed = [...told(later).slice(0, 4), { type: "error", error: "FeedError", text: "'x' was not fed\n  defined at line 2", seq: 4, node: null, source: null, module: "" } as Event];
    const last = moments(failed).at(-1)!;
    expect(last.kind).toBe("error");
    const side = stateAt(failed, failed.length);
    expect(words(last, nameAll(plan(failed), later.sources), side, side)).toBe("FeedError: 'x' was not fed");
  });

  it("put what is fed and read at the beginning of its run", () => {
    const run = ms.later.find((m) => m.kind === "run")!;
    expect(run.events.map((e) => e.type)).toEqual(["run", "feed", "execute", "execute"]);
  });
});

describe("the axis", () => {
  const keys = [ms.eager.map((m) => keyOf(m, eager)), ms.later.map((m) => keyOf(m, later))] as const;
  const pairs = paired(keys[0], keys[1]);

  it("joins the lines that both programs run: three operations, a print, and another operation", () => {
    expect(pairs.map(([i, j]) => [ms.eager[i]!.kind, ms.later[j]!.kind])).toEqual([
      ["make", "define"],
      ["make", "define"],
      ["make", "define"],
      ["print", "print"],
      ["make", "define"],
    ]);
  });

  it("takes both sides to their ends, one moment a tick at most", () => {
    const ticks = axis(ms.eager.length, ms.later.length, pairs);
    expect(ticks.at(-1)).toEqual([ms.eager.length, ms.later.length]);
    ticks.reduce(
      ([a, b], [c, d]) => {
        expect(c - a + (d - b)).toBeGreaterThan(0);
        expect(Math.max(c - a, d - b)).toBe(1);
        return [c, d] as const;
      },
      [0, 0] as const,
    );
    for (const [i, j] of pairs) expect(ticks).toContainEqual([i + 1, j + 1]);
  });

  it("has room for sides that share nothing, and for an empty one", () => {
    expect(axis(2, 3, [])).toEqual([[1, 1], [2, 2], [2, 3]]);
    expect(axis(0, 2, [])).toEqual([[0, 1], [0, 2]]);
    expect(paired(["a", null, "b"], [null, "b", "a"])).toHaveLength(1);
  });
});

describe("stateAt", () => {
  const after = (n: number) => stateAt(told(later), ms.later[n]!.end);
  const at = (kind: Moment["kind"], nth = 0): number => ms.later.map((m, i) => [m, i] as const).filter(([m]) => m.kind === kind)[nth]![1];
  const [x, tanh, sub] = [node(later, "placeholder"), node(later, "tanh"), node(later, "sub")];

  it("gives no node of a graph a value before it runs", () => {
    const side = after(at("run") - 1);
    expect([...side.life.values()].every((l) => l === "defined")).toBe(true);
    expect([...side.values.nodes.values()].every((n) => n.value === undefined)).toBe(true);
    expect(side.run).toBeNull();
  });

  it("knows when a run begins what it will need", () => {
    const side = after(at("run"));
    expect(side.life.get(x)).toBe("fed");
    expect(side.life.get(node(later, "variable"))).toBe("read");
    expect(side.life.get(tanh)).toBe("needed");
    expect(side.life.get(sub)).toBe("idle");
    expect(side.run).toMatchObject({ number: 1, operations: 4, over: false });
    expect([...side.run!.fetches]).toEqual([tanh]);
  });

  it("lets values go as soon as nobody needs them, and all of them after the run", () => {
    const done = after(at("fetch"));
    expect(done.run!.over).toBe(true);
    expect(done.values.nodes.get(tanh)!.value!.data).toBeCloseTo(0.7616, 4);
    expect(done.life.get(node(later, "mul"))).toBe("freed");
    expect(done.values.nodes.get(node(later, "mul"))!.value).toBeUndefined();
    const next = after(at("fetch") + 1);
    expect(next.run).toBeNull();
    expect([...next.values.nodes.values()].every((n) => n.value === undefined)).toBe(true);
  });

  it("starts every run afresh", () => {
    const third = after(at("run", 2));
    expect(third.run).toMatchObject({ number: 3, operations: 6 });
    expect(third.life.get(sub)).toBe("needed");
    expect(third.values.nodes.get(tanh)!.value).toBeUndefined();
  });

  it("keeps the values of what ran at once", () => {
    const side = stateAt(told(eager), eager.events.length);
    expect([...side.life.values()].every((l) => l === "computed")).toBe(true);
    expect(side.printed.map((p) => p.text.slice(0, 4))).toEqual(["s is", "y is"]);
  });

  it("is pure: any order of asking gives the same answers", () => {
    const forward = ms.later.map((m) => JSON.stringify([...stateAt(told(later), m.end).life]));
    const back = [...ms.later].reverse().map((m) => JSON.stringify([...stateAt(told(later), m.end).life]));
    expect(back.reverse()).toEqual(forward);
  });
});

describe("words", () => {
  const names = nameAll(plan(later.events), later.sources);
  const say = (n: number): string => {
    const [before, now] = [stateAt(told(later), n ? ms.later[n - 1]!.end : 0), stateAt(told(later), ms.later[n]!.end)];
    return words(ms.later[n]!, names, before, now);
  };

  it("say what a tensor is before it has a value", () => {
    expect(say(0)).toBe("A placeholder x is written down: float32 of shape (2,). Its value will come with a run.");
    expect(say(4)).toContain("no value yet");
  });

  it("say what a run needs and hands out", () => {
    const run = ms.later.findIndex((m) => m.kind === "run");
    expect(say(run)).toBe("Run 1 begins: it is asked for tanh(s). Fed: x = [2, 1]. 4 of 6 operations are needed; the others do nothing.");
    const fetch = ms.later.findIndex((m) => m.kind === "fetch");
    expect(say(fetch)).toBe("The run is over. Python gets tanh(s) = 0.7616; every other value is gone.");
  });
});

describe("predictions", () => {
  const ask = (r: Recording, all: readonly Moment[], n: number) => question(r === eager ? 0 : 1, all[n]!, stateAt(told(r), all[n]!.end), r);

  it("ask what a print shows, and know that it may be no number", () => {
    expect(ask(eager, ms.eager, 3)).toMatchObject({ asked: "print", expected: [1] });
    expect(ask(later, ms.later, 4)).toMatchObject({ asked: "print", expected: null });
    const last = ask(later, ms.later, ms.later.length - 1)!;
    expect(last.expected![0]).toBeCloseTo(0.64);
    expect(last.prompt).toContain('print("miss is"');
  });

  it("ask how much of the graph a run needs", () => {
    const run = ms.later.findIndex((m) => m.kind === "run");
    expect(ask(later, ms.later, run)).toMatchObject({ asked: "count", expected: [4] });
    expect(ask(later, ms.later, run + 1)).toBeNull();
  });

  it("are judged", () => {
    const number = ask(eager, ms.eager, 3)!;
    expect(judge(number, [1]).correct).toBe(true);
    expect(judge(number, [2]).say).toBe("Not 2: it is 1.");
    expect(judge(number, null).say).toBe("There is one: 1.");
    const none = ask(later, ms.later, 4)!;
    expect(judge(none, null).correct).toBe(true);
    expect(judge(none, [1]).correct).toBe(false);
  });

  it("are read as people type them", () => {
    expect(readNumbers("1,5")).toEqual([1.5]);
    expect(readNumbers("[1, -2]")).toEqual([1, -2]);
    expect(readNumbers("1 2 3")).toEqual([1, 2, 3]);
    expect(readNumbers("none")).toBeNull();
    expect(numbersIn("y is tensor([0.5, -1e-3], dtype=float32, shape=[2])")).toEqual([0.5, -0.001]);
  });
});

describe("excerpts", () => {
  it("show each program from the head of its block, and the model they share", () => {
    const [main, model] = excerpts(later, told(later));
    expect(main!.lines[0]!.trim()).toBe("with Graph() as graph:");
    expect(main!.lines.at(-1)).toContain('print("miss is"');
    expect(model!.lines[0]).toBe("def model(x):");
    expect(excerpts(eager, told(eager))[0]!.lines.map((l) => l.trim())[0]).toBe("x = tg.tensor([2.0, 1.0])");
  });

  it("survive sources that were not recorded", () => {
    expect(excerpts({ ...later, sources: {} }, told(later))).toEqual([]);
  });
});
