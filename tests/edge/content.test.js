// The content of a message is the text that was sent, byte for byte, wherever it comes out again.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { AwsClient } from "aws4fetch";
import { CREDENTIALS, central, newRoom, startEdge } from "./harness.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */
/** @typedef {Awaited<ReturnType<typeof central>>} Central */

const DEPTH = 64;

/** What a parser, or a writer, would change. */
const TEXTS = [
  // Numbers beyond a double, or written in a way that no writer would choose.
  "1e400",
  "-1e400",
  "1E-400",
  "-0",
  "-0.0e-0",
  "0.10",
  "1.000000000000000000001",
  "1E+2",
  "12345678901234567890",
  "9007199254740993",
  "9".repeat(1000),
  // Strings: escapes that need none, and characters that could be escaped.
  '""',
  '"\\u0041\\u0062"',
  '"\\/ \\" \\\\ \\b \\f \\n \\r \\t"',
  '"\\u0000\\u001f\\u007F"',
  '"/ \u007f \u0085 \u00a0"',
  '"\u2028\u2029\ufeff\uffff"',
  '"\\uD83D\\uDE00 \\ud83d\\ude00"',
  '"😀 𝒳 👩‍👩‍👧"',
  '"é e\u0301 \\u00e9"',
  '"\\"}],\\"content\\":1,[{"',
  // Members: their order, their repetition, and names that mean something elsewhere.
  '{"b":1,"a":2,"":3}',
  '{"2":1,"1":2}',
  '{"a":1,"a":2,"\\u0061":3}',
  '{"type":"message","content":{"content":1},"seq":7,"id":"x"}',
  '{"__proto__":{"a":1},"constructor":null}',
  // White space.
  '{ "a" : [ 1 , 2 ] , "b" : { } }',
  "[\t1,\r\n 2\n]",
  // Values of every other kind, and the deepest that may be.
  "null",
  "true",
  "false",
  "[]",
  "{}",
  `${"[".repeat(DEPTH)}${"]".repeat(DEPTH)}`,
  `${'{"a":'.repeat(DEPTH - 1)}{}${"}".repeat(DEPTH - 1)}`,
  `"${"a long one ".repeat(5900)}"`,
];

/**
 * The content of a message, as it stands in a text that holds the message.
 * @param {string} text
 * @param {number} seq
 * @param {string} expected
 */
function contentIs(text, seq, expected) {
  // Before the content stand names and values that hold neither brackets nor escapes.
  const found = new RegExp(`"seq":${seq},(?:"\\w+":(?:\\d+|"[^"\\\\]*"),)*"content":`).exec(text);
  assert.ok(found, `no content of ${seq} in: ${text.slice(0, 500)}`);
  const rest = text.slice(found.index + found[0].length);
  assert.equal(rest.slice(0, expected.length), expected);
  assert.match(rest.slice(expected.length, expected.length + 1), /^[,}]$/);
}

describe("content", () => {
  /** @type {Central} */
  let store;
  /** @type {Edge} */
  let edge;
  const room = newRoom();
  /** @type {Awaited<ReturnType<Edge["join"]>>} */
  let ana;
  /** @type {string} */
  let epoch;
  const through = TEXTS.length;
  before(async () => {
    store = await central();
    edge = await startEdge({ centralUrl: store.url });
    ana = await edge.join(room, { user: "ana" });
    epoch = ana.told[0].epoch;
    for (const [i, text] of TEXTS.entries()) {
      ana.send(`{"type":"message","content":${text},"id":"i-${i}"}`);
    }
    await ana.confirmed(through);
  });
  after(async () => {
    await edge.close();
    await store.close();
  });

  /** @param {(seq: number) => Promise<string>} textWith */
  async function allAre(textWith) {
    for (const [i, text] of TEXTS.entries()) contentIs(await textWith(i + 1), i + 1, text);
  }

  it("is broadcast as it came", async () => {
    const frames = ana.frames.join("\n");
    await allAre(async () => frames);
  });

  it("is recovered as it came, after a sleep", async () => {
    await edge.evict(room);
    const back = await edge.join(room, { user: "bob", epoch, after: 0 });
    assert.equal(back.told[0].recovered, true);
    await back.next("new_message", ({ seq }) => seq === through);
    const frames = back.frames.join("\n");
    await allAre(async () => frames);
  });

  it("is read from the history as it came, by socket and over HTTP", async () => {
    await allAre(async (seq) => {
      ana.send({ type: "history", after: seq - 1, limit: 1 });
      await ana.next("history");
      return /** @type {string} */ (ana.frames.findLast((frame) => frame.includes('"history"')));
    });
    await allAre(async (seq) => {
      const path = `/api/rooms/${room}/messages?after=${seq - 1}&limit=1`;
      return (await edge.fetch(path)).text();
    });
  });

  it("is in the central store as it came", async () => {
    const aws = new AwsClient({ ...CREDENTIALS, service: "execute-api", retries: 0 });
    await allAre(async (seq) => {
      const query = `epoch=${epoch}&after=${seq - 1}&limit=1`;
      return (await aws.fetch(`${store.url}/v1/rooms/${room}/messages?${query}`)).text();
    });
  });

  it("is an event's as it came", async () => {
    const bob = await edge.join(room, { user: "bob" });
    for (const text of TEXTS) {
      ana.send(`{"type":"event","name":"e","content":${text}}`);
      await bob.next("event");
      const frame = bob.frames.findLast((each) => each.includes('"type":"event"'));
      assert.ok(frame?.includes(`"content":${text}}`), text);
    }
  });

  it("is published over HTTP, and stays when others are deleted, as it came", async () => {
    const other = newRoom();
    const path = `/api/rooms/${other}/messages`;
    const headers = { authorization: "Bearer test-moderator" };
    const bob = await edge.join(other, { user: "bob" });
    // Two deletions write anew what is stored beside them.
    bob.send('{"type":"message","content":"first"}');
    for (const text of TEXTS) bob.send(`{"type":"message","content":${text}}`);
    bob.send('{"type":"message","content":"last"}');
    bob.send({ type: "delete", seq: 1 });
    bob.send({ type: "delete", seq: through + 2 });
    await bob.next("message_deleted", ({ target }) => target === through + 2);
    for (const text of TEXTS) {
      const { status } = await edge.json(path, {
        method: "POST",
        headers,
        body: `{"content":${text}}`,
      });
      assert.equal(status, 201, text);
    }
    const { seq: lastSeq } = (await edge.json(`/api/rooms/${other}`)).body;
    assert.equal(lastSeq, 2 * through + 4);
    await bob.confirmed(lastSeq);
    await edge.evict(other);
    for (const [i, text] of TEXTS.entries()) {
      for (const seq of [i + 2, through + 5 + i]) {
        contentIs(await (await edge.fetch(`${path}?after=${seq - 1}&limit=1`)).text(), seq, text);
      }
    }
  });
});
