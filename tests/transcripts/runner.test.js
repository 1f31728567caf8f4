// The runner itself: that it says what is wrong with a transcript, and that it notices when a build
// does something else.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { EffectType } from "../../js-shim/abi.generated.js";
import { ROOT } from "../../scripts/command.js";
import { openBuilds, PIPE } from "./runner/builds.js";
import { compare, playAll } from "./runner/check.js";
import { Document } from "./runner/document.js";
import { readPayload, showPayload } from "./runner/payload.js";
import { showEffect } from "./runner/vocabulary.js";

/**
 * @import { TestContext } from "node:test"
 * @import { Build, Effect } from "./runner/builds.js"
 */

const builds = openBuilds();

const START = "> start room=lobby seed=1 base=2027-01-15T08:00:00Z";
const JOIN = '> connect socket=1 | {"op":"connect","room":"lobby","user":"ana"}';

/** @param {string[]} lines of one block; the first of them is the third of the file */
function transcript(...lines) {
  return new Document("t.md", ["# T", "```room", ...lines, "```", ""].join("\n"));
}

/** @param {string} text */
const bytes = (text) => new TextEncoder().encode(text);

test("every payload can be read back from how it is shown", () => {
  const all = Uint8Array.from({ length: 256 }, (_, i) => i);
  const payloads = [
    all,
    ...Array.from(all, (byte) => Uint8Array.of(byte)),
    bytes('{"a":"\\ud800"}'),
    bytes("ø ☕ 👩‍👩‍👧 \u00a0"),
    bytes("two\nlines"),
    bytes("ends with a line feed\n"),
    bytes("an empty\n\nline"),
    bytes("ends with a space "),
    bytes("\ufeffa byte order mark"),
    bytes('| "quoted"'),
    bytes("5000 bytes"),
  ];
  for (const payload of payloads) {
    const lines = showPayload(payload);
    assert.deepEqual(readPayload(lines), payload, lines.join("\n"));
    assert.ok(
      lines.every((line) => line === line.trimEnd() && !/[^\P{C}]/u.test(line)),
      lines[0],
    );
  }
});

test("payloads that look alike are shown differently", () => {
  const shown = ["a", '"a"', "\\x61", "\\\\x61", "a\n", "a\\n", "a b", "a\u00a0b", "é", "e\u0301"];
  assert.equal(new Set(shown.map((text) => showPayload(bytes(text)).join("\n"))).size, 10);
  assert.deepEqual(showPayload(bytes("plain")), ["| plain"]);
  assert.deepEqual(showPayload(Uint8Array.of(0, 0x61, 0xff)), ['"\\x00a\\xff"']);
  assert.match(showPayload(new Uint8Array(4097))[0], /^4097 bytes, sha256 [0-9a-f]{64}$/);
});

test("quoted parts of a payload may be repeated", () => {
  assert.deepEqual(readPayload(['"[" "ab" * 3 "]"']), bytes("[ababab]"));
});

test("an effect of which the runner knows nothing is shown with all its fields", () => {
  /** @type {Effect} */
  const effect = { type: 999, target: 7, value: -0, data: bytes("x"), extra: Uint8Array.of(1) };
  assert.deepEqual(showEffect(effect, 0), [
    "< effect999 target=7 value=-0",
    "  data | x",
    '  extra "\\x01"',
  ]);
});

test("no field of a known effect is left out", () => {
  const effect = { target: 7, value: 0.1, data: bytes("d"), extra: bytes("e") };
  for (const [name, type] of Object.entries(EffectType)) {
    const text = showEffect({ type, ...effect }, 0).join("\n");
    for (const part of [`< ${name} `, "=7", "0.1", "| d", "| e"]) {
      assert.ok(text.includes(part), `${part} is not in: ${text}`);
    }
  }
});

test("a transcript that cannot be read: the error names file and line", () => {
  /** @type {[string, string][]} */
  const cases = [
    ["T", "t.md:1: a transcript begins with a # title"],
    ["# T\n\nProse.", "t.md:1: there is no event: no block begins with ```room"],
    ["# T\n```js\n```", "t.md:2: a block begins with ```room"],
    ["# T\n```room\n> flush\n```", "t.md:3: the first event must be start"],
    [`# T\n\`\`\`room\n${START}`, "t.md:2: this block has no end"],
    [`# T\n\`\`\`room\n${START}\n\n* restored\n\`\`\``, "t.md:5: what comes of an event stands"],
    [`# T\n\`\`\`room\n${START}\nflush\n\`\`\``, "t.md:4: a line of a block begins with"],
    [`# T\n\`\`\`room\n${START}\n> dance\n\`\`\``, 't.md:4: there is no event "dance"'],
    [`# T\n\`\`\`room\n${START}\n> flush @5\n\`\`\``, "t.md:4: a time is written @+100ms, not @5"],
    [`# T\n\`\`\`room\n${START}\n> flush a=1 a=2\n\`\`\``, "t.md:4: a is given twice"],
    [`# T\n\`\`\`room\n${START}\n> frame "\\q"\n\`\`\``, 't.md:4: "\\\\q" in quotes: write it as'],
    [`# T\n\`\`\`room\n${START}\n> frame "é"\n\`\`\``, 't.md:4: "é" in quotes: write it as'],
    [
      `# T\n\`\`\`room\n${START}\n> frame "a\n\`\`\``,
      't.md:4: neither | text nor "quoted bytes": "a',
    ],
    [`# T\n\`\`\`room\n${START}\n> frame\n  |a\n\`\`\``, 't.md:4: a line of text begins with "| "'],
    [`# T\n\`\`\`room\n${START}\n> frame | a\n  | b\n\`\`\``, "t.md:4: a payload stands either on"],
  ];
  for (const [text, message] of cases) {
    assert.throws(
      () => new Document("t.md", `${text}\n`),
      (error) => error instanceof Error && error.message.startsWith(message),
      `${message}\n${text}`,
    );
  }
});

test("an event that the host could not send: the error names file and line", async () => {
  /** @type {[string, string][]} */
  const cases = [
    ["> flush", "no flush is scheduled"],
    ["> timer", "no timer is set"],
    ["> alarm", "no alarm is set"],
    ["> frame socket=1 | x", "socket 1 is not open"],
    ["> closed socket=1", "socket 1 is not open"],
    ["> frame | x", "frame needs socket=, a whole number"],
    ["> attemptResult attempt=1 status=200", "attempt 1 is not under way"],
    ["> request request=1 loudly", "request does not take loudly"],
    ["> sleep", "sleep needs seed=, a whole number of at most 64 bits"],
    ["> sleep seed=2 fails=dance", "there is no event dance"],
    [
      '> request request=1 seed=2 | {"op":"state","room":"lobby"}',
      "the room asks for no other instance: seed= is of no use",
    ],
    ["> damage slot=3", "slot 3 holds nothing"],
    ["> start room=a seed=1 base=today", "start needs base=, a time such as 2027-01-15T08:00:00Z"],
  ];
  for (const [event, message] of cases) {
    await assert.rejects(playAll(transcript(START, event), builds), (error) => {
      return error instanceof Error && error.message.startsWith(`t.md:4: ${message}\n`);
    });
  }
});

test("a number is had by one socket or request only", async () => {
  const played = playAll(transcript(START, JOIN, JOIN), builds);
  await assert.rejects(played, /^TranscriptError: t.md:5: there was a socket or request 1 before/);
});

test("a room that cannot be restored asks for another instance, which needs a seed", async () => {
  const state = (/** @type {number} */ request, more = "") =>
    `> request request=${request}${more} | {"op":"state","room":"lobby"}`;
  const held = [START, JOIN, "> sleep seed=2 fails=restored", state(2)];
  await assert.rejects(
    playAll(transcript(...held, state(3, " @+60000ms")), builds),
    /t.md:7: the room asks for another instance, which needs seed=/,
  );
  const back = await playAll(transcript(...held, state(3, " @+60000ms seed=3")), builds);
  assert.match(back[3].join("\n"), /"failed":/);
  assert.doesNotMatch(back[4].join("\n"), /"failed":/);
  await assert.rejects(
    playAll(transcript(START, JOIN, "> sleep seed=2 fails=loaded", state(2)), builds),
    /t.md:6: the instance has not come to the event that it was to trap on/,
  );
});

test("a timer is not fired before it is due", async () => {
  const message = '> frame socket=1 | {"type":"message","content":1}';
  const played = playAll(transcript(START, JOIN, message, "> flush", "> timer @+99ms"), builds);
  await assert.rejects(played, /t.md:7: the timer is not due before @\+100ms/);
});

/**
 * A build that does the same, but for one byte of the data of its first effect of a type.
 * @param {Build} build @param {number} type
 * @returns {Build}
 */
function tampered(build, type) {
  return {
    name: build.name,
    instance: () => {
      const instance = build.instance();
      return {
        event: async (event) => {
          const answer = await instance.event(event);
          const effect = answer.effects.find((candidate) => candidate.type === type);
          if (effect) effect.data[effect.data.length - 3] ^= 1;
          return answer;
        },
        end: () => instance.end(),
      };
    },
  };
}

test("one byte of an effect is another in one build: the message says in which", async () => {
  for (const [i, { name }] of builds.entries()) {
    const changed = builds.with(i, tampered(builds[i], EffectType.broadcast));
    const others = i === 0 ? builds.slice(1) : builds.toSpliced(i, 1);
    await assert.rejects(
      playAll(transcript(START, JOIN, "> flush"), changed),
      (/** @type {Error} */ { message }) => {
        assert.match(message, /^t\.md:5: the builds do not agree on what comes of this event\n/);
        assert.match(message, new RegExp(`^ {2}[-+] ${name}$`, "m"));
        const alike = others.map((build) => build.name).join(", ");
        assert.match(message, new RegExp(`^ {2}[-+] ${alike}$`, "m"));
        assert.match(message, /"users":1/);
        assert.match(message, /"users":0/);
        return true;
      },
    );
  }
});

test("a build that traps is named, with the reason", async () => {
  // Only the native build has the hooks of the tests in it.
  const events = [START, JOIN, "> frame socket=1 | test: trap"];
  await assert.rejects(playAll(transcript(...events), builds), (/** @type {Error} */ error) => {
    assert.match(error.message, /^t\.md:5: the builds do not agree/);
    assert.match(error.message, /^ {2}- native$/m);
    assert.match(error.message, /room_pipe ended with SIGABRT\n.*CHECK failed/);
    return true;
  });
});

test("what a file says is compared, and can be brought up to date", async () => {
  const document = transcript(
    START,
    "* restored",
    "",
    '> request request=1 | {"op":"state"}',
    "! no",
  );
  const outcomes = await playAll(document, builds);
  assert.throws(
    () => compare(document, outcomes),
    (/** @type {Error} */ { message }) => {
      assert.match(message, /what comes of the event in line 6 is not what t\.md says/);
      assert.match(message, /^ {2}- ! no$/m);
      assert.match(message, /^ {2}\+ < respond request=1 status=200$/m);
      assert.match(message, /run\.js --update t\.md$/);
      return true;
    },
  );
  const updated = new Document("t.md", document.withOutcomes(outcomes));
  compare(updated, outcomes);
  assert.deepEqual(
    updated.steps.map(({ source }) => source),
    document.steps.map(({ source }) => source),
  );
});

/** @param {TestContext} t @param {string} name @param {Buffer} input @param {string} fault */
async function badInput(t, name, input, fault) {
  await t.test(name, () => {
    const ended = spawnSync(join(ROOT, PIPE), { input, timeout: 20_000 });
    assert.equal(String(ended.stderr), `room_pipe: ${fault}\n`);
    assert.equal(ended.status, 2);
  });
}

test("room_pipe ends with exit code 2 on input that is none", async (t) => {
  const event = Buffer.alloc(24);
  event.writeUInt32LE(20);
  const huge = Buffer.alloc(4, 0xff);
  await badInput(t, "a short size", Buffer.from("ab"), "event 1: the input ends inside its size");
  await badInput(
    t,
    "a size that is too small",
    Buffer.concat([event, Buffer.of(19, 0, 0, 0)]),
    "event 2: a size of 19 bytes; the least is 20",
  );
  await badInput(
    t,
    "a size that is too large",
    huge,
    "event 1: a size of 4294967295 bytes; the most is 3149844",
  );
  await badInput(
    t,
    "an event that is cut",
    event.subarray(0, 10),
    "event 1: the input ends after 6 of its 20 bytes",
  );
  await t.test("whole events", () => {
    const ended = spawnSync(join(ROOT, PIPE), { input: event, timeout: 20_000 });
    assert.deepEqual([...ended.stdout], [4, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff]);
    assert.equal(ended.status, 0);
  });
});
