// How blocks of code lie in their places, and every move of them, as pure functions.

export interface Block {
  readonly id: string;
  readonly text: string;
}
/** Text that is given, or the number of the place that the learner fills and how far all of it is indented. */
export type Part = { readonly given: string } | { readonly region: number; readonly indent: number };

export interface Puzzle {
  readonly title: string;
  readonly parts: readonly Part[];
  /** Blocks of which at most one is right lie in one group. */
  readonly groups: readonly (readonly Block[])[];
  readonly deepest: number;
}
export type Placed = readonly [id: string, level: number];
/** For each region, from top to bottom. */
export type Arrangement = readonly (readonly Placed[])[];

export interface Spot {
  readonly region: number;
  readonly index: number;
  readonly level: number;
}

export const regionCount = (puzzle: Puzzle): number => puzzle.parts.filter((part) => "region" in part).length;

export const empty = (puzzle: Puzzle): Arrangement => Array.from({ length: regionCount(puzzle) }, () => []);

export const isEmpty = (a: Arrangement): boolean => a.every((region) => !region.length);

/** Where a block lies; null while it is not in the answer. */
export function find(a: Arrangement, id: string): Spot | null {
  for (const [region, placed] of a.entries())
    for (const [index, [other, level]] of placed.entries()) if (other === id) return { region, index, level };
  return null;
}

export const takeOut = (a: Arrangement, id: string): Arrangement =>
  a.map((region) => region.filter(([other]) => other !== id));

/** Puts a block before the one that has that index now. */
export function put(a: Arrangement, id: string, to: Spot): Arrangement {
  const from = find(a, id);
  const index = to.index - (from && from.region === to.region && from.index < to.index ? 1 : 0);
  return takeOut(a, id).map((region, r) =>
    r === to.region ? [...region.slice(0, index), [id, to.level] as const, ...region.slice(index)] : region,
  );
}

/** Puts a block under the last one of a region, as far to the right as that. */
export const append = (a: Arrangement, id: string, region: number): Arrangement =>
  put(a, id, { region, index: a[region]!.length, level: a[region]!.at(-1)?.[1] ?? 0 });

/** One line up or down, into the next region where this one ends; unchanged at the very end. */
export function shift(a: Arrangement, id: string, by: -1 | 1): Arrangement {
  const from = find(a, id);
  if (!from) return a;
  const { region, index, level } = from;
  const last = a[region]!.length - 1;
  if (by < 0 ? index > 0 : index < last) return put(a, id, { region, index: by < 0 ? index - 1 : index + 2, level });
  const next = a[region + by];
  return next ? put(a, id, { region: region + by, index: by < 0 ? next.length : 0, level }) : a;
}

export function indent(a: Arrangement, id: string, by: -1 | 1, deepest: number): Arrangement {
  const from = find(a, id);
  if (!from) return a;
  const level = Math.min(Math.max(from.level + by, 0), deepest);
  return a.map((region) => region.map((placed) => (placed[0] === id ? ([id, level] as const) : placed)));
}

/** What a person who does not see it is told after a move. */
export function tell(puzzle: Puzzle, a: Arrangement, block: Block): string {
  const text = block.text.replace(/\s*\n\s*/g, " ");
  const at = find(a, block.id);
  if (!at) return `“${text}” is back among the blocks.`;
  const where = regionCount(puzzle) > 1 ? ` of ${landmark(puzzle, at.region)}` : "";
  const deep = at.level ? `, indented ${at.level === 1 ? "once" : `${at.level} times`}` : "";
  return `“${text}” is line ${at.index + 1} of ${a[at.region]!.length}${where}${deep}.`;
}

/** The name of a region: the last given line before it that says something. */
export function landmark(puzzle: Puzzle, region: number): string {
  const at = puzzle.parts.findIndex((part) => "region" in part && part.region === region);
  const before = puzzle.parts[at - 1];
  const lines = before && "given" in before ? before.given.split("\n").filter((line) => /^\s*(def|class)\b/.test(line)) : [];
  return /(?:def|class)\s+(\w+)/.exec(lines.at(-1) ?? "")?.[1] ?? `part ${region + 1}`;
}
