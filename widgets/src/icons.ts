// Icons as inline SVG: no font has to have them.
import { s } from "./dom";

const PATHS = {
  first: "M4 3.5v9M13 3.5 6.5 8l6.5 4.5z",
  previous: "M11.5 3.5 5 8l6.5 4.5z",
  play: "M5 3l8 5-8 5z",
  pause: "M5.2 3.5v9M10.8 3.5v9",
  next: "M4.5 3.5 11 8l-6.5 4.5z",
  last: "M12 3.5v9M3 3.5 9.5 8 3 12.5z",
  save: "M8 2.5v7.5M5 7l3 3 3-3M3 12.5h10",
  plus: "M8 4v8M4 8h8",
  minus: "M4 8h8",
  whole: "M2.5 6v-3.5h3.5M10 2.5h3.5v3.5M13.5 10v3.5h-3.5M6 13.5h-3.5v-3.5",
  close: "M4 4l8 8M12 4l-8 8",
  tick: "M3.5 8.5l3 3 6-7",
  cross: "M4.5 4.5l7 7M11.5 4.5l-7 7",
  think: "M6.2 6.2c0-2.4 3.7-2.4 3.7-.1 0 1.6-1.9 1.5-1.9 3.2M8 11.7h.01",
  find: "M10.3 10.3 13.5 13.5M11.5 7a4.5 4.5 0 1 1-9 0 4.5 4.5 0 0 1 9 0z",
  saved: "M4.5 2.5h7v11l-3.5-3-3.5 3z",
} as const;

export type Icon = keyof typeof PATHS;
const SOLID: readonly Icon[] = ["first", "previous", "play", "next", "last"];

export function icon(name: Icon): SVGSVGElement {
  return s(
    "svg",
    { viewBox: "0 0 16 16", class: `tgs-icon${SOLID.includes(name) ? " is-solid" : ""}`, "aria-hidden": "true" },
    s("path", { d: PATHS[name] }),
  );
}
