// From text to a recording that the rest may trust, or a message to show.
import { isObject, Unreadable } from "./data";
import type { Event, Recording } from "./types";

/** Readers accept what older versions wrote. */
const VERSION = 2;

/** Types whose events must name a node that was defined before them. */
const ABOUT_A_NODE = ["execute", "feed", "save", "backward", "accumulate", "free", "update", "fetch"];
const NEEDS: Record<string, string[]> = {
  define: ["inputs", "rules", "shape"],
  execute: ["value"],
  feed: ["value"],
  fetch: ["value"],
  save: ["saved"],
  backward: ["grad", "sends"],
  accumulate: ["added", "value"],
  update: ["before", "value"],
};

function checkEvent(event: unknown, at: number, known: Set<number>): void {
  const fail = (why: string): never => {
    throw new Unreadable(`This recording is damaged: event ${at} ${why}. Record the cell again.`);
  };
  if (!isObject(event) || typeof event["type"] !== "string") return fail("has no type");
  const type = event["type"];
  for (const key of NEEDS[type] ?? [])
    if (typeof event[key] !== "object" || event[key] === null) fail(`(${type}) has no “${key}”`);
  if (type === "define") {
    known.add(event["node"] as number);
    for (const input of event["inputs"] as Array<{ node: number }>)
      if (!known.has(input.node)) fail(`uses node ${input.node} before it is defined`);
  } else if (ABOUT_A_NODE.includes(type) && !known.has(event["node"] as number)) {
    // `free` may speak of the whole graph: no node then.
    if (event["node"] != null) fail(`(${type}) is about node ${event["node"]}, which is not defined`);
    else if (type !== "free") fail(`(${type}) names no node`);
  } else if (type === "run") {
    for (const ids of [event["feeds"], event["fetches"]])
      if (!Array.isArray(ids) || ids.some((n) => !known.has(n))) fail("(run) names nodes that are not defined");
  } else if ((type === "print" || type === "error") && typeof event["text"] !== "string") fail(`(${type}) has no “text”`);
}

/** A recording from its JSON text. */
export function parse(text: string): Recording {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    throw new Unreadable("This recording is not readable: it is not JSON. Record the cell again.");
  }
  return recordingOf(data);
}

/** Checks what the picture relies on; the engine's own schema checks everything else. */
export function recordingOf(data: unknown): Recording {
  if (!isObject(data) || data["format"] !== "tinygrad-recording")
    throw new Unreadable("This is not a recording: its format is not “tinygrad-recording”.");
  const version = data["version"];
  if (typeof version !== "number" || version < 1)
    throw new Unreadable("This recording is damaged: it has no version number.");
  if (version > VERSION)
    throw new Unreadable(
      `This recording is written in version ${version} of the format; this widget reads up to ` +
        `version ${VERSION}. Install a newer tinygrad-core to see it.`,
    );
  const events = data["events"];
  if (!Array.isArray(events)) throw new Unreadable("This recording is damaged: it has no events.");
  const known = new Set<number>();
  events.forEach((event, i) => checkEvent(event, i, known));
  if (!known.size) {
    const failure = (events as Event[]).find((e) => e.type === "error");
    throw new Unreadable(
      (failure ? `Nothing was recorded before an error ended it (${failure.error}: ${failure.text}). ` : "Nothing was recorded. ") +
        "Run operations inside “with record() as rec:”, then show rec again.",
    );
  }
  return {
    format: "tinygrad-recording",
    version,
    meta: (isObject(data["meta"]) ? data["meta"] : {}) as Record<string, string>,
    sources: (isObject(data["sources"]) ? data["sources"] : {}) as Recording["sources"],
    events: events as Event[],
  };
}
