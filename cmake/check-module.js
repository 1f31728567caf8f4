// Refuses a WebAssembly module that imports anything, and prints its size.
//
//   node cmake/check-module.js FILE.wasm
//
// An import is a way for the core to reach a clock, randomness or I/O, or to be re-entered.

import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { gzipSync } from "node:zlib";

/** Imports that a module may have, as "module.name". Keep it empty. @type {string[]} */
const ALLOWED_IMPORTS = [];

const file = process.argv[2];
const bytes = readFileSync(file);
const refused = WebAssembly.Module.imports(new WebAssembly.Module(bytes))
  .map((entry) => `${entry.module}.${entry.name}`)
  .filter((name) => !ALLOWED_IMPORTS.includes(name));
if (refused.length > 0) {
  console.error(`${file}: imports that are not on the allow-list: ${refused.join(", ")}`);
  process.exit(1);
}
const gzipped = gzipSync(bytes, { level: 9 }).length;
console.log(`${basename(file)}: ${bytes.length} bytes, ${gzipped} gzipped, no imports`);
