// Unit tests of the front end; style sheets and pages are text here, as in the bundle.
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { defineConfig } from "vitest/config";

const MARK = "\0text:";

export default defineConfig({
  plugins: [
    {
      name: "text",
      enforce: "pre",
      // Under a name of its own, so that Vite does not take it for a style sheet.
      resolveId: (id, importer) =>
        /\.(css|html)$/.test(id) && importer ? `${MARK}${resolve(dirname(importer), id)}.js` : undefined,
      load: (id) =>
        id.startsWith(MARK)
          ? `export default ${JSON.stringify(readFileSync(id.slice(MARK.length, -3), "utf8"))}`
          : undefined,
    },
  ],
  // Long enough for a machine that does other things too.
  test: { include: ["tests/**/*.test.ts"], testTimeout: 60_000 },
});
