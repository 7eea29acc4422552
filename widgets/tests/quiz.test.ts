// @vitest-environment jsdom
// Who may be visited next, against the engine's own walks, and the widget as a whole.
import { describe, expect, it } from "vitest";
import widget, { complete, judge, passOf } from "../src/quiz";
import { fixture, read } from "./help";
import { usePage } from "./page";

describe("the walk", () => {
  it.each(["diamond", "square", "neuron", "mlp", "big-values"])("takes the engine's own order in %s for legal", (name) => {
    const pass = passOf(fixture(name).events);
    const visited = new Set<number>();
    for (const node of pass.order) {
      expect(judge(pass, visited, node)).toEqual({ legal: true });
      visited.add(node);
    }
    expect(complete(pass, [])).toEqual(pass.order);
  });

  it("says who is still waited for", () => {
    const pass = passOf(fixture("diamond").events); // a, b, c = a · b, d = c + a
    const [a, b, c, d] = [0, 1, 2, 3];
    expect(judge(pass, new Set(), a)).toEqual({ legal: false, why: "pending", pending: [d, c] });
    expect(judge(pass, new Set([d]), a)).toEqual({ legal: false, why: "pending", pending: [c] });
    expect(judge(pass, new Set([d]), b)).toMatchObject({ pending: [c] });
    expect(judge(pass, new Set([d, c]), a)).toEqual({ legal: true });
    expect(judge(pass, new Set([d]), d)).toMatchObject({ legal: false, why: "visited" });
    expect(judge(pass, new Set(), 99)).toMatchObject({ legal: false, why: "outside" });
  });

  it("keeps the learner's choices and finishes legally", () => {
    const pass = passOf(fixture("diamond").events);
    const [a, b, c, d] = [0, 1, 2, 3];
    for (const chosen of [[d, c, a], [d, c, b], [d]]) {
      const order = complete(pass, chosen);
      expect(order.slice(0, chosen.length)).toEqual(chosen);
      expect([...order].sort()).toEqual([a, b, c, d]);
    }
    expect(complete(pass, [a, d])[0]).toBe(d); // what was never legal is not kept
  });

  it("needs a backward pass", () => {
    const forward = fixture("diamond").events.filter((e) => e.type === "define" || e.type === "execute");
    expect(() => passOf(forward)).toThrow(/Nothing walks back/);
  });
});

describe("the widget", () => {
  const page = usePage();
  const open = () => page.show(widget, { recording: read("diamond"), order: [], mistakes: [], counts: false });

  it("refuses, marks who is pending, and counts the slip", async () => {
    const w = await open();
    const node = (id: number): Element => w.root.querySelector(`[data-node="${id}"]`)!;
    w.key("Enter", node(3));
    expect(w.model.get("step")).toBe(1);
    w.key("Enter", node(0));
    expect(w.model.get("step")).toBe(1);
    expect(w.status()).toMatch(/^Not yet: c was made from a and has not been visited/);
    expect(node(2).classList).toContain("is-pending");
    expect(w.model.get("mistakes")).toEqual([{ step: 2, node: "a", why: "pending", pending: ["c"] }]);
    w.key("Enter", node(2));
    expect(node(2).classList).not.toContain("is-pending");
    w.key("Enter", node(0));
    expect(w.model.get("order")).toEqual([3, 2, 0, 1]);
    expect(node(0).querySelector(".tgs-tag")!.textContent).toBe(".grad 4");
    w.key("ArrowLeft");
    expect(node(0).classList).not.toContain("has-grad");
  });

  it("counts what has arrived when asked to", async () => {
    const w = await open();
    w.key("ArrowRight");
    expect(w.root.querySelector('[data-node="0"] .tgs-tag')).toBeNull();
    [...w.root.querySelectorAll("button")].find((b) => b.textContent === "Counts")!.click();
    expect(w.root.querySelector('[data-node="0"] .tgs-tag')!.textContent).toBe("1 of 2");
    expect(w.root.querySelector('[data-node="0"]')!.getAttribute("aria-label")).toContain("1 of 2 gradients have arrived");
  });
});
