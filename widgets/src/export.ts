// Files a reader takes away: the picture as SVG, the whole stepper as one HTML page.
import page from "../static/page.html";
import graphCss from "./graph.css";

/** JSON inside <script>: nothing in it may end the element. */
export const scriptJson = (data: unknown): string =>
  JSON.stringify(data).replace(/[<\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** JavaScript inside <script>: the two character runs that would end it only occur in strings. */
export const scriptCode = (code: string): string =>
  code.replace(/<\/(script)/gi, "<\\/$1").replace(/<!--/g, "<\\!--");

const escapeText = (text: string): string =>
  text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

/** One page that works from file://, with no request to anywhere. */
export function htmlPage(title: string, state: Record<string, unknown>, bundle: string): string {
  const parts: Record<string, string> = {
    TITLE: escapeText(title),
    STATE: scriptJson(state),
    BUNDLE: scriptCode(bundle),
  };
  return page.replace(/@@(\w+)@@/g, (_, key: string) => parts[key] ?? "");
}

/** The custom properties the style sheet uses, as they resolve on this page and theme. */
function resolved(root: Element): string {
  const style = getComputedStyle(root);
  const used = new Set([...graphCss.matchAll(/var\((--tgs-[\w-]+)/g)].map((m) => m[1]!));
  // A property may be defined by others: let the browser compute each one as a colour or a font.
  const probe = document.createElement("span");
  root.append(probe);
  const lines = [...used].map((name) => {
    const raw = style.getPropertyValue(name).trim();
    if (name.startsWith("--tgs-font")) {
      probe.style.fontFamily = `var(${name})`;
      return `${name}:${getComputedStyle(probe).fontFamily || raw}`;
    }
    probe.style.color = `var(${name})`;
    return `${name}:${getComputedStyle(probe).color || raw}`;
  });
  probe.remove();
  return `.tgs-graph{${lines.join(";")}}`;
}

/** The picture as it stands, whole, with its style inside it. */
export function svgFile(
  svg: SVGSVGElement,
  whole: { readonly width: number; readonly height: number; readonly pad: number },
  title: string,
): string {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const [w, tall] = [Math.ceil(whole.width + 2 * whole.pad), Math.ceil(whole.height + 2 * whole.pad)];
  copy.setAttribute("viewBox", `0 0 ${w} ${tall}`);
  copy.setAttribute("width", String(w));
  copy.setAttribute("height", String(tall));
  copy.setAttribute("class", "tgs-graph is-file");
  copy.querySelector<SVGGElement>(".tgs-camera")!.removeAttribute("style");
  copy.querySelector(".tgs-camera")!.setAttribute("transform", `translate(${whole.pad} ${whole.pad})`);
  for (const hidden of copy.querySelectorAll(".tgs-node:not(.is-shown),.tgs-edge:not(.is-shown),.tgs-frame:not(.is-shown)"))
    hidden.remove();
  for (const el of copy.querySelectorAll("[tabindex],[role=button]"))
    for (const name of ["tabindex", "role"]) el.removeAttribute(name);
  const make = (tag: string, text: string, cls?: string): Element => {
    const el = document.createElementNS("http://www.w3.org/2000/svg", tag);
    el.textContent = text;
    if (cls) el.setAttribute("class", cls);
    return el;
  };
  const paper = make("rect", "", "tgs-paper");
  paper.setAttribute("width", String(w));
  paper.setAttribute("height", String(tall));
  const host = svg.closest(".tgs") ?? svg;
  copy.prepend(make("title", title), make("style", resolved(host) + graphCss), paper);
  return new XMLSerializer().serializeToString(copy);
}

/** Hands a file to the reader. */
export function download(name: string, type: string, content: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const a = document.createElement("a");
  a.href = url;
  a.download = name;
  a.click();
  URL.revokeObjectURL(url);
}
