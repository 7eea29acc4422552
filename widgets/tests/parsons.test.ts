// @vitest-environment jsdom
// The puzzle as a whole, without a kernel and without a layout: what is saved, asked and said.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Arrangement, Puzzle } from "../src/arrange";
import widget, { type Model } from "../src/parsons";

const puzzle: Puzzle = {
  title: "Add up",
  parts: [{ given: "def f(xs):\n" }, { region: 0, indent: 4 }],
  groups: [[{ id: "a", text: "total = 0" }, { id: "b", text: "total = 1" }], [{ id: "c", text: "<b>return</b>" }]],
  deepest: 6,
};

class FakeModel implements Model {
  readonly state: Record<string, unknown> = { puzzle, arrangement: [], asked: 0, verdict: {} };
  saves = 0;
  private readonly listeners = new Map<string, Set<() => void>>();
  get(key: string): unknown {
    return this.state[key];
  }
  set(key: string, value: unknown): void {
    this.state[key] = value;
    for (const f of this.listeners.get(`change:${key}`) ?? []) f();
  }
  save_changes(): void {
    this.saves++;
  }
  on(event: string, f: () => void): void {
    this.listeners.set(event, (this.listeners.get(event) ?? new Set()).add(f));
  }
  off(event: string, f: () => void): void {
    this.listeners.get(event)?.delete(f);
  }
  count(): number {
    return [...this.listeners.values()].reduce((n, s) => n + s.size, 0);
  }
}

function open(model = new FakeModel()) {
  const el = document.createElement("div");
  document.body.append(el);
  const close = widget.render({ model, el });
  const root = el.querySelector<HTMLElement>(".tgp")!;
  const face = (id: string) => root.querySelector<HTMLElement>(`[data-id="${id}"] .tgp-face`)!;
  return {
    model,
    root,
    close,
    face,
    said: () => root.querySelector("[role=status]")!.textContent,
    button: (name: string) => [...root.querySelectorAll("button")].find((b) => b.textContent === name)!,
    press: (id: string, key: string) =>
      face(id).dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true })),
    arrangement: () => model.get("arrangement") as Arrangement,
  };
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  document.body.replaceChildren();
  vi.useRealTimers();
});

describe("the puzzle", () => {
  it("shows blocks as text, never as markup", () => {
    const { root } = open();
    expect(root.textContent).toContain("<b>return</b>");
    expect(root.querySelector("b")).toBeNull();
  });
  it("saves every move and keeps the keys from the page around it", () => {
    const { press, arrangement, model } = open();
    const outside = vi.fn();
    document.addEventListener("keydown", outside);
    expect(press("a", "Enter")).toBe(false);
    press("a", "ArrowRight");
    expect(arrangement()).toEqual([[["a", 1]]]);
    expect(model.saves).toBe(2);
    expect(outside).not.toHaveBeenCalled();
    document.removeEventListener("keydown", outside);
  });
  it("leaves keys alone that do nothing here", () => {
    const { press } = open();
    expect(press("a", "Tab")).toBe(true);
    expect(press("a", "x")).toBe(true);
  });
  it("keeps the focus on the block that is moved", () => {
    const { press, face } = open();
    press("a", "Enter");
    expect(document.activeElement).toBe(face("a"));
    press("a", "Delete");
    expect(document.activeElement).toBe(face("a"));
  });
  it("asks for a check only when there is something to check", () => {
    const { button, model, said, press } = open();
    button("Check").click();
    expect([model.get("asked"), said()]).toEqual([0, "First put a block into your code."]);
    press("a", "Enter");
    button("Check").click();
    expect([model.get("asked"), said()]).toEqual([1, "Checking …"]);
    button("Check").click();
    expect(model.get("asked"), "not twice at once").toBe(1);
  });
  it("tells the verdict and takes it back with the next move", () => {
    const { button, model, said, press, root } = open();
    press("a", "Enter");
    button("Check").click();
    model.set("verdict", { asked: 1, passed: false, said: "not yet" });
    expect([said(), root.dataset["verdict"]]).toEqual(["not yet", "failed"]);
    press("a", "ArrowRight");
    expect(root.dataset["verdict"]).toBeUndefined();
  });
  it("says so when no kernel answers, and can be asked again", () => {
    const { button, model, said, press } = open();
    press("a", "Enter");
    button("Check").click();
    vi.advanceTimersByTime(60_000);
    expect(said()).toContain("Run this cell again");
    button("Check").click();
    expect(model.get("asked")).toBe(2);
  });
  it("shows what was saved, without a kernel", () => {
    const model = new FakeModel();
    model.state["arrangement"] = [[["c", 2], ["gone", 0]]];
    model.state["verdict"] = { asked: 1, passed: true, said: "in order" };
    const { root, said } = open(model);
    expect(root.querySelectorAll(".tgp-answer .tgp-block")).toHaveLength(1);
    expect([said(), root.dataset["verdict"]]).toEqual(["in order", "passed"]);
  });
  it("shows in a second view what is moved in the first, and lets go when it is closed", () => {
    const model = new FakeModel();
    const one = open(model);
    const other = open(model);
    one.press("a", "Enter");
    expect(other.root.querySelectorAll(".tgp-answer .tgp-block")).toHaveLength(1);
    one.close();
    other.close();
    expect(model.count()).toBe(0);
  });
});
