// OptimiserRace: trails of several optimisers on one surface, their losses, and what each remembers.
import { contour, levelsOf } from "./contour";
import { check, isObject, readData, Unreadable } from "./data";
import { h, s, setAttr, setText } from "./dom";
import { num, toNumber } from "./format";
import { keys, widgetOf, type Frame, type Said, type Show } from "./frame";
import { icon } from "./icons";
import css from "./optimisers.css";
import { axes, line, linearScale, logScale, marker, series, type Scale } from "./plot";
import plotCss from "./plot.css";
import type { Num } from "./types";

export interface Racer {
  readonly name: string;
  readonly trail: readonly (readonly [Num, Num])[];
  readonly loss: readonly Num[];
  /** Numbers kept for each parameter, besides parameter and gradient. */
  readonly memory: number;
}

export interface Data {
  readonly title: string;
  readonly steps: number;
  readonly racers: readonly Racer[];
  /** x from, x to, y from, y to. */
  readonly window: readonly [number, number, number, number];
  readonly across: number;
  readonly surface: readonly Num[];
}

/** Where one stands after `at` steps: who has run away stands where the trail ends. */
export function standing(racer: Racer, at: number): { place: readonly [number, number]; loss: number; gone: boolean } {
  const last = racer.loss.length - 1;
  const k = Math.min(at, last);
  const [x, y] = racer.trail[Math.min(k, racer.trail.length - 1)]!;
  const loss = toNumber(racer.loss[k]!);
  return { place: [toNumber(x), toNumber(y)], loss, gone: !Number.isFinite(loss) || at > last };
}

/** Names from the lowest loss up; who has run away comes last. */
export function ranking(racers: readonly Racer[], at: number): string[] {
  const key = (r: Racer): number => {
    const { loss, gone } = standing(r, at);
    return gone ? Infinity : loss;
  };
  return [...racers].sort((a, b) => key(a) - key(b)).map((r) => r.name);
}

const LEVELS = 11;
/** The table below the curves: so high a row, so wide a letter of a name, a figure, a block. */
const ROW = 27;
const LETTER = 8.2;
const FIGURE = 92;
const BLOCK = 19;

/** Where the table's columns begin, from its left edge; a name longer than its column is cut. */
export function columns(racers: readonly Racer[], width: number): { readonly letters: number; readonly figure: number; readonly blocks: number } {
  const blocks = BLOCK * Math.max(7, 2 + Math.max(...racers.map((r) => r.memory)));
  const room = width - 16 - FIGURE - 24 - blocks;
  const letters = Math.max(6, Math.min(Math.max(...racers.map((r) => r.name.length)), Math.floor(room / LETTER)));
  const figure = Math.max(176, 16 + letters * LETTER + FIGURE);
  return { letters, figure, blocks: figure + 24 };
}
const cut = (name: string, letters: number): string => (name.length > letters ? `${name.slice(0, letters - 1)}…` : name);

function mount(frame: Frame, data: Data): Show {
  const { racers, steps } = data;
  const [x0, x1, y0, y1] = data.window;
  const predicting = (): boolean => frame.model.get("predict") === true;
  const guess = (): string => String(frame.model.get("guess") ?? "");
  let asking = false;

  let [width, height] = [720, 400];
  let [x, y, across, down] = [null, null, null, null] as unknown as Scale[] as [Scale, Scale, Scale, Scale];
  const svg = s("svg", { class: "tgs-plot tgs-race", role: "img", "aria-label": "Trails on the surface of the loss, and the loss by step" });
  const stage = h("div", { class: "tgs-paperwork" }, svg);
  const clip = `race-${Math.random().toString(36).slice(2)}`;
  const trails = racers.map((_, k) => s("path", { class: `tgs-curve ${series(k)}` }));
  const under = racers.map(() => s("path", { class: "tgs-curve tgs-under-trail" }));
  const points = racers.map((_, k) => s("path", { class: `tgs-points ${series(k)}` }));
  const heads = racers.map((_, k) => marker(k));
  const curves = racers.map((_, k) => s("path", { class: `tgs-curve ${series(k)}` }));
  const dots = racers.map((_, k) => marker(k));
  const now = s("path", { class: "tgs-now" });
  const figures = racers.map(() => s("text", { class: "is-right tgs-figure" }));

  const lossFloor = Math.max(1e-12, Math.min(...racers.flatMap((r) => r.loss.map(toNumber)).filter((v) => v > 0 && Number.isFinite(v))));
  const lossTop = Math.max(...racers.flatMap((r) => r.loss.map(toNumber)).filter(Number.isFinite), lossFloor * 10);
  // Of a loss that runs away only the beginning is of interest.
  const ceiling = Math.min(lossTop, 100 * Math.max(toNumber(racers[0]!.loss[0]!), lossFloor * 10));
  const lossPoint = (step: number, loss: number): [number, number] | null =>
    Number.isFinite(loss) ? [across(step), down(Math.min(Math.max(loss, lossFloor), ceiling))] : null;

  function build(): void {
    const wide = width > 1000;
    const left = 46;
    const box = wide
      ? { left, top: 32, right: Math.round(width * 0.58), bottom: 436 }
      : { left, top: 32, right: width - 20, bottom: 366 };
    const chart = wide
      ? { left: box.right + 78, top: 40, right: width - 26, bottom: 250 }
      : { left, top: box.bottom + 66, right: width - 20, bottom: box.bottom + 206 };
    const rowsTop = chart.bottom + (wide ? 86 : 78);
    height = Math.max(wide ? 482 : 0, rowsTop + racers.length * ROW);
    x = linearScale(x0, x1, box.left, box.right, 7);
    y = linearScale(y0, y1, box.bottom, box.top, 6);
    across = linearScale(0, steps, chart.left, chart.right, 5);
    down = logScale(lossFloor, ceiling, chart.bottom, chart.top, 5);

    const rows = data.surface.length / data.across;
    const grid = {
      values: data.surface.map(toNumber),
      across: data.across,
      place: (i: number, j: number): [number, number] => [x(x0 + ((x1 - x0) * i) / (data.across - 1)), y(y0 + ((y1 - y0) * j) / (rows - 1))],
    };
    const bands = levelsOf(grid.values, LEVELS).map((level) => contour(grid, level));
    const place = columns(racers, chart.right - chart.left);
    const table = racers.flatMap((r, k) => {
      const ty = rowsTop + k * ROW;
      const mark = marker(k);
      mark.setAttribute("transform", `translate(${chart.left + 2} ${ty})`);
      setAttr(figures[k]!, "x", String(chart.left + place.figure));
      setAttr(figures[k]!, "y", String(ty));
      const blocks = Array.from({ length: 2 + r.memory }, (_, i) =>
        s("rect", { class: i < 2 ? "tgs-block" : `tgs-block is-extra ${series(k)}`, x: chart.left + place.blocks + i * BLOCK, y: ty - 8, width: 16, height: 16, rx: 3 }),
      );
      return [mark, s("text", { class: `is-start tgs-racer ${series(k)}`, x: chart.left + 16, y: ty }, cut(r.name, place.letters), s("title", {}, r.name)), figures[k]!, ...blocks];
    });
    const head = (words: string, px: number, cls: string): SVGTextElement => s("text", { class: `tgs-small ${cls}`, x: px, y: rowsTop - 25 }, words);
    const floor = axes(x, y, box, "p[0]", "p[1]");
    floor.classList.add("is-bare");
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.style.height = `${height}px`;
    svg.replaceChildren(
      s("clipPath", { id: clip }, s("rect", { x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top })),
      s("g", { class: "tgs-surface" }, ...bands.map((b) => s("path", { d: b.area }))),
      s("g", { class: "tgs-levels" }, ...bands.map((b) => s("path", { d: b.border }))),
      floor,
      s("g", { "clip-path": `url(#${clip})` }, ...under, ...trails, ...points),
      ...heads,
      axes(across, down, chart, "step", "loss"),
      ...curves,
      now,
      ...dots,
      head("loss", chart.left + place.figure, "is-right"),
      head("value, gradient, kept", chart.left + place.blocks, "is-start"),
      ...table,
    );
  }

  const inside = ([a, b]: readonly [number, number]): boolean => a >= Math.min(x0, x1) && a <= Math.max(x0, x1) && b >= Math.min(y0, y1) && b <= Math.max(y0, y1);

  function show(at: number): void {
    racers.forEach((r, k) => {
      const walked = r.trail.slice(0, at + 1).map((p): [number, number] => [x(toNumber(p[0])), y(toNumber(p[1]))]);
      for (const path of [under[k]!, trails[k]!]) path.setAttribute("d", line(walked));
      // No further than the step: the rest would answer the question.
      curves[k]!.setAttribute("d", line(r.loss.slice(0, at + 1).map((v, i) => lossPoint(i, toNumber(v)))));
      // The last few steps as points: how far one step goes.
      points[k]!.setAttribute("d", walked.slice(-12).map(([a, b]) => (Number.isFinite(a + b) ? `M${a.toFixed(1)} ${b.toFixed(1)}h0` : "")).join(""));
      const { place, loss, gone } = standing(r, at);
      heads[k]!.setAttribute("transform", inside(place) ? `translate(${x(place[0]).toFixed(1)} ${y(place[1]).toFixed(1)})` : "translate(-99 -99)");
      const dot = gone ? null : lossPoint(at, loss);
      dots[k]!.setAttribute("transform", dot ? `translate(${dot[0].toFixed(1)} ${dot[1].toFixed(1)})` : "translate(-99 -99)");
      setText(figures[k]!, gone ? "diverged" : num(loss, 3));
    });
    now.setAttribute("d", `M${across(at).toFixed(1)} ${down(ceiling).toFixed(1)}V${down(lossFloor).toFixed(1)}`);
  }

  // --- asking -----------------------------------------------------------------------------------

  const toggle = h("button", { type: "button", class: "tgs-toggle", title: "Ask me who will be lowest at the end" }, icon("think"), h("span", {}, "Predict"));
  toggle.addEventListener("click", () => {
    asking = false;
    frame.put("guess", "");
    frame.put("predict", !predicting());
    frame.draw();
  });
  for (const trait of ["predict", "guess"]) frame.listen(trait, () => frame.draw());

  function choose(name: string): void {
    const winner = ranking(racers, steps)[0]!;
    frame.put("predictions", [
      ...((frame.model.get("predictions") as object[] | undefined) ?? []),
      { asked: `lowest after ${steps} steps`, answer: name, expected: winner, correct: name === winner },
    ]);
    frame.put("guess", name);
    frame.go(1);
    frame.root.focus({ preventScroll: true });
  }

  function draw(at: number): Said {
    show(at);
    setAttr(toggle, "aria-pressed", String(predicting()));
    if (asking) {
      const buttons = racers.map((r) => {
        const b = h("button", { type: "button", class: "tgs-choice" }, r.name);
        b.addEventListener("click", () => choose(r.name));
        return b;
      });
      return { phase: "start", title: "Predict", words: `All start here. Whose loss will be lowest after ${steps} steps?`, more: [h("div", { class: "tgs-answer" }, ...buttons)] };
    }
    const order = ranking(racers, at);
    const figure = (name: string): string => {
      const { loss, gone } = standing(racers.find((r) => r.name === name)!, at);
      return `${name} ${gone ? "has diverged" : num(loss, 3)}`;
    };
    if (!at) return { phase: "start", words: `${racers.map((r) => r.name).join(", ")} start at the same place, with a loss of ${num(racers[0]!.loss[0]!, 3)}. The paler the ground, the lower the loss.`, more: [keys()] };
    const ended = at === steps && guess();
    const winner = ranking(racers, steps)[0]!;
    const verdict = ended ? { correct: guess() === winner, say: guess() === winner ? `Right: ${winner} is lowest.` : `Not ${guess()}: ${winner} is lowest.` } : null;
    return { phase: "update", title: `Step ${at}`, words: `Loss, lowest first: ${order.map(figure).join(", ")}.`, verdict };
  }

  return {
    title: data.title,
    bands: [{ phase: "update", label: "Steps of the optimisers", count: steps }],
    pace: 12,
    body: [stage],
    actions: [toggle],
    draw,
    drawing: () => ({ svg: svg.cloneNode(true) as SVGSVGElement, width, height }),
    ask(at) {
      asking = at === 0 && predicting() && !guess();
      return asking;
    },
    asking: () => asking,
    leave: () => (asking = false),
    escape() {
      asking = false;
      frame.draw();
    },
    resized(w) {
      width = Math.max(480, w || 720);
      build();
      frame.draw();
    },
  };
}

function read(text: string): Data {
  const data = readData(text, "optimiser-race", 1, { title: "text", steps: "number", racers: "list", window: "numbers", across: "number", surface: "list" });
  const damaged = (what: string): never => {
    throw new Unreadable(`This picture's data is damaged: ${what}. Run the cell again.`);
  };
  const d = data as unknown as Data;
  if (!d.racers.length) damaged("nobody races");
  for (const r of d.racers as unknown[]) {
    if (!isObject(r)) return damaged("a racer is no object");
    check(r, { name: "text", trail: "list", loss: "list", memory: "number" }, "racer.");
    if (!(r["loss"] as unknown[]).length || (r["trail"] as unknown[]).length < (r["loss"] as unknown[]).length) damaged("a trail is shorter than its losses");
  }
  if (d.window.length !== 4 || d.across < 2 || d.surface.length % d.across) damaged("the surface does not fit its grid");
  return d;
}

export default widgetOf<Data>({
  label: "Optimiser race",
  picture: plotCss + css,
  data: "data",
  saved: ["predict", "guess", "predictions"],
  read,
  mount,
});
