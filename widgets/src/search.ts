// Finding a node by its name, its operation, its line of code or its module.
import { h, setAttr, setText } from "./dom";
import { icon } from "./icons";
import { nameOf, type Names } from "./notation";
import type { Define, Recording } from "./types";

/** The nodes that a text fits, best first: by name, then by operation, by module, by line (“12”, “line 12”, or what it says). */
export function find(text: string, defines: Iterable<Define>, names: Names, sources: Recording["sources"]): number[] {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return [];
  const line = /^(?:line |l)?(\d+)$/.exec(wanted)?.[1];
  const ranked: [rank: number, node: number][] = [];
  for (const d of defines) {
    const name = nameOf(names, d.node).text.toLowerCase();
    const code = d.source ? sources[d.source.file] : undefined;
    const said = (code?.lines[d.source!.line - code.first] ?? "").trim().toLowerCase();
    const rank =
      name === wanted ? 0
      : line !== undefined && d.source?.line === Number(line) ? 1
      : name.includes(wanted) ? 2
      : d.op.toLowerCase().includes(wanted) || d.label === text.trim() ? 3
      : d.module.toLowerCase().includes(wanted) ? 4
      : wanted.length > 1 && said.includes(wanted) ? 5
      : null;
    if (rank !== null) ranked.push([rank, d.node]);
  }
  return ranked.sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(([, node]) => node);
}

export interface Search {
  readonly el: HTMLElement;
  /** What fits now. */
  hits(): ReadonlySet<number>;
}

/** The field, and how many fit; Enter goes to the next one. */
export function searchField(look: (text: string) => number[], show: (node: number) => void, changed: () => void): Search {
  const input = h("input", { type: "text", class: "tgs-find-text", placeholder: "Find", "aria-label": "Find a node by name, operation, line or module", spellcheck: "false" });
  const tally = h("output", { class: "tgs-find-count" });
  let found: number[] = [];
  let at = -1;
  const tell = (): void => {
    setText(tally, !input.value.trim() ? "" : !found.length ? "none" : at < 0 ? String(found.length) : `${at + 1} of ${found.length}`);
    setAttr(tally, "aria-label", input.value.trim() ? `${found.length} found` : null);
  };
  input.addEventListener("input", () => {
    found = look(input.value);
    at = -1;
    tell();
    changed();
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && input.value) {
      event.stopPropagation();
      event.preventDefault();
      input.value = "";
      input.dispatchEvent(new Event("input"));
    }
    if (event.key !== "Enter" || !found.length) return;
    event.preventDefault();
    at = event.shiftKey ? (at <= 0 ? found.length : at) - 1 : (at + 1) % found.length;
    tell();
    show(found[at]!);
  });
  return { el: h("label", { class: "tgs-find", title: "Enter: next, Shift+Enter: previous" }, icon("find"), input, tally), hits: () => new Set(found) };
}
