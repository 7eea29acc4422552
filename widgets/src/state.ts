// What is true after the first `count` events: a pure function of the recording.
import type { Define, Event, Saved, Value } from "./types";

export interface NodeState {
  readonly define: Define;
  value?: Value;
  /** The gradient gathered at this node in the current backward pass. */
  arriving?: Value;
  arrivals: number;
  visited: boolean;
  /** What a backward pass began with here. */
  seed?: Value;
  /** What PyTorch calls `.grad`. */
  grad?: Value;
  /** Whether the current pass has written it. */
  stored: boolean;
  saved: readonly Saved[];
  freed: boolean;
  updates: number;
}

export interface State {
  readonly nodes: ReadonlyMap<number, NodeState>;
  /** The gradient that went along each edge in the current backward pass. */
  readonly edges: ReadonlyMap<number, Value>;
  readonly passes: number;
  /** The node the current backward pass started from. */
  readonly root: number | null;
  readonly metrics: Readonly<Record<string, unknown>>;
}

export function stateAt(events: readonly Event[], count: number): State {
  const nodes = new Map<number, NodeState>();
  const edges = new Map<number, Value>();
  let passes = 0;
  let root: number | null = null;
  let metrics: Readonly<Record<string, unknown>> = {};

  for (let i = 0; i < count && i < events.length; i++) {
    const event = events[i]!;
    if (event.type === "define") {
      nodes.set(event.node, {
        define: event,
        arrivals: 0,
        visited: false,
        stored: false,
        saved: [],
        freed: false,
        updates: 0,
      });
      continue;
    }
    if (event.type === "step") {
      metrics = event.metrics;
      continue;
    }
    const node = event.node === null ? undefined : nodes.get(event.node);
    switch (event.type) {
      case "execute":
      case "feed":
        if (node) node.value = event.value;
        break;
      case "save":
        if (node) node.saved = event.saved;
        break;
      case "backward":
        if (node) {
          node.visited = true;
          node.arriving = event.grad;
        }
        for (const send of event.sends) edges.set(send.edge, send.value);
        break;
      case "accumulate":
        if (event.edge === null && event.into === "node") {
          // A new pass: what the last one sent along the edges is history.
          passes += 1;
          root = event.node;
          if (node) node.seed = event.value;
          edges.clear();
          for (const other of nodes.values()) {
            other.visited = false;
            other.stored = false;
            other.arrivals = 0;
            delete other.arriving;
          }
          // zero_grad leaves no event. A gradient that this pass stores with nothing `before` it
          // shows that the old one was gone when the pass began.
          for (let j = i + 1; j < events.length; j++) {
            const later = events[j]!;
            if (later.type !== "accumulate") continue;
            if (later.into === "grad" && !later.before) delete nodes.get(later.node)?.grad;
            else if (later.into === "node" && later.edge === null) break;
          }
        }
        if (!node) break;
        if (event.into === "grad") {
          node.grad = event.value;
          node.stored = true;
          node.arriving = event.added;
        } else {
          node.arriving = event.value;
          node.arrivals = event.count;
        }
        break;
      case "free":
        if (node) node.freed = true;
        else for (const other of nodes.values()) other.freed = other.saved.length > 0;
        break;
      case "update":
        if (node) {
          node.value = event.value;
          node.updates += 1;
        }
        break;
    }
  }
  return { nodes, edges, passes, root, metrics };
}
