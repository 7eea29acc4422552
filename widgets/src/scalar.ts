// ScalarGraph: a graph of single numbers; drag a leaf, and every value and every slope is worked out anew, here.
import { bands } from "./controls";
import { Unreadable } from "./data";
import { describe } from "./describe";
import { h, s, setAttr, setText } from "./dom";
import { nodesOf, visible } from "./fold";
import { num } from "./format";
import { keys, widgetOf, type Frame, type Said, type Show } from "./frame";
import { picture, sizesOf, type NodeMark } from "./graph";
import graphCss from "./graph.css";
import { icon } from "./icons";
import { arrange, fit, type Layout, type Size } from "./layout";
import { parse } from "./load";
import { formula } from "./math";
import mathCss from "./math.css";
import { nameAll } from "./names";
import { equations, nameOf, partial, plain, type Line, type Piece } from "./notation";
import { answerForm, judge, question, readNumber, score, type Prediction, type Question } from "./predict";
import css from "./scalar.css";
import pageCss from "./scalar_page.css";
import { eventsOf, evaluate, localSlopes, nudged, programOf, reachOf, tidy, working, type Node, type Program } from "./scalar_run";
import stageCss from "./stage.css";
import { stateAt, type State } from "./state";
import { definitions, plan, type Plan } from "./steps";

interface Data {
  readonly title: string;
  readonly program: Program;
}

const NUDGES = [1, 0.1, 0.01, 0.001] as const;
const LEAF: Size = [118, 62];
/** As many characters as a number on screen will ever have. */
const WIDEST = 7;
/** Below the one scale a higher stage is tried, below the other the picture is cut rather than shrunk. */
const READABLE = 0.75;
const HIGH = 620;
const SMALLEST = 0.5;
const TRACK = LEAF[0] - 34;

/** A number among factors: negative ones in brackets. */
const factor = (x: number, digits = 4): string => (x < 0 ? `(${num(x, digits)})` : num(x, digits));
/** Short enough for a line: of a small slope two digits will do. */
const onLine = (x: number): string => `×${num(x, Math.abs(x) < 0.1 ? 2 : 3)}`;
const change = (x: number): string => (x < 0 ? num(x, 3) : `+${num(x, 3)}`);

function mount(frame: Frame, { title, program }: Data): Show {
  const { model, root, put } = frame;
  const names = nameAll(plan(eventsOf(program, new Map())));
  const name = (n: number): string => nameOf(names, n).text;
  const leafBy = new Map(program.leaves.map((n) => [name(n.id), n]));
  const result = name(program.root.id);
  const moved = (): Map<number, number> => {
    const asked = Object.entries((model.get("values") as Record<string, unknown> | undefined) ?? {});
    return new Map(asked.flatMap(([k, v]) => (leafBy.has(k) && typeof v === "number" && Number.isFinite(v) ? [[leafBy.get(k)!.id, v] as const] : [])));
  };
  /** Moved by a drag that has not ended: Python hears of the end alone. */
  let held: Map<number, number> | null = null;
  const now = (): Map<number, number> => held ?? moved();
  const predicting = (): boolean => model.get("predict") === true;
  const predictions = (): Prediction[] => (model.get("predictions") as Prediction[] | undefined) ?? [];

  let schedule: Plan = plan(eventsOf(program, now()));
  // The leaves are there before the first step.
  const lead = schedule.steps[0]!.kind === "enter" ? 1 : 0;
  const steps = (): Plan["steps"] => schedule.steps.slice(lead);
  const defines = definitions(schedule.events);
  const total = schedule.steps.length - lead;
  const forward = steps().filter((x) => x.phase === "forward").length;
  const stateAfter = (at: number): State => stateAt(schedule.events, schedule.steps[at + lead - 1]?.end ?? 0);
  /** The leaf that the words are about: the one last touched. */
  let about: Node = program.leaves.find((n) => n.graded) ?? program.leaves[0]!;
  let nudging = false;
  let size: (typeof NUDGES)[number] = 0.1;
  let asking: Question | null = null;
  let verdict: Said["verdict"] = null;

  // --- the numbers ------------------------------------------------------------------------------

  function set(leaf: Node, x: number, done: boolean): void {
    about = leaf;
    const next = new Map(now()).set(leaf.id, tidy(x));
    held = done ? null : next;
    if (done) put("values", Object.fromEntries([...next].map(([id, v]) => [name(id), v])));
    again();
  }
  function again(): void {
    schedule = plan(eventsOf(program, now()));
    verdict = null;
    // An open question asks for the new number.
    if (asking) asking = question(steps()[frame.at]!, names, stateAfter(frame.at), stateAfter(frame.at + 1));
    frame.draw();
  }
  const valueOf = (leaf: Node): number => now().get(leaf.id) ?? leaf.start;

  // --- the picture ------------------------------------------------------------------------------

  const graph = picture({
    pick(node) {
      about = program.leaves.find((n) => n.id === node) ?? about;
      frame.draw();
    },
    unfold: () => {},
    fold: () => {},
  }, SMALLEST);
  const knobs = new Map<number, SVGCircleElement>();

  /** Leaves are sliders: a track in each, and a knob on it. */
  function dress(): void {
    knobs.clear();
    for (const leaf of program.leaves) {
      const g = graph.svg.querySelector<SVGGElement>(`[data-node="${leaf.id}"]`);
      if (!g) continue;
      g.querySelector(".tgs-name")?.setAttribute("y", "-16");
      g.querySelector(".tgs-v")?.setAttribute("y", "3");
      const knob = s("circle", { class: "tgs-knob", r: 5.5, cy: 20 });
      g.querySelector(".tgs-body")!.append(s("path", { class: "tgs-track", d: `M${-TRACK / 2} 20h${TRACK}` }), knob);
      knobs.set(leaf.id, knob);
      const { low, high } = reachOf(leaf.start);
      setAttr(g, "role", "slider");
      setAttr(g, "aria-valuemin", String(low));
      setAttr(g, "aria-valuemax", String(high));
    }
  }
  const leafAt = (target: EventTarget | null): Node | undefined => {
    const g = target instanceof Element ? target.closest("[data-node]") : null;
    return g ? program.leaves.find((n) => String(n.id) === g.getAttribute("data-node")) : undefined;
  };
  let drag: { leaf: Node; x: number; from: number; scale: number; moved: boolean } | null = null;
  const press = (event: PointerEvent): void => {
    const leaf = leafAt(event.target);
    if (!leaf || event.button !== 0) return;
    // The picture itself is dragged everywhere else.
    event.stopPropagation();
    const { low, high } = reachOf(leaf.start);
    const track = (graph.svg.querySelector(`[data-node="${leaf.id}"] .tgs-track`) as SVGPathElement).getBoundingClientRect().width;
    drag = { leaf, x: event.clientX, from: valueOf(leaf), scale: (high - low) / Math.max(track, 1), moved: false };
  };
  const slide = (event: PointerEvent): void => {
    if (!drag) return;
    event.stopPropagation();
    const by = event.clientX - drag.x;
    if (!drag.moved && Math.abs(by) < 3) return;
    if (!drag.moved) {
      frame.pause();
      graph.svg.setPointerCapture(event.pointerId);
    }
    drag.moved = true;
    const { low, high, step } = reachOf(drag.leaf.start);
    const x = Math.min(high, Math.max(low, drag.from + by * drag.scale));
    set(drag.leaf, Math.round(x / step) * step, false);
  };
  const drop = (event: PointerEvent): void => {
    if (!drag) return;
    event.stopPropagation();
    if (drag.moved) {
      graph.svg.addEventListener("click", (e) => e.stopPropagation(), { capture: true, once: true });
      set(drag.leaf, valueOf(drag.leaf), true);
    }
    drag = null;
  };
  const pressKey = (event: KeyboardEvent): void => {
    const leaf = leafAt(event.target);
    const by = { ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[event.key];
    if (!leaf || by === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    frame.pause();
    set(leaf, valueOf(leaf) + by * reachOf(leaf.start).step, true);
  };
  graph.svg.addEventListener("pointerdown", press, { capture: true });
  graph.svg.addEventListener("pointermove", slide, { capture: true });
  graph.svg.addEventListener("pointerup", drop, { capture: true });
  graph.svg.addEventListener("pointercancel", drop, { capture: true });
  graph.svg.addEventListener("keydown", pressKey);

  let placed = 0;
  function place(): void {
    const [w] = graph.stage();
    if (placed === w) return;
    placed = w;
    graph.el.style.height = "";
    graph.resized();
    const v = visible(nodesOf(schedule, 0), new Set());
    const sizes = new Map(sizesOf(v, defines, names, new Map([...defines.keys()].map((n) => [n, defines.get(n)!.kind === "operation" ? WIDEST : 3]))));
    for (const leaf of program.leaves) sizes.set(`n${leaf.id}`, LEAF);
    const within = (tall: number): [Layout, number] => {
      const room: Size = [w - 60, tall - 60];
      const layout = arrange(v, sizes, room);
      return [layout, fit(layout, ...room)];
    };
    let [layout, scale] = within(graph.stage()[1]);
    // Where the page is narrow, a long graph runs downwards on a higher stage.
    const [down, larger] = scale < READABLE ? within(HIGH) : [layout, scale];
    if (larger > 1.2 * scale) {
      layout = down;
      graph.el.style.height = `${HIGH}px`;
      graph.resized();
    }
    graph.show(v, layout, defines, names, []);
    dress();
  }

  // --- the numbers as text ----------------------------------------------------------------------

  const problem = h("span", { class: "tgs-problem", role: "alert" });
  const fields = program.leaves.map((leaf) => {
    const input = h("input", { type: "text", inputmode: "decimal", autocomplete: "off", spellcheck: "false", "aria-label": `value of ${name(leaf.id)}` });
    const take = (): void => {
      const x = readNumber(input.value);
      setAttr(input, "aria-invalid", x === null ? "true" : null);
      setText(problem, x === null ? "A number looks like 1.5, −2 or 1/3." : "");
      // What is shown is rounded: leaving the field as it is must not round the number.
      if (x !== null && input.value !== num(valueOf(leaf), 6)) set(leaf, x, true);
    };
    input.addEventListener("change", take);
    input.addEventListener("keydown", (event) => event.key === "Enter" && take());
    return { leaf, input };
  });
  const reset = h("button", { type: "button", class: "tgs-quiet has-text" }, "As it was");
  reset.addEventListener("click", () => {
    held = null;
    setText(problem, "");
    put("values", {});
    again();
  });
  const numbers = h(
    "div",
    { class: "tgs-leaves", role: "group", "aria-label": "Leaves" },
    ...fields.map(({ leaf, input }) => h("label", {}, h("span", {}, name(leaf.id)), input)),
    reset,
    problem,
  );

  // --- switches ---------------------------------------------------------------------------------

  const switch_ = (label: string, tip: string, act: () => void, sign?: Parameters<typeof icon>[0]): HTMLButtonElement => {
    const b = h("button", { type: "button", class: "tgs-toggle", title: tip }, sign ? icon(sign) : null, h("span", {}, label));
    b.addEventListener("click", act);
    return b;
  };
  const values = switch_("Values", "How far the numbers have run forwards", () => frame.go(forward));
  const slopes = switch_("Slopes", `How far ${result} moves for each unit of every number`, () => frame.go(total));
  const nudge = switch_("Nudge", "Move one leaf a little and see how far everything moves", () => {
    const on = !nudging;
    frame.go(total);
    nudging = on;
    frame.draw();
  });
  const tally = h("span", { class: "tgs-score" });
  const predict = switch_("Predict", "Hide the next number and ask me for it", () => {
    const on = !predicting();
    put("predict", on);
    // At the end nothing is left to be asked for.
    if (on && frame.at === total) frame.go(0);
    asking = null;
    frame.draw();
  }, "think");
  predict.append(tally);
  numbers.append(h("div", { class: "tgs-views", role: "group", "aria-label": "What is shown" }, values, slopes, nudge));

  function answer(text: string): string | null {
    const q = asking!;
    const found = judge(q, text);
    if (!found) return "A number looks like 1.5, −2 or 1/3.";
    const entry: Prediction = { step: frame.at + 1, node: name(q.node), asked: q.asked, answer: found.answer, expected: q.expected, correct: found.correct };
    put("predictions", [...predictions(), entry]);
    frame.go(frame.at + 1);
    verdict = found;
    frame.draw();
    root.focus({ preventScroll: true });
    return null;
  }

  // --- words ------------------------------------------------------------------------------------

  const slopeOf = (state: State, node: number): number | null => {
    const v = state.nodes.get(node)?.arriving;
    return v === undefined ? null : Number(v.data === "Infinity" ? Infinity : v.data === "-Infinity" ? -Infinity : v.data);
  };

  /** ∂d/∂a = 1 · 3 + 1 · 1 = 4: for each edge that leads to the leaf, the slope it comes from times its own. */
  function sum(state: State, leaf: Node): Line | null {
    const total = slopeOf(state, leaf.id);
    const local = localSlopes(program, evaluate(program, now()));
    const parts = program.nodes.flatMap((n) => n.inputs.filter((i) => i.node === leaf.id && local.has(i.edge)).map((i) => [slopeOf(state, n.id), local.get(i.edge)!] as const));
    const known = parts.filter((p): p is [number, number] => p[0] !== null);
    if (total === null || !known.length || known.length > 4) return null;
    const terms = known.flatMap(([g, slope], k): Piece[] => [
      { t: "text", s: k ? " + " : " = " }, { t: "grad", s: k ? factor(g) : num(g) }, { t: "text", s: " · " }, { t: "value", s: factor(slope) },
    ]);
    return [partial(result, names, leaf.id), ...terms, { t: "text", s: " = " }, { t: "grad", s: num(total) }];
  }

  /** Why there is no number, or no slope, somewhere among the nodes that have run. */
  function trouble(state: State): { node: Node; words: string; refused: boolean } | null {
    const found = evaluate(program, now());
    for (const n of program.nodes) {
      if (n.op === null || !state.nodes.get(n.id)?.value) continue;
      const { op, x, y } = working(n, found);
      const refused = Number.isFinite(x + (n.inputs.length > 1 ? y : 0)) ? op.refuses?.(x, y) : null;
      const put = op.forward.replace("{x}", num(x)).replace("{y}", num(y));
      if (refused) return { node: n, words: `There is no ${put}: ${refused}. Whatever is made from it is no number either (NaN). Move a leaf back.`, refused: true };
      if (Math.abs(found.get(n.id)!) === Infinity)
        return { node: n, words: `${put} is larger than any number that a computer can hold (about 10³⁰⁸): it says ∞. Move a leaf back.`, refused: true };
      const odd = op.odd?.(x, y);
      if (odd) return { node: n, words: `${put}: ${odd}`, refused: false };
    }
    return null;
  }

  function table(): HTMLElement {
    const rows = NUDGES.map((by) => {
      const rise = nudged(program, now(), about.id, by).get(program.root.id)!;
      const b = h("button", { type: "button", "aria-pressed": String(by === size) }, num(by));
      b.addEventListener("click", () => {
        size = by;
        frame.draw();
        // The button has been made anew.
        root.querySelector<HTMLElement>('.tgs-nudges [aria-pressed="true"]')?.focus({ preventScroll: true });
      });
      return h("tr", {}, h("td", {}, b), h("td", {}, Number.isFinite(rise) ? change(rise) : "NaN"), h("td", {}, num(rise / by)));
    });
    const head = h("tr", {}, h("th", {}, `${name(about.id)} moves by`), h("th", {}, `${result} moves by`), h("th", {}, "for each unit"));
    return h("table", { class: "tgs-nudges" }, h("thead", {}, head), h("tbody", {}, ...rows));
  }

  function summary(state: State): Pick<Said, "words" | "spoken" | "more" | "title" | "phase"> {
    const a = name(about.id);
    const slope = slopeOf(state, about.id);
    const here = `${program.leaves.map((n) => `${name(n.id)} = ${num(valueOf(n))}`).join(", ")}: ${result} is ${num(evaluate(program, now()).get(program.root.id)!)}.`;
    if (!about.graded) return { phase: "backward", words: `${here} Nobody asked for the slope of ${a}.` };
    if (slope === null) return { phase: "backward", words: `${here} No path leads from ${result} to ${a}: nothing is sent there, and its slope is None, not 0.` };
    if (nudging)
      return {
        phase: "update",
        title: "Nudge",
        words: `${here} Nudge ${a} by ${num(size)}: what each number moves by stands below it. The smaller the nudge, the nearer the last column comes to the slope, ${num(slope)}.`,
        more: [table()],
      };
    const line = sum(state, about);
    const much = slope === 0 ? "does not move" : `moves ${num(Math.abs(slope))} times as far${slope < 0 ? ", the other way" : ""}`;
    return { phase: "backward", words: `${here} Move ${a} by a little, and ${result} ${much}.`, ...(line ? { more: [formula(line)], spoken: plain(line) } : {}) };
  }

  function marks(state: State, at: number, bad: { node: Node; refused: boolean } | null): Map<number, NodeMark> {
    const moves = nudging ? nudged(program, now(), about.id, size) : null;
    return new Map(
      program.nodes.map((n) => {
        const leaf = leafBy.get(name(n.id)) === n;
        const none = at === total && leaf && n.graded && slopeOf(state, n.id) === null;
        const by = moves && !(n.op === null && !leaf) ? moves.get(n.id)! : null;
        const cls = [leaf ? "is-movable" : "", by !== null ? (by === 0 ? "is-still" : "is-nudged") : none ? "is-still" : "", bad?.refused && bad.node === n ? "is-torn" : ""];
        const tag = by !== null ? (Number.isFinite(by) ? (by === 0 ? "0" : change(by)) : "NaN") : none ? "None" : undefined;
        const said = by !== null ? `moves by ${tag}` : none ? "slope None" : undefined;
        return [n.id, { cls: cls.filter(Boolean).join(" "), ...(tag === undefined ? {} : { tag }), ...(said === undefined ? {} : { said }) }];
      }),
    );
  }

  // --- the picture as a function of the step ----------------------------------------------------

  function draw(at: number): Said {
    place();
    const step = at > 0 ? steps()[at - 1]! : null;
    const coming = asking ? steps()[at]! : null;
    const [after, before] = [stateAfter(at), stateAfter(Math.max(at - 1, 0))];
    const end = coming ? (schedule.steps[at + lead - 1]?.end ?? 0) : 0;
    const state = coming ? stateAt([...schedule.events.slice(0, end), ...coming.events.filter((e) => e.type === "define")], Infinity) : after;
    const final = at === total && !coming;
    // A nudge runs forwards.
    const shown = nudging ? stateAfter(forward) : state;
    const bad = coming ? null : trouble(after);
    const ran = (n: Node): boolean => state.nodes.get(n.id)?.value !== undefined;
    const local = localSlopes(program, evaluate(program, now()));
    const labels = new Map(program.nodes.filter(ran).flatMap((n) => n.inputs.flatMap((i) => (local.has(i.edge) ? [[i.edge, onLine(local.get(i.edge)!)] as const] : []))));
    graph.update({
      state: shown,
      step: coming ?? (final ? null : step),
      selected: about.id,
      hole: asking && asking.edge === null ? { node: asking.node, edge: null } : null,
      before: coming ? after : before,
      marks: marks(state, at, bad),
      labels,
    });
    for (const leaf of program.leaves) {
      const { low, high } = reachOf(leaf.start);
      const part = Math.min(1, Math.max(0, (valueOf(leaf) - low) / (high - low)));
      setAttr(knobs.get(leaf.id)!, "cx", ((part - 0.5) * TRACK).toFixed(1));
      const g = graph.svg.querySelector(`[data-node="${leaf.id}"]`)!;
      setAttr(g, "aria-valuenow", String(valueOf(leaf)));
      setAttr(g, "aria-valuetext", num(valueOf(leaf)));
    }
    for (const { leaf, input } of fields) if (document.activeElement !== input) input.value = num(valueOf(leaf), 6);
    setAttr(values, "aria-pressed", String(at === forward));
    setAttr(slopes, "aria-pressed", String(at === total && !nudging));
    setAttr(nudge, "aria-pressed", String(nudging));
    setAttr(predict, "aria-pressed", String(predicting()));
    setText(tally, predictions().length ? score(predictions()) : "");

    if (asking) {
      const skip = (): void => {
        frame.go(frame.at + 1);
        root.focus({ preventScroll: true });
      };
      return { phase: coming!.phase, title: "Predict", words: asking.prompt, more: [formula(asking.line), answerForm(asking, answer, skip)] };
    }
    if (bad?.refused) return { phase: "refused", title: "No number", words: bad.words };
    const aside = bad ? ` ${bad.words}` : "";
    if (!step)
      return {
        phase: "start",
        words: `Drag a leaf to another number. Then step: the values run forwards to ${result}, and the slopes come back.${aside}`,
        more: [keys([["Tab"], "to a leaf"], [["↑", "↓"], "move it"], [["PgUp", "PgDn"], "ten times as far"])],
      };
    if (final) {
      const said = summary(state);
      return { title: "Slopes", ...said, words: said.words + aside, verdict };
    }
    const lines = equations(step, names, before, after);
    return { phase: step.phase, words: describe(step, names, before, after) + aside, spoken: lines.map(plain).join(". "), more: lines.map(formula), verdict };
  }

  for (const trait of ["predict", "predictions"]) frame.listen(trait, () => frame.draw());
  frame.listen("values", () => {
    if (!drag) held = null;
    again();
  });

  return {
    title,
    bands: bands(steps()),
    body: [h("div", { class: "tgs-bench" }, graph.el), numbers],
    actions: [predict],
    draw,
    drawing: graph.drawing,
    ask(at) {
      asking = predicting() ? question(steps()[at]!, names, stateAfter(at), stateAfter(at + 1)) : null;
      if (!asking) return false;
      verdict = null;
      queueMicrotask(() => root.querySelector<HTMLInputElement>(".tgs-answer input")?.focus({ preventScroll: true }));
      return true;
    },
    asking: () => asking !== null,
    leave(to) {
      asking = null;
      nudging = false;
      if (to !== frame.at) verdict = null;
    },
    escape() {
      asking = null;
      nudging = false;
      frame.draw();
    },
    resized() {
      graph.resized();
      frame.draw();
      graph.frame();
    },
  };
}

function read(text: string): Data {
  const recording = parse(text);
  const program = programOf(recording);
  if (program.nodes.length > 60) throw new Unreadable(`This graph has ${program.nodes.length} nodes, too many to be dragged and read: take at most 60.`);
  return { title: recording.meta["title"] || "Drag a number", program };
}

export default widgetOf<Data>({
  label: "Scalar graph",
  picture: graphCss + css,
  style: stageCss + mathCss + pageCss,
  data: "recording",
  saved: ["values", "predict", "predictions"],
  read,
  mount,
});
