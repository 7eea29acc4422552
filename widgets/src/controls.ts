// The bar below: first, previous, play, next, last, the slider with its phases, and the speed.
import { h, setAttr, setText } from "./dom";
import { icon, type Icon } from "./icons";

const SPEEDS: [string, number][] = [
  ["0.5×", 2800],
  ["1×", 1400],
  ["2×", 700],
  ["4×", 350],
];

/** A run of steps that belong together: a stretch of the slider, in the colour of its phase. */
export interface Band {
  readonly phase: string;
  readonly count: number;
  /** What stands above it; by default what its phase is called. */
  readonly label?: string;
}

export interface Driver {
  go(step: number): void;
  next(): void;
  previous(): void;
  /** Takes the next step; false when playing should stop. */
  playNext(): boolean;
  atEnd(): boolean;
  alive(): boolean;
}

export interface Controls {
  readonly el: HTMLElement;
  update(at: number, words: string): void;
  toggle(): void;
  pause(): void;
  /** There are more steps now. */
  grow(total: number): void;
}

/** What each phase is called. */
export const PHASES: Readonly<Record<string, string>> = { start: "Start", forward: "Forward", backward: "Backward", update: "Update", write: "In place", refused: "Error" };

/** Runs of one phase, for the band above the slider. */
export function bands(steps: readonly { readonly phase: string }[]): Band[] {
  const out: { phase: string; count: number }[] = [];
  for (const { phase } of steps) {
    const last = out.at(-1);
    if (last?.phase === phase) last.count += 1;
    else out.push({ phase, count: 1 });
  }
  return out;
}

/** `pace` divides the time between two steps while playing: many small steps want to go fast. */
export function controls(shown: readonly Band[], driver: Driver, pace = 1): Controls {
  let total = shown.reduce((n, b) => n + b.count, 0);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const button = (label: string, name: Icon, act: () => void): HTMLButtonElement => {
    const b = h("button", { type: "button", class: "tgs-button", "aria-label": label, title: label }, icon(name));
    // Not `disabled`: that would drop the keyboard's focus at either end.
    b.addEventListener("click", () => b.getAttribute("aria-disabled") !== "true" && act());
    return b;
  };
  const stop = (act: () => void) => () => {
    pause();
    act();
  };
  const first = button("First step", "first", stop(() => driver.go(0)));
  const previous = button("Previous step", "previous", stop(() => driver.previous()));
  const play = button("Play", "play", () => toggle());
  const next = button("Next step", "next", stop(() => driver.next()));
  const last = button("Last step", "last", stop(() => driver.go(total)));
  play.classList.add("is-main");

  const slider = h("input", { type: "range", min: 0, max: total, step: 1, value: 0, "aria-label": "Step", class: "tgs-slider" });
  slider.addEventListener("input", stop(() => driver.go(Number(slider.value))));
  const word = (b: Band): string => b.label ?? PHASES[b.phase] ?? b.phase;
  const band = h(
    "div",
    { class: "tgs-bands", "aria-hidden": "true" },
    ...shown.map((b) =>
      h("span", { class: `is-${b.phase}`, style: `flex-grow:${b.count}`, title: word(b) }, h("i", {}, b.count / total > 0.09 ? word(b) : "")),
    ),
  );
  const count = h("output", { class: "tgs-count", "aria-hidden": "true" });
  const speed = h(
    "select",
    { class: "tgs-speed", "aria-label": "Speed", title: "Speed" },
    ...SPEEDS.map(([label, ms]) => h("option", { value: ms / pace, selected: ms === 1400 }, label)),
  );

  function face(playing: boolean): void {
    play.replaceChildren(icon(playing ? "pause" : "play"));
    setAttr(play, "aria-label", playing ? "Pause" : "Play");
    setAttr(play, "title", playing ? "Pause (Space)" : "Play (Space)");
  }
  function pause(): void {
    if (timer === undefined) return;
    clearTimeout(timer);
    timer = undefined;
    face(false);
  }
  function wait(ms: number): void {
    timer = setTimeout(() => {
      // A cell that was cleared must not go on playing.
      if (driver.alive() && driver.playNext()) {
        if (timer !== undefined) wait(Number(speed.value));
      } else pause();
    }, ms);
  }
  function toggle(): void {
    if (timer !== undefined) return pause();
    if (driver.atEnd()) driver.go(0);
    face(true);
    wait(150 / pace);
  }

  return {
    el: h(
      "div",
      { class: "tgs-bar" },
      h("div", { class: "tgs-buttons", role: "group", "aria-label": "Steps" }, first, previous, play, next, last),
      h("div", { class: "tgs-time" }, band, slider),
      count,
      speed,
    ),
    toggle,
    pause,
    grow(now) {
      total = now;
      slider.max = String(total);
    },
    update(at, words) {
      if (Number(slider.value) !== at) slider.value = String(at);
      setAttr(slider, "aria-valuetext", `Step ${at} of ${total}: ${words}`);
      setText(count, `${at} / ${total}`);
      for (const b of [first, previous]) setAttr(b, "aria-disabled", at === 0 ? "true" : null);
      for (const b of [next, last]) setAttr(b, "aria-disabled", at === total ? "true" : null);
    },
  };
}
