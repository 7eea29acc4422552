// @vitest-environment jsdom
// The palette and the page that explains it: what the page states is measured here.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { legendSvg } from "../src/legend";
import look from "../src/look.css";
import { apart, contrast, EYES_OF, tokens } from "../src/tokens";

const page = readFileSync(resolve("../docs/visual-language.md"), "utf8");
const themes = tokens(look);
const ROLES = ["value", "grad-line", "update", "saved", "bad"];

describe.each(["light", "dark"] as const)("the %s palette", (theme) => {
  const t = themes[theme];
  const of = (name: string): string => t[`--tgs-${name}`]!;

  it.each(["ink", "muted", "value", "grad", "update", "saved", "bad"])("%s can be read as text", (name) => {
    for (const ground of ["paper", "wash", "card"]) expect(contrast(of(name), of(ground))).toBeGreaterThanOrEqual(4.5);
  });

  it.each([["value"], ["grad"], ["update"], ["saved"], ["bad"]])("%s can be read on its own soft ground", (name) => {
    expect(contrast(of(name), of(`${name}-soft`))).toBeGreaterThanOrEqual(4.5);
  });

  it.each(["grad-line", "line", "leaf-line"])("%s can be seen as a line", (name) => {
    expect(contrast(of(name), of("paper"))).toBeGreaterThanOrEqual(3);
  });

  it.each(EYES_OF)("roles look different to eyes with %s vision", (eyes) => {
    for (const [i, a] of ROLES.entries())
      for (const b of ROLES.slice(i + 1)) expect(apart(of(a), of(b), eyes), `${a} and ${b}`).toBeGreaterThanOrEqual(15);
  });

  it.each(["ink", "muted", "value", "grad", "grad-line", "update", "saved", "bad"])("the page states %s as it is", (name) => {
    const row = page.split("\n").find((line) => line.startsWith(`| \`--tgs-${name}\``))!;
    const [, , , ...cells] = row.split("|").map((c) => c.trim());
    const [colour, figure] = theme === "light" ? cells : cells.slice(2);
    expect(colour).toBe(`\`${of(name)}\``);
    expect(Number(figure)).toBeCloseTo(contrast(of(name), of("paper")), 1);
  });
});

describe("the legend", () => {
  it("is what the widgets' code draws: `npm run legend`", () => {
    const file = readFileSync(resolve("../docs/visual-language.svg"), "utf8");
    expect(file).toBe(legendSvg());
    expect(page).toContain("visual-language.svg");
  });
});
