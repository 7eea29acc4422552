// GraphStepper: joins recording, picture, code, words and controls into the widget that Jupyter shows.
import { codePane } from "./code";
import codeCss from "./code.css";
import { bands, PHASES } from "./controls";
import { describe, OPENING } from "./describe";
import { stateAt as sideAt, type Side } from "./dynamic_static_state";
import { h, setAttr, setText } from "./dom";
import { nodesOf, openModules, visible } from "./fold";
import { keys, widgetOf, type Frame, type Said, type Show } from "./frame";
import { extents, picture, sizesOf, type NodeMark } from "./graph";
import graphCss from "./graph.css";
import { icon } from "./icons";
import { inspect, legend, type Asking } from "./inspector";
import { began, handed, marksOf, shapeOf, written } from "./later";
import { arrange, DAGRE_LIMIT, type Layout } from "./layout";
import { parse } from "./load";
import { formula } from "./math";
import mathCss from "./math.css";
import { nameAll } from "./names";
import { equations, nameOf, plain } from "./notation";
import { find, searchField } from "./search";
import { answerForm, judge, question, score, type Prediction, type Question, type Verdict } from "./predict";
import stageCss from "./stage.css";
import { stateAt, type State } from "./state";
import { definitions, plan, type Step } from "./steps";
import css from "./stepper.css";
import type { Define, Place, Recording, SentLayout } from "./types";
import { memoryOf, tapeAt, torn, writes } from "./versions";
import { why } from "./why";

/** So many nodes are found without a search. */
const FEW = 12;

function mount(frame: Frame, recording: Recording): Show {
  const { model, root, put } = frame;
  const schedule = plan(recording.events);
  const { steps, events } = schedule;
  const names = nameAll(schedule, recording.sources);
  const defines = definitions(events);
  const longest = extents(events);
  /** A graph that runs later: its nodes are there before their values, which do not outlive a run. */
  const later = events.some((e) => e.type === "run" || (e.type === "define" && e.listing !== undefined));
  if (later) for (const d of defines.values()) longest.set(d.node, Math.max(longest.get(d.node) ?? 0, shapeOf(d).length));
  const inPlace = writes(events);

  let selected: number | null = null;
  let asking: Question | null = null;
  let verdict: Verdict | null = null;
  let shownRound = -1;
  let shownFold = "";
  let placeAgain = false;
  let asksWhy = false;

  const endOf = (n: number): number => (n > 0 ? steps[n - 1]!.end : 0);
  const sideAfter = (n: number): Side => sideAt(events, endOf(n));
  const stateAfter = (n: number): State => (later ? sideAfter(n).values : stateAt(events, endOf(n)));
  const lineOf = (place: Place | null): string => (place ? `${recording.sources[place.file]?.name ?? place.file}, line ${place.line}` : "");
  const predictions = (): Prediction[] => (model.get("predictions") as Prediction[] | undefined) ?? [];
  const predicting = (): boolean => model.get("predict") === true;
  const folded = (): Set<string> => new Set((model.get("folded") as string[] | undefined) ?? []);

  // --- the parts ---------------------------------------------------------------------------

  const code = codePane(recording);
  const graph = picture({
    pick: (node) => {
      selected = selected === node ? null : node;
      frame.draw();
    },
    unfold: (path) => refold(path, false),
    fold: (path) => refold(path, true),
  });
  const kinds = new Set([...defines.values()].map((d) => d.kind));
  const key = legend(kinds, { gradients: events.some((e) => e.type === "backward"), saves: events.some((e) => e.type === "save"), writes: inPlace, runs: later });
  const detail = h("div", { class: "tgs-detail" }, key);
  const note = h("p", { class: "tgs-note" });
  graph.el.append(note);

  const tally = h("span", { class: "tgs-score" });
  const predictButton = h(
    "button",
    { type: "button", class: "tgs-toggle", title: "Hide the next number and ask me for it" },
    icon("think"),
    h("span", {}, "Predict"),
    tally,
  );
  predictButton.addEventListener("click", () => {
    asking = null;
    verdict = null;
    put("predict", !predicting());
    frame.draw();
  });

  const search = searchField(
    (text) => find(text, defines.values(), names, recording.sources),
    (node) => {
      selected = node;
      const made = steps.findIndex((step) => step.events.some((e) => e.type === "define" && e.node === node)) + 1;
      if (made > frame.at) frame.go(made);
      else frame.draw();
      graph.reveal(node);
    },
    () => frame.draw(),
  );
  if (defines.size > FEW) graph.el.prepend(search.el);

  // --- what the reader does ----------------------------------------------------------------

  /** The question about the chosen node, and what can be done with its answer. */
  function asker(node: number, state: State, at: number): Asking {
    const told = why(node, { events, count: endOf(at), state, names, at: lineOf });
    const stepAt = (count: number): number => steps.findIndex((step) => step.end >= count) + 1;
    return {
      why: told,
      open: asksWhy,
      toggle: () => {
        asksWhy = !asksWhy;
        frame.draw();
        root.querySelector<HTMLElement>(".tgs-ask")?.focus({ preventScroll: true });
      },
      visit: (by) => {
        const seeded = steps.slice(0, at).map((step) => step.kind).lastIndexOf("seed");
        const there = steps.findIndex((step, i) => i >= seeded && step.kind === "visit" && step.node === by);
        if (there >= 0) frame.go(there + 1);
      },
      until: (count) => frame.go(stepAt(count)),
      pick: (other) => {
        selected = other;
        frame.draw();
        graph.reveal(other);
      },
    };
  }

  /** Versions of what is written in place, what the run makes of each node, what was found, and the way of a gradient. */
  function marksAt(at: number, asking: Asking | null): Map<number, NodeMark> | undefined {
    const marks = new Map<number, NodeMark>(later ? marksOf(sideAfter(at)) : []);
    const add = (node: number, more: NodeMark): void => {
      const before = marks.get(node) ?? {};
      marks.set(node, { ...before, ...more, cls: [before.cls, more.cls].filter(Boolean).join(" "), said: [before.said, more.said].filter(Boolean).join(", ") });
    };
    if (inPlace) {
      const tape = tapeAt(events, endOf(at));
      const bad = new Set(tape.kept.filter((k) => torn(tape, k)).map((k) => k.by));
      for (const d of defines.values()) {
        const version = tape.versions.get(memoryOf(d)) ?? 0;
        if (version)
          add(d.node, {
            cls: `is-written${tape.over.has(d.node) ? " is-over" : ""}`,
            corner: `v${version}`,
            said: `memory at version ${version}${tape.over.has(d.node) ? ", its value was written over" : ""}`,
          });
        if (bad.has(d.node)) add(d.node, { cls: "is-torn", badge: "stale", said: "what it saved was written over" });
      }
    }
    for (const node of search.hits()) add(node, { cls: "is-hit", said: "found" });
    if (asking?.open) {
      for (const hop of asking.why.way) add(hop.by, { cls: "is-onway" });
      if (asking.why.node !== null) add(asking.why.node, { cls: "is-culprit", said: "explains the gradient" });
    }
    return marks.size ? marks : undefined;
  }

  const memoryWords = (d: Define, at: number): string | null => {
    const version = inPlace ? (tapeAt(events, endOf(at)).versions.get(memoryOf(d)) ?? 0) : 0;
    return version ? `version ${version}: written in place ${version === 1 ? "once" : `${version} times`}` : null;
  };

  function answer(text: string): string | null {
    const q = asking!;
    const result = judge(q, text);
    if (!result) return q.asked === "shape" ? "A shape looks like 2, 3." : "A number looks like 1.5, −2 or 1/3.";
    const entry: Prediction = {
      step: frame.at + 1,
      node: nameOf(names, q.node).text,
      asked: q.asked,
      answer: result.answer,
      expected: q.expected,
      correct: result.correct,
    };
    put("predictions", [...predictions(), entry]);
    frame.go(frame.at + 1);
    verdict = result;
    frame.draw();
    root.focus({ preventScroll: true });
    return null;
  }

  function refold(path: string, fold: boolean): void {
    const set = folded();
    if (fold) set.add(path);
    else set.delete(path);
    put("folded", [...set].sort());
    frame.draw();
    // The thing that had the focus is gone: leave it on what took its place.
    const place = graph.svg.querySelector<SVGElement>(`[data-key="${CSS.escape(`${fold ? "m" : "f"}:${path}`)}"]`);
    (place ?? root).focus({ preventScroll: true });
  }

  // --- the picture as a function of the step -------------------------------------------------

  function place(round: number): void {
    const set = folded();
    const fold = [...set].sort().join(",");
    if (round === shownRound && fold === shownFold && !placeAgain) return;
    placeAgain = false;
    shownRound = round;
    shownFold = fold;
    const nodes = nodesOf(schedule, round);
    const v = visible(nodes, set);
    const sizes = sizesOf(v, defines, names, longest);
    const [w, tall] = graph.stage();
    const open = openModules(nodes, set);
    const layouts = (model.get("layouts") as Record<string, SentLayout> | undefined) ?? {};
    const name = `${round}|${fold}`;
    const sent = layouts[name];
    const layout: Layout = arrange(v, sizes, [w - 60, tall - 60], sent, open);
    const missing = v.items.length > DAGRE_LIMIT && !sent;
    setText(note, missing ? String(model.get("layout_note") || "A large graph, placed in plain columns. Fold modules, or run the cell again to place it well.") : "");
    if (missing && model.get("wanted") !== name) put("wanted", name);
    graph.show(v, layout, defines, names, open);
  }
  function draw(at: number): Said {
    const step = at > 0 ? steps[at - 1]! : null;
    const after = stateAfter(at);
    const before = at > 0 ? stateAfter(at - 1) : after;
    const coming = asking ? steps[at]! : null;
    place((coming ?? step ?? steps[0])?.round ?? 0);

    const shown = coming ?? step;
    // While a question is open, the node it is about is there, its number is not.
    const state = coming ? stateAt([...events.slice(0, step?.end ?? 0), ...coming.events.filter((e) => e.type === "define")], Infinity) : after;
    const chosenNode = selected === null ? undefined : state.nodes.get(selected);
    const hiddenByQuestion = asking?.node === selected;
    const asked = chosenNode && !hiddenByQuestion ? asker(chosenNode.define.node, state, at) : null;
    const marks = marksAt(at, asked);
    graph.update({
      ...(marks ? { marks } : {}),
      state,
      step: shown,
      selected,
      hole: asking ? { node: asking.node, edge: asking.edge } : null,
      before: coming ? after : before,
    });

    const node = shown?.node ?? shown?.events.find((e) => e.node !== null)?.node ?? null;
    const made = node === null ? null : (defines.get(node)?.source ?? null);
    const chosen = selected === null ? null : (defines.get(selected)?.source ?? null);
    code.update(
      shown?.events.find((e) => e.source)?.source ?? null,
      chosen ?? (shown && shown.phase !== "forward" ? made : null),
      shown?.phase ?? "forward",
    );

    setAttr(predictButton, "aria-pressed", String(predicting()));
    const all = predictions();
    setText(tally, all.length ? score(all) : "");

    if (chosenNode && asked)
      detail.replaceChildren(
        inspect(
          chosenNode,
          names,
          (file) => recording.sources[file]?.name ?? file,
          () => {
            selected = null;
            frame.draw();
            root.focus({ preventScroll: true });
          },
          { asking: asked, memory: memoryWords(chosenNode.define, at) },
        ),
      );
    else detail.replaceChildren(key);
    return { ...words(at, before, after), phase: shown?.phase ?? "start", ...(shown ? title(shown) : {}), verdict };
  }

  const title = (step: Step): { title: string } => ({
    title: PHASES[step.phase]! + (schedule.rounds > 1 ? ` · iteration ${step.round + 1}` : ""),
  });

  function words(at: number, before: State, after: State): Pick<Said, "words" | "spoken" | "more"> {
    if (asking) {
      const q = asking;
      const form = answerForm(q, answer, () => {
        frame.go(frame.at + 1);
        root.focus({ preventScroll: true });
      });
      return { words: q.prompt, more: [formula(q.line), form] };
    }
    const step = at > 0 ? steps[at - 1]! : null;
    if (!step) {
      const opening = predicting() ? `${OPENING} You will be asked for each number before you see it.` : OPENING;
      return { words: opening, more: [keys([[], "Click a node for its details."])] };
    }
    const failure = step.events[0];
    if (failure?.type === "error") {
      const rest = failure.text.split("\n").slice(1).map((line) => line.trim());
      return { words: describe(step, names, before, after), spoken: rest.join(". "), more: [h("ul", { class: "tgs-trouble" }, ...rest.map((line) => h("li", {}, line)))] };
    }
    const lines = equations(step, names, before, after);
    if (later) {
      const wrote = step.events.some((e) => e.type === "define") && !step.events.some((e) => e.type === "execute");
      const words = wrote ? written(step, names) : step.kind === "begin" ? began(step, names, sideAfter(at)) : step.kind === "fetch" ? handed(step, names) : null;
      if (words) return { words };
    }
    return { words: describe(step, names, before, after), spoken: lines.map(plain).join(". "), more: lines.map(formula) };
  }

  for (const trait of ["folded", "predict", "predictions"]) frame.listen(trait, () => frame.draw());
  frame.listen("layouts", () => {
    placeAgain = true;
    frame.draw();
  });

  let width = 0;
  return {
    title: recording.meta["title"] || "Computation graph",
    bands: bands(steps),
    body: [h("div", { class: "tgs-work" }, h("div", { class: "tgs-side" }, code.el, detail), graph.el)],
    actions: [predictButton],
    draw,
    drawing: graph.drawing,
    ask(at) {
      asking = predicting() ? question(steps[at]!, names, stateAfter(at), stateAfter(at + 1)) : null;
      if (!asking) return false;
      verdict = null;
      queueMicrotask(() => root.querySelector<HTMLInputElement>(".tgs-answer input")?.focus({ preventScroll: true }));
      return true;
    },
    asking: () => asking !== null,
    leave(to) {
      asking = null;
      if (to !== frame.at) verdict = null;
    },
    escape() {
      if (asking) asking = null;
      else selected = null;
      frame.draw();
    },
    resized() {
      graph.resized();
      const [w] = graph.stage();
      // A stage of another shape may want the other direction.
      placeAgain = width > 0 && Math.abs(w - width) > 60;
      width = w;
      if (placeAgain) frame.draw();
      else graph.frame();
    },
  };
}

export default widgetOf<Recording>({
  label: "Graph stepper",
  picture: graphCss,
  style: stageCss + codeCss + mathCss + css,
  data: "recording",
  saved: ["folded", "layouts", "predict", "predictions"],
  read: parse,
  mount,
});
