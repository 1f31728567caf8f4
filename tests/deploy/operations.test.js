/** docs/OPERATIONS.md says something of all that operators meet, and nothing of what is not there. */

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { yamlParse } from "yaml-cfn";
import { SECRETS } from "../../scripts/deployment/settings.js";
import { ROOT } from "./command.js";

const read = (/** @type {string} */ file) => readFileSync(join(ROOT, file), "utf8");
const TEXT = read("docs/OPERATIONS.md");

/** @param {string} heading */
function section(heading) {
  const start = TEXT.indexOf(`\n${heading}\n`);
  assert.ok(start >= 0, `there is no ${heading}`);
  const level = /^#+/.exec(heading)?.[0].length ?? 2;
  const rest = TEXT.slice(start + heading.length + 2);
  const end = rest.search(new RegExp(`^#{1,${level}} `, "m"));
  return end < 0 ? rest : rest.slice(0, end);
}

/** What stands first in a table's rows. @param {string} text */
function rowNames(text) {
  const cells = [...text.matchAll(/^\| (`[^|]*?) \|/gm)].map(([, cell]) => cell);
  return cells.flatMap((cell) => [...cell.matchAll(/`([A-Za-z_]+)`/g)].map(([, name]) => name));
}

/** The events that lines of the log name. */
function eventsInCode() {
  const events = new Set();
  for (const folder of ["rooms", "worker", "js-shim"]) {
    for (const file of readdirSync(join(ROOT, folder))) {
      const text = read(join(folder, file));
      for (const pattern of EVENT_PATTERNS) {
        for (const [, ...names] of text.matchAll(pattern)) {
          for (const name of names) events.add(name);
        }
      }
    }
  }
  return events;
}

const EVENT_PATTERNS = [
  /log_line\(LogThreshold::\w+,\s*"(\w+)"/g,
  /string\("event",\s*"(\w+)"\)/g,
  /[{ ]event: "(\w+)"/g,
  /event: error instanceof TrapError \? "(\w+)" : "(\w+)"/g,
];

describe("docs/OPERATIONS.md", () => {
  test("says what each line of the log means, and of no other", () => {
    const documented = new Set(
      rowNames(section("## What a line or an alarm means").split("Worth an alarm")[0]),
    );
    // States of one event, which stand in the same cells.
    for (const state of ["blocked", "failing", "ok", "event"]) documented.delete(state);
    const inCode = eventsInCode();
    assert.ok(inCode.size > 15);
    assert.deepEqual([...documented].sort(), [...inCode].sort());
  });

  test("says what rooms notice of each alarm of the central API", () => {
    const { Resources } = yamlParse(read("central/template.yaml"));
    const alarms = Object.keys(Resources).filter(
      (name) => Resources[name].Type === "AWS::CloudWatch::Alarm",
    );
    const rows = rowNames(section("## What a line or an alarm means")).filter((name) =>
      name.endsWith("Alarm"),
    );
    assert.deepEqual(rows.sort(), alarms.sort());
  });

  test("says how each secret is changed", () => {
    const documented = new Set(rowNames(section("## Secrets")));
    const mentioned = section("## Secrets");
    for (const name of SECRETS) {
      assert.ok(documented.has(name) || mentioned.includes(`\`${name}\``), name);
    }
  });

  test("counts with the limits that hold", () => {
    const limits = read("rooms/limits.h");
    const settings = read("base/settings.h");
    const number = (/** @type {string} */ text, /** @type {RegExp} */ pattern) =>
      Number((pattern.exec(text)?.[1] ?? "").replaceAll("'", ""));
    const segments = number(limits, /kSegmentsMax = ([\d']+)/);
    const records = number(settings, /outbox_records_max = ([\d']+)/);
    const bytesShift = number(settings, /outbox_bytes_max = 1ULL << (\d+)U/);
    const reserve = number(limits, /kModeratorRecordsMax = ([\d']+)/);
    const away = section("### The central API is away");
    const said = (/** @type {number} */ n) => n.toLocaleString("en-US");
    for (const n of [segments, records, reserve]) assert.ok(away.includes(said(n)), said(n));
    assert.ok(away.includes(`${said(Math.floor(2 ** bytesShift / records))} bytes`));
    assert.ok(away.includes(`${said(2 ** bytesShift / 65_536)} messages`));
    const hours = (/** @type {number} */ seconds) => (seconds / 3600).toFixed(1);
    assert.ok(away.includes(`| 1 | ${hours(segments)} hours | |`));
    assert.ok(
      away.includes(`| 10 | ${hours(segments / 10)} hours | ${hours(records / 10)} hours |`),
    );
  });

  test("leads to files and headings that are there", () => {
    const anchor = (/** @type {string} */ heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-");
    const headings = (/** @type {string} */ text) =>
      new Set([...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchor(heading)));
    const links = [...TEXT.matchAll(/\]\(([^)#]*)(?:#([^)]*))?\)/g)];
    assert.ok(links.length > 20);
    for (const [link, path, to] of links) {
      const file = path === "" ? "docs/OPERATIONS.md" : join("docs", path);
      assert.ok(existsSync(join(ROOT, file)), link);
      if (to) assert.ok(headings(read(file)).has(to), link);
    }
    for (const [path] of TEXT.matchAll(
      /\b(?:tests|rooms|central|scripts|bench)\/[\w./-]+\.(?:js|h|cpp|md|yaml)/g,
    )) {
      assert.ok(existsSync(join(ROOT, path)), path);
    }
  });
});
