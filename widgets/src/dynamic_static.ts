// DynamicVsStatic: one model, two recordings, one time axis: what Python does, and what operations do.
import codeCss from "./code.css";
import { bands } from "./controls";
import { check, readData, Unreadable } from "./data";
import { h, s, setAttr, setText } from "./dom";
import type { Drawing } from "./export";
import { keys, widgetOf, type Frame, type Said, type Show } from "./frame";
import graphCss from "./graph.css";
import { icon } from "./icons";
import { recordingOf } from "./load";
import mathCss from "./math.css";
import { nameAll, type Name } from "./names";
import { answerForm } from "./predict";
import stageCss from "./stage.css";
import { plan } from "./steps";
import stepperCss from "./stepper.css";
import ownGraphCss from "./dynamic_static_graph.css";
import css from "./dynamic_static.css";
import { lanes as makeLanes, LANES_HEIGHT, mark, type Lanes } from "./dynamic_static_lanes";
import { NAMES, pane, type Lit, type Pane } from "./dynamic_static_pane";
import { stateAt, type Side } from "./dynamic_static_state";
import { axis, keyOf, lineText, moments, paired, type Moment, type Tick } from "./dynamic_static_steps";
import { asStep, describe, judge, question, readNumbers, type Prediction, type Question, type Verdict } from "./dynamic_static_words";
import type { Define, Event, Place, Recording, SentLayout } from "./types";

type Which = 0 | 1;
type Two<T> = readonly [T, T];
const BOTH = [0, 1] as const;
const two = <T>(make: (k: Which) => T): Two<T> => [make(0), make(1)];

const OPENING: Two<string> = ["Nothing has run yet.", "Nothing has been written down yet."];

/** Both recordings from the widget's data. */
function read(text: string): Two<Recording> {
  const data = readData(text, "dynamic-static", 1, { sides: "list" });
  return two((k) => {
    const side: unknown = (data["sides"] as unknown[])[k];
    check({ side }, { side: "object" });
    try {
      return recordingOf(side);
    } catch (problem) {
      throw problem instanceof Unreadable ? new Unreadable(`${NAMES[k]} side: ${problem.message}`) : problem;
    }
  });
}

/** Both programs in moments, on one axis, with what is the same on both sides. */
interface Pair {
  readonly events: Two<readonly Event[]>;
  readonly moments: Two<readonly Moment[]>;
  readonly ticks: readonly Tick[];
  readonly names: Two<Map<number, Name>>;
  /** From one side's nodes to the other's. */
  readonly twins: Two<ReadonlyMap<number, number>>;
  /** The dynamic side's moments that both share. */
  readonly shared: ReadonlySet<number>;
}

function pairUp(recordings: Two<Recording>): Pair {
  const events = two((k) => recordings[k].events);
  const all = two((k) => moments(events[k]));
  const keyed = two((k) => all[k].map((m) => keyOf(m, recordings[k])));
  const pairs = paired(keyed[0], keyed[1]);
  const names = two((k) => nameAll(plan(recordings[k].events), recordings[k].sources));
  const twins: Two<Map<number, number>> = [new Map(), new Map()];
  const twin = (a: number, b: number): void => {
    if (twins[0].has(a) || twins[1].has(b)) return;
    twins[0].set(a, b);
    twins[1].set(b, a);
    const name = names[0].get(a);
    if (name && !name.invented) names[1].set(b, name);
  };
  for (const [i, j] of pairs) {
    const [a, b] = [all[0][i]!, all[1][j]!].map((m) => m.events.find((e): e is Define => e.type === "define" && e.node === m.node));
    if (!a || !b) continue;
    twin(a.node, b.node);
    // What they read under the same name is the same too.
    for (const input of a.inputs) {
      const other = b.inputs.find((x) => x.arg === input.arg);
      if (other) twin(input.node, other.node);
    }
  }
  return { events, moments: all, ticks: axis(all[0].length, all[1].length, pairs), names, twins, shared: new Set(pairs.map(([i]) => i)) };
}

function mount(frame: Frame, recordings: Two<Recording>): Show {
  const { model, root, put } = frame;
  const { events, moments: all, ticks, names, twins, shared } = pairUp(recordings);

  let selected: { side: Which; node: number } | null = null;
  let waiting: Question[] = [];
  let asking: Question | null = null;
  let verdicts: [Verdict | null, Verdict | null] = [null, null];

  const done = (tick: number, side: Which): number => (tick > 0 ? ticks[tick - 1]![side] : 0);
  const sideAfter = (tick: number, side: Which): Side => {
    const count = done(tick, side);
    return stateAt(events[side], count ? all[side][count - 1]!.end : 0);
  };
  /** What happens at a tick on a side; null while it waits. */
  const momentAt = (tick: number, side: Which): Moment | null =>
    tick > 0 && done(tick, side) > done(tick - 1, side) ? all[side][done(tick, side) - 1]! : null;
  const latestAt = (tick: number, side: Which): number | null =>
    all[side].slice(0, done(tick, side)).reverse().find((m) => m.node !== null)?.node ?? null;
  const predictions = (): Prediction[] => (model.get("predictions") as Prediction[] | undefined) ?? [];
  const predicting = (): boolean => model.get("predict") === true;
  const folded = (): Set<string> => new Set((model.get("folded") as string[] | undefined) ?? []);

  // --- the parts ---------------------------------------------------------------------------

  const panes: Two<Pane> = two((k) =>
    pane(k, recordings[k], events[k], names[k], {
      point: (what) => light(what ? { side: k, what } : null),
      pick: (node) => {
        selected = node === null || (selected?.side === k && selected.node === node) ? null : { side: k, node };
        frame.draw();
        if (node === null) root.focus({ preventScroll: true });
      },
      moments: (node) => {
        const at = (type: Event["type"]): number[] =>
          ticks.flatMap((_, i) => (momentAt(i + 1, k)?.events.some((e) => e.type === type && e.node === node) ? [i + 1] : []));
        const go = (step: number): void => frame.go(step);
        return [
          { what: "comes into being", steps: at("define"), go },
          { what: "has a value at", steps: [...at("feed"), ...at("execute")].sort((a, b) => a - b), go },
          { what: "handed out at", steps: at("fetch"), go },
          { what: "printed at", steps: at("print"), go },
        ];
      },
      fold: (path, fold) => {
        const set = folded();
        if (fold) set.add(path);
        else set.delete(path);
        put("folded", [...set].sort());
        refold();
      },
    }),
  );

  const linesWith = two((k) => [...new Set(events[k].flatMap((e) => (e.source ? [`${e.source.file}:${e.source.line}`] : [])))]);
  const textOf = (k: Which, line: string): string => {
    const cut = line.lastIndexOf(":");
    const place: Place = { file: line.slice(0, cut), line: Number(line.slice(cut + 1)) };
    return lineText(recordings[k].sources, place);
  };
  /** The same on the other side: nodes made in the same moment, and the very same lines of code. */
  function mirrored(side: Which, what: Lit): Lit {
    const other = (1 - side) as Which;
    const nodes = new Set([...what.nodes].flatMap((n) => twins[side].get(n) ?? []));
    const texts = new Set([...what.lines].map((l) => textOf(side, l)).filter(Boolean));
    return { nodes, lines: new Set(linesWith[other].filter((l) => texts.has(textOf(other, l)))) };
  }
  function ofNode(side: Which, node: number): Lit {
    const d = events[side].find((e): e is Define => e.type === "define" && e.node === node);
    return { nodes: new Set([node]), lines: new Set(d?.source ? [`${d.source.file}:${d.source.line}`] : []) };
  }
  function light(pointed: { side: Which; what: Lit } | null): void {
    const nothing: Lit = { nodes: new Set(), lines: new Set() };
    const { side, what } = pointed ?? { side: selected?.side ?? 0, what: selected ? ofNode(selected.side, selected.node) : nothing };
    panes[side].light(what);
    panes[(1 - side) as Which].light(mirrored(side, what));
  }

  const tally = h("span", { class: "tgs-score" });
  const predictButton = h(
    "button",
    { type: "button", class: "tgs-toggle", title: "Ask me what each print shows, before it shows it" },
    icon("think"),
    h("span", {}, "Predict"),
    tally,
  );
  predictButton.addEventListener("click", () => {
    leave();
    put("predict", !predicting());
    frame.draw();
  });

  // --- the axis ----------------------------------------------------------------------------

  const band = h("div", { class: "dsv-axis", title: "Click to jump" });
  let lanes: Lanes | null = null;
  /** The lanes take the place of the bar's bands, so that the slider's thumb stands below the moment it is at. */
  function drawLanes(): void {
    const time = root.querySelector(".tgs-time");
    if (time && !band.isConnected) {
      root.querySelector(".tgs-bands")?.remove();
      time.prepend(h("div", { class: "dsv-labels", "aria-hidden": "true" }, h("span", {}, NAMES[0]), h("span", {}, NAMES[1])), band);
      root.querySelector(".tgs-buttons")?.after(legend(new Set(BOTH.flatMap((k) => all[k].map((m) => m.kind)))));
    }
    lanes = makeLanes(ticks, all, shared, Math.max(120, band.clientWidth), (n) => {
      frame.pause();
      frame.go(n);
    });
    band.replaceChildren(lanes.el);
    lanes.update(frame.at);
  }

  // --- what the reader does ----------------------------------------------------------------

  function leave(): void {
    asking = null;
    waiting = [];
    verdicts = [null, null];
  }
  const focus = (): void =>
    queueMicrotask(() => (root.querySelector<HTMLElement>(".tgs-answer input") ?? root).focus({ preventScroll: true }));

  /** The next open question about the coming tick, or the tick itself with what was said about the answers. */
  function onwards(): void {
    asking = waiting.shift() ?? null;
    if (asking) frame.draw();
    else {
      const kept = verdicts;
      frame.go(frame.at + 1);
      verdicts = kept;
      frame.draw();
    }
    focus();
  }
  function answered(answer: readonly number[] | null): void {
    const q = asking!;
    const verdict = judge(q, answer);
    const entry: Prediction = { step: frame.at + 1, side: NAMES[q.side], asked: q.asked, answer, expected: q.expected, correct: verdict.correct };
    put("predictions", [...predictions(), entry]);
    verdicts[q.side] = verdict;
    onwards();
  }
  function formFor(q: Question): HTMLElement {
    const form = answerForm(
      { prompt: q.prompt, asked: "number" },
      (text) => {
        const answer = readNumbers(text);
        if (!answer) return "A number looks like 1.5, −2 or 1/3.";
        answered(answer);
        return null;
      },
      onwards,
    );
    if (q.asked === "print") {
      const none = h("button", { type: "button", class: "tgs-quiet has-text dsv-choice" }, "No number yet");
      none.addEventListener("click", () => answered(null));
      form.querySelector(".tgs-check")!.after(none);
    }
    return form;
  }

  // --- the picture as a function of the step -------------------------------------------------

  function draw(at: number): Said {
    const column = (k: Which): { el: HTMLElement; said: string } => {
      const question_ = asking?.side === k ? asking : null;
      const moment = momentAt(at, k);
      const [side, before] = [sideAfter(at, k), sideAfter(Math.max(at - 1, 0), k)];
      panes[k].update({ side, before, moment, asked: question_ && momentAt(at + 1, k), selected: selected?.side === k ? selected.node : null, latest: latestAt(at, k) });
      const over = done(at, k) >= all[k].length;
      const idle = at === 0 ? OPENING[k] : over ? "This program has ended." : "Nothing happens here meanwhile.";
      const words = question_ ? question_.prompt : moment ? describe(moment, names[k], before, side) : idle;
      const verdict = verdicts[k];
      const el = h(
        "div",
        { class: "dsv-say" },
        verdict
          ? h("p", { class: `tgs-verdict ${verdict.correct ? "is-right" : "is-wrong"}` }, icon(verdict.correct ? "tick" : "cross"), h("span", {}, verdict.say))
          : null,
        h("p", { class: `tgs-sentence${moment || question_ ? "" : " is-waiting"}` }, words),
        question_ ? formFor(question_) : null,
      );
      return { el, said: [verdict?.say, words].filter(Boolean).join(" ") };
    };
    const columns = two(column);
    light(null);
    lanes?.update(at);
    setAttr(predictButton, "aria-pressed", String(predicting()));
    const made = predictions();
    setText(tally, made.length ? `${made.filter((p) => p.correct).length} of ${made.length} right` : "");
    const shown = momentAt(at, 0) ?? momentAt(at, 1);
    return {
      phase: shown ? asStep(shown).phase : "start",
      words: columns.map((c, k) => `${NAMES[k as Which]}: ${c.said}`).join(" "),
      more: [h("div", { class: "dsv-words" }, columns[0].el, columns[1].el), ...(at === 0 && !asking ? [keys([[], "Point at a line, a node or a text: the others light up."])] : [])],
    };
  }

  /** Positions from Python are for graphs that stand open. */
  function placePanes(): void {
    const fold = folded();
    const sent = (model.get("layouts") as Record<string, SentLayout> | undefined) ?? {};
    panes.forEach((p, k) => p.place(fold, fold.size ? undefined : sent[k]));
  }
  function refold(): void {
    placePanes();
    frame.draw();
  }

  /** Both graphs side by side, what is said about them, and the axis. */
  function drawing(): Drawing {
    const parts = panes.map((p) => p.graph.drawing());
    const widths = parts.map((p) => Math.max(300, p.width));
    const tall = Math.max(...parts.map((p) => p.height));
    const [width, height] = [widths[0]! + widths[1]! + 70, tall + 116 + LANES_HEIGHT];
    const out = s("svg", { class: "tgs-graph" });
    let x = 20;
    parts.forEach((p, k) => {
      const words = root.querySelectorAll(".dsv-say .tgs-sentence")[k]?.textContent ?? "";
      for (const [name, value] of Object.entries({ x, y: 34, width: p.width, height: p.height, viewBox: `0 0 ${p.width} ${p.height}` })) p.svg.setAttribute(name, String(value));
      out.append(s("text", { x, y: 26, class: "dsv-head" }, NAMES[k as Which]), p.svg, ...wrapped(words, x, tall + 48, widths[k]!));
      x += widths[k]! + 30;
    });
    const time = makeLanes(ticks, all, shared, width - 60, () => undefined);
    time.update(frame.at);
    for (const [name, value] of Object.entries({ x: 30, y: tall + 104, overflow: "visible" })) time.el.setAttribute(name, String(value));
    out.append(time.el);
    return { svg: out, width, height };
  }

  frame.listen("folded", refold);
  for (const trait of ["predict", "predictions"]) frame.listen(trait, () => frame.draw());

  let placed = false;
  const steps = ticks.map((t, k) => asStep(momentAt(k + 1, 0) ?? momentAt(k + 1, 1) ?? all[0][t[0] - 1]!));
  return {
    title: recordings[0].meta["title"] || recordings[1].meta["title"] || "Dynamic and static",
    bands: bands(steps),
    body: [h("div", { class: "dsv-panes" }, panes[0].el, panes[1].el)],
    actions: [predictButton],
    draw,
    drawing,
    ask(at) {
      leave();
      if (predicting())
        for (const k of BOTH) {
          const m = momentAt(at + 1, k);
          const q = m && question(k, m, sideAfter(at + 1, k), recordings[k]);
          if (q) waiting.push(q);
        }
      asking = waiting.shift() ?? null;
      if (asking) focus();
      return asking !== null;
    },
    asking: () => asking !== null,
    leave,
    escape() {
      if (asking) leave();
      else selected = null;
      frame.draw();
    },
    resized() {
      drawLanes();
      const again = panes.map((p) => p.resized());
      if (!placed) placePanes();
      else if (again.some(Boolean)) refold();
      else for (const p of panes) p.graph.frame();
      placed = true;
    },
  };
}

/** How to read the axis: only the marks that occur. */
function legend(kinds: ReadonlySet<Moment["kind"]>): HTMLElement {
  const words: [Moment["kind"], string][] = [
    ["make", "made with its value"],
    ["define", "written, no value"],
    ["run", "run begins"],
    ["execute", "computed"],
    ["fetch", "handed out"],
    ["print", "print"],
    ["backward", "backward"],
    ["update", "update"],
    ["error", "error"],
  ];
  return h(
    "div",
    { class: "dsv-legend", role: "note", "aria-label": "How to read the axis" },
    ...words
      .filter(([kind]) => kinds.has(kind))
      .map(([kind, text]) =>
        h("span", {}, s("svg", { viewBox: "-8 -8 16 16", width: 16, height: 16, "aria-hidden": "true" }, s("g", { class: `dsv-mark is-past is-${kind}` }, ...mark(kind))), text),
      ),
  );
}

/** Words as lines of SVG text. */
function wrapped(words: string, x: number, y: number, width: number): SVGElement[] {
  const most = Math.max(20, Math.floor(width / 6.4));
  const lines: string[] = [];
  for (const word of words.split(" "))
    if (lines.length && `${lines.at(-1)} ${word}`.length <= most) lines[lines.length - 1] += ` ${word}`;
    else lines.push(word);
  return lines.slice(0, 3).map((line, k) => s("text", { x, y: y + k * 17, class: "dsv-words" }, line));
}

export default widgetOf<Two<Recording>>({
  label: "Dynamic and static, side by side",
  picture: graphCss + ownGraphCss,
  style: stageCss + codeCss + mathCss + stepperCss + css,
  data: "data",
  saved: ["folded", "layouts", "predict", "predictions"],
  read,
  mount,
});
