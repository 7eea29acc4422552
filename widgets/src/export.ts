// Files a reader takes away: the picture as SVG or PNG, the whole widget as one HTML page.
import page from "../static/page.html";

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

/** A picture to be saved: a copy that may be changed, and the part of it that is seen. */
export interface Drawing {
  readonly svg: SVGSVGElement;
  readonly width: number;
  readonly height: number;
}

/** The custom properties that the style uses, as they resolve on this page and theme. */
function resolved(host: Element, css: string): string {
  const style = getComputedStyle(host);
  // Motion stays behind: a file stands still.
  const used = new Set([...css.matchAll(/var\((--tgs-(?!quick|slow|ease)[\w-]+)/g)].map((m) => m[1]!));
  // A property may be defined by others: let the browser compute each one as a colour or a font.
  const probe = document.createElement("span");
  host.append(probe);
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
  return `.tgs-file{${lines.join(";")}}`;
}

/** The drawing as a file, with its style inside it; `host` is the widget whose colours it takes. */
export function svgFile({ svg, width, height }: Drawing, host: Element, css: string, title: string): string {
  const [w, tall] = [Math.ceil(width), Math.ceil(height)];
  svg.setAttribute("viewBox", `0 0 ${w} ${tall}`);
  svg.setAttribute("width", String(w));
  svg.setAttribute("height", String(tall));
  svg.removeAttribute("style");
  svg.classList.add("tgs-file");
  for (const el of svg.querySelectorAll("[tabindex],[role=button],[role=slider]"))
    for (const name of ["tabindex", "role"]) el.removeAttribute(name);
  const make = (tag: string, text: string): Element => {
    const el = document.createElementNS("http://www.w3.org/2000/svg", tag);
    el.textContent = text;
    return el;
  };
  const paper = make("rect", "");
  for (const [name, value] of [["class", "tgs-paper"], ["width", String(w)], ["height", String(tall)]] as const)
    paper.setAttribute(name, value);
  const rules = `${css}.tgs-paper{fill:var(--tgs-paper)}.tgs-file{font-family:var(--tgs-font)}`;
  svg.prepend(make("title", title), make("style", resolved(host, rules) + rules), paper);
  return new XMLSerializer().serializeToString(svg);
}

const SHARP = 2;

/** The same picture in pixels, twice as many as it has points. */
export async function pngFile(svg: string, width: number, height: number): Promise<Blob> {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = Math.ceil(width) * SHARP;
  canvas.height = Math.ceil(height) * SHARP;
  canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done, fail) => canvas.toBlob((b) => (b ? done(b) : fail(new Error("The picture is too large for PNG."))), "image/png"));
}

/** Hands a file to the reader. */
export function download(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  const a = document.createElement("a");
  a.href = url;
  a.download = name;
  a.click();
  URL.revokeObjectURL(url);
}
