// Formulas on the page: fractions stacked, variables in italics, numbers in the colour of their role.
import { h } from "./dom";
import { plain, type Line, type Piece } from "./notation";

/** Short names read as mathematics; long ones (fc1.weight) as the program text they are. */
const isSymbol = (s: string): boolean => /^[\p{L}][\d₀-₉′]{0,5}$/u.test(s);

function one(p: Piece): Node {
  switch (p.t) {
    case "text":
      return h("span", { class: "tgs-op" }, p.s);
    case "name":
      return h("span", { class: isSymbol(p.s) ? "tgs-var" : /[ ·+−(]/.test(p.s) ? "tgs-expr" : "tgs-word" }, p.s);
    case "value":
    case "grad":
      return h("span", { class: `tgs-num is-${p.t}` }, p.s);
    case "hole":
      return h("span", { class: "tgs-hole" }, p.s);
    case "sup":
      return h("sup", {}, ...p.body.map(one));
    case "frac":
      return h(
        "span",
        { class: "tgs-frac" },
        h("span", {}, ...p.top.map(one)),
        h("span", {}, ...p.bottom.map(one)),
      );
    case "matrix":
      return h(
        "span",
        { class: `tgs-matrix is-${p.of}` },
        ...p.rows.map((r) => h("span", {}, ...r.map((x) => h("span", {}, x)))),
      );
  }
}

/** One formula; what a screen reader says is its plain text. */
export function formula(line: Line): HTMLElement {
  const shown = h("span", { "aria-hidden": "true", class: "tgs-line" }, ...line.map(one));
  return h("div", { class: "tgs-formula" }, shown, h("span", { class: "tgs-sr" }, plain(line)));
}
