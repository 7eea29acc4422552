// The code pane: the recorded source with the line that runs, and the line that made a node, marked.
import { h, setAttr } from "./dom";
import type { Place, Recording } from "./types";

const TOKEN =
  /(#.*$)|("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|\b(\d+\.?\d*(?:e[-+]?\d+)?)\b|\b(and|as|assert|class|def|del|elif|else|except|False|finally|for|from|global|if|import|in|is|lambda|None|not|or|pass|raise|return|True|try|while|with|yield)\b/g;
const CLASSES = ["comment", "string", "number", "keyword"];

/** A line of Python as text and coloured pieces. */
export function paint(line: string): Node[] {
  const out: Node[] = [];
  let at = 0;
  for (const m of line.matchAll(TOKEN)) {
    if (m.index > at) out.push(document.createTextNode(line.slice(at, m.index)));
    const kind = CLASSES[m.slice(1).findIndex((g) => g !== undefined)]!;
    out.push(h("span", { class: `tgs-${kind}` }, m[0]));
    at = m.index + m[0].length;
  }
  if (at < line.length) out.push(document.createTextNode(line.slice(at)));
  return out;
}

/** Cells are indented as they were; what all lines share is taken away. */
export function commonIndent(lines: readonly string[]): number {
  const indents = lines.filter((l) => l.trim()).map((l) => l.length - l.trimStart().length);
  return indents.length ? Math.min(...indents) : 0;
}

export interface CodePane {
  readonly el: HTMLElement;
  update(now: Place | null, made: Place | null, phase: string): void;
}

export function codePane(recording: Recording): CodePane {
  const title = h("figcaption", { class: "tgs-file" });
  // It scrolls, so the keyboard must be able to enter it.
  const list = h("ol", { class: "tgs-lines", tabindex: "0", "aria-label": "Code" });
  const el = h("figure", { class: "tgs-code" }, title, list);
  let shown: string | null = null;

  function open(file: string): void {
    const source = recording.sources[file];
    if (!source || shown === file) return;
    shown = file;
    const known = source.lines.some((line) => line.trim());
    title.textContent = known ? source.name : `${source.name}: its text was not recorded`;
    if (!known) return list.replaceChildren();
    const cut = commonIndent(source.lines);
    list.style.setProperty("--digits", String(String(source.first + source.lines.length - 1).length));
    list.replaceChildren(
      ...source.lines.map((line, i) =>
        h(
          "li",
          { "data-line": source.first + i },
          h("span", { class: "tgs-lineno", "aria-hidden": "true" }, String(source.first + i)),
          h("code", {}, ...paint(line.slice(cut))),
        ),
      ),
    );
  }

  const first = Object.keys(recording.sources)[0];
  if (first !== undefined) open(first);
  else el.hidden = true;

  return {
    el,
    update(now, made, phase) {
      const file = now?.file ?? made?.file;
      if (file !== undefined) open(file);
      setAttr(list, "data-phase", phase);
      for (const li of list.children as HTMLCollectionOf<HTMLElement>) {
        const line = Number(li.dataset["line"]);
        const isNow = !!now && now.file === shown && now.line === line;
        setAttr(li, "aria-current", isNow ? "step" : null);
        li.classList.toggle("is-now", isNow);
        li.classList.toggle("is-made", !isNow && !!made && made.file === shown && made.line === line);
      }
      // Only the pane scrolls; the notebook stays where the reader left it.
      const target = list.querySelector<HTMLElement>(".is-now") ?? list.querySelector<HTMLElement>(".is-made");
      if (!target) return;
      const top = target.offsetTop;
      if (top < list.scrollTop + 20 || top + target.offsetHeight > list.scrollTop + list.clientHeight - 20)
        list.scrollTop = top - list.clientHeight / 2;
    },
  };
}
