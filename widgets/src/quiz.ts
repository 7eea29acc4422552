// BackwardQuiz: the learner says which node backward may visit next, and is told who it still waits for.
import type { Band } from "./controls";
import { describe } from "./describe";
import { h, setAttr, setText } from "./dom";
import { Unreadable } from "./data";
import { nodesOf, visible } from "./fold";
import { keys, widgetOf, type Frame, type Said, type Show } from "./frame";
import { extents, picture, sizesOf, type NodeMark } from "./graph";
import graphCss from "./graph.css";
import { icon } from "./icons";
import { legend } from "./inspector";
import { arrange } from "./layout";
import { parse } from "./load";
import { nameAll } from "./names";
import { nameOf } from "./notation";
import css from "./quiz.css";
import stageCss from "./stage.css";
import { stateAt, type NodeState, type State } from "./state";
import { definitions, plan, type Step } from "./steps";
import type { Accumulate, Backward, Event, Recording, SentLayout, Value } from "./types";

/** One walk back: who is visited, and who sends to whom. */
export interface Pass {
  readonly root: number;
  /** The order in which the recording visits. */
  readonly order: readonly number[];
  readonly visits: ReadonlyMap<number, Backward>;
  readonly stores: ReadonlyMap<number, Accumulate>;
  /** The nodes that send a gradient to a node: all of them come before it. */
  readonly senders: ReadonlyMap<number, readonly number[]>;
  /** How many of the recording's events lie before the walk. */
  readonly start: number;
}

/** The first walk back in a recording. */
export function passOf(events: readonly Event[]): Pass {
  const isSeed = (e: Event): e is Accumulate => e.type === "accumulate" && e.into === "node" && e.edge === null;
  const start = events.findIndex(isSeed);
  if (start < 0) throw new Unreadable("Nothing walks back in this recording. Call backward() inside “with record() as rec:”, then show rec again.");
  const seed = events[start] as Accumulate;
  const next = events.findIndex((e, i) => i > start && isSeed(e));
  const walk = events.slice(start, next < 0 ? events.length : next);
  const visits = new Map<number, Backward>();
  const stores = new Map<number, Accumulate>();
  const senders = new Map<number, number[]>();
  const order: number[] = [];
  for (const e of walk) {
    if (e.type === "backward") {
      visits.set(e.node, e);
      order.push(e.node);
      for (const send of e.sends) senders.set(send.node, [...(senders.get(send.node) ?? []), e.node]);
    } else if (e.type === "accumulate" && e.into === "grad" && !visits.has(e.node)) {
      stores.set(e.node, e);
      order.push(e.node);
    }
  }
  return { root: seed.node, order, visits, stores, senders, start };
}

export type Answer =
  | { readonly legal: true }
  | { readonly legal: false; readonly why: "outside" | "visited" | "pending"; readonly pending: readonly number[] };

/** May backward visit `node`, when it has visited these? */
export function judge(pass: Pass, visited: ReadonlySet<number>, node: number): Answer {
  if (!pass.order.includes(node)) return { legal: false, why: "outside", pending: [] };
  if (visited.has(node)) return { legal: false, why: "visited", pending: [] };
  const pending = [...new Set(pass.senders.get(node) ?? [])].filter((n) => !visited.has(n));
  return pending.length ? { legal: false, why: "pending", pending } : { legal: true };
}

/** The choices made so far, and then the recording's own: always a whole, legal order. */
export function complete(pass: Pass, chosen: readonly number[]): number[] {
  const order: number[] = [];
  const seen = new Set<number>();
  for (const node of [...chosen, ...pass.order]) {
    if (seen.has(node) || !judge(pass, seen, node).legal) continue;
    seen.add(node);
    order.push(node);
  }
  return order;
}

function mount(frame: Frame, recording: Recording): Show {
  const schedule = plan(recording.events);
  const pass = passOf(recording.events);
  const names = nameAll(schedule, recording.sources);
  const defines = definitions(recording.events);
  const name = (node: number): string => nameOf(names, node).text;
  const list = (nodes: readonly number[]): string => nodes.map(name).join(" and ");
  const forward = recording.events.slice(0, pass.start).filter((e) => e.type !== "accumulate" && e.type !== "backward" && e.type !== "free");
  const order = (): number[] => complete(pass, (frame.model.get("order") as number[] | undefined) ?? []);
  const mistakes = (): Record<string, unknown>[] => (frame.model.get("mistakes") as Record<string, unknown>[] | undefined) ?? [];
  const counting = (): boolean => frame.model.get("counts") === true;

  let verdict: Said["verdict"] = null;
  let pending: readonly number[] = [];

  const graph = picture({ pick: choose, unfold: () => {}, fold: () => {} });
  graph.el.classList.add("tgs-alone");
  const key = legend(new Set([...defines.values()].map((d) => d.kind)));
  const toggle = h("button", { type: "button", class: "tgs-toggle", title: "Count the gradients that have arrived at each node" }, icon("tick"), h("span", {}, "Counts"));
  const tally = h("span", { class: "tgs-tally" });
  toggle.addEventListener("click", () => {
    frame.put("counts", !counting());
    frame.draw();
  });

  function choose(node: number): void {
    const at = frame.at;
    const visited = new Set(order().slice(0, at));
    const answer = judge(pass, visited, node);
    frame.pause();
    if (answer.legal) {
      frame.put("order", complete(pass, [...order().slice(0, at), node]));
      frame.go(at + 1);
      verdict = { correct: true, say: `Right: ${name(node)} has all it waits for.` };
    } else {
      pending = answer.pending;
      verdict = { correct: false, say: refusal(node, answer) };
      frame.put("mistakes", [...mistakes(), { step: at + 1, node: name(node), why: answer.why, pending: pending.map(name) }]);
    }
    frame.draw();
  }

  function refusal(node: number, answer: Exclude<Answer, { legal: true }>): string {
    const who = name(node);
    if (answer.why === "visited") return `${who} has been visited. Each node is visited once, with the sum of all that arrived.`;
    if (answer.why === "outside") {
      const wants = defines.get(node)?.requires_grad;
      return wants ? `No path leads from ${name(pass.root)} back to ${who}.` : `${who} wants no gradient: backward never comes here.`;
    }
    const [was, has] = answer.pending.length > 1 ? ["were", "have"] : ["was", "has"];
    return `Not yet: ${list(answer.pending)} ${was} made from ${who} and ${has} not been visited, so a part of its gradient is missing.`;
  }

  /** What the picture shows once these nodes have been visited. */
  function stateOf(visited: readonly number[]): State {
    const start = stateAt(forward, Infinity);
    const nodes = new Map<number, NodeState>([...start.nodes].map(([id, n]) => [id, { ...n }]));
    const edges = new Map<number, Value>();
    for (const id of visited) {
      const node = nodes.get(id);
      const visit = pass.visits.get(id);
      const store = pass.stores.get(id);
      if (!node) continue;
      node.visited = true;
      if (visit) {
        node.arriving = visit.grad;
        for (const send of visit.sends) edges.set(send.edge, send.value);
      }
      if (store) {
        node.grad = store.value;
        node.stored = true;
      }
    }
    return { ...start, nodes, edges, root: pass.root };
  }

  function stepOf(node: number): Step {
    const visit = pass.visits.get(node);
    return { kind: visit ? "visit" : "store", phase: "backward", end: 0, events: [visit ?? pass.stores.get(node)!], node, round: 0 };
  }

  function marks(visited: readonly number[], state: State): Map<number, NodeMark> {
    const all = new Map<number, NodeMark>();
    for (const [id, node] of state.nodes) {
      const wanted = (pass.senders.get(id) ?? []).length;
      const arrived = (pass.senders.get(id) ?? []).filter((n) => visited.includes(n)).length;
      const counts = counting() && wanted > 0 && !node.visited ? `${arrived} of ${wanted}` : undefined;
      const cls = [pending.includes(id) ? "is-pending" : "", node.visited ? "is-behind" : ""].filter(Boolean).join(" ");
      all.set(id, {
        cls,
        ...(counts ? { tag: counts, said: `${counts} gradients have arrived` } : {}),
      });
    }
    return all;
  }

  let placed = "";
  function place(): void {
    const [w, tall] = graph.stage();
    const way = `${w > 640}`;
    if (placed === way) return;
    placed = way;
    const v = visible(nodesOf(schedule, 0), new Set());
    const sent = (frame.model.get("layouts") as Record<string, SentLayout> | undefined)?.["0|"];
    graph.show(v, arrange(v, sizesOf(v, defines, names, extents(recording.events)), [w - 60, tall - 60], sent), defines, names, []);
  }

  function draw(at: number): Said {
    place();
    const visited = order().slice(0, at);
    const state = stateOf(visited);
    const last = visited.at(-1);
    const step = last === undefined ? null : stepOf(last);
    graph.update({ state, step, selected: null, hole: null, toward: pass.root, before: stateOf(visited.slice(0, -1)), marks: marks(visited, state) });
    setAttr(toggle, "aria-pressed", String(counting()));
    const wrong = mistakes().length;
    setText(tally, wrong ? `${wrong} ${wrong === 1 ? "slip" : "slips"}` : "");
    const end = at === frame.total;
    const ask = end ? `All ${frame.total} are visited, each once, each after everyone who was made from it.` : at ? "Which node next?" : "";
    if (step) return { phase: "backward", words: `${describe(step, names, state, state)} ${ask}`, verdict };
    return {
      phase: "start",
      words: `The forward pass is done. Backward starts at ${name(pass.root)} and walks until every gradient is complete. Click the node that it may visit first.`,
      verdict,
      more: [keys([["Tab", "Enter"], "choose a node"])],
    };
  }

  frame.listen("order", () => frame.draw());
  frame.listen("counts", () => frame.draw());
  const bands: Band[] = [{ phase: "backward", count: pass.order.length }];
  return {
    title: recording.meta["title"] || "Which node next?",
    bands,
    body: [h("div", { class: "tgs-quiz" }, graph.el, key)],
    actions: [tally, toggle],
    draw,
    drawing: graph.drawing,
    leave() {
      verdict = null;
      pending = [];
    },
    escape() {
      verdict = null;
      pending = [];
      frame.draw();
    },
    resized() {
      graph.resized();
      frame.draw();
      graph.frame();
    },
  };
}

export default widgetOf<Recording>({
  label: "Backward quiz",
  picture: graphCss + css,
  style: stageCss,
  data: "recording",
  saved: ["layouts", "order", "mistakes", "counts"],
  read: (text) => {
    const recording = parse(text);
    passOf(recording.events);
    return recording;
  },
  mount,
});
