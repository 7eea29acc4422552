// GraphStepper: joins recording, picture, code, words and controls into the widget that Jupyter shows.
import { codePane } from "./code";
import { controls } from "./controls";
import { describe, OPENING } from "./describe";
import { h, setText } from "./dom";
import { download, htmlPage, svgFile } from "./export";
import { nodesOf, openModules, visible } from "./fold";
import { extents, picture, shape, sizesOf } from "./graph";
import graphCss from "./graph.css";
import { icon, type Icon } from "./icons";
import { inspect, legend } from "./inspector";
import { arrange, DAGRE_LIMIT, type Layout } from "./layout";
import { load, unpack, Unreadable } from "./load";
import { formula } from "./math";
import { nameAll } from "./names";
import { equations, nameOf, plain } from "./notation";
import { judge, question, score, type Prediction, type Question, type Verdict } from "./predict";
import { stateAt, type State } from "./state";
import { definitions, plan } from "./steps";
import css from "./style.css";
import { followTheme } from "./theme";
import type { Recording, SentLayout } from "./types";

/** As much of Jupyter's model as the stepper needs. */
export interface Model {
  get(key: string): unknown;
  set(key: string, value: unknown): void;
  save_changes(): void;
  on(event: string, callback: () => void): void;
  off(event: string, callback: () => void): void;
}

const SAVED_KEYS = ["recording", "step", "folded", "layouts", "predict", "predictions"];

function mount(model: Model, recording: Recording, root: HTMLElement): () => void {
  const schedule = plan(recording.events);
  const { steps, events } = schedule;
  const names = nameAll(schedule, recording.sources);
  const defines = definitions(events);
  const longest = extents(events);
  const title = recording.meta["title"] || "Computation graph";
  const slug = title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "") || "graph";

  let at = clampStep(Number(model.get("step") ?? 0));
  let selected: number | null = null;
  let asking: Question | null = null;
  let verdict: Verdict | null = null;
  let shownRound = -1;
  let shownFold = "";
  const undo: (() => void)[] = [];

  function clampStep(n: number): number {
    const whole = Number.isFinite(n) ? Math.round(n) : 0;
    // As in Python: -1 is the last.
    return Math.min(Math.max(whole < 0 ? steps.length + 1 + whole : whole, 0), steps.length);
  }
  const stateAfter = (n: number): State => stateAt(events, n > 0 ? steps[n - 1]!.end : 0);
  const predictions = (): Prediction[] => (model.get("predictions") as Prediction[] | undefined) ?? [];
  const predicting = (): boolean => model.get("predict") === true;
  const folded = (): Set<string> => new Set((model.get("folded") as string[] | undefined) ?? []);
  const put = (key: string, value: unknown): void => {
    model.set(key, value);
    try {
      model.save_changes();
    } catch {
      // The kernel has died: stepping goes on without it.
    }
  };

  // --- the parts ---------------------------------------------------------------------------

  const code = codePane(recording);
  const graph = picture({
    pick: (node) => {
      selected = selected === node ? null : node;
      draw();
    },
    unfold: (path) => refold(path, false),
    fold: (path) => refold(path, true),
  });
  const kinds = new Set([...defines.values()].map((d) => d.kind));
  const key = legend(kinds, shape);
  const detail = h("div", { class: "tgs-detail" }, key);
  const phase = h("span", { class: "tgs-phase" });
  const sentence = h("p", { class: "tgs-sentence" });
  const maths = h("div", { class: "tgs-math" });
  const feedback = h("p", { class: "tgs-verdict" });
  const say = h("section", { class: "tgs-say", "aria-label": "What happens" }, feedback, h("div", {}, phase, sentence), maths);
  const live = h("div", { class: "tgs-sr", role: "status", "aria-live": "polite" });
  const note = h("p", { class: "tgs-note" });
  graph.el.append(note);

  const predictText = h("span", {}, "Predict");
  const tally = h("span", { class: "tgs-score" });
  const predictButton = h(
    "button",
    { type: "button", class: "tgs-toggle", title: "Hide the next number and ask me for it" },
    icon("think"),
    predictText,
    tally,
  );
  const action = (label: string, name: Icon, title_: string, act: () => void): HTMLElement => {
    const b = h("button", { type: "button", class: "tgs-quiet has-text", title: title_, "aria-label": title_ }, icon(name), h("span", {}, label));
    b.addEventListener("click", act);
    return b;
  };
  const head = h(
    "header",
    { class: "tgs-head" },
    h("h3", {}, title),
    h(
      "div",
      { class: "tgs-actions" },
      predictButton,
      action("SVG", "image", "Save the picture as SVG", () => {
        graph.complete();
        download(`${slug}.svg`, "image/svg+xml", svgFile(graph.svg, graph.whole(), `${title}, step ${at} of ${steps.length}`));
        graph.frame();
      }),
      action("HTML", "page", "Save the stepper as one HTML page", () => void savePage()),
    ),
  );
  const bar = controls(steps, {
    go: (n) => go(n),
    next: () => next(),
    previous: () => go(asking ? at : at - 1),
    /** Playing asks too: the answer then goes on. */
    playNext: () => {
      next();
      return asking === null && at < steps.length;
    },
    atEnd: () => at >= steps.length,
    alive: () => root.isConnected,
  });
  root.append(
    head,
    h("div", { class: "tgs-work" }, h("div", { class: "tgs-side" }, code.el, detail), graph.el),
    // Above the words, which come and go: what is clicked again and again must not move.
    bar.el,
    say,
    live,
  );

  async function savePage(): Promise<void> {
    const state = Object.fromEntries(SAVED_KEYS.map((k) => [k, model.get(k)]));
    // Jupyter holds the widget's code packed; a page had better hold it plain.
    const code = String(model.get("_esm") ?? "");
    const packed = /"(gzip:[\w+/=]+)"/.exec(code)?.[1];
    const bundle = packed ? await unpack(packed) : code;
    download(`${slug}.html`, "text/html", htmlPage(title, { ...state, step: at }, bundle));
  }

  // --- what the reader does ----------------------------------------------------------------

  function go(n: number): void {
    const to = clampStep(Math.max(n, 0));
    asking = null;
    if (to !== at) verdict = null;
    at = to;
    if (model.get("step") !== at) put("step", at);
    draw();
  }

  function next(): void {
    if (asking || at >= steps.length) return;
    const step = steps[at]!;
    const asked = predicting() ? question(step, names, stateAfter(at), stateAfter(at + 1)) : null;
    if (!asked) return go(at + 1);
    bar.pause();
    verdict = null;
    asking = asked;
    draw();
    maths.querySelector("input")?.focus({ preventScroll: true });
  }

  function answer(text: string, problem: HTMLElement): void {
    const q = asking;
    if (!q) return;
    const result = judge(q, text);
    if (!result) {
      setText(problem, q.asked === "shape" ? "A shape looks like 2, 3." : "A number looks like 1.5, −2 or 1/3.");
      return;
    }
    const entry: Prediction = {
      step: at + 1,
      node: nameOf(names, q.node).text,
      asked: q.asked,
      answer: result.answer,
      expected: q.expected,
      correct: result.correct,
    };
    put("predictions", [...predictions(), entry]);
    go(at + 1);
    verdict = result;
    draw();
    root.focus({ preventScroll: true });
  }

  function refold(path: string, fold: boolean): void {
    const set = folded();
    if (fold) set.add(path);
    else set.delete(path);
    put("folded", [...set].sort());
    draw();
    // The thing that had the focus is gone: leave it on what took its place.
    const place = graph.svg.querySelector<SVGElement>(`[data-key="${CSS.escape(`${fold ? "m" : "f"}:${path}`)}"]`);
    (place ?? root).focus({ preventScroll: true });
  }

  predictButton.addEventListener("click", () => {
    asking = null;
    verdict = null;
    put("predict", !predicting());
    draw();
  });

  root.addEventListener("keydown", (event) => {
    // The notebook has keys of its own: none of ours may reach it.
    event.stopPropagation();
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target as HTMLElement;
    const typing = target instanceof HTMLInputElement && target.type === "text";
    if (event.key === "Escape") {
      if (asking) {
        asking = null;
        draw();
      } else if (selected !== null) {
        selected = null;
        draw();
      }
      root.focus({ preventScroll: true });
      return;
    }
    if (typing || target instanceof HTMLSelectElement) return;
    const acts: Record<string, () => void> = {
      ArrowRight: next,
      ArrowLeft: () => go(asking ? at : at - 1),
      Home: () => go(0),
      End: () => go(steps.length),
      " ": () => bar.toggle(),
    };
    // Space on a button presses that button.
    if (event.key === " " && target instanceof HTMLButtonElement) return;
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    if (event.key !== " ") bar.pause();
    act();
  });
  // Typed letters in the answer field are not shortcuts either.
  root.addEventListener("keyup", (event) => event.stopPropagation());
  root.addEventListener("keypress", (event) => event.stopPropagation());

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
  let placeAgain = false;

  function draw(): void {
    const step = at > 0 ? steps[at - 1]! : null;
    const after = stateAfter(at);
    const before = at > 0 ? stateAfter(at - 1) : after;
    const coming = asking ? steps[at]! : null;
    place((coming ?? step ?? steps[0])?.round ?? 0);

    const shown = coming ?? step;
    // While a question is open, the node it is about is there, its number is not.
    const state = coming ? stateAt([...events.slice(0, step?.end ?? 0), ...coming.events.filter((e) => e.type === "define")], Infinity) : after;
    graph.update({
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

    root.dataset["phase"] = shown?.phase ?? "start";
    setText(phase, shown ? PHASES[shown.phase] + (schedule.rounds > 1 ? ` · iteration ${shown.round + 1}` : "") : "Start");
    let words: string;
    let spokenMaths = "";
    if (asking) {
      words = asking.prompt;
      maths.replaceChildren(formula(asking.line), answerForm(asking));
    } else {
      words = step ? describe(step, names, before, after) : opening();
      const lines = step ? equations(step, names, before, after) : [];
      spokenMaths = lines.map(plain).join(". ");
      maths.replaceChildren(...(step ? lines.map(formula) : [keys()]));
    }
    setText(sentence, words);
    feedback.replaceChildren(...(verdict ? [icon(verdict.correct ? "tick" : "cross"), h("span", {}, verdict.say)] : []));
    feedback.className = `tgs-verdict${verdict ? (verdict.correct ? " is-right" : " is-wrong") : ""}`;
    setText(live, [verdict?.say, `Step ${at} of ${steps.length}.`, words, spokenMaths].filter(Boolean).join(" "));

    predictButton.setAttribute("aria-pressed", String(predicting()));
    const all = predictions();
    setText(tally, all.length ? score(all) : "");
    bar.update(at, words);

    const chosenNode = selected === null ? undefined : state.nodes.get(selected);
    const hiddenByQuestion = asking?.node === selected;
    if (chosenNode && !hiddenByQuestion)
      detail.replaceChildren(
        inspect(chosenNode, names, (file) => recording.sources[file]?.name ?? file, () => {
          selected = null;
          draw();
          root.focus({ preventScroll: true });
        }),
      );
    else detail.replaceChildren(key);
  }

  function opening(): string {
    return predicting() ? `${OPENING} You will be asked for each number before you see it.` : OPENING;
  }

  /** What the keyboard does, said once, before the first step. */
  function keys(): HTMLElement {
    const key = (names: string[], does: string): HTMLElement =>
      h("span", {}, ...names.map((n) => h("kbd", {}, n)), ` ${does}`);
    return h("div", { class: "tgs-keys" }, key(["←", "→"], "step"), key(["Space"], "play"), key(["Home", "End"], "jump"), h("span", {}, "Click a node for its details."));
  }

  function answerForm(q: Question): HTMLElement {
    const input = h("input", {
      type: "text",
      inputmode: q.asked === "shape" ? "text" : "decimal",
      autocomplete: "off",
      spellcheck: "false",
      "aria-label": q.prompt,
      placeholder: q.asked === "shape" ? "2, 3" : "a number",
    });
    const problem = h("span", { class: "tgs-problem", role: "alert" });
    const skip = h("button", { type: "button", class: "tgs-quiet has-text" }, "Show me");
    skip.addEventListener("click", () => {
      go(at + 1);
      root.focus({ preventScroll: true });
    });
    const form = h("form", { class: "tgs-answer" }, input, h("button", { type: "submit", class: "tgs-check" }, "Check"), skip, problem);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      answer(input.value, problem);
    });
    return form;
  }

  // --- the world outside ---------------------------------------------------------------------

  const listen = (name: string, act: () => void): void => {
    model.on(`change:${name}`, act);
    undo.push(() => model.off(`change:${name}`, act));
  };
  listen("step", () => {
    const wish = clampStep(Number(model.get("step")));
    if (wish !== at) go(wish);
  });
  listen("folded", () => draw());
  listen("predict", () => draw());
  listen("predictions", () => draw());
  listen("layouts", () => {
    placeAgain = true;
    draw();
  });
  undo.push(bar.pause);

  let width = 0;
  const observer = new ResizeObserver(() => {
    graph.resized();
    const [w] = graph.stage();
    if (!root.isConnected || w === width) return;
    // A stage of another shape may want the other direction.
    placeAgain = width > 0 && Math.abs(w - width) > 60;
    width = w;
    if (placeAgain) draw();
    else graph.frame();
  });
  observer.observe(graph.el);
  undo.push(() => observer.disconnect());
  draw();
  return () => undo.forEach((f) => f());
}

const PHASES = { forward: "Forward", backward: "Backward", update: "Update" } as const;

async function render({ model, el }: { model: Model; el: HTMLElement }): Promise<() => void> {
  const root = h("div", { class: "tgs", tabindex: "0", role: "group", "data-lm-suppress-shortcuts": "true" });
  el.append(root);
  const stopTheme = followTheme(root);
  let unmount: (() => void) | null = null;
  let gone = false;
  let latest = 0;

  async function show(): Promise<void> {
    const mine = ++latest;
    let recording: Recording | string;
    try {
      recording = await load(String(model.get("recording") ?? ""));
    } catch (problem) {
      recording = problem instanceof Unreadable ? problem.message : `This recording cannot be shown: ${problem}`;
    }
    if (gone || mine !== latest) return;
    unmount?.();
    unmount = null;
    root.replaceChildren(h("style", {}, css + graphCss));
    const fail = (message: string): void => {
      root.replaceChildren(h("style", {}, css), h("p", { class: "tgs-message", role: "alert" }, message));
    };
    root.setAttribute("aria-label", "Graph stepper. Left and right arrows step, Space plays.");
    if (typeof recording === "string") return fail(recording);
    try {
      unmount = mount(model, recording, root);
    } catch (problem) {
      fail(`This recording cannot be shown: ${problem instanceof Error ? problem.message : problem}`);
    }
  }

  const again = (): void => void show();
  model.on("change:recording", again);
  await show();
  return () => {
    gone = true;
    model.off("change:recording", again);
    unmount?.();
    stopTheme();
    root.remove();
  };
}

const widget = { render };
export default widget;

// A page saved as HTML waits for the widget here; Jupyter does not.
(globalThis as { tinygradStandalone?: (w: typeof widget) => void }).tinygradStandalone?.(widget);
