// What every widget has: head, timeline, words, keys, theme, files, and a message where its data cannot be shown.
import { controls, PHASES, type Band } from "./controls";
import { unpack, Unreadable } from "./data";
import { h, heading, setText } from "./dom";
import { download, htmlPage, pngFile, svgFile, type Drawing } from "./export";
import { icon } from "./icons";
import look from "./look.css";
import { followTheme } from "./theme";

/** As much of Jupyter's model as a widget needs. */
export interface Model {
  get(key: string): unknown;
  set(key: string, value: unknown): void;
  save_changes(): void;
  on(event: string, callback: (message?: unknown) => void): void;
  off(event: string, callback: (message?: unknown) => void): void;
}

/** What is said about a step, below the picture and to a screen reader. */
export interface Said {
  readonly phase: string;
  /** What the phase is called here, where its own name is not enough. */
  readonly title?: string;
  readonly words: string;
  /** For a screen reader, what `more` shows. */
  readonly spoken?: string;
  /** Below the sentence: formulas, a table, a form. */
  readonly more?: readonly Node[];
  readonly verdict?: { readonly correct: boolean; readonly say: string } | null;
}

/** One widget with its data, as the frame drives it. */
export interface Show {
  readonly title: string;
  readonly bands: readonly Band[];
  readonly body: readonly HTMLElement[];
  /** Buttons of its own, left of those that save. */
  readonly actions?: readonly HTMLElement[];
  /** How many times faster than usual it plays. */
  readonly pace?: number;
  /** Makes the picture show step `at`, and says what it shows. */
  draw(at: number): Said;
  /** A copy of the picture, for a file. */
  drawing(): Drawing;
  /** The learner wants step `at` + 1: true if a question is asked first. */
  ask?(at: number): boolean;
  /** Whether a question is open. */
  asking?(): boolean;
  /** The step changes, or an open question is left. */
  leave?(to: number): void;
  /** Escape: closes what is open. */
  escape?(): void;
  /** The widget is this wide now. */
  resized?(width: number): void;
  close?(): void;
}

/** What a widget may ask of its frame. */
export interface Frame {
  readonly root: HTMLElement;
  readonly model: Model;
  readonly at: number;
  readonly total: number;
  go(step: number): void;
  next(): void;
  draw(): void;
  pause(): void;
  /** Writes a trait; Python hears of it while a kernel runs. */
  put(key: string, value: unknown): void;
  /** Python, or the same widget elsewhere on the page, wrote a trait. */
  listen(key: string, act: () => void): void;
  /** Python sent a message. */
  hear(act: (message: unknown) => void): void;
  /** There are `total` steps now; who stands at the end goes along. */
  grow(total: number): void;
}

/** One kind of widget. */
export interface Kind<D> {
  /** What a screen reader calls it. */
  readonly label: string;
  /** The style of its picture, which travels inside exported files. */
  readonly picture: string;
  /** The style of everything else. */
  readonly style?: string;
  /** The trait that holds its data. */
  readonly data: string;
  /** It takes new data as it comes, instead of being built again. */
  readonly live?: boolean;
  /** Its other traits that a saved page needs, besides `step`. */
  readonly saved: readonly string[];
  /** Reads the data; throws `Unreadable` with a message for the reader. */
  read(text: string): D;
  mount(frame: Frame, data: D): Show;
}

/** What the keyboard does, said once, before the first step. */
export function keys(...more: readonly (readonly [readonly string[], string])[]): HTMLElement {
  const key = ([names, does]: readonly [readonly string[], string]): HTMLElement =>
    h("span", {}, ...names.map((n) => h("kbd", {}, n)), ` ${does}`);
  const usual = [[["←", "→"], "step"], [["Space"], "play"], [["Home", "End"], "jump"]] as const;
  return h("div", { class: "tgs-keys" }, ...usual.map(key), ...more.map(key));
}

const slugOf = (title: string): string => title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "") || "picture";

function build<D>(kind: Kind<D>, model: Model, root: HTMLElement, data: D): () => void {
  const undo: (() => void)[] = [];
  let at = 0;
  const frame: Frame = {
    root,
    model,
    get at() {
      return at;
    },
    get total() {
      return total;
    },
    go,
    next,
    draw,
    pause: () => bar.pause(),
    put(key, value) {
      model.set(key, value);
      try {
        model.save_changes();
      } catch {
        // The kernel has died: stepping goes on without it.
      }
    },
    listen(key, act) {
      const heard = (): void => act();
      model.on(`change:${key}`, heard);
      undo.push(() => model.off(`change:${key}`, heard));
    },
    hear(act) {
      model.on("msg:custom", act);
      undo.push(() => model.off("msg:custom", act));
    },
    grow(now) {
      const follow = at === total;
      total = now;
      bar.grow(total);
      if (follow) at = total;
      draw();
    },
  };
  const show = kind.mount(frame, data);
  let total = show.bands.reduce((n, b) => n + b.count, 0);
  at = clamp(Number(model.get("step") ?? 0));

  const phase = h("span", { class: "tgs-phase" });
  const sentence = h("p", { class: "tgs-sentence" });
  const more = h("div", { class: "tgs-more" });
  const feedback = h("p", { class: "tgs-verdict" });
  const live = h("div", { class: "tgs-sr", role: "status", "aria-live": "polite" });
  const bar = controls(
    show.bands,
    {
      go,
      next,
      previous,
      /** Playing asks too: the answer then goes on. */
      playNext: () => {
        next();
        return !show.asking?.() && at < total;
      },
      atEnd: () => at >= total,
      alive: () => root.isConnected,
    },
    show.pace,
  );
  root.append(
    h("header", { class: "tgs-head" }, heading(1, show.title), h("div", { class: "tgs-actions" }, ...(show.actions ?? []), savers())),
    ...show.body,
    // Above the words, which come and go: what is clicked again and again must not move.
    bar.el,
    h("section", { class: "tgs-say", "aria-label": "What happens" }, feedback, h("div", { class: "tgs-said" }, phase, sentence), more),
    live,
  );

  function clamp(n: number): number {
    const whole = Number.isFinite(n) ? Math.round(n) : 0;
    // As in Python: -1 is the last.
    return Math.min(Math.max(whole < 0 ? total + 1 + whole : whole, 0), total);
  }
  function go(n: number): void {
    const to = clamp(Math.max(n, 0));
    if (to !== at || show.asking?.()) show.leave?.(to);
    at = to;
    if (model.get("step") !== at) frame.put("step", at);
    draw();
  }
  function next(): void {
    if (show.asking?.() || at >= total) return;
    if (!show.ask?.(at)) return go(at + 1);
    bar.pause();
    draw();
  }
  function previous(): void {
    go(show.asking?.() ? at : at - 1);
  }
  function draw(): void {
    const said = show.draw(at);
    root.dataset["phase"] = said.phase;
    setText(phase, said.title ?? PHASES[said.phase] ?? said.phase);
    setText(sentence, said.words);
    more.replaceChildren(...(said.more ?? []));
    const { verdict } = said;
    feedback.replaceChildren(...(verdict ? [icon(verdict.correct ? "tick" : "cross"), h("span", {}, verdict.say)] : []));
    feedback.className = `tgs-verdict${verdict ? (verdict.correct ? " is-right" : " is-wrong") : ""}`;
    setText(live, [verdict?.say, `Step ${at} of ${total}.`, said.words, said.spoken].filter(Boolean).join(" "));
    bar.update(at, said.words);
  }

  // --- files ---------------------------------------------------------------------------------

  function savers(): HTMLElement {
    const button = (label: string, words: string, act: () => void): HTMLElement => {
      const b = h("button", { type: "button", class: "tgs-quiet has-text", title: words, "aria-label": words }, label);
      b.addEventListener("click", act);
      return b;
    };
    const name = `${show.title}, step `;
    const svg = (d: Drawing): string => svgFile(d, root, kind.picture, `${name}${at} of ${total}`);
    return h(
      "div",
      { class: "tgs-savers", role: "group", "aria-label": "Save" },
      icon("save"),
      button("SVG", "Save the picture as SVG", () => download(`${slugOf(show.title)}.svg`, new Blob([svg(show.drawing())], { type: "image/svg+xml" }))),
      button("PNG", "Save the picture as PNG", () => {
        const d = show.drawing();
        void pngFile(svg(d), d.width, d.height).then((png) => download(`${slugOf(show.title)}.png`, png));
      }),
      button("HTML", "Save all of it as one HTML page", () => void savePage()),
    );
  }
  async function savePage(): Promise<void> {
    const state = Object.fromEntries([kind.data, "step", ...kind.saved].map((k) => [k, model.get(k)]));
    // Jupyter holds the widget's code packed; a page had better hold it plain.
    const code = String(model.get("_esm") ?? "");
    const packed = /"(gzip:[\w+/=]+)"/.exec(code)?.[1];
    const bundle = packed ? await unpack(packed) : code;
    download(`${slugOf(show.title)}.html`, new Blob([htmlPage(show.title, { ...state, step: at }, bundle)], { type: "text/html" }));
  }

  // --- keys ----------------------------------------------------------------------------------

  const onKey = (event: KeyboardEvent): void => {
    // The notebook has keys of its own: none of ours may reach it.
    event.stopPropagation();
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.target as HTMLElement;
    const typing = target instanceof HTMLInputElement && target.type === "text";
    if (event.key === "Escape") {
      show.escape?.();
      root.focus({ preventScroll: true });
      return;
    }
    // A slider of the widget's own keeps its arrows.
    const slides = target instanceof HTMLInputElement && target.type === "range" && !target.classList.contains("tgs-slider");
    if (typing || slides || target instanceof HTMLSelectElement) return;
    const acts: Record<string, () => void> = {
      ArrowRight: next,
      ArrowLeft: previous,
      Home: () => go(0),
      End: () => go(total),
      " ": () => bar.toggle(),
    };
    // Space on a button presses that button.
    if (event.key === " " && target instanceof HTMLButtonElement) return;
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    if (event.key !== " ") bar.pause();
    act();
  };
  // Typed letters in an answer field are not shortcuts either.
  const keep = (event: Event): void => event.stopPropagation();
  root.addEventListener("keydown", onKey);
  root.addEventListener("keyup", keep);
  root.addEventListener("keypress", keep);
  undo.push(() => {
    root.removeEventListener("keydown", onKey);
    root.removeEventListener("keyup", keep);
    root.removeEventListener("keypress", keep);
  });

  // --- the world outside ---------------------------------------------------------------------

  frame.listen("step", () => {
    const wish = clamp(Number(model.get("step")));
    if (wish !== at) go(wish);
  });
  undo.push(bar.pause);
  let width = root.clientWidth;
  const observer = new ResizeObserver(() => {
    if (!root.isConnected || root.clientWidth === width) return;
    width = root.clientWidth;
    show.resized?.(width);
  });
  observer.observe(root);
  undo.push(() => observer.disconnect(), () => show.close?.());
  show.resized?.(width);
  draw();
  return () => undo.forEach((f) => f());
}

/** The module that Jupyter loads, made from one kind of widget. */
export function widgetOf<D>(kind: Kind<D>): { render(context: { model: Model; el: HTMLElement }): Promise<() => void> } {
  async function render({ model, el }: { model: Model; el: HTMLElement }): Promise<() => void> {
    const root = h("div", { class: "tgs", tabindex: "0", role: "group", "data-lm-suppress-shortcuts": "true" });
    root.setAttribute("aria-label", `${kind.label}. Left and right arrows step, Space plays.`);
    el.append(root);
    const stopTheme = followTheme(root);
    let close: (() => void) | null = null;
    let gone = false;
    let latest = 0;

    async function read(): Promise<D | string> {
      try {
        return kind.read(await unpack(String(model.get(kind.data) ?? "")));
      } catch (problem) {
        return problem instanceof Unreadable ? problem.message : `This cannot be shown: ${problem}`;
      }
    }
    function fail(message: string): void {
      root.replaceChildren(h("style", {}, look), h("p", { class: "tgs-message", role: "alert" }, message));
    }
    async function show(): Promise<void> {
      const mine = ++latest;
      const data = await read();
      if (gone || mine !== latest) return;
      close?.();
      close = null;
      if (typeof data === "string") return fail(data);
      root.replaceChildren(h("style", {}, look + (kind.style ?? "") + kind.picture));
      try {
        close = build(kind, model, root, data);
      } catch (problem) {
        fail(`This cannot be shown: ${problem instanceof Error ? problem.message : problem}`);
      }
    }

    const again = (): void => void show();
    if (!kind.live) model.on(`change:${kind.data}`, again);
    await show();
    return () => {
      gone = true;
      if (!kind.live) model.off(`change:${kind.data}`, again);
      close?.();
      stopTheme();
      root.remove();
    };
  }
  const widget = { render };
  // A page saved as HTML waits for the widget here; Jupyter does not.
  (globalThis as { tinygradStandalone?: (w: typeof widget) => void }).tinygradStandalone?.(widget);
  return widget;
}
