// Draws docs/visual-language.svg with the widgets' own code: `node legend.mjs [file]`.
import { build } from "esbuild";
import { JSDOM } from "jsdom";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "legend-"));
const { window } = new JSDOM("");
Object.assign(globalThis, { document: window.document, XMLSerializer: window.XMLSerializer });
try {
  const outfile = join(folder, "legend.mjs");
  await build({ absWorkingDir: here, entryPoints: ["src/legend.ts"], outfile, bundle: true, format: "esm", loader: { ".css": "text" } });
  const { legendSvg } = await import(pathToFileURL(outfile).href);
  writeFileSync(process.argv[2] ?? join(here, "..", "docs", "visual-language.svg"), legendSvg());
} finally {
  rmSync(folder, { recursive: true });
}
