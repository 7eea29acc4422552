// The palette as the style sheet states it, for the legend and for the tests that measure it.

export type Tokens = Readonly<Record<string, string>>;

/** What the picture would get outside Jupyter: the second part of `var(--jp-…, second)`. */
const own = (value: string): string => /^var\(--jp-[\w-]+,\s*(.+)\)$/.exec(value)?.[1] ?? value;

function block(css: string, selector: string): Tokens {
  const start = css.indexOf(`${selector} {`);
  const body = css.slice(start, css.indexOf("\n}", start));
  return Object.fromEntries([...body.matchAll(/(--tgs-[\w-]+):\s*([^;]+);/g)].map((m) => [m[1]!, own(m[2]!)]));
}

/** Every custom property, by theme. */
export function tokens(css: string): { light: Tokens; dark: Tokens } {
  const light = block(css, ".tgs");
  return { light, dark: { ...light, ...block(css, '.tgs[data-theme="dark"]') } };
}

/** Red, green and blue of #rgb or #rrggbb, from 0 to 1, as light and not as code. */
export function linear(colour: string): [number, number, number] {
  const hex = colour.length === 4 ? [...colour.slice(1)].map((c) => c + c).join("") : colour.slice(1);
  const one = (i: number): number => {
    const c = parseInt(hex.slice(2 * i, 2 * i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  };
  return [one(0), one(1), one(2)];
}

/** Contrast of two colours as WCAG 2 defines it, from 1 to 21. */
export function contrast(a: string, b: string): number {
  const light = (c: string): number => {
    const [r, g, bl] = linear(c);
    return 0.2126 * r + 0.7152 * g + 0.0722 * bl;
  };
  const [x, y] = [light(a), light(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

/** How people see who lack one kind of cone (Machado, Oliveira and Fernandes 2009, full severity). */
const EYES = {
  usual: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  protanopia: [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
  deuteranopia: [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
  tritanopia: [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039],
} as const;
export const EYES_OF = Object.keys(EYES) as (keyof typeof EYES)[];

/** How far apart two colours look to such eyes: CIE 1976 distance in L*a*b*, where about 2 is just noticed. */
export function apart(a: string, b: string, eyes: keyof typeof EYES): number {
  const m = EYES[eyes];
  const lab = (colour: string): [number, number, number] => {
    const c = linear(colour);
    const [r, g, bl] = [0, 3, 6].map((i) => Math.min(1, Math.max(0, m[i]! * c[0] + m[i + 1]! * c[1] + m[i + 2]! * c[2]))) as [number, number, number];
    const f = (t: number): number => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116);
    const x = f((0.4124 * r + 0.3576 * g + 0.1805 * bl) / 0.9505);
    const y = f(0.2126 * r + 0.7152 * g + 0.0722 * bl);
    const z = f((0.0193 * r + 0.1192 * g + 0.9505 * bl) / 1.089);
    return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
  };
  const [p, q] = [lab(a), lab(b)];
  return Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
}
