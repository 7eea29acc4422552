// What operations keep for the way back, how often each block of memory was written in place, and what that spoiled.
import type { Define, Event } from "./types";

/** One value that an operation keeps for the way back. */
export interface Kept {
  readonly by: number;
  readonly what: string;
  /** Whose value it is. */
  readonly of: number;
  /** The block of memory it lies in; null where nobody else can reach it. */
  readonly memory: number | null;
  /** How often that memory had been written when the value was kept. */
  readonly version: number;
  readonly freed: boolean;
}

export interface Tape {
  /** How often each block of memory has been written in place. */
  readonly versions: ReadonlyMap<number, number>;
  readonly kept: readonly Kept[];
  /** Nodes whose value is no longer in memory. */
  readonly over: ReadonlySet<number>;
}

export const memoryOf = (d: Define): number => d.memory ?? -1 - d.node;

/** What is kept after the first `count` events. */
export function tapeAt(events: readonly Event[], count: number): Tape {
  const defines = new Map<number, Define>();
  const inMemory = new Map<number, number[]>();
  const versions = new Map<number, number>();
  const over = new Set<number>();
  const kept: { -readonly [K in keyof Kept]: Kept[K] }[] = [];
  const by = new Map<number, (typeof kept)[number][]>();
  const write = (memory: number, writer: number): void => {
    versions.set(memory, (versions.get(memory) ?? 0) + 1);
    for (const node of inMemory.get(memory) ?? []) if (node !== writer) over.add(node);
  };
  for (let i = 0; i < count && i < events.length; i++) {
    const e = events[i]!;
    if (e.type === "define") {
      defines.set(e.node, e);
      const sharing = inMemory.get(memoryOf(e));
      if (sharing) sharing.push(e.node);
      else inMemory.set(memoryOf(e), [e.node]);
      if (e.in_place) write(memoryOf(e), e.node);
    } else if (e.type === "update") {
      const d = defines.get(e.node);
      if (d) write(memoryOf(d), d.node);
    } else if (e.type === "save") {
      const me = defines.get(e.node)!;
      for (const x of e.saved) {
        const value = defines.get(x.node) ?? me;
        const mine = x.what !== "out" && !me.inputs.some((input) => input.arg === x.what);
        // What an operation writes over, and what it writes, it keeps as a copy of its own.
        const copied = me.in_place === true && memoryOf(value) === memoryOf(me);
        const memory = mine || copied ? null : memoryOf(value);
        const one = { by: e.node, what: x.what, of: x.node, memory, version: memory === null ? 0 : (versions.get(memory) ?? 0), freed: false };
        kept.push(one);
        by.set(e.node, [...(by.get(e.node) ?? []), one]);
      }
    } else if (e.type === "free") for (const one of e.node === null ? kept : (by.get(e.node) ?? [])) one.freed = true;
  }
  return { versions, kept, over };
}

/** Whether the value was written over since it was kept, and is still needed. */
export const torn = (tape: Tape, k: Kept): boolean => !k.freed && k.memory !== null && (tape.versions.get(k.memory) ?? 0) > k.version;

/** Whether anything at all is written in place: else there is nothing to show. */
export const writes = (events: readonly Event[]): boolean => events.some((e) => e.type === "update" || (e.type === "define" && e.in_place === true));
