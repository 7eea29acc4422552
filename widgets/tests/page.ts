// A page without a layout engine, and a model that only remembers: what tests of whole widgets stand on.
import { afterEach, beforeEach, vi } from "vitest";
import type { Model } from "../src/frame";

export class FakeModel implements Model {
  readonly saved: string[] = [];
  private readonly listeners = new Map<string, Set<(message?: unknown) => void>>();
  constructor(private readonly state: Record<string, unknown>) {}
  get(key: string): unknown {
    return this.state[key];
  }
  set(key: string, value: unknown): void {
    this.state[key] = value;
    for (const f of this.listeners.get(`change:${key}`) ?? []) f();
  }
  save_changes(): void {
    this.saved.push(JSON.stringify(this.state["step"]));
  }
  /** What Python's send() brings. */
  send(message: unknown): void {
    for (const f of this.listeners.get("msg:custom") ?? []) f(message);
  }
  on(event: string, f: (message?: unknown) => void): void {
    this.listeners.set(event, (this.listeners.get(event) ?? new Set()).add(f));
  }
  off(event: string, f: (message?: unknown) => void): void {
    this.listeners.get(event)?.delete(f);
  }
  count(): number {
    return [...this.listeners.values()].reduce((n, s) => n + s.size, 0);
  }
}

interface Widget {
  render(context: { model: Model; el: HTMLElement }): Promise<() => void>;
}

/** Prepares the page for every test of a file, and shows widgets on it. */
export function usePage() {
  const observers = new Set<object>();
  beforeEach(() => {
    vi.stubGlobal(
      "ResizeObserver",
      class {
        observe(): void {
          observers.add(this);
        }
        disconnect(): void {
          observers.delete(this);
        }
      },
    );
    vi.stubGlobal("CSS", { escape: (s: string) => s.replace(/[^\w-]/g, (c) => `\\${c}`) });
  });
  afterEach(() => {
    document.body.replaceChildren();
    observers.clear();
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  async function show(widget: Widget, state: Record<string, unknown>) {
    const model = new FakeModel({ step: 0, ...state });
    const el = document.createElement("div");
    document.body.append(el);
    const close = await widget.render({ model, el });
    const root = el.querySelector<HTMLElement>(".tgs")!;
    const key = (name: string, target: Element = root): KeyboardEvent => {
      const event = new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true });
      target.dispatchEvent(event);
      return event;
    };
    return {
      model,
      el,
      root,
      close,
      key,
      button: (label: string) => root.querySelector<HTMLButtonElement>(`button[aria-label="${label}"]`)!,
      status: () => root.querySelector("[role=status]")!.textContent!,
    };
  }
  return { show, observers };
}
