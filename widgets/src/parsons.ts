// Parsons: blocks of code to be put in order, by mouse, finger or keyboard; Python checks what comes of it.
import { append, empty, find, indent, isEmpty, landmark, put, regionCount, shift, takeOut, tell } from "./arrange";
import type { Arrangement, Block, Puzzle, Spot } from "./arrange";
import { paint } from "./code";
import { h, setText } from "./dom";
import css from "./parsons.css";
import { followTheme } from "./theme";

export interface Model {
  get(key: string): unknown;
  set(key: string, value: unknown): void;
  save_changes(): void;
  on(event: string, f: () => void): void;
  off(event: string, f: () => void): void;
}
interface Verdict {
  readonly asked: number;
  readonly passed: boolean;
  readonly said: string;
}

const PATIENCE = 15_000; // milliseconds; a check is ended by Python well before

const TOOLS = [
  ["ArrowLeft", "Less indented", "M10 3.5 5.5 8l4.5 4.5"],
  ["ArrowRight", "More indented", "M6 3.5 10.5 8 6 12.5"],
  ["ArrowUp", "Up", "M3.5 10 8 5.5l4.5 4.5"],
  ["ArrowDown", "Down", "M3.5 6 8 10.5 12.5 6"],
  ["Delete", "Take out", "M4.5 4.5l7 7M11.5 4.5l-7 7"],
] as const;

function glyph(path: string): SVGSVGElement {
  const NS = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(NS, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(NS, "path"));
  svg.firstElementChild!.setAttribute("d", path);
  return svg;
}

const code = (text: string): HTMLElement => {
  const el = h("code");
  for (const [i, line] of text.split("\n").entries()) el.append(...(i ? ["\n"] : []), ...paint(line));
  return el;
};

function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const puzzle = model.get("puzzle") as Puzzle;
  const blocks = new Map(puzzle.groups.flat().map((block) => [block.id, block]));
  const now = (): Arrangement => {
    const said = model.get("arrangement") as Arrangement;
    return said.length ? said : empty(puzzle);
  };
  let current = 0; // the region where the next block goes
  let selected = ""; // the block of the answer that the tools move
  let waiting: ReturnType<typeof setTimeout> | undefined;

  const pool = h("div", { class: "tgp-pool" });
  const answer = h("div", { class: "tgp-answer" });
  const said = h("p", { class: "tgp-said", role: "status", "aria-live": "polite" });
  const check = h("button", { type: "button", class: "tgp-check" }, "Check");
  const tools = h("div", { class: "tgp-tools", role: "group", "aria-label": "Move the chosen block" });
  for (const [key, label, path] of TOOLS) {
    const button = h("button", { type: "button", title: label, "aria-label": label, "data-key": key });
    button.append(glyph(path));
    tools.append(button);
  }
  const again = h("button", { type: "button", class: "tgp-again" }, "Start over");
  const root = h(
    "section",
    { class: "tgp", "data-lm-suppress-shortcuts": "true", "aria-label": `Put in order: ${puzzle.title}` },
    h(
      "p",
      { class: "tgp-how" },
      "Drag what is right into the code and indent it. Of blocks beside a line, one is right. By keyboard: ",
      ...keys("Enter", " puts in or takes out, ", "↑", "↓", " move, ", "←", "→", " indent."),
    ),
    h(
      "div",
      { class: "tgp-work", role: "application", "aria-label": "Blocks, then your code" },
      h("div", { class: "tgp-side" }, h("p", { class: "tgp-name" }, "Blocks"), pool),
      h("div", { class: "tgp-side" }, h("div", { class: "tgp-head" }, h("p", { class: "tgp-name" }, "Your code"), tools), answer),
    ),
    h("div", { class: "tgp-foot" }, check, again, said),
  );

  function keys(...words: string[]): Node[] {
    return words.map((w) => (/^(Enter|[↑↓←→])$/.test(w) ? h("kbd", {}, w) : document.createTextNode(w)));
  }

  // --- drawing ---

  function card(block: Block, level: number | null): HTMLElement {
    const label = level === null ? block.text : `${block.text}, level ${level}`;
    const face = h(
      "div",
      { class: "tgp-face", tabindex: 0, role: "button", "aria-roledescription": "block of code", "aria-label": label },
      code(block.text),
    );
    const li = h("li", { class: "tgp-block", "data-id": block.id }, face);
    if (level !== null) li.style.setProperty("--level", String(level));
    li.classList.toggle("is-selected", level !== null && block.id === selected);
    return li;
  }

  function draw(): void {
    const a = now();
    const out = puzzle.groups.map((group) => group.filter((block) => !find(a, block.id))).filter((g) => g.length);
    pool.replaceChildren(
      ...out.map((group) => h("ul", { class: `tgp-group${group.length > 1 ? " is-choice" : ""}` }, ...group.map((b) => card(b, null)))),
    );
    if (!out.length) pool.append(h("p", { class: "tgp-none" }, "All blocks are in your code."));
    answer.replaceChildren(
      ...puzzle.parts.map((part) => {
        if ("given" in part) return h("pre", { class: "tgp-given" }, code(part.given.replace(/^\n+|\s+$/g, "")));
        const placed = a[part.region]!.filter(([id]) => blocks.has(id));
        const list = h("ul", { class: "tgp-region", "data-region": part.region });
        list.style.setProperty("--base", String(part.indent));
        list.append(...placed.map(([id, level]) => card(blocks.get(id)!, level)));
        if (!placed.length) {
          const words = regionCount(puzzle) > 1 ? `the lines of ${landmark(puzzle, part.region)}` : "your lines go here";
          const fill = { class: "tgp-empty", tabindex: 0, role: "button", "aria-label": `Fill ${words}` };
          list.append(h("li", {}, h("div", fill, words)));
        }
        list.classList.toggle("is-current", regionCount(puzzle) > 1 && part.region === current);
        return list;
      }),
    );
    const none = isEmpty(a);
    for (const button of tools.children) button.setAttribute("aria-disabled", String(!find(a, selected)));
    check.setAttribute("aria-disabled", String(none || !!waiting));
    again.setAttribute("aria-disabled", String(none));
  }

  const face = (id: string): HTMLElement | null =>
    [...root.querySelectorAll<HTMLElement>(".tgp-block")].find((li) => li.dataset["id"] === id)?.querySelector(".tgp-face") ?? null;

  function change(next: Arrangement, block: Block | null, words?: string): void {
    const spot = block && find(next, block.id);
    if (spot) current = spot.region;
    if (block) selected = block.id;
    model.set("arrangement", next);
    model.save_changes();
    root.removeAttribute("data-verdict");
    draw();
    if (block) face(block.id)?.focus();
    setText(said, words ?? (block ? tell(puzzle, next, block) : ""));
  }

  // --- keyboard and buttons ---

  function act(block: Block, key: string): boolean {
    const a = now();
    const inside = find(a, block.id);
    if (key === "Enter" || key === " ") {
      if (!inside) change(append(a, block.id, current), block);
      else change(takeOut(a, block.id), block);
    } else if (!inside) {
      const all = [...pool.querySelectorAll<HTMLElement>(".tgp-face")];
      const step = { ArrowUp: -1, ArrowDown: 1 }[key];
      if (step === undefined) return false;
      all[all.indexOf(document.activeElement as HTMLElement) + step]?.focus();
    } else if (key === "Delete" || key === "Backspace") change(takeOut(a, block.id), block);
    else if (key === "ArrowUp" || key === "ArrowDown") change(shift(a, block.id, key === "ArrowUp" ? -1 : 1), block);
    else if (key === "ArrowLeft" || key === "ArrowRight")
      change(indent(a, block.id, key === "ArrowLeft" ? -1 : 1, puzzle.deepest), block);
    else return false;
    return true;
  }

  const blockOf = (target: EventTarget | null): Block | undefined =>
    target instanceof Element ? blocks.get(target.closest<HTMLElement>(".tgp-block")?.dataset["id"] ?? "") : undefined;

  function chooseRegion(target: EventTarget | null): boolean {
    const place = target instanceof Element ? target.closest<HTMLElement>(".tgp-empty")?.closest<HTMLElement>(".tgp-region") : null;
    if (!place) return false;
    current = Number(place.dataset["region"]);
    draw();
    answer.querySelector<HTMLElement>(`[data-region="${current}"] .tgp-empty`)?.focus();
    setText(said, regionCount(puzzle) > 1 ? `The next block goes into ${landmark(puzzle, current)}.` : "Choose a block.");
    return true;
  }

  root.addEventListener("keydown", (event) => {
    event.stopPropagation(); // the notebook has keys of its own
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target as Element;
    const block = target.classList.contains("tgp-face") ? blockOf(target) : undefined;
    const done = block ? act(block, event.key) : /^(Enter| )$/.test(event.key) && chooseRegion(target);
    if (done) event.preventDefault();
  });
  root.addEventListener("focusin", (event) => {
    const block = blockOf(event.target);
    if (!block || block.id === selected || !find(now(), block.id)) return;
    root.querySelector(".is-selected")?.classList.remove("is-selected");
    (event.target as Element).closest(".tgp-block")!.classList.add("is-selected");
    selected = block.id;
    for (const button of tools.children) button.setAttribute("aria-disabled", "false");
  });
  for (const name of ["keyup", "keypress"]) root.addEventListener(name, (event) => event.stopPropagation());

  root.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("[data-key]");
    const block = blockOf(event.target);
    const moved = blocks.get(selected);
    if (button && moved && find(now(), selected)) act(moved, button.dataset["key"]!);
    else if (button) setText(said, "First choose a block of your code.");
    else if (block && !event.detail) act(block, "Enter"); // not by a pointer: a reader's "activate"
    else if (!block) chooseRegion(event.target);
  });

  // --- dragging ---

  const marker = h("li", { class: "tgp-marker", "aria-hidden": "true" });

  root.addEventListener("pointerdown", (event) => {
    const li = (event.target as Element).closest<HTMLElement>(".tgp-block");
    const block = blockOf(event.target);
    if (!li || !block || event.button) return;
    const box = li.getBoundingClientRect();
    let dragged = false;
    let spot: Spot | null = null;

    const move = (e: PointerEvent): void => {
      const [dx, dy] = [e.clientX - event.clientX, e.clientY - event.clientY];
      if (!dragged && Math.hypot(dx, dy) < 4) return;
      if (!dragged) root.classList.add("is-dragging");
      dragged = true;
      li.classList.add("is-dragged");
      li.style.transform = `translate(${dx}px, ${dy}px)`;
      spot = under(li, box.left + dx, e.clientY, e.clientX);
      if (spot) mark(spot);
      else marker.remove();
    };
    const end = (e: PointerEvent): void => {
      li.removeEventListener("pointermove", move);
      li.removeEventListener("pointerup", end);
      li.removeEventListener("pointercancel", end);
      root.classList.remove("is-dragging");
      li.classList.remove("is-dragged");
      li.style.transform = "";
      marker.remove();
      if (e.type === "pointercancel") return;
      const inside = find(now(), block.id);
      if (!dragged && inside) face(block.id)?.focus();
      else if (!dragged) act(block, "Enter");
      else if (spot) change(put(now(), block.id, spot), block);
      else if (inside) change(takeOut(now(), block.id), block);
    };
    event.preventDefault(); // no text is selected, nothing is dragged by the browser
    li.setPointerCapture(event.pointerId);
    li.addEventListener("pointermove", move);
    li.addEventListener("pointerup", end);
    li.addEventListener("pointercancel", end);
  });

  /** The place that a block held there would take. */
  function under(dragged: HTMLElement, left: number, y: number, x: number): Spot | null {
    const side = answer.getBoundingClientRect();
    if (x < side.left - 8 || x > side.right + 8 || y < side.top - 24 || y > side.bottom + 24) return null;
    const lists = [...answer.querySelectorAll<HTMLElement>(".tgp-region")];
    const away = (list: HTMLElement): number => {
      const box = list.getBoundingClientRect();
      return Math.max(box.top - y, y - box.bottom, 0);
    };
    const list = lists.reduce((best, one) => (away(one) < away(best) ? one : best));
    const others = [...list.querySelectorAll<HTMLElement>(".tgp-block")];
    let index = others.findIndex((one) => one !== dragged && y < middle(one));
    if (index < 0) index = others.length;
    const start = list.getBoundingClientRect().left + parseFloat(getComputedStyle(list).paddingLeft);
    const level = Math.min(Math.max(Math.round((left - start) / stepWidth()), 0), puzzle.deepest);
    return { region: Number(list.dataset["region"]), index, level };
  }

  const middle = (one: HTMLElement): number => {
    const box = one.getBoundingClientRect();
    return (box.top + box.bottom) / 2;
  };

  /** The width of one level, measured: four characters of the code's font. */
  function stepWidth(): number {
    const probe = h("span", { class: "tgp-probe" });
    answer.append(probe);
    const width = probe.getBoundingClientRect().width;
    probe.remove();
    return width || 32;
  }

  function mark(spot: Spot): void {
    const list = answer.querySelector<HTMLElement>(`[data-region="${spot.region}"]`)!;
    const others = list.querySelectorAll(".tgp-block");
    marker.style.setProperty("--level", String(spot.level));
    list.insertBefore(marker, others[spot.index] ?? null);
  }

  // --- checking ---

  check.addEventListener("click", () => {
    if (check.getAttribute("aria-disabled") === "true") {
      if (!waiting) setText(said, "First put a block into your code.");
      return;
    }
    model.set("asked", (model.get("asked") as number) + 1);
    model.save_changes();
    setText(said, "Checking …");
    waiting = setTimeout(() => {
      waiting = undefined;
      setText(said, "No answer came. Run this cell again: what you have arranged is kept.");
      draw();
    }, PATIENCE);
    draw();
  });

  again.addEventListener("click", () => {
    if (again.getAttribute("aria-disabled") === "true") return;
    current = 0;
    change(empty(puzzle), null, "All blocks are back.");
  });

  function answered(): void {
    const verdict = model.get("verdict") as Partial<Verdict>;
    if (verdict.asked === undefined) return root.removeAttribute("data-verdict");
    clearTimeout(waiting);
    waiting = undefined;
    root.setAttribute("data-verdict", verdict.passed ? "passed" : "failed");
    setText(said, verdict.said ?? "");
    draw();
  }

  // Not after every change of our own: that would take the focus from the block that is moved.
  const changed = (): void => void (root.contains(document.activeElement) || draw());
  model.on("change:verdict", answered);
  model.on("change:arrangement", changed);
  const stop = followTheme(root);
  el.append(h("style", {}, css), root);
  draw();
  if ((model.get("verdict") as Partial<Verdict>).asked !== undefined) answered();
  return () => {
    stop();
    clearTimeout(waiting);
    model.off("change:verdict", answered);
    model.off("change:arrangement", changed);
  };
}

export default { render };
