// What each node is called on screen: its own name, a short expression, or a numbered v.
import { num, scalarOf } from "./format";
import type { Plan } from "./steps";
import type { Define, Event, Recording } from "./types";

export interface Name {
  readonly text: string;
  /** An expression such as a · b, which needs brackets inside another one. */
  readonly compound: boolean;
  /** Made up here, a numbered v. */
  readonly invented: boolean;
  /** Whether the box shows it: an expression is seen from the boxes themselves. */
  readonly drawn: boolean;
}

const SUBSCRIPT = "₀₁₂₃₄₅₆₇₈₉";
const LONGEST_EXPRESSION = 9;
const sub = (n: number): string => String(n).replace(/\d/g, (d) => SUBSCRIPT[+d]!);
const prime = (n: number): string => (n < 4 ? "′".repeat(n) : `⁽${n + 1}⁾`);

/** The name a node was given; in a graph that runs later every operation has one, which is not the program's. */
const given = (d: Define): string | null => (d.kind === "operation" && d.listing !== undefined ? null : d.name);

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

/**
 * Operations that a line of the source gives a name to (`loss = …`), by the last one that ran there:
 * the engine can only tell the names that are still in use when recording ends.
 */
function assigned(plan: Plan, sources: Recording["sources"]): Map<number, string> {
  const found = new Map<number, string>();
  let last: Define | null = null;
  const close = (): void => {
    const place = last?.source;
    const source = place ? sources[place.file] : undefined;
    const line = source?.lines[place!.line - source.first] ?? "";
    const name = /^\s*([\p{L}_][\p{L}\p{N}_]*)\s*=(?!=)/u.exec(line)?.[1];
    if (last && name) found.set(last.node, name);
    last = null;
  };
  for (const event of plan.events) {
    if (event.type === "define" && event.kind !== "operation") continue;
    if (last && (event.source?.file !== last.source?.file || event.source?.line !== last.source?.line)) close();
    if (event.type === "define") last = event;
  }
  close();
  return found;
}

/** Names every node; a name used again in the same iteration gets a prime, as on paper. */
export function nameAll(plan: Plan, sources: Recording["sources"] = {}): Map<number, Name> {
  const fromSource = assigned(plan, sources);
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
    if (event.type === "define" && given(event) && owned(event))
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
        const own = given(event) ? fullName(event) : fromSource.get(event.node);
        if (own) {
          const before = used.get(own) ?? 0;
          used.set(own, before + 1);
          if (event.kind === "parameter") lasting.set(own, before + 1);
          name = { text: own + prime(before), compound: false, invented: false, drawn: true };
        } else {
          const value = event.kind === "constant" ? constants.get(event.node) : undefined;
          const short = value ?? expression(event, names);
          name = short
            ? { text: short, compound: /[ −]/.test(short), invented: false, drawn: false }
            : { text: `v${sub(++anonymous)}`, compound: false, invented: true, drawn: true };
        }
        names.set(event.node, name);
      }
    }
  }
  return names;
}
