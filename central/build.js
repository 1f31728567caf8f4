/**
 * Puts each Lambda function and all it needs into one file, so that what runs on AWS are the versions
 * of package-lock.json: `node central/build.js [FOLDER]`, by default build/central, which template.yaml
 * names.
 */

import { realpathSync } from "node:fs";
import { resolve } from "node:path";
import { build } from "esbuild";

const ROOT = resolve(import.meta.dirname, "..");

/** The functions, as template.yaml knows them. */
export const FUNCTIONS = ["handler", "stream"];

/** @param {string} [folder] */
export async function bundleFunctions(folder = resolve(ROOT, "build/central")) {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: FUNCTIONS.map((name) => `central/${name}.js`),
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node24",
    minifySyntax: true,
    sourcemap: "linked",
    sourcesContent: false,
    metafile: true,
    // Some packages inside call require(), which a module does not have.
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    },
    logLevel: "warning",
  });
  return metafile;
}

if (process.argv[1] && realpathSync(process.argv[1]) === import.meta.filename) {
  const { outputs } = await bundleFunctions(process.argv[2]);
  for (const [file, { bytes }] of Object.entries(outputs)) {
    if (file.endsWith(".mjs")) process.stdout.write(`${file}: ${Math.ceil(bytes / 1024)} KiB\n`);
  }
}
