// @ts-check
/**
 * replay.wasm by itself, with logs that no room has given out: whoever opens one may have it from
 * anybody. Lines are changed and given sums that fit, so that it is the core that must cope.
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { before, test } from "node:test";
import { LOG_BYTES_MAX, Replay, UnusableLog } from "../../client/public/client/replay/module.js";
import { Dice, seeds } from "../edge/dice.js";
import { opened, sealedText } from "./exported-log.js";

const BASE_URL = process.env.EDGEROOM_URL ?? "";
const TOKEN = "dev-moderator";
const MODULE = resolve(import.meta.dirname, "../../client/public/client/replay.wasm");
const OPTIONS = ["--json", "--state=changes", "--", "room.ndjson"];
const LOGS = 3_000;
const limits = { timeout: 120_000 };

/** What a member's value is changed to, as JSON. */
const NUMBERS = ["0", "1", "-1", "3", "1.5", "1e400", "9007199254740991", "18446744073709551615"];
const TEXTS = ['""', '"ana"', '"eve"', '"x\\ny"', '"\\u0000"', `"${"y".repeat(300)}"`, '"ff"'];
const KINDS = ['"message"', '"delete"', '"moderation"', '"kick"', '"ban"', '"unmute"'];
const OTHERS = [
  "null",
  "true",
  "[]",
  "{}",
  "[1]",
  "[5,6]",
  '{"through":0,"state":"00046368617400"}',
];
const VALUES = [...NUMBERS, ...TEXTS, ...KINDS, ...OTHERS, '{"through":3,"state":"ffffffff0f"}'];
/** Members that not every line has. */
const MEMBERS = [
  "until",
  "target",
  "action",
  "snapshot",
  "skipped",
  "deleted",
  "content_text",
  "id",
];

/** @type {WebAssembly.Module} */
let module;
/** @type {string[]} */
let lines;

before(async () => {
  module = await WebAssembly.compile(await readFile(MODULE));
  lines = (await roomLog()).trimEnd().split("\n");
}, limits);

/** The log of a room in which a little of everything was done. */
async function roomLog() {
  const api = `${BASE_URL}/api/rooms/replay-module-${Date.now().toString(36)}`;
  /** @param {string} path @param {string} [method] @param {object} [body] */
  const ask = async (path, method = "GET", body) => {
    const response = await fetch(api + path, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    assert.ok(response.ok, `${method} ${path} answers ${response.status}`);
    return response.text();
  };
  for (let i = 0; i < 6; i++) {
    const content = { i, text: "lorem ".repeat(i * 5) };
    await ask("/messages", "POST", { content, user: "ana", id: `id-${i}` });
  }
  await ask("/messages/2", "DELETE");
  for (const action of ["mute", "ban"]) {
    await ask("/moderation", "POST", { action, user: "eve", for_s: 60, reason: "spam" });
  }
  await ask("/moderation", "POST", { action: "unban", user: "eve" });
  await ask("/messages", "POST", { content: "the end" });
  return ask("/log");
}

/**
 * @param {string} log
 * @returns {Promise<any>} the line of the end
 */
async function replay(log) {
  const run = new Replay(module);
  await run.begin(new Blob([log]), OPTIONS);
  for (;;) {
    const { lines: said, goesOn } = run.run(7);
    if (goesOn) continue;
    const last = new TextDecoder().decode(said).trimEnd().split("\n").at(-1);
    return JSON.parse(last ?? "");
  }
}

/** @param {Dice} dice @param {string} line */
function withOtherMember(dice, line) {
  const members = opened(line);
  const name = dice.pick([...Object.keys(members), ...MEMBERS]);
  delete members[name];
  const rest = Object.entries(members).map(
    ([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`,
  );
  return sealedText(`{${[...rest, `${JSON.stringify(name)}:${dice.pick(VALUES)}`].join(",")}}`);
}

/** @param {Dice} dice @param {string} line */
function withOtherCharacters(dice, line) {
  const json = `${line.slice(0, line.lastIndexOf(',"sum":'))}}`;
  const changed = json.replace(/[a-z0-9]/g, (character) =>
    dice.oneIn(30) ? String.fromCharCode(dice.roll(32, 126)) : character,
  );
  return sealedText(changed);
}

/** @param {Dice} dice */
function changedLog(dice) {
  const changed = [...lines];
  const at = dice.oneIn(3) ? 0 : dice.roll(0, lines.length - 1);
  const line = lines[at] ?? "";
  const how = dice.roll(1, 10);
  if (how === 1) changed.length = at + 1;
  else if (how === 2) changed[at] = line.slice(0, dice.roll(0, line.length));
  else if (how === 3) changed[at] = withOtherCharacters(dice, line);
  else changed[at] = withOtherMember(dice, line);
  return `${changed.join("\n")}\n`;
}

test("the log of the room is as recorded", limits, async () => {
  const end = await replay(`${lines.join("\n")}\n`);
  assert.equal(end.as_recorded, true);
  assert.equal(end.replayed, lines.length - 2);
});

test("no log makes the core stop, whatever stands in it", limits, async () => {
  for (const seed of seeds([20261122])) {
    const dice = new Dice(seed);
    const counts = { refused: 0, same: 0, different: 0, cut: 0 };
    for (let i = 0; i < LOGS; i++) {
      const log = changedLog(dice);
      try {
        const end = await replay(log);
        if (end.cut !== undefined) counts.cut++;
        else if (end.as_recorded) counts.same++;
        else counts.different++;
      } catch (error) {
        if (!(error instanceof UnusableLog)) {
          throw new Error(`EDGEROOM_SEED=${seed}, log ${i}:\n${log}`, { cause: error });
        }
        assert.match(error.message, /^room\.ndjson: /);
        counts.refused++;
      }
    }
    // Otherwise too little was tried.
    for (const [what, count] of Object.entries(counts)) assert.ok(count > LOGS / 100, what);
  }
});

test("more than the module holds is refused", limits, () => {
  const { exports } = new WebAssembly.Instance(module);
  const { replay_input } = /** @type {any} */ (exports);
  assert.equal(replay_input(LOG_BYTES_MAX + (1 << 20)), 0);
});
