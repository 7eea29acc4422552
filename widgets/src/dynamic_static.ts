// DynamicVsStatic: one model, two recordings, one time axis: what Python does, and what operations do.
import { controls } from "./controls";
import { h, s, setText } from "./dom";
import { download, htmlPage, svgFile } from "./export";
import graphCss from "./graph.css";
import { icon, type Icon } from "./icons";
import { load, unpack, Unreadable } from "./load";
import { nameAll, type Name } from "./names";
import { plan } from "./steps";
import css from "./style.css";
import { followTheme } from "./theme";
import ownGraphCss from "./dynamic_static_graph.css";
import ownCss from "./dynamic_static.css";
import { lanes as makeLanes, mark, type Lanes } from "./dynamic_static_lanes";
import { NAMES, pane, type Lit, type Pane } from "./dynamic_static_pane";
import { stateAt, type Side } from "./dynamic_static_state";
import { axis, keyOf, lineText, moments, paired, type Moment, type Tick, type Told } from "./dynamic_static_steps";
import { asStep, judge, question, readNumbers, type Prediction, type Question, type Verdict } from "./dynamic_static_words";
import type { Define, Event, Place, Recording } from "./types";

/** As much of Jupyter's model as the widget needs. */
interface Model {
  get(key: string): unknown;
  set(key: string, value: unknown): void;
  save_changes(): void;
  on(event: string, callback: () => void): void;
  off(event: string, callback: () => void): void;
}

type Two<T> = readonly [T, T];
const SAVED_KEYS = ["eager", "static", "step", "folded", "predict", "predictions"];
const OPENING: Two<string> = ["Nothing has run yet.", "Nothing has been written down yet."];

const told = (r: Recording): readonly Told[] => r.events as readonly Told[];

/** What this widget relies on beyond what every reader of recordings does. */
function checked(recording: Recording): Recording {
  const known = new Set<number>();
  const fail = (seq: number, why: string): never => {
    throw new Unreadable(`This recording is damaged: event ${seq} ${why}. Record the cell again.`);
  };
  told(recording).forEach((e, i) => {
    if (e.type === "define") known.add(e.node);
    else if (e.type === "print" && typeof e.text !== "string") fail(i, "(print) has no “text”");
    else if (e.type === "fetch" && (typeof e.value !== "object" || !known.has(e.node))) fail(i, "(fetch) has no node or no “value”");
    else if (e.type === "feed" && typeof e.value !== "object") fail(i, "(feed) has no “value”");
    else if (e.type === "run")
      for (const ids of [e.feeds, e.fetches])
        if (!Array.isArray(ids) || ids.some((n) => !known.has(n))) fail(i, "(run) names nodes that are not defined");
  });
  return recording;
}

/** The same names on both sides: what the program calls a value, not what a graph's listing does. */
function namesOf(recording: Recording): Map<number, Name> {
  const bare = recording.events.map((e) => (e.type === "define" && e.kind === "operation" && "listing" in e ? { ...e, name: null } : e));
  return nameAll(plan(bare), recording.sources);
}

function mount(model: Model, recordings: Two<Recording>, root: HTMLElement): () => void {
  const events: Two<readonly Told[]> = [told(recordings[0]), told(recordings[1])];
  const all: Two<Moment[]> = [moments(events[0]), moments(events[1])];
  const keys = all.map((ms, k) => ms.map((m) => keyOf(m, recordings[k as 0 | 1]))) as unknown as Two<(string | null)[]>;
  const pairs = paired(keys[0], keys[1]);
  const ticks: Tick[] = axis(all[0].length, all[1].length, pairs);
  const names: Two<Map<number, Name>> = [namesOf(recordings[0]), namesOf(recordings[1])];
  /** Nodes that both sides make in the same moment, from one side to the other. */
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
    for (const read of a.inputs) {
      const other = b.inputs.find((x) => x.arg === read.arg);
      if (other) twin(read.node, other.node);
    }
  }
  const title = recordings[0].meta["title"] || recordings[1].meta["title"] || "Dynamic and static";
  const slug = title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "") || "dynamic-and-static";

  let at = clampStep(Number(model.get("step") ?? 0));
  let selected: { side: 0 | 1; node: number } | null = null;
  let waiting: Question[] = [];
  let asking: { q: Question; form: HTMLElement } | null = null;
  let verdicts: [Verdict | null, Verdict | null] = [null, null];
  const undo: (() => void)[] = [];

  function clampStep(n: number): number {
    const whole = Number.isFinite(n) ? Math.round(n) : 0;
    // As in Python: -1 is the last.
    return Math.min(Math.max(whole < 0 ? ticks.length + 1 + whole : whole, 0), ticks.length);
  }
  const done = (tick: number, side: 0 | 1): number => (tick > 0 ? ticks[tick - 1]![side] : 0);
  const sideAfter = (tick: number, side: 0 | 1): Side => {
    const count = done(tick, side);
    return stateAt(events[side], count ? all[side][count - 1]!.end : 0);
  };
  /** What happens at a tick on a side; null while it waits. */
  const momentAt = (tick: number, side: 0 | 1): Moment | null =>
    tick > 0 && done(tick, side) > done(tick - 1, side) ? all[side][done(tick, side) - 1]! : null;
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

  const NOTHING: Lit = { nodes: new Set(), lines: new Set() };
  const panes = ([0, 1] as const).map((k) =>
    pane(k, recordings[k], events[k], names[k], {
      point: (what) => light(what ? { side: k, what } : null),
      pick: (node) => {
        selected = node === null || (selected?.side === k && selected.node === node) ? null : { side: k, node };
        draw();
        if (node === null) root.focus({ preventScroll: true });
      },
      fold: (path, fold) => {
        const set = folded();
        if (fold) set.add(path);
        else set.delete(path);
        put("folded", [...set].sort());
        refold();
      },
    }),
  ) as unknown as Two<Pane>;

  const textOf = (k: 0 | 1, line: string): string => {
    const cut = line.lastIndexOf(":");
    const place: Place = { file: line.slice(0, cut), line: Number(line.slice(cut + 1)) };
    return lineText(recordings[k].sources, place);
  };
  /** The same on the other side: nodes made in the same moment, and the very same lines of code. */
  function mirrored(side: 0 | 1, what: Lit): Lit {
    const other = (1 - side) as 0 | 1;
    const nodes = new Set([...what.nodes].flatMap((n) => twins[side].get(n) ?? []));
    const texts = new Set([...what.lines].map((l) => textOf(side, l)).filter(Boolean));
    const lines = new Set(linesWith[other].filter((l) => texts.has(textOf(other, l))));
    return { nodes, lines };
  }
  const linesWith = ([0, 1] as const).map((k) => [...new Set(events[k].flatMap((e) => (e.source ? [`${e.source.file}:${e.source.line}`] : [])))]) as unknown as Two<string[]>;
  function light(pointed: { side: 0 | 1; what: Lit } | null): void {
    const { side, what } = pointed ?? (selected ? { side: selected.side, what: ofNode(selected.side, selected.node) } : { side: 0 as const, what: NOTHING });
    panes[side].light(what);
    panes[(1 - side) as 0 | 1].light(mirrored(side, what));
  }
  function ofNode(side: 0 | 1, node: number): Lit {
    const d = events[side].find((e): e is Define => e.type === "define" && e.node === node);
    return { nodes: new Set([node]), lines: new Set(d?.source ? [`${d.source.file}:${d.source.line}`] : []) };
  }

  const predictText = h("span", {}, "Predict");
  const tally = h("span", { class: "tgs-score" });
  const predictButton = h("button", { type: "button", class: "tgs-toggle", title: "Ask me what each print shows, before it shows it" }, icon("think"), predictText, tally);
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
      action("SVG", "image", "Save the picture as SVG", () => download(`${slug}.svg`, "image/svg+xml", both())),
      action("PNG", "image", "Save the picture as PNG", () => void savePng()),
      action("HTML", "page", "Save it all as one HTML page", () => void savePage()),
    ),
  );
  const steps = ticks.map((t, k) => asStep(momentAt(k + 1, 0) ?? momentAt(k + 1, 1) ?? all[0][t[0] - 1]!));
  const bar = controls(steps, {
    go: (n) => go(n),
    next: () => next(),
    previous: () => go(asking ? at : at - 1),
    /** Playing asks too: the answer then goes on. */
    playNext: () => {
      next();
      return asking === null && at < ticks.length;
    },
    atEnd: () => at >= ticks.length,
    alive: () => root.isConnected,
  });
  // The lanes take the place of the bar's bands, so that the slider's thumb stands below the moment it is at.
  const band = h("div", { class: "dsv-axis", title: "Click to jump" });
  const time = bar.el.querySelector(".tgs-time") ?? bar.el;
  bar.el.querySelector(".tgs-bands")?.remove();
  time.prepend(h("div", { class: "dsv-labels", "aria-hidden": "true" }, h("span", {}, NAMES[0]), h("span", {}, NAMES[1])), band);
  bar.el.querySelector(".tgs-buttons")?.after(legend(new Set([...all[0], ...all[1]].map((m) => m.kind))));
  const live = h("div", { class: "tgs-sr", role: "status", "aria-live": "polite" });
  root.append(head, h("div", { class: "dsv-panes" }, panes[0].el, panes[1].el), bar.el, live);

  let lanes: Lanes | null = null;
  const paired0 = new Set(pairs.map(([i]) => i));
  function drawLanes(): void {
    lanes = makeLanes(ticks, all, paired0, Math.max(120, band.clientWidth || 600), (n) => {
      bar.pause();
      go(n);
    });
    band.replaceChildren(lanes.el);
    lanes.update(at);
  }

  // --- files -------------------------------------------------------------------------------

  /** Both panes and the axis as one picture, with its style inside. */
  function both(): string {
    const parts = panes.map((p, k) => {
      p.graph.complete();
      const text = svgFile(p.graph.svg, p.graph.whole(), NAMES[k as 0 | 1]);
      p.graph.frame();
      return document.importNode(new DOMParser().parseFromString(text, "image/svg+xml").documentElement, true) as unknown as SVGSVGElement;
    });
    const size = (svg: SVGSVGElement, name: string): number => Number(svg.getAttribute(name));
    const widths = parts.map((p) => Math.max(260, size(p, "width")));
    const axisWidth = widths[0]! + widths[1]! + 30;
    const tall = Math.max(...parts.map((p) => size(p, "height")));
    const [width, height] = [axisWidth + 40, tall + 190];
    const style = getComputedStyle(root);
    const out = s("svg", { xmlns: "http://www.w3.org/2000/svg", width, height, viewBox: `0 0 ${width} ${height}`, class: "tgs-graph dsv-file" });
    const vars = [...new Set([...(ownGraphCss + graphCss).matchAll(/var\((--tgs-[\w-]+)/g)].map((m) => m[1]!))];
    const resolved = `.dsv-file{${vars.map((v) => `${v}:${style.getPropertyValue(v).trim() || "inherit"}`).join(";")}}`;
    out.append(s("title", {}, `${title}, step ${at} of ${ticks.length}`), s("style", {}, resolved + graphCss + ownGraphCss), s("rect", { width, height, class: "tgs-paper" }));
    let x = 20;
    parts.forEach((p, k) => {
      const words = panes[k]!.el.querySelector(".dsv-sentence")?.textContent ?? "";
      p.querySelector("rect.tgs-paper")?.remove();
      p.setAttribute("x", String(x));
      p.setAttribute("y", "34");
      out.append(s("text", { x, y: 26, class: "dsv-head" }, NAMES[k as 0 | 1]), p, ...wrapped(words, x, tall + 48, widths[k]!));
      x += widths[k]! + 30;
    });
    const axis_ = makeLanes(ticks, all, paired0, axisWidth, () => undefined);
    axis_.update(at);
    axis_.el.setAttribute("x", "20");
    axis_.el.setAttribute("y", String(tall + 104));
    axis_.el.setAttribute("overflow", "visible");
    out.append(axis_.el);
    return new XMLSerializer().serializeToString(out);
  }

  async function savePng(): Promise<void> {
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(both())}`;
    await image.decode();
    const canvas = h("canvas", { width: image.width * 2, height: image.height * 2 });
    canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
    const a = h("a", { href: canvas.toDataURL("image/png"), download: `${slug}.png` });
    a.click();
  }

  async function savePage(): Promise<void> {
    const state = Object.fromEntries(SAVED_KEYS.map((k) => [k, model.get(k)]));
    // Jupyter holds the widget's code packed; a page had better hold it plain.
    const code = String(model.get("_esm") ?? "");
    const packed = /"(gzip:[\w+/=]+)"/.exec(code)?.[1];
    download(`${slug}.html`, "text/html", htmlPage(title, { ...state, step: at }, packed ? await unpack(packed) : code));
  }

  // --- what the reader does ----------------------------------------------------------------

  function go(n: number): void {
    const to = clampStep(Math.max(n, 0));
    asking = null;
    waiting = [];
    if (to !== at) verdicts = [null, null];
    at = to;
    if (model.get("step") !== at) put("step", at);
    draw();
  }

  function next(): void {
    if (asking || at >= ticks.length) return;
    waiting = [];
    if (predicting())
      for (const k of [0, 1] as const) {
        const m = momentAt(at + 1, k);
        const q = m && question(k, m, sideAfter(at + 1, k), recordings[k]);
        if (q) waiting.push(q);
      }
    verdicts = [null, null];
    ask();
  }

  /** The next open question about the coming tick, or the tick itself. */
  function ask(): void {
    const q = waiting.shift();
    if (!q) {
      const keep = verdicts;
      go(at + 1);
      verdicts = keep;
      return draw();
    }
    bar.pause();
    asking = { q, form: answerForm(q) };
    draw();
    asking.form.querySelector("input")?.focus({ preventScroll: true });
  }

  function answered(q: Question, answer: readonly number[] | null): void {
    const verdict = judge(q, answer);
    const entry: Prediction = { step: at + 1, side: NAMES[q.side], asked: q.asked, answer, expected: q.expected, correct: verdict.correct };
    put("predictions", [...predictions(), entry]);
    verdicts[q.side] = verdict;
    asking = null;
    ask();
    if (!asking) root.focus({ preventScroll: true });
  }

  function answerForm(q: Question): HTMLElement {
    const input = h("input", { type: "text", inputmode: "decimal", autocomplete: "off", spellcheck: "false", "aria-label": q.prompt, placeholder: "a number" });
    const problem = h("span", { class: "tgs-problem", role: "alert" });
    const button = (label: string, act: () => void): HTMLElement => {
      const b = h("button", { type: "button", class: "tgs-quiet has-text dsv-choice" }, label);
      b.addEventListener("click", act);
      return b;
    };
    const skip = button("Show me", () => {
      asking = null;
      ask();
      if (!asking) root.focus({ preventScroll: true });
    });
    const none = q.asked === "print" ? button("No number yet", () => answered(q, null)) : null;
    const form = h("form", { class: "tgs-answer" }, input, h("button", { type: "submit", class: "tgs-check" }, "Check"), none, skip, problem);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const answer = readNumbers(input.value);
      if (answer) answered(q, answer);
      else setText(problem, "A number looks like 1.5, −2 or 1/3.");
    });
    return form;
  }

  predictButton.addEventListener("click", () => {
    asking = null;
    waiting = [];
    verdicts = [null, null];
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
        waiting = [];
      } else selected = null;
      draw();
      root.focus({ preventScroll: true });
      return;
    }
    if (typing || target instanceof HTMLSelectElement) return;
    const acts: Record<string, () => void> = {
      ArrowRight: next,
      ArrowLeft: () => go(asking ? at : at - 1),
      Home: () => go(0),
      End: () => go(ticks.length),
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

  function draw(): void {
    const words = panes.map((p, i) => {
      const k = i as 0 | 1;
      const asked = asking?.q.side === k ? { moment: momentAt(at + 1, k)!, form: asking.form, prompt: asking.q.prompt } : null;
      const over = done(at, k) >= all[k].length;
      p.select(selected?.side === k ? selected.node : null);
      return p.update({
        side: sideAfter(at, k),
        before: sideAfter(Math.max(at - 1, 0), k),
        moment: momentAt(at, k),
        waiting: at === 0 ? OPENING[k] : over ? "This program has ended." : "Nothing happens here meanwhile.",
        asked,
        verdict: verdicts[k],
      });
    });
    light(null);
    lanes?.update(at);
    const said = words.map((w, k) => `${NAMES[k as 0 | 1]}: ${w}`).join(" ");
    setText(live, `Step ${at} of ${ticks.length}. ${said}`);
    bar.update(at, said);
    predictButton.setAttribute("aria-pressed", String(predicting()));
    const made = predictions();
    setText(tally, made.length ? `${made.filter((p) => p.correct).length} of ${made.length} right` : "");
  }

  function refold(): void {
    for (const p of panes) p.place(folded());
    draw();
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
  listen("folded", refold);
  listen("predict", draw);
  listen("predictions", draw);
  undo.push(bar.pause);

  let width = 0;
  const observer = new ResizeObserver(() => {
    const now = band.clientWidth;
    if (!root.isConnected || now === width) return;
    width = now;
    drawLanes();
    const again = panes.map((p) => p.resized());
    if (again.some(Boolean)) refold();
    else for (const p of panes) p.graph.frame();
  });
  observer.observe(root);
  undo.push(() => observer.disconnect());
  refold();
  drawLanes();
  return () => undo.forEach((f) => f());
}

/** How to read the axis: only the marks that occur. */
function legend(kinds: ReadonlySet<Moment["kind"]>): HTMLElement {
  const words: [Moment["kind"], string][] = [
    ["make", "made, with its value"],
    ["define", "written down, no value"],
    ["run", "run begins"],
    ["execute", "value computed"],
    ["fetch", "value handed out"],
    ["print", "print"],
    ["backward", "backward"],
    ["update", "update"],
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

async function render({ model, el }: { model: Model; el: HTMLElement }): Promise<() => void> {
  const root = h("div", { class: "tgs dsv", tabindex: "0", role: "group", "data-lm-suppress-shortcuts": "true" });
  el.append(root);
  const stopTheme = followTheme(root);
  let unmount: (() => void) | null = null;
  let gone = false;
  let latest = 0;

  async function show(): Promise<void> {
    const mine = ++latest;
    const read: (Recording | string)[] = [];
    for (const [k, key] of ["eager", "static"].entries())
      try {
        read.push(checked(await load(String(model.get(key) ?? ""))));
      } catch (problem) {
        read.push(`${NAMES[k as 0 | 1]} side: ${problem instanceof Unreadable ? problem.message : `this recording cannot be shown: ${problem}`}`);
      }
    if (gone || mine !== latest) return;
    unmount?.();
    unmount = null;
    root.setAttribute("aria-label", "Dynamic and static, side by side. Left and right arrows step, Space plays.");
    root.replaceChildren(h("style", {}, css + graphCss + ownGraphCss + ownCss));
    const fail = (...messages: string[]): void => {
      root.replaceChildren(h("style", {}, css), ...messages.map((m) => h("p", { class: "tgs-message", role: "alert" }, m)));
    };
    const [a, b] = read as [Recording | string, Recording | string];
    if (typeof a === "string" || typeof b === "string") return fail(...read.filter((r): r is string => typeof r === "string"));
    try {
      unmount = mount(model, [a, b], root);
    } catch (problem) {
      fail(`These recordings cannot be shown: ${problem instanceof Error ? problem.message : problem}`);
    }
  }

  const again = (): void => void show();
  for (const key of ["eager", "static"]) model.on(`change:${key}`, again);
  await show();
  return () => {
    gone = true;
    for (const key of ["eager", "static"]) model.off(`change:${key}`, again);
    unmount?.();
    stopTheme();
    root.remove();
  };
}

const widget = { render };
export default widget;

// A page saved as HTML waits for the widget here; Jupyter does not.
(globalThis as { tinygradStandalone?: (w: typeof widget) => void }).tinygradStandalone?.(widget);
export type { Event };
