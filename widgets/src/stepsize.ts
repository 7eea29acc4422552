// StepSize: how far a difference quotient is from the slope, as its step h shrinks, in two precisions.
import { check, isObject, readData, Unreadable } from "./data";
import { h, s, setAttr, setText } from "./dom";
import { num, toNumber } from "./format";
import { keys, widgetOf, type Frame, type Said, type Show } from "./frame";
import { icon } from "./icons";
import { axes, draggable, line, logScale, marker, series, type Scale } from "./plot";
import plotCss from "./plot.css";
import css from "./stepsize.css";
import type { Num } from "./types";

export type Way = "central" | "forward";

export interface Curve {
  readonly dtype: string;
  /** f at x + h and x − h, and at x, written with every digit the type holds. */
  readonly plus: readonly string[];
  readonly minus: readonly string[];
  readonly middle: string;
  readonly quotient: Readonly<Record<Way, readonly string[]>>;
  readonly error: Readonly<Record<Way, readonly Num[]>>;
}

export interface Data {
  readonly name: string;
  readonly at: string;
  readonly slope: string;
  /** Steps, from the largest to the smallest. */
  readonly h: readonly number[];
  readonly curves: readonly Curve[];
}

/** The step with the smallest error; the larger one of two that are equally good. */
export function best(curve: Curve, way: Way): number {
  const errors = curve.error[way].map((e) => (Number.isFinite(toNumber(e)) ? toNumber(e) : Infinity));
  return errors.indexOf(Math.min(...errors));
}

/** How many leading digits the subtraction of two close numbers loses; null when nothing is left. */
export function lost(a: string, b: string): number | null {
  const gap = Math.abs(Number(a) - Number(b));
  if (gap === 0) return null;
  return Math.max(0, Math.floor(Math.log10(Math.max(Math.abs(Number(a)), Math.abs(Number(b))) / gap)));
}

/** The length of the text up to and with its n-th significant digit. */
export function upTo(text: string, n: number): number {
  let seen = 0;
  for (const m of text.replace(/e.*/, "").matchAll(/\d/g)) {
    if (seen || m[0] !== "0") seen += 1;
    if (seen === n) return m.index + 1;
  }
  return n ? text.length : 0;
}

/** How far a guess is from the best step, in powers of ten; and what to say about it. */
export function judge(h: readonly number[], guess: number, right: number): { correct: boolean; say: string } {
  const off = Math.abs(Math.log10(h[guess]! / h[right]!));
  if (off <= 1) return { correct: true, say: `Close: ${num(h[right]!, 2)} is best, and you chose ${num(h[guess]!, 2)}.` };
  const why = guess > right ? "Smaller is not always better: at your h, digits have cancelled." : "At your h the curve still bends between the two points.";
  return { correct: false, say: `Not ${num(h[guess]!, 2)}: ${num(h[right]!, 2)} is best. ${why}` };
}

const HEIGHT = 380;

function mount(frame: Frame, data: Data): Show {
  const { curves, h: steps } = data;
  const last = steps.length - 1;
  const way = (): Way => (frame.model.get("way") === "forward" ? "forward" : "central");
  const hidden = (): boolean => frame.model.get("predict") === true && !frame.model.get("guess");
  let verdict: Said["verdict"] = null;
  let width = 720;
  let [x, y] = [null, null] as unknown as [Scale, Scale];

  const svg = s("svg", { class: "tgs-plot", role: "img", "aria-label": "Error against step size, both on logarithmic axes" });
  const stage = h("div", { class: "tgs-paperwork" }, svg);
  const lines = curves.map((_, k) => s("path", { class: `tgs-curve ${series(k)}` }));
  const names = curves.map((c, k) => s("text", { class: `tgs-series is-right ${series(k)}` }, c.dtype));
  const dots = curves.map((_, k) => marker(k));
  const rule = s("path", { class: "tgs-now" });
  const grip = s("path", { class: "tgs-grip", d: "M-9 0a9 9 0 1 0 18 0a9 9 0 1 0 -18 0zM-3 -3.5l-2.5 3.5l2.5 3.5M3 -3.5l2.5 3.5l-2.5 3.5" });
  const exact = s("text", { class: "tgs-zero is-start" });
  draggable(svg, (px) => {
    if (!x) return;
    frame.pause();
    const k = steps.reduce((near, h_, i) => (Math.abs(x(h_) - px) < Math.abs(x(steps[near]!) - px) ? i : near), 0);
    frame.go(k);
  });

  const errors = (): number[] => curves.flatMap((c) => (["central", "forward"] as const).flatMap((w) => c.error[w].map(toNumber))).filter((e) => e > 0 && Number.isFinite(e));
  const floor = Math.max(1e-17, Math.min(...errors())) / 10;
  const ceiling = Math.min(1e6, Math.max(...errors())) * 3;

  function build(): void {
    const box = { left: 62, top: 34, right: width - 26, bottom: HEIGHT - 46 };
    x = logScale(steps[0]!, steps[last]!, box.left + 8, box.right - 8, width > 700 ? 18 : 9);
    y = logScale(floor, ceiling, box.bottom, box.top, 9);
    svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    svg.style.height = `${HEIGHT}px`;
    svg.replaceChildren(axes(x, y, box, "step h, smaller to the right", "error of the slope"), ...lines, rule, ...dots, ...names, exact, grip);
    drawCurves();
  }

  const place = (c: Curve, k: number): [number, number] | null => {
    const e = toNumber(c.error[way()][k]!);
    return Number.isFinite(e) ? [x(steps[k]!), y(Math.max(e, floor))] : null;
  };

  function drawCurves(): void {
    svg.classList.toggle("is-hidden-curves", hidden());
    // The timeline says where the curve turns.
    frame.root.classList.toggle("is-guessing", hidden());
    curves.forEach((c, k) => {
      lines[k]!.setAttribute("d", line(steps.map((_, i) => place(c, i))));
      // The name stands where its curve is lowest, beside it.
      const at = place(c, best(c, way())) ?? [0, 0];
      names[k]!.setAttribute("x", String(Math.max(at[0] - 14, 130)));
      names[k]!.setAttribute("y", String(at[1] + 4));
    });
  }

  // --- controls of its own ----------------------------------------------------------------------

  const sided = h("button", { type: "button", class: "tgs-toggle", title: "From x to x + h only, instead of from x − h to x + h" }, h("span", {}, "One-sided"));
  sided.addEventListener("click", () => {
    frame.put("way", way() === "central" ? "forward" : "central");
    drawCurves();
    frame.draw();
  });
  const predict = h("button", { type: "button", class: "tgs-toggle", title: "Hide the curves and ask me for the best h" }, icon("think"), h("span", {}, "Predict"));
  predict.addEventListener("click", () => {
    frame.put("guess", 0);
    verdict = null;
    frame.put("predict", !frame.model.get("predict"));
    drawCurves();
    frame.draw();
  });
  for (const trait of ["way", "guess", "predict"])
    frame.listen(trait, () => {
      drawCurves();
      frame.draw();
    });

  function lock(): void {
    const right = best(curves[0]!, way());
    verdict = judge(steps, frame.at, right);
    frame.put("predictions", [
      ...((frame.model.get("predictions") as object[] | undefined) ?? []),
      { asked: `best h in ${curves[0]!.dtype}`, answer: steps[frame.at], expected: steps[right], correct: verdict.correct },
    ]);
    frame.put("guess", steps[frame.at]);
    frame.root.focus({ preventScroll: true });
  }

  // --- words ------------------------------------------------------------------------------------

  const differ = (text: string, n: number, cls: string): HTMLElement =>
    h("span", { class: cls }, h("span", { class: "is-lost" }, text.slice(0, n)), h("span", { class: "is-kept" }, text.slice(n)));

  /** Both values under each other, the digits that cancel struck out: what is left is all the quotient knows. */
  function subtraction(c: Curve, k: number): HTMLElement {
    const [a, b] = [c.plus[k]!, way() === "central" ? c.minus[k]! : c.middle];
    const gone = lost(a, b);
    const cut = (text: string): number => (gone === null ? text.length : upTo(text, gone));
    return h(
      "div",
      { class: `tgs-subtract ${series(curves.indexOf(c))}` },
      h("b", {}, c.dtype),
      h("span", {}, `${data.name}(x + h)`),
      differ(a, cut(a), "tgs-digits"),
      h("span", {}, way() === "central" ? `${data.name}(x − h)` : `${data.name}(x)`),
      differ(b, cut(b), "tgs-digits"),
      h("span", {}, "slope"),
      h("span", { class: "tgs-digits" }, c.quotient[way()][k]!),
    );
  }

  function meaning(c: Curve, k: number): string {
    const [a, b] = [c.plus[k]!, way() === "central" ? c.minus[k]! : c.middle];
    const e = toNumber(c.error[way()][k]!);
    const gone = lost(a, b);
    if (gone === null) return `in ${c.dtype} both values are the same number, and the slope comes out as 0`;
    return `${c.dtype} is off by ${num(e, 2)}${gone ? `, ${gone} leading digit${gone > 1 ? "s" : ""} cancelled` : ""}`;
  }

  function draw(at: number): Said {
    rule.setAttribute("d", `M${x(steps[at]!)} 30V${HEIGHT - 46}`);
    grip.setAttribute("transform", `translate(${x(steps[at]!).toFixed(1)} ${HEIGHT - 46})`);
    let zero = "";
    curves.forEach((c, k) => {
      const p = place(c, at);
      dots[k]!.setAttribute("transform", p ? `translate(${p[0].toFixed(1)} ${p[1].toFixed(1)})` : "translate(-99 -99)");
      if (toNumber(c.error[way()][at]!) === 0) zero = `${c.dtype}: exact`;
    });
    exact.setAttribute("x", String(x(steps[at]!) + 10));
    exact.setAttribute("y", String(HEIGHT - 66));
    setText(exact, hidden() ? "" : zero);
    setAttr(sided, "aria-pressed", String(way() === "forward"));
    setAttr(predict, "aria-pressed", String(frame.model.get("predict") === true));
    const step = `h = ${num(steps[at]!, 2)}`;
    if (hidden()) {
      const button = h("button", { type: "button", class: "tgs-check" }, "This is my guess");
      button.addEventListener("click", lock);
      return {
        phase: "start",
        title: "Predict",
        words: `${step}. The slope of ${data.name} at ${data.at} is taken from two values a little apart. At which h does ${curves[0]!.dtype} come closest? Move h there, then lock your guess.`,
        more: [h("div", { class: "tgs-answer" }, button), ...(at === 0 ? [keys()] : [])],
      };
    }
    const turn = best(curves[0]!, way());
    const phase = at < turn ? "forward" : at === turn ? "update" : "refused";
    const title = at < turn ? "Large h" : at === turn ? "Best h" : "Small h";
    return {
      phase,
      title,
      verdict,
      words: `${step}: ${curves.map((c) => meaning(c, at)).join("; ")}. ${why(at, turn)}`,
      more: [h("div", { class: "tgs-subtractions" }, ...curves.map((c) => subtraction(c, at)))],
    };
  }

  function why(at: number, turn: number): string {
    if (at < turn) return `Between the two points ${data.name} bends, and the quotient sees the bend.`;
    if (at === turn) return `Here ${curves[0]!.dtype} is closest: the bend and the lost digits weigh the same.`;
    return "The two values share so many digits that few are left to divide.";
  }

  const turn = best(curves[0]!, "central");
  return {
    title: `The slope of ${data.name} at ${data.at}`,
    bands: [
      { phase: "forward", label: "h too large", count: turn },
      { phase: "refused", label: "h too small", count: last - turn },
    ].filter((b) => b.count > 0),
    pace: 6,
    body: [stage],
    actions: [predict, sided],
    draw,
    drawing: () => ({ svg: svg.cloneNode(true) as SVGSVGElement, width, height: HEIGHT }),
    leave: () => (verdict = null),
    resized(w) {
      width = Math.max(480, w || 720);
      build();
      frame.draw();
    },
  };
}

function read(text: string): Data {
  const data = readData(text, "step-size", 1, { name: "text", at: "text", slope: "text", h: "numbers", curves: "list" });
  const steps = (data["h"] as number[]).length;
  if (steps < 3) throw new Unreadable("This picture's data is damaged: it needs at least three steps. Run the cell again.");
  for (const c of data["curves"] as unknown[]) {
    if (!isObject(c)) throw new Unreadable("This picture's data is damaged: a curve is no object. Run the cell again.");
    check(c, { dtype: "text", plus: "list", minus: "list", middle: "text", quotient: "object", error: "object" }, "curve.");
    for (const field of [c["error"], c["quotient"]] as Record<string, unknown>[]) {
      check(field, { central: "list", forward: "list" }, "curve.");
      if ((field["central"] as unknown[]).length !== steps) throw new Unreadable("This picture's data is damaged: a curve and its steps differ in length. Run the cell again.");
    }
  }
  return data as unknown as Data;
}

export default widgetOf<Data>({
  label: "Error against step size",
  picture: plotCss + css,
  data: "data",
  saved: ["way", "predict", "guess", "predictions"],
  read,
  mount,
});
