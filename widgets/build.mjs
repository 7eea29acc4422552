// Bundles src/ into one file a widget, which rides in every instance of it: `node build.mjs [output folder]`.
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

const widgets = [
  "broadcasting",
  "dynamic_static",
  "monitor",
  "optimisers",
  "parsons",
  "quiz",
  "scalar",
  "stepper",
  "stepsize",
  "tape",
];

await build({
  absWorkingDir: here,
  entryPoints: widgets.map((name) => `src/${name}.ts`),
  outdir: process.argv[2] ?? join(here, "static"),
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  loader: { ".html": "text" },
  legalComments: "none",
  banner: { js: "/* tinygrad-core, MIT. Graphs are laid out by @dagrejs/dagre, MIT, (c) 2012-2014 Chris Pettitt. */" },
  plugins: [minifiedText],
});
