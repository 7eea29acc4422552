// TrainingMonitor: the curves of running and past trainings, and what was measured at any step of them.
import { unpack } from "./data";
import { h, s, setAttr, setText } from "./dom";
import { num, toNumber } from "./format";
import { keys, widgetOf, type Frame, type Said, type Show } from "./frame";
import css from "./monitor.css";
import { chart, rowAt, type Chart } from "./monitor_chart";
import { add, lastAt, longest, read, rowOf, rowsOf, valueAt, type Clock, type Data, type Hint, type Message, type Run } from "./monitor_data";
import { examples, mostMistaken } from "./monitor_examples";
import { outputs, spokenName, weights, type Pane } from "./monitor_panes";
import { draggable, linearScale, markOf, placeOf, series, type Scale } from "./plot";
import plotCss from "./plot.css";

const CHART = [150, 270] as const; // lowest and highest
const LEFT = 66;
const ZOOM = 3;
const NARROWEST = 10; // steps
const PANES = { weights: "Weights", outputs: "Outputs", examples: "Examples" } as const;
type PaneName = keyof typeof PANES;

/** What can be shown beside the curves of a run. */
export function panesOf(run: Run | undefined): PaneName[] {
  if (!run) return [];
  const names: PaneName[] = [];
  if (run.layers.length) names.push("weights");
  if (run.modules.length && run.samples.some((x) => x.out?.some((bars) => bars.length))) names.push("outputs");
  if (run.examples && run.looks.length) names.push("examples");
  return names;
}

/** How long it has taken, and how long it will. */
export function clockWords(run: Run | undefined, clock: Clock | null | undefined): string {
  if (!run || !clock || !run.steps.length) return "";
  const rows = run.steps.length;
  const { seconds, total, left } = clock;
  const done = total === null ? `${rows} steps` : rows < total ? `${rows} of ${total} steps` : `${total} steps`;
  return left !== null && total !== null && rows < total ? `${done}, about ${time(left)} left` : `${done} in ${time(seconds)}`;
}

function time(seconds: number): string {
  if (seconds < 60) return `${num(seconds, seconds < 10 ? 2 : 3)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${Math.round(seconds % 60)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Runs of a sweep differ at either end of their names: the middle is left out. */
const clip = (name: string, most = 22): string => (name.length > most ? `${name.slice(0, Math.ceil(most / 2) - 1)}…${name.slice(1 - Math.floor(most / 2))}` : name);

function mount(frame: Frame, data: Data): Show {
  let width = 720;
  let pending = 0;
  let window: [number, number] | null = null; // the steps that are looked at, if not all
  let charts: Chart[] = [];
  let pane: Pane | null = null;
  let paneMade: readonly unknown[] = []; // what it was made from
  let paneWidth = 0;
  let size = { width: 0, height: 0, beside: 0, below: 0, pane: 0 };
  let toX: Scale | null = null;

  const smoothing = (): number => Number(frame.model.get("smoothing") ?? 0);
  const logarithmic = (): boolean => frame.model.get("logarithmic") === true;
  const hinting = (): boolean => frame.model.get("hints") !== false;
  const hidden = (): Set<number> => new Set((frame.model.get("hidden") as number[] | undefined) ?? []);
  const shown = (): number[] => data.runs.map((_, k) => k).filter((k) => !hidden().has(k));
  /** The place of the run whose layers are shown. */
  function watched(): number {
    const chosen = Number(frame.model.get("watched") ?? -1);
    if (chosen >= 0 && chosen < data.runs.length) return chosen;
    const seen = shown();
    return [...seen].reverse().find((k) => panesOf(data.runs[k]).length) ?? seen.at(-1) ?? data.runs.length - 1;
  }
  function paneName(): PaneName | null {
    const there = panesOf(data.runs[watched()]);
    const chosen = frame.model.get("pane") as PaneName;
    return there.includes(chosen) ? chosen : (there[0] ?? null);
  }
  const stepAt = (at: number): number => {
    const steps = longest(data)?.steps ?? [];
    return steps[Math.min(at, steps.length - 1)] ?? 0;
  };

  // --- parts of the page ------------------------------------------------------------------------

  const curves = s("svg", { class: "tgs-plot tgs-monitor", role: "img", "aria-label": "Metrics by step" });
  const marks = s("svg", { class: "tgs-plot tgs-monitor-marks", "aria-hidden": "true" });
  const beside = s("svg", { class: "tgs-plot tgs-monitor-pane", role: "img", "aria-label": "What was measured at the step chosen" });
  const chips = h("div", { class: "tgs-runs", role: "group", "aria-label": "Runs that are drawn" });
  const clock = h("span", { class: "tgs-clock" });
  const tabs = h("div", { class: "tgs-tabs", role: "group", "aria-label": "Beside the curves" });
  const side = h("div", { class: "tgs-beside" }, tabs, beside);
  const button = (words: string, label: string, act: () => void, cls = "tgs-quiet has-text"): HTMLButtonElement => {
    const b = h("button", { type: "button", class: cls, title: label, "aria-label": label }, words);
    b.addEventListener("click", act);
    return b;
  };
  const zoomIn = button("+", "Zoom in on the steps around this one", () => zoom(1 / ZOOM));
  const zoomOut = button("−", "Zoom out", () => zoom(ZOOM));
  const line = h("div", { class: "tgs-runline" }, chips, h("div", { class: "tgs-runtools" }, clock, h("span", { role: "group", "aria-label": "Zoom" }, zoomOut, zoomIn)));
  const parts = h("div", { class: "tgs-parts" }, h("div", { class: "tgs-paperwork tgs-curves" }, curves, marks), side);
  const body = h("div", { class: "tgs-training" }, line, parts);

  const slider = h("input", { type: "range", min: 0, max: 0.99, step: 0.01, class: "tgs-smooth", "aria-label": "Smoothing" });
  slider.addEventListener("input", () => {
    frame.put("smoothing", Number(slider.value));
    rebuild();
  });
  const toggle = (words: string, label: string, trait: string, is: () => boolean): HTMLButtonElement => {
    const b = h("button", { type: "button", class: "tgs-toggle", title: label }, h("span", {}, words));
    b.addEventListener("click", () => {
      frame.put(trait, !is());
      rebuild();
    });
    return b;
  };
  const log = toggle("Log", "Powers of ten on the upright axes", "logarithmic", logarithmic);
  const hint = toggle("Hints", "Say what could be wrong", "hints", hinting);

  // --- what comes from outside ------------------------------------------------------------------

  for (const trait of ["smoothing", "logarithmic", "hints", "hidden", "watched", "pane"]) frame.listen(trait, rebuild);
  frame.listen("data", () => {
    void unpack(String(frame.model.get("data"))).then((text) => {
      const { runs } = read(text);
      // What was sent while it ran is all there already, and perhaps more of it.
      const less = rowsOf({ ...data, runs }) < rowsOf(data);
      if (less) runs.forEach((r, k) => data.runs[k] && Object.assign(data.runs[k]!, { hints: r.hints, clock: r.clock }));
      else data.runs.splice(0, data.runs.length, ...runs);
      changed();
    });
  });
  frame.hear((message) => {
    add(data, message as Message);
    // Many messages, one picture.
    pending ||= requestAnimationFrame(changed);
  });
  function changed(): void {
    pending = 0;
    build();
    frame.grow(Math.max(1, rowsOf(data) - 1));
  }
  function rebuild(): void {
    build();
    frame.draw();
  }

  // --- the pointer ------------------------------------------------------------------------------

  const hover = s("path", { class: "tgs-hover" });
  const hoverStep = s("text", { class: "tgs-small" });
  const stepUnder = (px: number): number | null => {
    const steps = longest(data)?.steps;
    if (!toX || !steps?.length || px < LEFT - 12 || px > size.width - 4) return null;
    const wish = toX.invert(px);
    const row = Math.min(rowOf(steps, wish), steps.length - 1);
    // The nearest of the two around.
    return row > 0 && wish - steps[row - 1]! < steps[row]! - wish ? row - 1 : row;
  };
  draggable(curves, (px) => {
    const row = stepUnder(px);
    if (row === null) return;
    frame.pause();
    frame.go(row);
  });
  const leave = (): void => {
    hover.setAttribute("d", "");
    setText(hoverStep, "");
  };
  curves.addEventListener("pointermove", (event) => {
    const row = stepUnder(placeOf(curves, event)[0]);
    if (row === null || !toX) return leave();
    const step = longest(data)!.steps[row]!;
    const x = toX(step).toFixed(1);
    hover.setAttribute("d", `M${x} 34V${size.height - 44}`);
    hoverStep.setAttribute("x", x);
    setText(hoverStep, num(step, 7));
  });
  curves.addEventListener("pointerleave", leave);

  function zoom(factor: number): void {
    const steps = longest(data)?.steps ?? [];
    const [first, last] = [steps[0] ?? 0, steps.at(-1) ?? 1];
    const [from, to] = window ?? [first, last];
    const wide = Math.max(NARROWEST, (to - from) * factor);
    window = wide >= last - first ? null : around(stepAt(frame.at), wide);
    rebuild();
  }
  /** So many steps, this one in the middle if there are enough on both sides. */
  function around(step: number, wide: number): [number, number] {
    const steps = longest(data)?.steps ?? [];
    const start = Math.max(steps[0] ?? 0, Math.min(step - wide / 2, (steps.at(-1) ?? 1) - wide));
    return [start, start + wide];
  }

  // --- the picture ------------------------------------------------------------------------------

  function build(): void {
    buildChips();
    buildTabs();
    const name = paneName();
    const wide = width > 860 && name !== null;
    parts.classList.toggle("is-wide", wide);
    const across = wide ? Math.round(width * 0.54) : width;
    paneWidth = (wide ? width - across : width) - 38;
    const run = data.runs[watched()];
    buildPane(run, name);
    buildCurves(across);
    const at = wide ? { beside: across + 12, below: 34 } : { beside: 20, below: size.height + 18 };
    size = { ...size, ...at, pane: pane?.height ?? 0 };
  }

  function buildPane(run: Run | undefined, name: PaneName | null): void {
    const made = [run, name, paneWidth, run?.samples.at(-1), run?.looks.at(-1)];
    // While a training runs, most messages bring nothing that belongs here.
    if (pane && made.every((x, i) => x === paneMade[i])) return;
    paneMade = made;
    pane = name && run ? { weights, outputs, examples }[name](run, paneWidth) : null;
    side.hidden = pane === null;
    beside.replaceChildren(...(pane?.nodes ?? []));
    sized(beside, paneWidth, pane?.height ?? 0);
  }

  function sized(svg: SVGSVGElement, w: number, tall: number): void {
    svg.setAttribute("viewBox", `0 0 ${w} ${Math.ceil(tall)}`);
    svg.style.height = `${Math.ceil(tall)}px`;
  }

  function buildCurves(across: number): void {
    const first = Math.min(...data.runs.map((r) => r.steps[0] ?? Infinity));
    const last = Math.max(1, ...data.runs.map((r) => r.steps.at(-1) ?? 0));
    const whole: [number, number] = [Math.min(Number.isFinite(first) ? first : 0, last - 1), last];
    const span = window ?? whole;
    const seen = shown();
    const names = [...new Set(data.runs.flatMap((r) => Object.keys(r.metrics)))].filter((n) => !seen.length || seen.some((k) => data.runs[k]!.metrics[n]));
    const right = across - 24;
    const x = (toX = linearScale(...span, LEFT, right, 7));
    // As high as what stands beside them, if that is reasonable.
    const room = parts.classList.contains("is-wide") ? (pane?.height ?? 0) / Math.max(1, names.length) - 40 : 0;
    const tall = Math.round(Math.min(CHART[1], Math.max(CHART[0], room)));
    let top = 34;
    charts = names.map((name, k) => {
      const box = { left: LEFT, top, right, bottom: top + tall };
      top = box.bottom + 56;
      return chart(data.runs, name, box, x, span, { smoothing: smoothing(), logarithmic: logarithmic(), shown: seen, watched: watched(), across: k === names.length - 1 ? "step" : "" });
    });
    const nothing = names.length ? [] : [s("text", { class: "tgs-small", x: (LEFT + right) / 2, y: 90 }, "Curves appear here with the first step.")];
    size = { ...size, width: across, height: Math.max(top - 6, 160) };
    hoverStep.setAttribute("y", String(size.height - 12));
    curves.replaceChildren(...nothing, ...charts.flatMap((c) => c.nodes));
    marks.replaceChildren(...charts.flatMap((c) => c.marks), hover, hoverStep);
    for (const svg of [curves, marks]) sized(svg, across, size.height);
    setAttr(zoomOut, "aria-disabled", window ? null : "true");
    setAttr(zoomIn, "aria-disabled", rowsOf(data) > NARROWEST ? null : "true");
  }

  /** A button for each run: drawn or not. */
  function buildChips(): void {
    const away = hidden();
    const wanted = data.runs.length > 1 ? data.runs : [];
    // Made once: a chip that is replaced while it has the focus would lose it.
    while (chips.childElementCount > wanted.length) chips.lastElementChild!.remove();
    wanted.forEach((r, k) => {
      let chip = chips.children[k] as HTMLButtonElement | undefined;
      if (!chip) {
        chip = h("button", { type: "button", class: `tgs-chip ${series(k)}` }, s("svg", { viewBox: "-8 -8 16 16", "aria-hidden": "true" }, s("path", { d: markOf(k) })), h("span"));
        chip.addEventListener("click", () => {
          const now = hidden();
          if (!now.delete(k)) now.add(k);
          frame.put("hidden", [...now].sort((a, b) => a - b));
          rebuild();
        });
        for (const [event, faded] of [["pointerenter", true], ["focus", true], ["pointerleave", false], ["blur", false]] as const)
          chip.addEventListener(event, () => fade(faded && !hidden().has(k) ? k : null));
        chips.append(chip);
      }
      setText(chip.lastElementChild!, clip(r.name));
      chip.title = `${r.name}: ${away.has(k) ? "not drawn" : "drawn"}`;
      chip.setAttribute("aria-pressed", String(!away.has(k)));
    });
  }
  /** All curves but one step back. */
  function fade(but: number | null): void {
    for (const g of curves.querySelectorAll<SVGElement>(".tgs-run-curve")) g.classList.toggle("is-back", but !== null && g.dataset["run"] !== String(but));
  }

  function buildTabs(): void {
    const there = panesOf(data.runs[watched()]);
    const now = paneName();
    const focused = tabs.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset["tab"] : undefined;
    const buttons = there.map((name) => {
      const b = button(PANES[name], `Show ${PANES[name].toLowerCase()}`, () => {
        frame.put("pane", name);
        rebuild();
      }, "tgs-tab");
      b.dataset["tab"] = name;
      setAttr(b, "aria-pressed", String(name === now));
      b.removeAttribute("aria-label");
      return b;
    });
    const able = data.runs.map((r, k) => [r, k] as const).filter(([r]) => panesOf(r).length);
    const choose = h("select", { class: "tgs-speed tgs-watched", "aria-label": "Run whose layers are shown", "data-tab": "run" }, ...able.map(([r, k]) => h("option", { value: k, selected: k === watched() }, clip(r.name, 18))));
    choose.addEventListener("change", () => {
      frame.put("watched", Number(choose.value));
      rebuild();
    });
    tabs.replaceChildren(...buttons, ...(able.length > 1 ? [h("label", { class: "tgs-of" }, "of ", choose)] : []));
    if (focused) tabs.querySelector<HTMLElement>(`[data-tab="${focused}"]`)?.focus({ preventScroll: true });
  }

  // --- words ------------------------------------------------------------------------------------

  function facts(step: number): string {
    const seen = shown();
    const of = (k: number): string => {
      const r = data.runs[k]!;
      const row = rowAt(r, step);
      const values = Object.entries(r.metrics).map(([name, v]) => [name, valueAt(v, row)] as const).filter(([, v]) => v !== null).map(([name, v]) => `${name} ${num(v!, 4)}`);
      const over = step > (r.steps.at(-1) ?? step) ? " (ended)" : "";
      return `${data.runs.length > 1 ? `${r.name}${over}: ` : ""}${values.join(", ") || "nothing yet"}`;
    };
    const told = seen.slice(0, 6).map(of).join("; ");
    const more = seen.length > 6 ? `; and ${seen.length - 6} more` : "";
    const run = data.runs[watched()];
    return `${told}${more}.${run ? inside(run, rowAt(run, step)) : ""}`;
  }

  /** What the layers and the examples of a run say at a row. */
  function inside(run: Run, row: number): string {
    const sample = lastAt(run.samples, row);
    const look = lastAt(run.looks, row);
    const words: string[] = [];
    if (sample) {
      const ranked = sample.grad.map((g, i) => [g === null ? NaN : toNumber(g), run.layers[i] ?? "", g === null] as const);
      const known = ranked.filter(([g]) => Number.isFinite(g)).sort((p, q) => q[0] - p[0]);
      const broken = ranked.filter(([g, , none]) => !none && !Number.isFinite(g)).length;
      const [most, least] = [known[0], known.at(-1)];
      if (most && least && most !== least) words.push(`Largest gradient: ${most[1]} with ${num(most[0], 2)}; smallest: ${least[1]} with ${num(least[0], 2)}.`);
      if (broken) words.push(`${broken} of the gradients ${broken > 1 ? "are" : "is"} not finite.`);
      const dead = sample.dead?.findIndex((d) => (d ?? 0) >= 0.5) ?? -1;
      if (dead >= 0) words.push(`Of ${spokenName(run.modules[dead]!)}, ${num(100 * sample.dead![dead]!, 2)} % of the units gave 0 for every example.`);
    }
    if (look && run.examples) {
      const mistaken = mostMistaken(look);
      const [is, said, count] = mistaken ?? [0, 0, 0];
      words.push(`Of ${run.examples.count} examples ${look.right} right${mistaken ? `; most often ${run.examples.classes[is]} was taken for ${run.examples.classes[said]} (${count})` : ""}.`);
    }
    return words.length ? ` ${words.join(" ")}` : "";
  }

  /** The suspicions that can be had at a step, each with its run. */
  function suspicions(step: number): { run: Run; k: number; hint: Hint }[] {
    if (!hinting()) return [];
    return shown().flatMap((k) => {
      const run = data.runs[k]!;
      return run.hints.filter((x) => x.row <= rowAt(run, step)).map((hint) => ({ run, k, hint }));
    });
  }

  function list(found: readonly { run: Run; k: number; hint: Hint }[]): HTMLElement {
    return h("ul", { class: "tgs-hints" }, ...found.map(({ run, k, hint: x }) =>
      h("li", {},
        h("p", { class: "tgs-could" }, ...(data.runs.length > 1 ? [h("span", { class: `tgs-chip is-still ${series(k)}` }, s("svg", { viewBox: "-8 -8 16 16", "aria-hidden": "true" }, s("path", { d: markOf(k) })), clip(run.name))] : []), "Could be: ", h("b", {}, x.could_be)),
        h("p", {}, x.saw), h("p", { class: "tgs-next" }, x.look)),
    ));
  }

  function draw(at: number): Said {
    const step = stepAt(at);
    if (window && (step < window[0] || step > window[1])) {
      window = around(step, window[1] - window[0]);
      buildCurves(size.width);
    }
    charts.forEach((c) => c.at(step));
    const run = data.runs[watched()];
    if (run) pane?.at(rowAt(run, step));
    slider.value = String(smoothing());
    setAttr(slider, "aria-valuetext", smoothing() ? `${num(smoothing(), 2)}` : "none");
    setAttr(log, "aria-pressed", String(logarithmic()));
    setAttr(hint, "aria-pressed", String(hinting()));
    const newest = data.runs.at(-1);
    setText(clock, clockWords(newest, newest?.clock));
    if (!rowsOf(data)) return { phase: "start", title: "Waiting", words: "Nothing has been trained yet: call log(loss=…) after each step of the optimiser.", more: [keys()] };
    const found = suspicions(step);
    const spoken = found.map(({ run: r, hint: x }) => `${data.runs.length > 1 ? `${r.name}: could` : "Could"} be: ${x.could_be}. ${x.saw}`).join(" ");
    return { phase: "update", title: `Step ${step}`, words: facts(step), spoken, more: found.length ? [list(found)] : [] };
  }

  /** Both pictures in one, as they stand on the page. */
  function drawing(): { svg: SVGSVGElement; width: number; height: number } {
    const group = (from: SVGSVGElement, x: number, y: number): SVGGElement => {
      const g = s("g", { class: "tgs-plot", transform: `translate(${x} ${y})` });
      g.append(...[...from.childNodes].map((n) => n.cloneNode(true)));
      return g;
    };
    const svg = s("svg", { class: "tgs-plot" }, group(curves, 0, 0), group(marks, 0, 0), ...(pane ? [group(beside, size.beside, size.below)] : []));
    return { svg, width, height: Math.max(size.height, pane ? size.below + size.pane : 0) };
  }

  return {
    title: data.title,
    bands: [{ phase: "update", label: "Training", count: Math.max(1, rowsOf(data) - 1) }],
    pace: 40,
    body: [body],
    actions: [h("label", { class: "tgs-smoothing" }, h("span", {}, "Smooth"), slider), log, hint],
    draw,
    drawing,
    resized(w) {
      width = Math.max(480, w || 720);
      rebuild();
    },
    close: () => cancelAnimationFrame(pending),
  };
}

export default widgetOf<Data>({
  label: "Training monitor",
  picture: plotCss + css,
  data: "data",
  live: true,
  saved: ["smoothing", "logarithmic", "hints", "hidden", "watched", "pane"],
  read,
  mount,
});
