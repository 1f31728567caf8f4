// @ts-check
/**
 * What docs/SDK.md lists, what the types allow and what the code does are the same: codes of errors,
 * events, options, times.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { DEFAULT_TIMING } from "../../client/public/client/edgeroom.js";

const MODULES = ["edgeroom.js", "problem.js", "requests.js", "abortable.js"];

const read = (/** @type {string} */ path) =>
  readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

const document = read("docs/SDK.md");
const sources = MODULES.map((name) => read(`client/public/client/${name}`)).join("\n");

const sorted = (/** @type {Iterable<string>} */ names) => [...new Set(names)].sort();

/** The first group of each match. @param {string} text @param {RegExp} pattern */
const all = (text, pattern) => Array.from(text.matchAll(pattern), ([, found]) => found);

/** The members of a union of strings. @param {string} name */
function union(name) {
  const [, members] = new RegExp(`@typedef \\{([^}]*)\\}\\s+${name}\\b`).exec(sources) ?? [];
  assert.ok(members, `there is no type ${name}`);
  return all(members, /"([a-z_]+)"/g);
}

/** The properties of a JSDoc type. @param {string} name */
function properties(name) {
  const [, lines] =
    new RegExp(`@typedef \\{object\\} ${name}\\n(.*?)\\*/`, "s").exec(sources) ?? [];
  assert.ok(lines, `there is no type ${name}`);
  return all(lines, /@property \{.*?\} \[?(\w+)\]?/g);
}

/** The rows of the table that stands behind this text. @param {string} before */
function rows(before) {
  const at = document.indexOf(before);
  assert.ok(at >= 0, `the document says nowhere: ${before}`);
  const [table] = /^\|(?:.*\n\|)*.*$/m.exec(document.slice(at)) ?? [""];
  const [, , ...lines] = table.split("\n");
  return lines.map((line) => line.split("|").map((cell) => cell.trim()));
}

/** What stands in the first column of it. @param {string} before */
const names = (before) => rows(before).map(([, name]) => name.replaceAll("`", ""));

/** What the room's core calls its errors. */
function roomCodes() {
  const core = read("rooms/frame.cpp");
  const from = core.indexOf("std::string_view error_code_name(ErrorCode code)");
  return all(core.slice(from, core.indexOf("\n}\n", from)), /case ErrorCode::\w+: return "(\w+)"/g);
}

/** What the client gives of its own. */
function clientCodes() {
  const closes = /const CLOSES = \{(.*?)\n\};/s.exec(sources)?.[1] ?? "";
  const given = all(sources, /\bcode: "(\w+)"/g);
  const defaulted = all(sources, /\bcode: [^"\n]*\?\? "(\w+)"/g);
  return [...all(closes, /: "(\w+)"/g), ...given, ...defaulted];
}

test("the room's codes are those of its core", () => {
  const codes = sorted(roomCodes());
  assert.equal(codes.length, 11);
  assert.deepEqual(sorted(union("RoomCode")), codes);
  assert.deepEqual(sorted(names("**From the room**")), codes);
});

test("the client's codes are those that it gives", () => {
  const own = [...union("ConnectionCode"), ...union("ClientCode")];
  assert.equal(new Set(own).size, own.length, "each is of one kind");
  const given = clientCodes().filter((code) => !union("RoomCode").includes(code));
  assert.deepEqual(sorted(own), sorted(given));
  assert.deepEqual(sorted(names("**About the connection**")), sorted(union("ConnectionCode")));
  assert.deepEqual(sorted(names("**From the client**")), sorted(union("ClientCode")));
});

test("no code is made up on the way", () => {
  // What a code may come from: a literal, a close code, or the room's own frame.
  const others = all(sources, /\bcode: ([^"\n]+),?$/gm).filter(
    (expression) => !/^(CLOSES\[code\] \?\? "disconnected"),?$/.test(expression),
  );
  assert.deepEqual(others, []);
});

test("the events are those that there are", () => {
  assert.deepEqual(sorted(names("`room.on(type, listener)`")), sorted(properties("RoomEvents")));
  const emitted = all(sources, /#emit\(\s*"(\w+)"/g);
  assert.deepEqual(sorted(emitted), sorted(properties("RoomEvents")));
});

test("the options and the times are those that there are", () => {
  assert.deepEqual(
    sorted(names("`connect(room, options)`:")),
    sorted(properties("ConnectOptions")),
  );
  const times = rows("| time | default |").map(([, name, value]) => [
    name.replaceAll("`", ""),
    Number(value.replaceAll(",", "")),
  ]);
  assert.deepEqual(Object.fromEntries(times), { ...DEFAULT_TIMING });
  const queueMax = /const QUEUE_MAX = (\d+);/.exec(sources)?.[1];
  assert.match(
    rows("`connect(room, options)`:").join("\n"),
    new RegExp(`or an answer: ${queueMax}\\.`),
  );
  const sendsMax = /const PUBLISH_SENDS_MAX = (\d+);/.exec(sources)?.[1];
  assert.equal(sendsMax, "8", "the document says eight");
});

test("the diagram has the states that there are, and no others", () => {
  const [room] = all(document, /```mermaid\n(stateDiagram-v2\n.*?)```/gs);
  const drawn = all(room, /(?:^|--> )\s*(\w+)/gm).filter((name) => name !== "stateDiagram");
  assert.deepEqual(sorted(drawn), sorted(union("State")));
});
