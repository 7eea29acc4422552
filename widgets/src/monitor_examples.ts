// Beside the curves: what a model answered to its examples at a step. The plane and its borders, who is taken for whom, what is misread.
import { contour } from "./contour";
import { s, setText } from "./dom";
import { digits, lastAt, type Examples, type Look, type Run } from "./monitor_data";
import type { Pane } from "./monitor_panes";
import { markOf, series } from "./plot";

const TOP = 26;
const EVEN = 31.5;
const PICTURE = 44;
const MISREAD = 16; // pictures
const LABEL = 48;

/** The places in `said` that differ from what is true. */
export const wrongOf = (examples: Examples, look: Look): number[] => {
  const wrong: number[] = [];
  for (let i = 0; i < examples.truth.length; i++) if (look.said[i] !== examples.truth[i]) wrong.push(i);
  return wrong;
};

/** Who is taken for whom most often: true class, said class, how often. */
export function mostMistaken(look: Look): readonly [number, number, number] | null {
  const n = Math.sqrt(look.matrix?.length ?? 0);
  let found: readonly [number, number, number] | null = null;
  look.matrix?.forEach((count, k) => {
    const [is, said] = [Math.floor(k / n), k % n];
    if (is !== said && count > (found?.[2] ?? 0)) found = [is, said, count];
  });
  return found;
}

interface Part {
  readonly nodes: Element[];
  readonly width: number;
  readonly height: number;
  show(look: Look | null): void;
}

export function examples(run: Run, width: number): Pane {
  const known = run.examples!;
  const heading = s("text", { class: "tgs-small is-start", x: 0, y: 10 });
  const across = known.classes.length;
  const beside = width > 470;
  const parts: Part[] = [];
  if (known.plane) parts.push(plane(known, Math.min(beside ? width * 0.56 : width, 330)));
  const square = Math.min(known.plane && beside ? width * 0.38 : width, LABEL + Math.min(46, 270 / across) * across);
  if (run.looks.some((l) => l.matrix?.length === across ** 2)) parts.push(matrix(known, square));
  if (known.images) parts.push(misread(known, beside && !known.plane && width - square > 160 ? width - square - 24 : width));
  let [x, y, row] = [0, TOP, 0];
  const nodes: Element[] = [heading];
  for (const p of parts) {
    if (x && x + p.width > width + 1) [x, y, row] = [0, y + row + 22, 0];
    nodes.push(s("g", { transform: `translate(${x.toFixed(1)} ${y})` }, ...p.nodes));
    [x, row] = [x + p.width + 24, Math.max(row, p.height)];
  }
  let last: Look | null | undefined;
  return {
    nodes,
    height: y + row + 8,
    at: (at) => {
      const look = lastAt(run.looks, at);
      if (look === last) return;
      last = look;
      setText(heading, look ? `answers at step ${run.steps[look.row] ?? look.row}: ${look.right} of ${known.count} right` : "not asked yet at this step");
      parts.forEach((p) => p.show(look));
    },
  };
}

/** The plane that the examples lie in, in fields of the class that each place is taken for. */
function plane(known: Examples, size: number): Part {
  const { across, box, points } = known.plane!;
  const [left, right, low, high] = box as [number, number, number, number];
  const put = (i: number, j: number): [number, number] => [(i / (across - 1)) * size, size - (j / (across - 1)) * size];
  const ground = s("g", {});
  const truth = digits(known.truth);
  const at = points.map(([px = 0, py = 0]): [number, number] => [((px - left) / (right - left)) * size, size - ((py - low) / (high - low)) * size]);
  const marks = at.map(([px, py], i) => s("path", { class: `tgs-example ${series(truth[i]!)}`, d: markOf(truth[i]!), transform: `translate(${px.toFixed(1)} ${py.toFixed(1)}) scale(.72)` }));
  const rings = s("path", { class: "tgs-wrong" });
  const names = known.classes.map((name) => (name.length > 16 ? `${name.slice(0, 15)}…` : name));
  const slot = 30 + 6.8 * Math.max(...names.map((n) => n.length));
  const fit = Math.max(1, Math.floor(size / slot));
  const classes = names.map((name, k) =>
    s("g", { transform: `translate(${8 + (k % fit) * slot} ${size + 14 + 18 * Math.floor(k / fit)})` },
      s("path", { class: `tgs-example ${series(k)}`, d: markOf(k), transform: "scale(.8)" }), s("text", { class: "tgs-small is-start", x: 11 }, name)),
  );
  const bottom = size + 18 * Math.ceil(names.length / fit);
  return {
    nodes: [ground, s("rect", { class: "tgs-plane-frame", width: size, height: size }), ...marks, rings, ...classes,
      s("text", { class: "tgs-small is-start", x: 0, y: bottom + 16 }, "a ring: taken for another")],
    width: size,
    height: bottom + 24,
    show(look) {
      ground.replaceChildren();
      const fields = look?.field?.map(digits) ?? [];
      const draw = (values: readonly number[], k: number): void => {
        for (const [level, cls] of [[EVEN, "is-likely"], [EVEN + 16, "is-sure"]] as const) {
          const { area, border } = contour({ values, across, place: put }, level);
          ground.append(s("path", { class: `tgs-field ${cls} ${series(k)}`, d: area }));
          if (level === EVEN) ground.append(s("path", { class: "tgs-border", d: border }));
        }
      };
      if (fields.length === 1) {
        draw(fields[0]!.map((v) => 2 * EVEN - v), 0);
        draw(fields[0]!, 1);
      } else fields.forEach(draw);
      const wrong = look ? wrongOf(known, look).filter((i) => i < at.length) : [];
      rings.setAttribute("d", wrong.map((i) => `M${(at[i]![0] - 8).toFixed(1)} ${at[i]![1].toFixed(1)}a8 8 0 1 0 16 0a8 8 0 1 0 -16 0`).join(""));
    },
  };
}

/** A row for each class, a column for each answer. */
function matrix(known: Examples, size: number): Part {
  const n = known.classes.length;
  const label = LABEL;
  const side = (size - label) / n;
  const short = (k: number, most: number): string => (known.classes[k]!.length > most ? `${known.classes[k]!.slice(0, most - 1)}…` : known.classes[k]!);
  const cells = Array.from({ length: n * n }, (_, k) => {
    const [i, j] = [Math.floor(k / n), k % n];
    const [x, y] = [label + j * side, 34 + i * side];
    return { right: i === j, rect: s("rect", { class: "tgs-pair", x, y, width: side - 1, height: side - 1 }), text: s("text", { class: "tgs-pair-count", x: x + side / 2, y: y + side / 2 }) };
  });
  // Beside a plane the classes have their marks already; names need room that there often is not.
  const mark = (k: number, x: number, y: number): Element => s("path", { class: `tgs-example ${series(k)}`, d: markOf(k), transform: `translate(${x} ${y})` }, s("title", {}, known.classes[k]!));
  const heads = known.classes.flatMap((_, k) => {
    const [x, y] = [label + (k + 0.5) * side, 34 + (k + 0.5) * side];
    if (known.plane) return [mark(k, x, 24), mark(k, label - 14, y)];
    return [
      s("text", { class: "tgs-small", x, y: 24 }, short(k, Math.max(2, Math.floor(side / 6.6)))),
      s("text", { class: "tgs-small is-right", x: label - 6, y }, short(k, 6)),
    ];
  });
  return {
    nodes: [s("text", { class: "tgs-small is-start", x: label, y: 6 }, "taken for →"), s("text", { class: "tgs-small is-start", x: 0, y: 24 }, "is ↓"), ...heads, ...cells.flatMap((c) => [c.rect, c.text])],
    width: label + n * side,
    height: 36 + n * side,
    show(look) {
      const counts = look?.matrix?.length === n * n ? look.matrix : [];
      cells.forEach(({ right, rect, text }, k) => {
        const row = counts.slice(n * Math.floor(k / n), n * (Math.floor(k / n) + 1)).reduce((a, b) => a + b, 0);
        const count = counts[k] ?? 0;
        rect.setAttribute("class", `tgs-pair ${count ? (right ? "is-right-pair" : "is-wrong-pair") : ""}`);
        rect.setAttribute("fill-opacity", count ? (right ? 1 : 0.18 + (0.34 * count) / Math.max(1, row)).toFixed(2) : "1");
        setText(text, count && side >= 13 ? String(count) : "");
      });
    },
  };
}

/** Pictures that were taken for another class. */
function misread(known: Examples, width: number): Part {
  const { shape, grey } = known.images!;
  const [tall = 1, wide = 1] = shape;
  const each = PICTURE + 8;
  const fit = Math.max(1, Math.floor((width + 8) / each));
  const slots = Math.min(MISREAD, 4 * fit);
  const title = s("text", { class: "tgs-small is-start", x: 0, y: 6 });
  const pictures = Array.from({ length: slots }, (_, k) => {
    const [x, y] = [(k % fit) * each, 18 + Math.floor(k / fit) * (PICTURE + 22)];
    return { image: s("image", { class: "tgs-picture", x, y, width: PICTURE, height: PICTURE }), text: s("text", { class: "tgs-small", x: x + PICTURE / 2, y: y + PICTURE + 9 }) };
  });
  const name = (k: number): string => known.classes[k]?.slice(0, 4) ?? String(k);
  const truth = digits(known.truth);
  return {
    nodes: [title, ...pictures.flatMap((p) => [p.image, p.text])],
    width: Math.min(slots, fit) * each,
    height: 18 + Math.ceil(slots / fit) * (PICTURE + 22),
    show(look) {
      const said = digits(look?.said ?? "");
      const wrong = look ? wrongOf(known, look).filter((i) => i < grey.length) : [];
      setText(title, !look ? "" : wrong.length ? "misread: is → said" : `of the first ${grey.length}, none is misread`);
      pictures.forEach(({ image, text }, k) => {
        const i = wrong[k];
        image.setAttribute("visibility", i === undefined ? "hidden" : "visible");
        if (i !== undefined) image.setAttribute("href", bitmap(digits(grey[i]!), wide, tall));
        setText(text, i === undefined ? "" : `${name(truth[i]!)} → ${name(said[i]!)}`);
      });
    },
  };
}

/** Greys from 0 to 15, row by row from the top, as a picture that a browser shows by itself: a BMP with 16 colours of its own. */
export function bitmap(grey: readonly number[], wide: number, tall: number): string {
  const stride = (wide + 3) & ~3;
  const start = 54 + 16 * 4;
  const bytes = new Uint8Array(start + stride * tall);
  const view = new DataView(bytes.buffer);
  bytes.set([0x42, 0x4d]);
  view.setUint32(2, bytes.length, true);
  view.setUint32(10, start, true);
  view.setUint32(14, 40, true);
  view.setInt32(18, wide, true);
  view.setInt32(22, tall, true);
  view.setUint16(26, 1, true);
  view.setUint16(28, 8, true);
  view.setUint32(46, 16, true);
  for (let k = 0; k < 16; k++) bytes.fill(17 * k, 54 + 4 * k, 57 + 4 * k);
  // A BMP's rows go upwards.
  for (let y = 0; y < tall; y++) for (let x = 0; x < wide; x++) bytes[start + (tall - 1 - y) * stride + x] = Math.min(15, grey[y * wide + x] ?? 0);
  return `data:image/bmp;base64,${btoa(String.fromCharCode(...bytes))}`;
}
