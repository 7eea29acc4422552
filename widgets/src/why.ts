// Why is this gradient None, zero, huge? Answered from the recording alone, as a pure function.
import { isScalar, num, toNumber } from "./format";
import { nameOf, type Names } from "./notation";
import type { State } from "./state";
import type { Define, Event, Nested, Num, Place, Value } from "./types";
import { memoryOf } from "./versions";

/** One step of the way that a gradient took, from where backward began. */
export interface Hop {
  readonly edge: number;
  /** The node whose rule multiplied, and the one that got the result. */
  readonly by: number;
  readonly to: number;
  /** How much larger what was sent is than what had arrived, both by their largest element. */
  readonly factor: number;
  readonly sent: Value;
}

export interface Why {
  readonly question: string;
  readonly says: readonly string[];
  /** The way that brought the most, from where backward began to the node. */
  readonly way: readonly Hop[];
  /** The hop that explains it best. */
  readonly culprit: Hop | null;
  /** The node to look at. */
  readonly node: number | null;
  /** How many events have happened when there is more to say; null for now. */
  readonly until: number | null;
}

/** What must be known: the recording's events, how many of them have happened, and what is true then. */
export interface Scene {
  readonly events: readonly Event[];
  readonly count: number;
  readonly state: State;
  readonly names: Names;
  /** A place in the code, in words. */
  readonly at: (place: Place | null) => string;
}

const HUGE = 100;
const TINY = 1e-4;
const MOST_SAID = 3;

const cells = (data: Nested): number[] =>
  Array.isArray(data) ? (data as Nested[]).flatMap(cells) : [typeof data === "boolean" ? Number(data) : toNumber(data as Num)];

/** All elements where they were recorded, else null. */
const whole = (v: Value): number[] | null => (v.data === undefined ? null : cells(v.data));
const least = (v: Value): number => Math.min(...(whole(v) ?? [toNumber(v.min ?? NaN)]));
const most = (v: Value): number => Math.max(...(whole(v) ?? [toNumber(v.max ?? NaN)]));

/** The largest element without its sign; NaN where there is one. */
export function size(v: Value): number {
  const all = whole(v);
  if (!all && v.nan) return NaN;
  if (!all && v.inf) return Infinity;
  return all ? all.reduce((a, x) => (Number.isNaN(x) || Number.isNaN(a) ? NaN : Math.max(a, Math.abs(x))), 0) : Math.max(Math.abs(least(v)), Math.abs(most(v)));
}

const zero = (v: Value | undefined): boolean => v !== undefined && size(v) === 0;
const list = (words: readonly string[]): string => (words.length < 2 ? (words[0] ?? "") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`);
const some = (words: readonly string[]): string => (words.length > MOST_SAID ? list([...words.slice(0, MOST_SAID - 1), `${words.length - MOST_SAID + 1} more`]) : list(words));
const unique = <T>(all: readonly T[]): T[] => [...new Set(all)];
/** Text of one line: what an error says first. */
const brief = (text: string): string => text.split("\n")[0]!;
/** Whether a node's name stands in the code, as in y.grad. */
const inCode = (names: Names, node: number): boolean => !nameOf(names, node).invented && /^[\p{L}_][\w.]*$/u.test(nameOf(names, node).text);
const isFloat = (dtype: string): boolean => /float|complex/.test(dtype);
const howMuch = (v: Value): string => (isScalar(v) ? num(v.data) : `up to ${num(size(v))}`);

/** The graph as far as it has been made: who uses a node, and which node's memory a detached one shares. */
class Graph {
  readonly defines = new Map<number, Define>();
  readonly users = new Map<number, { edge: number; by: number; arg: string }[]>();
  /** From a tensor without a past to the one whose memory it shares. */
  readonly detached = new Map<number, number>();

  constructor(events: readonly Event[], count: number) {
    const owner = new Map<number, number>();
    for (let i = 0; i < count && i < events.length; i++) {
      const e = events[i]!;
      if (e.type !== "define") continue;
      this.defines.set(e.node, e);
      for (const input of e.inputs) this.users.set(input.node, [...(this.users.get(input.node) ?? []), { edge: input.edge, by: e.node, arg: input.arg }]);
      const before = owner.get(memoryOf(e));
      if (e.kind === "constant" && before !== undefined && this.defines.get(before)!.requires_grad) this.detached.set(e.node, before);
      else owner.set(memoryOf(e), e.node);
    }
  }

  usersOf(node: number): readonly { edge: number; by: number; arg: string }[] {
    return this.users.get(node) ?? [];
  }

  /** Whatever was computed from `node`, also where no gradient can come back from. */
  *from(node: number): Generator<number> {
    const seen = new Set([node]);
    const todo = [node];
    for (let n = todo.pop(); n !== undefined; n = todo.pop()) {
      yield n;
      const next = this.usersOf(n).map((u) => u.by);
      for (const [cut, whole] of this.detached) if (whole === n) next.push(cut);
      for (const x of next) if (!seen.has(x)) todo.push(x), seen.add(x);
    }
  }

  /** Whether a gradient can come from `root` back to `node`. */
  leads(node: number, root: number): boolean {
    const seen = new Set([node]);
    const todo = [node];
    for (let n = todo.pop(); n !== undefined; n = todo.pop()) {
      if (n === root) return true;
      for (const { by } of this.usersOf(n)) if (this.defines.get(by)!.requires_grad && !seen.has(by)) todo.push(by), seen.add(by);
    }
    return false;
  }

  /** Everything a node was made from. */
  *behind(node: number): Generator<number> {
    const seen = new Set([node]);
    const todo = [node];
    for (let n = todo.pop(); n !== undefined; n = todo.pop()) {
      yield n;
      const before = this.defines.get(n)!.inputs.map((i) => i.node);
      const whole = this.detached.get(n);
      for (const x of whole === undefined ? before : [...before, whole]) if (!seen.has(x)) todo.push(x), seen.add(x);
    }
  }
}

/** Why an operation or a tensor has no way back, although what it was made from has one; null if nothing is cut here. */
function cut(graph: Graph, node: number, { names, at }: Scene): string | null {
  const d = graph.defines.get(node)!;
  if (d.requires_grad) return null;
  const name = (n: number): string => nameOf(names, n).text;
  const where = d.source ? ` (${at(d.source)})` : "";
  const whole = graph.detached.get(node);
  if (whole !== undefined) return `the numbers of ${name(whole)} go on without their past: detach(), or .data, cut them off${d.source ? ` (first used in ${at(d.source)})` : ""}`;
  const wanted = d.inputs.filter((i) => graph.defines.get(i.node)!.requires_grad).map((i) => name(i.node));
  if (!wanted.length) return null;
  const own = nameOf(names, node);
  const who = own.drawn && !own.invented && own.text !== d.op ? `${d.op} (${own.text})` : d.op;
  if (d.no_grad) return `${who} ran under no_grad(): nothing was noted${where}`;
  if (!isFloat(d.dtype)) return `${who} gives ${d.dtype === "bool" ? "true or false" : `whole numbers (${d.dtype})`}, which jump instead of sliding: it has no slope${where}`;
  if (!Object.keys(d.rules).length) return `${who} has no gradient rule${where}`;
  return `${who} was not recorded, as under no_grad()${where}`;
}

interface Draft {
  readonly says: readonly string[];
  readonly way?: readonly Hop[];
  readonly culprit?: Hop | null;
  readonly node?: number | null;
  readonly until?: number | null;
}

/** What may be asked about a node now, with its answer. */
export function why(node: number, scene: Scene): Why {
  const { events, count, state, names } = scene;
  const graph = new Graph(events, count);
  const d = graph.defines.get(node)!;
  const name = nameOf(names, node).text;
  const now = state.nodes.get(node)!;
  const answer = (question: string, draft: Draft): Why => ({ question, way: [], culprit: null, node: null, until: null, ...draft });
  const none = inCode(names, node) ? `Why is ${name}.grad None?` : `Why is the .grad of ${name} None?`;

  if (d.listing !== undefined)
    return answer(`Where is the gradient of ${name}?`, {
      says: ["In a graph that runs later a gradient is not kept beside a tensor. gradients(y, [x]) writes it into the graph, as nodes of its own, and a run computes it when it is fetched."],
    });
  if (!d.requires_grad) return answer(none, unwanted(graph, node, scene));
  const g = now.arriving ?? now.grad;
  if (!g) return answer(none, notArrived(graph, node, scene));
  const kind = zero(g) ? "zero" : measure(g, seedOf(state));
  const told = kind === "zero" ? allZero(graph, node, scene) : trace(graph, node, scene, kind);
  if (!now.grad) {
    const kept = notKept(graph, node, scene);
    if (kind === "plain") return answer(none, { ...told, ...kept });
    return answer(`Why is the gradient of ${name} ${TITLES[kind]}?`, { ...told, says: [...told.says, ...(kept.until == null ? ["It was passed on, and is not kept in .grad."] : kept.says)], until: kept.until ?? null });
  }
  return answer(kind === "plain" ? `Where does the gradient of ${name} come from?` : `Why is the gradient of ${name} ${TITLES[kind]}?`, told);
}

const seedOf = (state: State): Value | undefined => (state.root === null ? undefined : state.nodes.get(state.root)?.seed);

const TITLES = { zero: "zero", huge: "so large", tiny: "so small", infinite: "infinite", broken: "not a number" } as const;
type Kind = "huge" | "tiny" | "infinite" | "broken" | "plain";
function measure(g: Value, seed: Value | undefined): Kind {
  const [now, start] = [size(g), (seed && size(seed)) || 1];
  if (Number.isNaN(now)) return "broken";
  if (now === Infinity) return "infinite";
  return now >= HUGE * start ? "huge" : now <= TINY * start ? "tiny" : "plain";
}

// --- None ------------------------------------------------------------------------------------

/** The node does not require a gradient. */
function unwanted(graph: Graph, node: number, scene: Scene): Draft {
  const { names } = scene;
  const d = graph.defines.get(node)!;
  const name = nameOf(names, node).text;
  const here = cut(graph, node, scene);
  if (here) return { says: [`The way back ends here: ${here}.`], node };
  for (const n of graph.behind(node)) {
    const there = n === node ? null : cut(graph, n, scene);
    if (there) return { says: [`${name} does not require a gradient, because what it was made from was cut off before: ${there}.`], node: n };
  }
  if (d.kind === "constant" && !d.name && !d.shape.length) return { says: [`${name} is a number in the code: it has no memory of its own for a gradient.`] };
  if (d.kind === "operation") return { says: [`Nothing that ${name} was made from requires a gradient, so nothing was noted for a way back.`], node };
  if (!isFloat(d.dtype)) return { says: [`${name} holds ${d.dtype === "bool" ? "true and false" : `whole numbers (${d.dtype})`}: they cannot move a little, so they have no slope.`], node };
  return { says: [`${name} does not require a gradient: it was made without requires_grad=True, as data are.`], node };
}

/** The node requires a gradient, and none has come. */
function notArrived(graph: Graph, node: number, scene: Scene): Draft {
  const { events, count, state, names } = scene;
  const name = (n: number): string => nameOf(names, n).text;
  const seed = (e: Event): boolean => e.type === "accumulate" && e.into === "node" && e.edge === null;
  const started = events.slice(0, count).some(seed);
  const error = events.slice(0, count).filter((e) => e.type === "error").at(-1);
  const later = events.findIndex((e, i) => i >= count && e.type === "accumulate" && e.node === node);
  const newPass = later < 0 ? -1 : events.findIndex((e, i) => i >= count && i < later && seed(e));
  const last = events.findIndex((e, i) => i >= count && seed(e));
  if (!started || (state.root === null)) {
    if (error) return { says: [`Backward was refused before it began. ${brief(error.text)}`], node: error.node };
    if (last >= 0) return { says: ["Backward has not run yet."], until: last + 1 };
    return { says: ["This recording has no backward: nobody has asked for gradients."] };
  }
  const root = state.root;
  if (graph.leads(node, root)) {
    if (later >= 0 && newPass < 0) {
      const pending = unique(graph.usersOf(node).filter((u) => graph.leads(u.by, root) && !state.nodes.get(u.by)?.visited).map((u) => name(u.by)));
      return { says: [`Not yet: backward is on its way. ${pending.length ? `First ${some(pending)} must be visited.` : ""}`.trim()], until: later + 1 };
    }
    if (error) return { says: [`Backward stopped before it came here. ${brief(error.text)}`], node: error.node };
    return { says: [`Backward did not come here, although ${name(root)} was made from it: it was asked for the gradients of other tensors only, as autograd.grad() and backward(inputs=…) are.`] };
  }
  const reached = new Set(graph.from(node));
  if (reached.has(root)) {
    const cuts = [...graph.behind(root)].filter((n) => reached.has(n)).flatMap((n) => {
      const text = cut(graph, n, scene);
      return text === null ? [] : [{ n, text }];
    });
    const texts = unique(cuts.map((c) => c.text)).slice(0, MOST_SAID);
    return { says: [`${name(root)} was made from it, but ${texts.length > 1 ? "every" : "the"} way back is cut: ${texts.join("; ")}.`], node: cuts[0]?.n ?? null };
  }
  if (events.slice(0, count).some((e) => e.type === "accumulate" && e.node === node))
    return { says: ["A gradient came by in an earlier backward and was passed on. The last one walked through another graph, that of a later run of the program."] };
  const users = unique(graph.usersOf(node).map((u) => name(u.by)));
  return {
    says: [
      users.length
        ? `Backward began at ${name(root)}, and no path leads from there to ${name(node)}: what was made from it (${some(users)}) was not used for ${name(root)}.`
        : `Nothing was made from ${name(node)}, so ${name(root)} does not depend on it. That is None and not 0: nobody has asked.`,
    ],
  };
}

/** A gradient came by and is not in `.grad`. */
function notKept(graph: Graph, node: number, { events, count, state, names }: Scene): Draft {
  const g = state.nodes.get(node)!.arriving!;
  const name = nameOf(names, node).text;
  const d = graph.defines.get(node)!;
  const stored = events.findIndex((e, i) => i >= count && e.type === "accumulate" && e.into === "grad" && e.node === node);
  const seed = events.findIndex((e, i) => i >= count && e.type === "accumulate" && e.into === "node" && e.edge === null);
  if (stored >= 0 && (seed < 0 || stored < seed)) return { says: [`Not yet: ${howMuch(g)} has arrived, and is stored when all of it is there.`], until: stored + 1 };
  if (d.kind === "operation")
    return { says: [`A gradient did come by, ${howMuch(g)}, and was passed on. Only leaves keep theirs, and ${name} was computed. To keep it, call ${inCode(names, node) ? `${name}.` : "its "}retain_grad() before backward.`] };
  return { says: [`A gradient did come, ${howMuch(g)}, but it was handed to whoever asked for it, as autograd.grad() does, and not stored.`] };
}

// --- zero ------------------------------------------------------------------------------------

/** Every element of the gradient is 0. */
function allZero(graph: Graph, node: number, scene: Scene): Draft {
  const { state, names } = scene;
  const name = (n: number): string => nameOf(names, n).text;
  const sent = graph.usersOf(node).filter((u) => state.edges.has(u.edge));
  if (node === state.root || !sent.length) return { says: [`Backward was started here with a gradient of 0.`] };
  if (sent.some((u) => !zero(state.edges.get(u.edge)))) {
    const parts = sent.map((u) => howMuch(state.edges.get(u.edge)!));
    return { says: [`${sent.length} gradients reached ${name(node)} and cancel: ${list(parts)} add up to 0.`] };
  }
  // Where a gradient that was not zero became zero.
  const seen = new Set<number>();
  const reasons: { text: string; node: number }[] = [];
  const todo = [...sent];
  for (let u = todo.pop(); u !== undefined; u = todo.pop()) {
    if (seen.has(u.edge)) continue;
    seen.add(u.edge);
    const arrived = state.nodes.get(u.by)?.arriving;
    if (!zero(arrived)) reasons.push({ text: vanish(graph, u, scene), node: u.by });
    else if (u.by === state.root) reasons.push({ text: "backward was started with a gradient of 0", node: u.by });
    else todo.push(...graph.usersOf(u.by).filter((x) => state.edges.has(x.edge)));
  }
  const texts = unique(reasons.map((r) => r.text));
  const way = texts.length > 1 ? `All ${texts.length} ways here bring 0: ` : "";
  return { says: [`${way}${texts.slice(0, MOST_SAID).join("; ")}.`], node: reasons[0]?.node ?? null };
}

const PICKS = /^(amax|amin|max|min|getitem|pick|gather|max_pool|max_windows|maximum|minimum|topk|sort|split|index_select)$/;
const FLAT = /^(ceil|floor|round|sign|trunc)$/;

/** Why the rule of an operation made 0 of a gradient that was not. */
function vanish(graph: Graph, { by, arg }: { by: number; arg: string }, { state, names }: Scene): string {
  const d = graph.defines.get(by)!;
  const own = nameOf(names, by);
  const who = own.drawn && !own.invented ? `${d.op} (${own.text})` : d.op;
  const input = d.inputs.find((i) => i.arg === arg);
  const x = input && state.nodes.get(input.node)?.value;
  const out = state.nodes.get(by)?.value;
  const from = input ? nameOf(names, input.node).text : "its input";
  if (d.op === "relu" && x) {
    const dead = most(x) <= 0;
    const count = whole(x)?.length ?? x.shape.reduce((a, b) => a * b, 1);
    if (dead && isScalar(x)) return `${who} stands on its dead side: ${from} is ${num(x.data)}, and below 0 its slope is 0`;
    if (dead) return `${who} stands on its dead side: all ${count} elements of ${from} are 0 or less (the largest is ${num(most(x), 3)}), and there its slope is 0`;
    return `${who} passes nothing on where ${from} is 0 or less, and only there did a gradient arrive`;
  }
  if (/^(tanh|sigmoid|softmax|erf)$/.test(d.op) && out)
    return `${who} is saturated: its result ${isScalar(out) ? `is ${num(out.data)} to the last digit,` : "lies everywhere"} so far out that its slope is 0`;
  if (/^(clamp|hardtanh)$/.test(d.op)) return `${who} has ${from} outside its limits, where its slope is 0`;
  if (d.op === "where") return `${who} takes the other side: its condition never chooses ${from}`;
  if (FLAT.test(d.op)) return `${who} is made of steps: its slope is 0 everywhere`;
  if (d.op === "abs" && zero(x)) return `${who} has its kink at 0, and the slope 0 is taken there`;
  if (PICKS.test(d.op)) return `${who} picks other elements than those of ${from}`;
  const rule = d.rules[arg] ?? "";
  // A factor of the rule that is 0: in g · y it is y.
  const factors = [...rule.matchAll(/\{(\w+)\}/g)].map((m) => m[1]!).filter((a) => a !== "g");
  for (const a of unique(factors)) {
    const n = a === "out" ? by : d.inputs.find((i) => i.arg === a)?.node;
    const v = n === undefined ? undefined : state.nodes.get(n)?.value;
    if (n !== undefined && zero(v)) return `${who} multiplies by ${a === "out" ? "its own result" : nameOf(names, n).text}, which is 0`;
  }
  const mask = d.inputs.find((i) => {
    const v = state.nodes.get(i.node)?.value;
    return factors.includes(i.arg) && v !== undefined && whole(v)?.includes(0);
  });
  if (mask) return `${who} multiplies by ${nameOf(names, mask.node).text}, which is 0 wherever a gradient arrives: a mask`;
  return `the rule of ${who} gives 0 for ${from}`;
}

// --- huge, tiny, not a number ------------------------------------------------------------------

/** The way that brought the most, with what each operation on it multiplied by. */
function wayTo(graph: Graph, node: number, { state }: Scene): Hop[] {
  const way: Hop[] = [];
  const seen = new Set<number>();
  const weight = (v: Value): number => (Number.isNaN(size(v)) ? Infinity : size(v));
  for (let at = node; at !== state.root && !seen.has(at); ) {
    seen.add(at);
    const sent = graph.usersOf(at).filter((u) => state.edges.has(u.edge));
    const best = sent.reduce<(typeof sent)[number] | null>((a, u) => (!a || weight(state.edges.get(u.edge)!) > weight(state.edges.get(a.edge)!) ? u : a), null);
    if (!best) break;
    const value = state.edges.get(best.edge)!;
    const arrived = state.nodes.get(best.by)?.arriving;
    way.unshift({ edge: best.edge, by: best.by, to: at, factor: arrived ? size(value) / size(arrived) : NaN, sent: value });
    at = best.by;
  }
  return way;
}

function trace(graph: Graph, node: number, scene: Scene, kind: Kind): Draft {
  const { state, names } = scene;
  const name = (n: number): string => nameOf(names, n).text;
  const way = wayTo(graph, node, scene);
  const ways = graph.usersOf(node).filter((u) => state.edges.has(u.edge)).length;
  if (!way.length) return { says: node === state.root ? [`Backward began here, with ${seedOf(state) ? howMuch(seedOf(state)!) : "1"}.`] : ["It was there before this recording began."], way };
  const [finite, began] = [way.filter((h) => Number.isFinite(h.factor)), seedOf(state)];
  let culprit: Hop | null = null;
  const says: string[] = [];
  const op = (h: Hop): string => graph.defines.get(h.by)!.op;
  if (kind === "broken" || kind === "infinite") {
    culprit = way.find((h) => !Number.isFinite(size(h.sent))) ?? null;
    const value = culprit && state.nodes.get(culprit.by)?.value;
    if (culprit && value && !Number.isFinite(size(value))) {
      const first = [...graph.defines.keys()].find((n) => {
        const v = state.nodes.get(n)?.value;
        return v !== undefined && !Number.isFinite(size(v));
      });
      says.push(`The way forward was broken already: ${name(first!)} is ${howMuch(state.nodes.get(first!)!.value!)}, made by ${graph.defines.get(first!)!.op}.`);
      return { says, way, culprit, node: first ?? null };
    }
    if (culprit) says.push(`Up to ${op(culprit)} (${name(culprit.by)}) it was an ordinary number: its rule, ${spell(graph, culprit, names)}, made ${howMuch(culprit.sent)} of it.`);
  } else if (kind === "plain") {
    says.push(`It began at ${name(state.root!)} with ${began ? howMuch(began) : "1"}, and ${way.length === 1 ? "one rule" : `${way.length} rules`} multiplied it on the way${ways > 1 ? `; ${ways} ways meet here and add` : ""}.`);
  } else {
    culprit = finite.reduce<Hop | null>((a, h) => (!a || (kind === "huge" ? h.factor > a.factor : h.factor < a.factor) ? h : a), null);
    const product = finite.reduce((p, h) => p * h.factor, 1);
    if (culprit) {
      const share = Math.abs(Math.log(culprit.factor)) / Math.max(1e-9, Math.abs(Math.log(product)));
      const by = `${op(culprit)} (${name(culprit.by)}), whose rule is ${spell(graph, culprit, names)}, multiplied by ${num(culprit.factor, 3)}${operands(graph, culprit, scene)}`;
      says.push(
        share > 0.5 || way.length === 1
          ? `One step did it: ${by}.`
          : `No single step did it: ${way.length} rules in a row multiplied by about ${num(product ** (1 / finite.length), 2)} each; the ${kind === "huge" ? "largest" : "smallest"} was ${by}.`,
      );
    }
    if (ways > 1) says.push(`${ways} ways meet here and add; this one brought the most.`);
  }
  return { says, way, culprit, node: culprit?.by ?? null };
}

/** How large what a rule reads is: “ (v₁ is up to 9)”. */
function operands(graph: Graph, hop: Hop, { state, names }: Scene): string {
  const d = graph.defines.get(hop.by)!;
  const rule = d.rules[d.inputs.find((i) => i.edge === hop.edge)?.arg ?? ""] ?? "";
  const read = unique([...rule.matchAll(/\{(\w+)\}/g)].map((m) => m[1]!)).flatMap((a) => {
    const n = a === "out" ? hop.by : d.inputs.find((i) => i.arg === a)?.node;
    const v = n === undefined ? undefined : state.nodes.get(n)?.value;
    return n === undefined || !v || graph.defines.get(n)!.kind === "constant" ? [] : [`${nameOf(names, n).text} is ${howMuch(v)}`];
  });
  return read.length ? ` (${list(read)})` : "";
}

/** A rule with the names of what it reads. */
function spell(graph: Graph, hop: Hop, names: Names): string {
  const d = graph.defines.get(hop.by)!;
  const arg = d.inputs.find((i) => i.edge === hop.edge)?.arg ?? "";
  const rule = d.rules[arg];
  if (!rule) return "its own";
  return rule.replace(/\{(\w+)\}/g, (_, a: string) => {
    if (a === "g") return "g";
    const n = a === "out" ? hop.by : d.inputs.find((i) => i.arg === a)?.node;
    return n === undefined ? a : nameOf(names, n).text;
  });
}
