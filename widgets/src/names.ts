// What each node is called on screen: its own name, a short expression, or a numbered v.
import { num, scalarOf } from "./format";
import type { Plan } from "./steps";
import type { Define, Event } from "./types";

export interface Name {
  readonly text: string;
  /** An expression such as a · b, which needs brackets inside another one. */
  readonly compound: boolean;
  /** Made up here, so the picture must show it too if formulas use it. */
  readonly invented: boolean;
}

const SUBSCRIPT = "₀₁₂₃₄₅₆₇₈₉";
const LONGEST_EXPRESSION = 9;
const sub = (n: number): string => String(n).replace(/\d/g, (d) => SUBSCRIPT[+d]!);
const prime = (n: number): string => (n < 4 ? "′".repeat(n) : `⁽${n + 1}⁾`);

/** a · b for an unnamed product of a and b, when that stays short. */
function expression(define: Define, names: ReadonlyMap<number, Name>): string | null {
  if (!define.forward) return null;
  let known = true;
  const text = define.forward.replace(/\{(\w+)\}/g, (_, arg: string) => {
    const input = define.inputs.find((i) => i.arg === arg);
    const name = input && names.get(input.node);
    if (!name || name.compound || /^v[₀-₉]/.test(name.text)) known = false;
    return name?.text ?? "";
  });
  return known && text.length <= LONGEST_EXPRESSION && !text.includes("^") ? text : null;
}

/** Names every node; a name used again in the same iteration gets a prime, as on paper. */
export function nameAll(plan: Plan): Map<number, Name> {
  const constants = new Map<number, string>();
  for (const event of plan.events)
    if (event.type === "execute" && !constants.has(event.node)) {
      const v = scalarOf(event.value);
      if (v !== null) constants.set(event.node, num(v));
    }
  // Every layer has a weight: its module says which, by its last part where that is enough.
  const homes = new Map<string, Set<string>>();
  const inner = (d: Define): string => `${d.module.split(".").at(-1)}.${d.name}`;
  const owned = (d: Define): boolean => d.kind === "parameter" && !!d.module && !d.name!.includes(".");
  for (const event of plan.events)
    if (event.type === "define" && event.name && owned(event))
      homes.set(inner(event), (homes.get(inner(event)) ?? new Set()).add(event.module));
  const fullName = (d: Define): string =>
    !owned(d) ? d.name! : homes.get(inner(d))!.size > 1 ? `${d.module}.${d.name}` : inner(d);

  const names = new Map<number, Name>();
  const lasting = new Map<string, number>();
  for (let round = 0; round < plan.rounds; round++) {
    const used = new Map(lasting);
    let anonymous = 0;
    for (const step of plan.steps) {
      if (step.round !== round) continue;
      for (const event of step.events as Event[]) {
        if (event.type !== "define") continue;
        let name: Name;
        if (event.name) {
          const full = fullName(event);
          const before = used.get(full) ?? 0;
          used.set(full, before + 1);
          if (event.kind === "parameter") lasting.set(full, before + 1);
          name = { text: full + prime(before), compound: false, invented: false };
        } else {
          const value = event.kind === "constant" ? constants.get(event.node) : undefined;
          const short = value ?? expression(event, names);
          name = short
            ? { text: short, compound: /[ −]/.test(short), invented: false }
            : { text: `v${sub(++anonymous)}`, compound: false, invented: true };
        }
        names.set(event.node, name);
      }
    }
  }
  return names;
}
