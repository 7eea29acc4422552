// @vitest-environment jsdom
// The widget as a whole, on a page without a layout engine: behaviour, not looks.
import { describe, expect, it, vi } from "vitest";
import { htmlPage, scriptCode, scriptJson } from "../src/export";
import widget from "../src/stepper";
import { define, events, read } from "./help";
import { usePage } from "./page";

const page = usePage();

async function open(recording: string, more: Record<string, unknown> = {}) {
  const w = await page.show(widget, { recording, step: 0, folded: [], layouts: {}, predict: false, predictions: [], ...more });
  return { ...w, shown: () => [...w.root.querySelectorAll(".tgs-node.is-shown")].map((n) => n.getAttribute("data-node")) };
}

describe("stepping", () => {
  it("grows the graph and lights the line", async () => {
    const w = await open(read("diamond"));
    expect(w.shown()).toEqual([]);
    w.key("ArrowRight");
    expect(w.shown()).toEqual(["0", "1"]);
    w.key("ArrowRight");
    expect(w.shown()).toEqual(["0", "1", "2"]);
    expect(w.root.querySelector(".tgs-lines li.is-now")?.textContent).toContain("c = a * b");
    expect(w.status()).toBe("Step 2 of 8. a is multiplied by b; c is 6. It keeps a and b for the way back. c = a · b = 2 · 3 = 6");
    w.key("ArrowLeft");
    expect(w.shown()).toEqual(["0", "1"]);
  });

  it("jumps with Home and End, buttons and slider, and tells Python", async () => {
    const w = await open(read("diamond"));
    w.key("End");
    expect(w.model.get("step")).toBe(8);
    w.key("Home");
    expect(w.model.get("step")).toBe(0);
    w.button("Next step").click();
    w.button("Last step").click();
    w.button("Previous step").click();
    expect(w.model.get("step")).toBe(7);
    const slider = w.root.querySelector<HTMLInputElement>("input[type=range]")!;
    slider.value = "3";
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    expect(w.model.get("step")).toBe(3);
    w.model.set("step", -1);
    expect(w.status()).toMatch(/^Step 8 of 8/);
    w.button("First step").click();
    expect(w.button("First step").getAttribute("aria-disabled")).toBe("true");
    w.button("Previous step").click();
    expect(w.model.get("step")).toBe(0);
  });

  it("keeps its keys from the notebook", async () => {
    const w = await open(read("diamond"));
    const outside = vi.fn();
    document.addEventListener("keydown", outside);
    for (const name of ["ArrowRight", "ArrowLeft", "Home", "End", " ", "d", "a"]) w.key(name);
    expect(outside).not.toHaveBeenCalled();
    expect(w.key("ArrowRight").defaultPrevented).toBe(true);
    expect(w.key("d").defaultPrevented).toBe(false);
    document.removeEventListener("keydown", outside);
  });

  it("writes gradients on edges and sums into the node where paths meet", async () => {
    const w = await open(read("diamond"), { step: 7 });
    expect(w.root.querySelector('[data-node="0"] .tgs-tag')?.textContent).toBe("1 + 3 = 4");
    expect([...w.root.querySelectorAll(".is-sent .tgs-sent")].map((e) => e.textContent).sort()).toEqual(["1", "1", "2", "3"]);
  });

  it("plays to the end, and stops there", async () => {
    vi.useFakeTimers();
    const w = await open(read("diamond"));
    w.key(" ");
    expect(w.button("Pause")).not.toBeNull();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(w.model.get("step")).toBe(8);
    expect(w.button("Play")).not.toBeNull();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("leaves no timer, listener or observer behind", async () => {
    vi.useFakeTimers();
    const w = await open(read("diamond"));
    w.key(" ");
    w.close();
    expect(vi.getTimerCount()).toBe(0);
    expect(w.model.count()).toBe(0);
    expect(page.observers.size).toBe(0);
    expect(w.el.childElementCount).toBe(0);
  });

  it("stops playing when its cell is cleared without a word", async () => {
    vi.useFakeTimers();
    const w = await open(read("diamond"));
    w.key(" ");
    w.el.remove();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(vi.getTimerCount()).toBe(0);
    expect(w.model.get("step")).toBe(0);
  });

  it("leaves a second stepper alone", async () => {
    const [one, two] = [await open(read("diamond")), await open(read("diamond"))];
    one.key("End");
    expect(two.model.get("step")).toBe(0);
    expect(two.shown()).toEqual([]);
  });
});

describe("details", () => {
  it("opens with Enter and closes with Escape", async () => {
    const w = await open(read("diamond"), { step: 8 });
    const node = w.root.querySelector('[data-node="2"]')!;
    expect(node.getAttribute("aria-label")).toContain("operation mul, value 6, gradient 1");
    w.key("Enter", node);
    const text = w.root.querySelector(".tgs-inspector")!.textContent!;
    for (const words of ["operation mul", "6", "()", "float32", "line 4", "a, b (released)"]) expect(text).toContain(words);
    w.key("Escape");
    expect(w.root.querySelector(".tgs-inspector")).toBeNull();
  });

  it("sums up what is large", async () => {
    const w = await open(read("big-values"), { step: -1 });
    w.key("Enter", w.root.querySelector('[data-node="3"]')!);
    const detail = w.root.querySelector(".tgs-inspector")!;
    expect(detail.querySelectorAll(".tgs-histogram rect").length).toBeGreaterThanOrEqual(32);
    expect(detail.textContent).toMatch(/mean/);
  });

  it("folds and unfolds modules", async () => {
    const w = await open(read("mlp"), { step: -1, folded: ["fc1", "fc2"] });
    const chip = w.root.querySelector('[data-key="m:fc1"]')!;
    expect(chip.getAttribute("aria-label")).toMatch(/^fc1 .*module fc1, folded, 4 nodes/);
    w.key("Enter", chip);
    expect(w.model.get("folded")).toEqual(["fc2"]);
    w.key("Enter", w.root.querySelector('[data-key="f:fc1"]')!);
    expect(w.model.get("folded")).toEqual(["fc1", "fc2"]);
  });
});

describe("names", () => {
  it.each(["diamond", "mlp", "dynamic_static/static"])("begin with what stands on the card: %s", async (name) => {
    const w = await open(read(name), { folded: name === "mlp" ? ["fc2"] : [] });
    for (const step of [3, 8, -1]) {
      w.model.set("step", step);
      for (const part of w.root.querySelectorAll("[role=button][aria-label]:is(.tgs-node.is-shown, .tgs-frame)")) {
        const seen = [...part.querySelectorAll("text")].map((t) => t.textContent).filter(Boolean).join(" ");
        expect(part.getAttribute("aria-label")!.startsWith(seen)).toBe(true);
      }
    }
  });
});

describe("questions about a gradient", () => {
  const programs = JSON.parse(read("why")) as Record<string, unknown>;
  const ask = async (program: string, node: string, more: Record<string, unknown> = {}) => {
    const w = await open(JSON.stringify(programs[program]), { step: -1, ...more });
    w.key("Enter", [...w.root.querySelectorAll(".tgs-node")].find((n) => n.querySelector(".tgs-name")?.textContent === node)!);
    w.root.querySelector<HTMLElement>(".tgs-ask")!.click();
    return w;
  };

  it("are asked of the chosen node, and answered there until it is closed", async () => {
    const w = await ask("in_a_row", "w");
    const why = w.root.querySelector(".tgs-why")!;
    expect(why.textContent).toContain("No single step did it");
    expect(why.querySelectorAll(".tgs-way li")).toHaveLength(12);
    expect(why.querySelectorAll(".tgs-way li.is-culprit")).toHaveLength(1);
    expect(w.root.querySelectorAll(".tgs-node.is-onway")).toHaveLength(12);
    w.root.querySelector<HTMLElement>(".tgs-ask")!.click();
    expect(w.root.querySelector(".tgs-way")).toBeNull();
    expect(w.root.querySelectorAll(".is-onway")).toHaveLength(0);
  });

  it("lead to the step that did it, to the node that is to blame, and to the step that says more", async () => {
    const huge = await ask("huge", "tiny");
    [...huge.root.querySelectorAll<HTMLElement>(".tgs-way button")].at(-1)!.click();
    expect(huge.status()).toContain("Backward visits log(tiny)");
    const cut = await ask("without_grad", "w");
    [...cut.root.querySelectorAll<HTMLElement>(".tgs-then button")].find((b) => b.textContent === "Show y")!.click();
    expect(cut.root.querySelector(".tgs-inspector h4")!.textContent).toBe("y");
    const early = await ask("middle", "w", { step: 5 });
    [...early.root.querySelectorAll<HTMLElement>(".tgs-then button")].find((b) => b.textContent === "Go to that step")!.click();
    expect(early.status()).toContain("sends 24 to w");
  });
});

describe("search", () => {
  const type = (root: HTMLElement, text: string): HTMLInputElement => {
    const field = root.querySelector<HTMLInputElement>(".tgs-find-text")!;
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    return field;
  };

  it("marks what fits, goes from one to the next, also to what is not there yet, and forgets", async () => {
    const w = await open(read("mlp"));
    const field = type(w.root, "weight");
    expect(w.root.querySelector(".tgs-find-count")!.textContent).toBe("2");
    w.key("Enter", field);
    expect(w.root.querySelector(".tgs-inspector h4")!.textContent).toBe("fc1.weight");
    expect(w.model.get("step")).toBeGreaterThan(0);
    expect(w.root.querySelectorAll(".tgs-node.is-shown.is-hit")).toHaveLength(1);
    w.key("Enter", field);
    expect(w.root.querySelector(".tgs-find-count")!.textContent).toBe("2 of 2");
    w.key("Escape", field);
    expect(field.value).toBe("");
    expect(w.root.querySelectorAll(".is-hit")).toHaveLength(0);
    expect(type(w.root, "xyzzy") && w.root.querySelector(".tgs-find-count")!.textContent).toBe("none");
  });

  it("finds what a folded module holds", async () => {
    const w = await open(read("mlp"), { folded: ["fc1", "fc2"] });
    w.key("Enter", type(w.root, "fc1.weight"));
    expect(w.root.querySelector(".tgs-inspector h4")!.textContent).toBe("fc1.weight");
    expect(w.root.querySelector('[data-key="m:fc1"]')!.classList).toContain("is-selected");
  });
});

describe("graphs that run later", () => {
  it("have shapes first, values only while a run needs them, and say what is fed and fetched", async () => {
    const w = await open(read("dynamic_static/static"));
    const seen: string[] = [];
    for (w.key("ArrowRight"); !w.status().includes("The run is over"); w.key("ArrowRight")) seen.push(w.status());
    expect(seen.join()).toContain("without a value. Nothing is computed.");
    expect(seen.join()).toContain("Run 1 begins: it is asked for tanh(s). Fed: x = [2, 1]. 4 of 6 operations are needed");
    expect(seen.join()).not.toContain("for the way back are released");
    expect([...w.root.querySelectorAll(".tgs-pintext")].map((t) => t.textContent)).toEqual(["fed", "handed out"]);
    const lives = [...w.root.querySelectorAll(".tgs-node.is-shown")].map((n) => n.getAttribute("data-life"));
    expect(new Set(lives)).toEqual(new Set(["fed", "read", "freed", "computed", "idle"]));
    expect(w.root.querySelectorAll('[data-life="idle"] .tgs-v')[0]!.textContent).toBe("()");
  });
});

describe("what goes wrong in a program", () => {
  it("is a step with the error's words, about the node that is to blame", async () => {
    const w = await open(JSON.stringify(JSON.parse(read("why")).overwritten), { step: -1 });
    expect(w.status()).toContain("GradError: exp saved its result for the backward pass");
    expect(w.root.querySelector(".tgs-trouble")!.textContent).toContain("not y += 1");
    expect(w.root.querySelector(".tgs-node.is-now")!.textContent).toContain("exp");
    expect(w.root.querySelector(".tgs-node.is-torn .tgs-count-text")!.textContent).toBe("v1");
    expect(w.root.querySelector(".tgs-node.is-torn")!.getAttribute("aria-label")).toContain("what it saved was written over");
  });

  it("is said where nothing else was recorded", async () => {
    const data = JSON.parse(read("diamond"));
    data.events = events({ type: "error", error: "NameError", text: "name 'w' is not defined" } as never);
    const { root } = await open(JSON.stringify(data));
    expect(root.querySelector("[role=alert]")!.textContent).toContain("before an error ended it (NameError: name 'w' is not defined)");
    data.events = events({ type: "print", text: "only this" } as never);
    expect((await open(JSON.stringify(data))).root.querySelector("[role=alert]")!.textContent).toMatch(/Nothing was recorded.*with record\(\)/);
  });
});

describe("large graphs", () => {
  const chain = (n: number): string => {
    const data = JSON.parse(read("diamond"));
    data.events = events(
      define(0, { name: "x" }),
      ...Array.from({ length: n - 1 }, (_, i) =>
        define(i + 1, { kind: "operation", op: "neg", label: "−", inputs: [{ edge: i, node: i, arg: "x" }] }),
      ),
    );
    return JSON.stringify(data);
  };

  it("asks Python for positions, says so while there are none, and uses them when they come", async () => {
    const w = await open(chain(350), { step: -1, layout_note: "" });
    const note = w.root.querySelector(".tgs-note")!;
    expect(w.model.get("wanted")).toBe("0|");
    expect(note.textContent).toMatch(/placed in plain columns/);
    const nodes = Object.fromEntries(Array.from({ length: 350 }, (_, i) => [`n${i}`, [i * 150, 0]]));
    w.model.set("layouts", { "0|": { width: 0, height: 0, nodes, edges: {} } });
    expect(note.textContent).toBe("");
  });

  it("keeps only what is in view in the page, and exports all of it", async () => {
    const w = await open(chain(350), { step: -1 });
    expect(w.root.querySelectorAll(".tgs-node").length).toBeLessThan(60);
    const files: Blob[] = [];
    vi.stubGlobal("URL", { createObjectURL: (b: Blob) => (files.push(b), "blob:x"), revokeObjectURL: () => {} });
    vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(() => {});
    w.button("Save the picture as SVG").click();
    expect((await files[0]!.text()).match(/data-node=/g)).toHaveLength(350);
    expect(w.root.querySelectorAll(".tgs-node").length).toBeLessThan(60);
  });
});

describe("predicting", () => {
  const submit = (root: HTMLElement, text: string): void => {
    root.querySelector<HTMLInputElement>(".tgs-answer input")!.value = text;
    root.querySelector("form")!.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
  };

  it("hides, asks, reveals, compares and remembers", async () => {
    const w = await open(read("diamond"), { predict: true, step: 1 });
    w.key("ArrowRight");
    expect(w.model.get("step")).toBe(1);
    expect(w.root.querySelector('[data-node="2"] .tgs-v')?.textContent).toBe("?");
    expect(w.status()).not.toContain("6");
    submit(w.root, "six");
    expect(w.root.querySelector(".tgs-problem")?.textContent).toMatch(/A number looks like/);
    submit(w.root, "5");
    expect(w.model.get("step")).toBe(2);
    expect(w.root.querySelector(".tgs-verdict")?.textContent).toBe("Not 5: it is 6.");
    w.key("ArrowRight");
    submit(w.root, "8");
    expect(w.status()).toMatch(/^Right: 8\./);
    expect(w.model.get("predictions")).toEqual([
      { step: 2, node: "c", asked: "value", answer: 5, expected: 6, correct: false },
      { step: 3, node: "d", asked: "value", answer: 8, expected: 8, correct: true },
    ]);
    expect(w.root.querySelector(".tgs-score")?.textContent).toBe("1 of 2 right");
  });

  it("hides the gradient it asks for wherever it would be seen", async () => {
    const w = await open(read("diamond"), { predict: true, step: 5 });
    w.key("ArrowRight");
    expect(w.root.querySelector(".tgs-edge.is-asked .tgs-sent")?.textContent).toBe("?");
    const texts = [...w.root.querySelectorAll(".tgs-g")].map((e) => e.textContent);
    expect(texts).not.toContain("3");
  });

  it("goes on without an answer when asked to", async () => {
    const w = await open(read("diamond"), { predict: true, step: 1 });
    w.key("ArrowRight");
    [...w.root.querySelectorAll("button")].find((b) => b.textContent === "Show me")!.click();
    expect(w.model.get("step")).toBe(2);
    expect(w.model.get("predictions")).toEqual([]);
  });
});

describe("safety", () => {
  const evil = `<img src=x onerror="alert(1)"></script><script>alert(2)</script>`;
  const poisoned = (): string => {
    const data = JSON.parse(read("diamond"));
    data.meta.title = evil;
    data.sources.s0.name = evil;
    data.sources.s0.lines[3] = evil;
    for (const event of data.events)
      if (event.type === "define") Object.assign(event, { name: evil, label: evil, op: evil, module: evil });
    return JSON.stringify(data);
  };

  it("never treats text from a recording as HTML", async () => {
    const w = await open(poisoned(), { step: -1 });
    w.key("Enter", w.root.querySelector('[data-node="2"]')!);
    expect(w.root.querySelector("img, script")).toBeNull();
    expect(w.root.querySelector("h3")!.textContent).toBe(evil);
  });

  it("exports SVG that is whole, styled and harmless", async () => {
    const w = await open(poisoned(), { step: -1 });
    const files: Blob[] = [];
    vi.stubGlobal("URL", { createObjectURL: (b: Blob) => (files.push(b), "blob:x"), revokeObjectURL: () => {} });
    vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(() => {});
    w.button("Save the picture as SVG").click();
    const svg = await files[0]!.text();
    const parsed = new DOMParser().parseFromString(svg, "image/svg+xml");
    expect(parsed.querySelector("parsererror")).toBeNull();
    expect(parsed.querySelector("img, script")).toBeNull();
    expect(parsed.documentElement.getAttribute("viewBox")).toMatch(/^0 0 \d{3} \d{3}$/);
    expect(parsed.querySelector("style")!.textContent).toContain("--tgs-value:");
    expect(parsed.querySelectorAll(".tgs-node").length).toBe(4);
    expect(parsed.querySelector("[tabindex], [style*='transform']")).toBeNull();
  });

  it("exports a page from which nothing breaks out", () => {
    const bundle = `const a="</script>";const b="<!--";export{a}`;
    const page = htmlPage(evil, { recording: poisoned() }, bundle);
    const parsed = new DOMParser().parseFromString(page, "text/html");
    expect(parsed.querySelector("img")).toBeNull();
    expect([...parsed.querySelectorAll("script")].map((s) => s.id)).toEqual(["state", "", "bundle"]);
    expect(parsed.title).toBe(evil);
    expect(JSON.parse(parsed.querySelector("#state")!.textContent!)).toEqual({ recording: poisoned() });
    expect(page).not.toMatch(/(src|href)=["']https?:/);
  });

  it("escapes script text so that it still means the same", () => {
    expect(JSON.parse(scriptJson({ a: "</script>\u2028" }))).toEqual({ a: "</script>\u2028" });
    expect(scriptCode("'</script><!--'")).toBe("'<\\/script><\\!--'");
  });
});

describe("messages", () => {
  it.each([
    ["nonsense", /not readable/],
    [JSON.stringify({ format: "tinygrad-recording", version: 9, events: [] }), /version 9/],
    [JSON.stringify({ format: "tinygrad-recording", version: 1, events: [] }), /Nothing was recorded/],
  ])("shows words instead of a blank for %s", async (text, words) => {
    const w = await open(text);
    expect(w.root.querySelector("[role=alert]")!.textContent).toMatch(words);
  });

  it("shows the new recording when Python sets one", async () => {
    const w = await open("nonsense");
    w.model.set("recording", read("diamond"));
    await vi.waitFor(() => expect(w.root.querySelector(".tgs-bar")).not.toBeNull());
  });
});
