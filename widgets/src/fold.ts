// Which boxes and lines are on screen: nodes, or a whole module as one chip while it is folded.
import type { Plan } from "./steps";
import { definitions } from "./steps";
import type { Define } from "./types";

export interface Item {
  /** "n3" for a node, "m:fc1" for a folded module. */
  readonly key: string;
  readonly node: number | null;
  readonly module: string;
  readonly members: number[];
}

export interface Link {
  readonly key: string;
  readonly from: string;
  readonly to: string;
  /** The recording's edges that this line stands for: one, or several into or out of a chip. */
  readonly edges: number[];
  /** Whether a gradient can come back along it, and so will need room to be written. */
  graded: boolean;
}

export interface Visible {
  readonly items: readonly Item[];
  readonly links: readonly Link[];
  readonly itemOf: ReadonlyMap<number, Item>;
}

/** Every node of one iteration: what it defines, and what those use or its events are about. */
export function nodesOf(plan: Plan, round: number): Define[] {
  const all = definitions(plan.events);
  const wanted = new Set<number>();
  for (const step of plan.steps) {
    if (step.round !== round) continue;
    for (const event of step.events) {
      if (event.node !== null) wanted.add(event.node);
      if (event.type === "define") for (const input of event.inputs) wanted.add(input.node);
    }
  }
  return [...all.values()].filter((d) => wanted.has(d.node));
}

const inside = (module: string, path: string): boolean =>
  module === path || module.startsWith(`${path}.`);

/** The outermost folded module that a node lies in. */
export function chipOf(module: string, folded: ReadonlySet<string>): string | null {
  if (!module) return null;
  const parts = module.split(".");
  for (let n = 1; n <= parts.length; n++) {
    const path = parts.slice(0, n).join(".");
    if (folded.has(path)) return path;
  }
  return null;
}

/** All module paths with at least two nodes, outer ones first. */
export function modules(nodes: readonly Define[]): string[] {
  const count = new Map<string, number>();
  for (const { module } of nodes) {
    const parts = module ? module.split(".") : [];
    parts.forEach((_, i) => {
      const path = parts.slice(0, i + 1).join(".");
      count.set(path, (count.get(path) ?? 0) + 1);
    });
  }
  return [...count].filter(([, n]) => n > 1).map(([path]) => path);
}

export function visible(nodes: readonly Define[], folded: ReadonlySet<string>): Visible {
  const items = new Map<string, Item>();
  const itemOf = new Map<number, Item>();
  for (const define of nodes) {
    const chip = chipOf(define.module ?? "", folded);
    const key = chip === null ? `n${define.node}` : `m:${chip}`;
    let item = items.get(key);
    if (!item) {
      item =
        chip === null
          ? { key, node: define.node, module: define.module ?? "", members: [] }
          : { key, node: null, module: chip, members: [] };
      items.set(key, item);
    }
    item.members.push(define.node);
    itemOf.set(define.node, item);
  }
  const links = new Map<string, Link>();
  const graded = new Set(nodes.filter((d) => d.requires_grad).map((d) => d.node));
  for (const define of nodes)
    for (const input of define.inputs) {
      const from = itemOf.get(input.node);
      const to = itemOf.get(define.node);
      if (!from || !to || from === to) continue;
      // Two edges between the same two nodes stay two; into a chip they run together.
      const key = from.node === null || to.node === null ? `${from.key}>${to.key}` : `e${input.edge}`;
      const link = links.get(key);
      const back = graded.has(input.node);
      if (link) {
        link.edges.push(input.edge);
        link.graded ||= back;
      } else links.set(key, { key, from: from.key, to: to.key, edges: [input.edge], graded: back });
    }
  return { items: [...items.values()], links: [...links.values()], itemOf };
}

/** The modules that stand open and have nodes on screen: drawn as frames around them. */
export function openModules(nodes: readonly Define[], folded: ReadonlySet<string>): string[] {
  return modules(nodes).filter((path) => chipOf(path, folded) === null);
}

export { inside };
