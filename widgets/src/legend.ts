// The legend of docs/visual-language.md: every shape and mark, drawn by the code that draws them in the widgets.
import { s } from "./dom";
import graphCss from "./graph.css";
import look from "./look.css";
import { markAt, outlineOf } from "./marks";
import { tokens } from "./tokens";

const [WIDTH, HEIGHT] = [800, 400];

const words = (text: string, x: number, y: number, cls = "l-word"): SVGTextElement => s("text", { x, y, class: cls }, text);

function node(kind: string, name: string, value: string, x: number): SVGGElement {
  const operation = kind === "operation";
  return s(
    "g",
    { class: `kind-${kind} tgs-node is-shown`, transform: `translate(${x} 92)` },
    s("path", { class: "tgs-shape", d: outlineOf(kind, 96, 46) }),
    operation ? s("path", { class: "tgs-rule", d: "M-14 -16v32" }) : null,
    operation ? s("text", { class: "tgs-symbol", x: -30 }, "×") : null,
    s("text", { class: "tgs-name", x: operation ? 16 : 0, y: -9 }, name),
    s("text", { class: "tgs-v", x: operation ? 16 : 0, y: 11 }, value),
  );
}

function flow(phase: "forward" | "backward", x: number, y: number): SVGGElement {
  const back = phase === "backward";
  return s(
    "g",
    { class: `tgs-edge is-shown ${back ? "is-sent" : "is-now"}`, transform: `translate(${x} ${y})` },
    s("path", { class: back ? "tgs-flow" : "tgs-wire", d: "M0 0h84" }),
    s("path", { class: back ? "tgs-backhead" : "tgs-tip", d: back ? "M-1 0l10 -5v10z" : "M86 0l-9 -4.5v9z" }),
    back
      ? s("g", { class: "tgs-sent", transform: "translate(46 0)" }, s("rect", { class: "tgs-pill", x: -17, y: -9, width: 34, height: 18, rx: 9 }), s("text", { class: "tgs-g" }, "0.2"))
      : null,
  );
}

/** The whole legend as SVG; it follows the reader's theme. */
export function legendSvg(): string {
  const { light, dark } = tokens(look);
  const used = [...new Set([...graphCss.matchAll(/var\((--tgs-[\w-]+)/g)].map((m) => m[1]!))].sort();
  const theme = (t: Readonly<Record<string, string>>): string => `.tgs-legend-file{${used.map((k) => `${k}:${t[k]}`).join(";")}}`;
  const style =
    theme(light) +
    `@media (prefers-color-scheme: dark){${theme(dark)}}` +
    graphCss.replace(/\/\*.*?\*\//gs, "").replace(/\n+/g, "") +
    ".tgs-graph text.l-head{text-anchor:start;font-size:13px;font-weight:650}.tgs-graph text.l-word{font-size:12.5px;fill:var(--tgs-muted)}" +
    ".tgs-graph text.l-left{text-anchor:start}";
  const kinds: [string, string, string, string][] = [
    ["leaf", "a", "3", "leaf"],
    ["parameter", "w", "0.5", "parameter"],
    ["constant", "c", "2", "constant"],
    ["placeholder", "x", "", "placeholder"],
    ["operation", "y", "6", "operation"],
  ];
  const place = (i: number): number => 96 + i * 152;
  const mark = (name: Parameters<typeof markAt>[0], cls: string, label: string, x: number): Node[] => [
    markAt(name, cls, x - 8, 326),
    words(label, x, 372),
  ];
  const svg = s(
    "svg",
    { xmlns: "http://www.w3.org/2000/svg", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, class: "tgs-graph tgs-legend-file", role: "img" },
    s("title", {}, "Shapes of nodes, and marks for what happens to them"),
    s("style", {}, style),
    s("rect", { class: "tgs-paper", width: WIDTH, height: HEIGHT, rx: 10 }),
    words("What a node is: its shape", 28, 34, "l-head"),
    ...kinds.flatMap(([kind, name, value, label], i) => [node(kind, name, value, place(i)), words(label, place(i), 138)]),
    words("What flows: direction and form", 28, 186, "l-head"),
    flow("forward", 54, 222),
    words("forward: a value", 96, 262),
    flow("backward", 206, 222),
    words("backward: a gradient", 248, 262),
    s("g", { class: "tgs-node is-shown is-now is-update kind-parameter", transform: "translate(400 222)" }, s("path", { class: "tgs-halo", d: outlineOf("parameter", 84, 30) }), s("path", { class: "tgs-shape", d: outlineOf("parameter", 84, 30) })),
    words("update: the step is here", 400, 262),
    words("What has happened: marks", 28, 306, "l-head"),
    ...mark("saved", "is-saved", "saved", place(0)),
    ...mark("saved", "is-freed", "freed", place(1)),
    ...mark("stale", "is-stale", "overwritten", place(2)),
    ...mark("fed", "is-fed", "fed", place(3)),
    ...mark("fetched", "is-fetched", "fetched", place(4)),
  );
  for (const g of svg.querySelectorAll(".tgs-mark")) g.setAttribute("transform", `${g.getAttribute("transform")} scale(1.6)`);
  return `${new XMLSerializer().serializeToString(svg)}\n`;
}
