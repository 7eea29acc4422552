// Bundles src/ into one file a widget, which rides in each instance of it: `node build.mjs [output folder]`.
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

const DAGRE = " Contains @dagrejs/dagre, MIT, (c) 2012-2014 Chris Pettitt.";
const WIDGETS = { stepper: `GraphStepper, MIT.${DAGRE}`, parsons: "Parsons, MIT." };

for (const [name, banner] of Object.entries(WIDGETS))
  await build({
    absWorkingDir: here,
    entryPoints: [`src/${name}.ts`],
    outfile: join(process.argv[2] ?? join(here, "static"), `${name}.js`),
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    loader: { ".html": "text" },
    legalComments: "none",
    banner: { js: `/* ${banner} */` },
    plugins: [minifiedText],
  });
