// Making elements without ever parsing text as HTML.

type Attrs = Readonly<Record<string, string | number | boolean | null | undefined>>;
type Child = Node | string | null | undefined;

const SVG = "http://www.w3.org/2000/svg";

function dress(el: Element, attrs: Attrs, children: readonly Child[]): void {
  for (const [key, value] of Object.entries(attrs))
    if (value !== null && value !== undefined && value !== false)
      el.setAttribute(key, value === true ? "" : String(value));
  for (const child of children) if (child != null) el.append(child);
}

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attrs: Attrs = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const el = document.createElement(tag);
  dress(el, attrs, children);
  return el;
}

export function s<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attrs: Attrs = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  const el = document.createElementNS(SVG, tag);
  dress(el, attrs, children);
  return el;
}

/** A heading of a widget. On a page of its own the widget's title is the page's; in a notebook it stands below others. */
export function heading(depth: 1 | 2, text: string): HTMLHeadingElement {
  const alone = document.querySelector("main#widget") !== null;
  return h(alone ? (depth === 1 ? "h1" : "h2") : depth === 1 ? "h3" : "h4", {}, text);
}

/** Writes only what changed: the browser then repaints only that. */
export function setText(el: Element, text: string): void {
  if (el.textContent !== text) el.textContent = text;
}

export function setAttr(el: Element, name: string, value: string | null): void {
  if (value === null) {
    if (el.hasAttribute(name)) el.removeAttribute(name);
  } else if (el.getAttribute(name) !== value) el.setAttribute(name, value);
}
