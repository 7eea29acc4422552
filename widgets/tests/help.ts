// What the tests share: recordings by the engine, and small ones made by hand.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parse } from "../src/load";
import { nameAll } from "../src/names";
import { stateAt } from "../src/state";
import { plan, type Plan, type Step } from "../src/steps";
import type { Define, Event, Recording, Value } from "../src/types";

export const read = (name: string): string =>
  readFileSync(resolve(`../tests/widgets/fixtures/${name}.json`), "utf8");

export const fixture = (name: string): Recording => parse(read(name));

export const scalar = (data: number): Value => ({ shape: [], dtype: "float32", data });

/** Fills in what every event has. */
export const events = (...parts: Partial<Event>[]): Event[] =>
  parts.map((part, seq) => ({ seq, node: null, source: null, module: "", ...part }) as Event);

export const define = (node: number, more: Partial<Define> = {}): Partial<Define> => ({
  type: "define",
  node,
  op: "leaf",
  kind: "leaf",
  name: null,
  label: "",
  inputs: [],
  requires_grad: true,
  shape: [],
  dtype: "float32",
  forward: "",
  rules: {},
  ...more,
});

export interface Walk {
  plan: Plan;
  names: ReturnType<typeof nameAll>;
  /** State before and after each step. */
  around: (step: Step) => [ReturnType<typeof stateAt>, ReturnType<typeof stateAt>];
  step: (kind: Step["kind"], nth?: number) => Step;
}

export function walk(recorded: readonly Event[], sources: Recording["sources"] = {}): Walk {
  const p = plan(recorded);
  return {
    plan: p,
    names: nameAll(p, sources),
    around(step) {
      const i = p.steps.indexOf(step);
      return [stateAt(p.events, i ? p.steps[i - 1]!.end : 0), stateAt(p.events, step.end)];
    },
    step(kind, nth = 0) {
      const found = p.steps.filter((s) => s.kind === kind)[nth];
      if (!found) throw new Error(`no step ${kind} ${nth}`);
      return found;
    },
  };
}
