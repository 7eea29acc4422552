// Tape: what each operation saved for the way back, and which of it a write in place has spoiled.
import { codePane } from "./code";
import codeCss from "./code.css";
import { bands } from "./controls";
import { describe, OPENING } from "./describe";
import { h, heading, s, setAttr } from "./dom";
import { nodesOf, visible } from "./fold";
import { keys, widgetOf, type Frame, type Said, type Show } from "./frame";
import { extents, picture, sizesOf, type NodeMark } from "./graph";
import graphCss from "./graph.css";
import { icon } from "./icons";
import { arrange } from "./layout";
import { parse } from "./load";
import { markAt } from "./marks";
import { nameAll } from "./names";
import { nameOf } from "./notation";
import stageCss from "./stage.css";
import { stateAt } from "./state";
import { definitions, plan, type Step } from "./steps";
import css from "./tape.css";
import type { Recording, SentLayout } from "./types";
import { memoryOf, tapeAt, torn, type Kept, type Tape } from "./versions";

function mount(frame: Frame, recording: Recording): Show {
  const schedule = plan(recording.events);
  const { events } = schedule;
  // What was refused, and why, is what the last step here says itself.
  const steps = schedule.steps.filter((step) => step.kind !== "error");
  const names = nameAll(schedule, recording.sources);
  const defines = definitions(events);
  const name = (n: number): string => nameOf(names, n).text;
  const list = (words: readonly string[]): string => (words.length < 2 ? (words[0] ?? "") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`);
  const end = (at: number): number => (at > 0 ? steps[Math.min(at, steps.length) - 1]!.end : 0);
  const last = tapeAt(events, events.length);
  /** After the last event, whether backward could run is still open: one more step says so. */
  const checks = last.kept.some((k) => !k.freed);
  const isWrite = (step: Step | undefined): boolean => step?.kind === "operation" && defines.get(step.node!)?.in_place === true;
  const predicting = (): boolean => frame.model.get("predict") === true;
  let asking = false;
  let verdict: Said["verdict"] = null;
  let selected: number | null = null;

  const code = codePane(recording);
  const rows = h("div", { class: "tgs-kept", role: "group", "aria-label": "Saved for the way back" });
  const graph = picture({
    pick: (node) => {
      selected = selected === node ? null : node;
      frame.draw();
    },
    unfold: () => {},
    fold: () => {},
  });
  const toggle = h("button", { type: "button", class: "tgs-toggle", title: "Ask me at each write whether backward will refuse" }, icon("think"), h("span", {}, "Predict"));
  toggle.addEventListener("click", () => {
    asking = false;
    verdict = null;
    frame.put("predict", !predicting());
    frame.draw();
  });
  frame.listen("predict", () => frame.draw());

  // --- what is seen -----------------------------------------------------------------------------

  let placed = "";
  function place(round: number): void {
    const [w, tall] = graph.stage();
    const way = `${round}|${w > 480}`;
    if (placed === way) return;
    placed = way;
    const v = visible(nodesOf(schedule, round), new Set());
    const sent = (frame.model.get("layouts") as Record<string, SentLayout> | undefined)?.[`${round}|`];
    graph.show(v, arrange(v, sizesOf(v, defines, names, extents(events)), [w - 60, tall - 60], sent), defines, names, []);
  }

  const versionOf = (tape: Tape, node: number): number => tape.versions.get(memoryOf(defines.get(node)!)) ?? 0;

  function marks(tape: Tape): Map<number, NodeMark> {
    const all = new Map<number, NodeMark>();
    for (const d of defines.values()) {
      const version = versionOf(tape, d.node);
      const bad = tape.kept.filter((k) => k.by === d.node && torn(tape, k));
      const cls = [version ? "is-written" : "", tape.over.has(d.node) ? "is-over" : "", bad.length ? "is-torn" : ""].filter(Boolean).join(" ");
      const said = [
        `memory at version ${version}`,
        tape.over.has(d.node) ? "its value was written over" : "",
        bad.length ? `what it saved, ${list(bad.map((k) => name(k.of)))}, was written over` : "",
      ].filter(Boolean);
      all.set(d.node, { cls, said: said.join(", "), ...(d.kind === "constant" ? {} : { corner: `v${version}` }), ...(bad.length ? { badge: "stale" as const } : {}) });
    }
    return all;
  }

  /** The tape itself: one line for each value that is kept. */
  function lines(tape: Tape): HTMLElement[] {
    return tape.kept
      .filter((k) => selected === null || k.by === selected || k.of === selected)
      .map((k) => {
        const bad = torn(tape, k);
        const cls = bad ? "is-stale" : k.freed ? "is-freed" : "is-saved";
        const state = bad ? `torn: now v${tape.versions.get(k.memory!)}` : k.freed ? "released" : k.memory === null ? "a copy of its own" : "as it was";
        const d = defines.get(k.by)!;
        const whose = k.of === k.by ? "its result" : name(k.of);
        return h(
          "div",
          { class: cls },
          s("svg", { viewBox: "-1 -1 12 16", width: 12, height: 16, "aria-hidden": "true" }, markAt(bad ? "stale" : "saved", cls, 0, 0)),
          h("b", {}, `${d.label || d.op}`),
          h("span", {}, `keeps ${whose}${k.memory === null ? "" : ` v${k.version}`}`),
          h("span", { class: "tgs-state" }, state),
        );
      });
  }

  // --- what is said -----------------------------------------------------------------------------

  const spoiled = (at: number): readonly Kept[] => {
    const [before, after] = [tapeAt(events, end(at - 1)), tapeAt(events, end(at))];
    const was = new Set(before.kept.filter((k) => torn(before, k)).map((k) => `${k.by}|${k.what}`));
    return after.kept.filter((k) => torn(after, k) && !was.has(`${k.by}|${k.what}`));
  };
  const keeper = (k: Kept): string => {
    const d = defines.get(k.by)!;
    const whose = k.of === k.by ? "its own result" : name(k.of);
    return `${d.op} (${name(k.by)}) kept ${whose} at version ${k.version}`;
  };

  function written(at: number): string {
    const d = defines.get(steps[at - 1]!.node!)!;
    const memory = memoryOf(d);
    const victim = [...defines.values()].filter((x) => memoryOf(x) === memory && x.node < d.node).at(-1);
    const now = tapeAt(events, end(at)).versions.get(memory) ?? 0;
    const opening = `${victim ? name(victim.node) : name(d.node)} is changed in place by ${d.op}: its memory is now at version ${now}.`;
    const bad = spoiled(at);
    if (bad.length) return `${opening} But ${list([...new Set(bad.map(keeper))])}, and needs it on the way back: backward will refuse.`;
    return `${opening} No operation needs the old value on the way back: nothing is spoiled.`;
  }

  function finalWords(): string {
    const bad = last.kept.filter((k) => torn(last, k));
    if (!bad.length) return "Could backward run now? Yes: everything that was kept is as it was.";
    return `Could backward run now? No: ${list([...new Set(bad.map((k) => `${keeper(k)}, and its memory is at version ${last.versions.get(k.memory!)}`))])}. A gradient from it would be wrong, so backward refuses.`;
  }

  function answer(refuses: boolean): void {
    const at = frame.at + 1;
    const right = spoiled(at).length > 0;
    const correct = refuses === right;
    const d = steps[at - 1]!.node!;
    frame.put("predictions", [
      ...((frame.model.get("predictions") as object[] | undefined) ?? []),
      { step: at, node: name(d), asked: "will backward refuse", answer: refuses, expected: right, correct },
    ]);
    frame.go(at);
    const what = right ? "the old value was kept." : "nobody had kept the old value.";
    verdict = { correct, say: `${correct ? "Right" : "No"}: ${what}` };
    frame.draw();
    frame.root.focus({ preventScroll: true });
  }

  function question(): HTMLElement {
    const button = (label: string, refuses: boolean): HTMLElement => {
      const b = h("button", { type: "button", class: "tgs-check" }, label);
      b.addEventListener("click", () => answer(refuses));
      return b;
    };
    return h("div", { class: "tgs-answer" }, button("It will refuse", true), button("It will not", false));
  }

  function draw(at: number): Said {
    const step = at > 0 && at <= steps.length ? steps[at - 1]! : null;
    const coming = asking ? steps[at] : undefined;
    const final = at > steps.length;
    place((step ?? steps[Math.min(at, steps.length - 1)])?.round ?? 0);
    const [state, before] = [stateAt(events, end(at)), stateAt(events, end(at - 1))];
    const tape = tapeAt(events, end(at));
    // The last step is about who keeps what was written over.
    const culprit = final ? last.kept.find((k) => torn(last, k)) : undefined;
    const about = culprit ? (steps.find((x) => x.node === culprit.by) ?? null) : step;
    graph.update({ state, step: about, selected, hole: null, before, marks: marks(tape) });
    const shown = coming ?? step;
    code.update(shown?.events.find((e) => e.source)?.source ?? null, null, shown?.phase ?? "forward");
    const kept = lines(tape);
    rows.replaceChildren(
      heading(2, selected === null ? "Saved for the way back" : `Saved by or from ${name(selected)}`),
      ...(kept.length ? kept : [h("p", { class: "tgs-faint" }, "Nothing yet.")]),
    );
    rows.scrollTop = rows.scrollHeight;
    setAttr(toggle, "aria-pressed", String(predicting()));
    if (coming) {
      const node = defines.get(coming.node!)!;
      return { phase: "start", title: "Predict", words: `The next line writes in place (${node.op}). If backward ran after it, would it refuse?`, more: [question()] };
    }
    if (final) {
      const bad = last.kept.some((k) => torn(last, k));
      return { phase: bad ? "refused" : "update", title: bad ? "Refused" : "May run", words: finalWords(), verdict };
    }
    if (!step) return { phase: "start", words: `${OPENING} Watch what each operation saves.`, more: [keys([["Tab", "Enter"], "choose a node"])] };
    if (isWrite(step)) {
      const bad = spoiled(at).length > 0;
      return { phase: bad ? "refused" : "update", title: "Written in place", words: written(at), verdict };
    }
    return { phase: step.phase, words: describe(step, names, before, state), verdict };
  }

  // The timeline shows where memory is written, and not whether that does harm.
  const runs = bands(steps.map((x) => ({ phase: isWrite(x) ? "write" : x.phase })));
  return {
    title: recording.meta["title"] || "What the tape keeps",
    bands: [...runs, ...(checks ? [{ phase: "backward", count: 1, label: "Backward?" }] : [])],
    body: [h("div", { class: "tgs-work" }, h("div", { class: "tgs-side" }, code.el, h("div", { class: "tgs-detail" }, rows)), graph.el)],
    actions: [toggle],
    draw,
    drawing: graph.drawing,
    ask(at) {
      asking = predicting() && isWrite(steps[at]);
      verdict = null;
      return asking;
    },
    asking: () => asking,
    leave(to) {
      asking = false;
      if (to !== frame.at) verdict = null;
    },
    escape() {
      asking = false;
      selected = null;
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
  label: "Tape",
  picture: graphCss,
  style: stageCss + codeCss + css,
  data: "recording",
  saved: ["layouts", "predict", "predictions"],
  read: parse,
  mount,
});
