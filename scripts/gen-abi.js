#!/usr/bin/env node
// Makes js-shim/abi.generated.js, the JavaScript side of the modules' record layout, from the
// headers that define it.
//
//   node scripts/gen-abi.js            writes the file
//   node scripts/gen-abi.js --check    fails when the file is not what the headers say
//
// It understands what those headers use and refuses what it does not know: enumerations with
// explicit values, structs of uint32_t, int32_t and double, and uint32_t constants that are a
// number or a shift.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const HEADERS = ["base/token_limits.h", "rooms/abi.h", "worker/abi.h"];
const OUTPUT = join(ROOT, "js-shim", "abi.generated.js");

/** Sizes of the field types; each is aligned to its size. @type {Record<string, number>} */
const FIELD_BYTES = { uint32_t: 4, int32_t: 4, double: 8 };

/** @param {string} text @returns {never} */
function refuse(text) {
  throw new Error(text);
}

/** kRoomAbiVersion → ROOM_ABI_VERSION @param {string} name */
function constantName(name) {
  return name
    .replace(/^k/, "")
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .toUpperCase();
}

/** kPutSegment → putSegment @param {string} name */
function enumeratorName(name) {
  const bare = name.replace(/^k/, "");
  return bare[0].toLowerCase() + bare.slice(1);
}

/** data_size → dataSize @param {string} name */
function fieldName(name) {
  return name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());
}

/** @param {string} text a number or `a << b` of C++ @param {string} where */
function constantValue(text, where) {
  const shift = /^(\d+)U? << (\d+)U?$/.exec(text);
  if (shift) return Number(shift[1]) * 2 ** Number(shift[2]);
  if (!/^\d+U?$/.test(text)) refuse(`${where}: neither a number nor a shift: ${text}`);
  return Number.parseInt(text, 10);
}

/** @param {string} name @param {string} body @param {string} where */
function enumLines(name, body, where) {
  const entries = body
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
  const lines = entries.map((entry) => {
    const match = /^(k\w+) = (-?\d+)$/.exec(entry);
    if (!match) return refuse(`${where}: ${name}: not an enumerator with a value: ${entry}`);
    return `  ${enumeratorName(match[1])}: ${match[2]},`;
  });
  return [`export const ${name} = Object.freeze({`, ...lines, "});", ""];
}

/** @param {string} name @param {string} body @param {string} where */
function structLines(name, body, where) {
  let offset = 0;
  let alignment = 1;
  const lines = [];
  for (const line of body.split(";")) {
    if (line.trim() === "") continue;
    const match = /^(\w+) (\w+)$/.exec(line.trim());
    const bytes = match ? FIELD_BYTES[match[1]] : undefined;
    if (!match || !bytes) return refuse(`${where}: ${name}: not a field: ${line.trim()}`);
    offset = Math.ceil(offset / bytes) * bytes;
    lines.push(`  ${fieldName(match[2])}: ${offset},`);
    offset += bytes;
    alignment = Math.max(alignment, bytes);
  }
  const size = Math.ceil(offset / alignment) * alignment;
  return {
    size,
    lines: [
      `/** Offsets of the fields, and the record's size, in bytes. */`,
      `export const ${name} = Object.freeze({`,
      ...lines,
      `  SIZE: ${size},`,
      "});",
      "",
    ],
  };
}

/** @param {string} source @param {string} where */
function headerLines(source, where) {
  const code = source.replace(/\/\/.*$/gm, "");
  const pattern =
    /inline constexpr uint32_t (k\w+) = ([^;]+);|enum class (\w+) : u?int32_t \{([^}]*)\}|struct (\w+) \{([^}]*)\}/g;
  const lines = [];
  for (const match of code.matchAll(pattern)) {
    const [, constant, value, enumName, enumBody, structName, structBody] = match;
    if (constant) {
      lines.push(`export const ${constantName(constant)} = ${constantValue(value, where)};`, "");
    } else if (enumName) {
      lines.push(...enumLines(enumName, enumBody, where));
    } else {
      const struct = structLines(structName, structBody, where);
      const asserted = new RegExp(`static_assert\\(sizeof\\(${structName}\\) == (\\d+)\\)`).exec(
        code,
      );
      if (Number(asserted?.[1]) !== struct.size) {
        refuse(
          `${where}: ${structName} has ${struct.size} bytes, its static_assert says otherwise`,
        );
      }
      lines.push(...struct.lines);
    }
  }
  const kinds = [...code.matchAll(/\b(?:enum|struct)\b/g)].length;
  const known = [...code.matchAll(pattern)].filter((match) => !match[1]).length;
  if (kinds !== known) refuse(`${where}: ${kinds - known} declarations were not understood`);
  return lines;
}

function generate() {
  const lines = [`// Made by scripts/gen-abi.js from ${HEADERS.join(", ")}. Do not edit.`, ""];
  for (const header of HEADERS) {
    const file = join(ROOT, header);
    if (existsSync(file)) lines.push(...headerLines(readFileSync(file, "utf8"), header));
  }
  return `${lines.join("\n").trimEnd()}\n`;
}

const generated = generate();
if (process.argv.includes("--check")) {
  const current = existsSync(OUTPUT) ? readFileSync(OUTPUT, "utf8") : "";
  if (current !== generated) {
    console.error(`${relative(ROOT, OUTPUT)} is stale: run node scripts/gen-abi.js`);
    process.exit(1);
  }
} else {
  writeFileSync(OUTPUT, generated);
}
