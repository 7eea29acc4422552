// Bundles src/ into the one file of each widget that rides in all of its instances: `node build.mjs [output folder]`.
import { build } from "esbuild";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));

/** Style sheets travel as text inside the bundle: strip what only people read. */
const minifiedText = {
  name: "minified-text",
  setup(b) {
    b.onLoad({ filter: /\.css$/ }, async (args) => {
      const { outputFiles } = await build({ entryPoints: [args.path], minify: true, write: false });
      return { contents: outputFiles[0].text.trim(), loader: "text" };
    });
  },
};

await build({
  absWorkingDir: here,
  entryPoints: ["src/stepper.ts", "src/dynamic_static.ts"],
  outdir: process.argv[2] ?? join(here, "static"),
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  loader: { ".html": "text" },
  legalComments: "none",
  banner: { js: "/* MIT. Contains @dagrejs/dagre, MIT, (c) 2012-2014 Chris Pettitt. */" },
  plugins: [minifiedText],
});
