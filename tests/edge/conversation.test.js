// The conversation that docs/PROTOCOL.md shows, held once more: what the document says a room answers
// is what it answers. EDGEROOM_UPDATE_DOCS=1 writes what was said now into the document.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, it } from "node:test";
import { central, startEdge } from "./harness.js";

/** @typedef {import("./harness.js").Client} Client */

const DOCUMENT = join(import.meta.dirname, "../../docs/PROTOCOL.md");
const SECTION = /(?<=<!-- begin conversation -->\n\n).*?(?=\n\n<!-- end conversation -->)/s;

/** @type {Awaited<ReturnType<typeof startEdge>>} */
let edge;
/** @type {Awaited<ReturnType<typeof central>>} */
let api;
before(async () => {
  api = await central();
  edge = await startEdge({ centralUrl: api.url });
});
after(async () => {
  await edge.close();
  await api.close();
});

/** What goes over the wire of some clients, line by line. */
class Wire {
  /** @type {string[]} */
  lines = [];
  /** How many frames of each client are written down. @type {Map<Client, number>} */
  #written = new Map();

  /** @param {string} user @param {Record<string, string | number>} [query] */
  async join(user, query = {}) {
    const search = Object.entries({ user, ...query }).map(([name, value]) => `${name}=${value}`);
    this.lines.push(`${user} > GET /rooms/lobby?${search.join("&")}`);
    const client = await edge.join("lobby", { user, ...query });
    this.#written.set(client, 0);
    return client;
  }

  /** @param {string} user @param {Client} client @param {string} frame */
  send(user, client, frame) {
    this.lines.push(`${user} > ${frame}`);
    client.send(frame);
  }

  /** Writes down what has come. @param {string} user @param {Client} client */
  heard(user, client) {
    const from = this.#written.get(client) ?? 0;
    this.lines.push(...client.frames.slice(from).map((frame) => `${user} < ${frame}`));
    this.#written.set(client, client.frames.length);
  }
}

async function converse() {
  const wire = new Wire();
  const ana = await wire.join("ana");
  await ana.next("room_count");
  wire.heard("ana", ana);
  const ben = await wire.join("ben");
  await ben.next("room_count");
  wire.heard("ben", ben);
  await ana.next("room_count");
  wire.heard("ana", ana);

  wire.send("ana", ana, '{"type":"message","content":{"text":"hello"},"id":"a-1"}');
  for (const client of [ana, ben]) await client.confirmed(1);
  wire.heard("ana", ana);
  wire.heard("ben", ben);
  wire.send("ana", ana, '{"type":"message","content":{"text":"hello"},"id":"a-1"}');
  await ana.next("ack");
  wire.heard("ana", ana);
  wire.send("ben", ben, '{"type":"event","name":"typing"}');
  for (const client of [ana, ben]) await client.next("event");
  wire.heard("ana", ana);
  wire.heard("ben", ben);
  wire.send("ben", ben, '{"type":"delete","seq":1,"ref":"d"}');
  await ben.next("error");
  wire.heard("ben", ben);

  const { epoch } = ben.told[0] ?? {};
  ben.socket.terminate();
  wire.lines.push("ben   loses the connection");
  await ana.next("room_count", ({ count }) => count === 1);
  wire.heard("ana", ana);
  wire.send("ana", ana, '{"type":"message","content":1e400}');
  await ana.confirmed(2);
  wire.heard("ana", ana);
  wire.send("ana", ana, '{"type":"delete","seq":1}');
  await ana.confirmed(3);
  wire.heard("ana", ana);
  const back = await wire.join("ben", { epoch, after: 1 });
  await back.next("room_count");
  wire.heard("ben", back);
  wire.send("ben", back, '{"type":"history","limit":2,"ref":"h"}');
  await back.next("history");
  wire.heard("ben", back);
  return wire.lines;
}

/**
 * Each told object by itself, since a frame holds what came in one turn, and with names in place of what
 * differs from one time to the next.
 * @param {string[]} lines
 */
function comparable(lines) {
  /** @type {Map<string, string>} */
  const names = new Map();
  const text = lines
    .flatMap((line) => {
      const [, who, frame] = /^(\w+ <) \[(.*)\]$/.exec(line) ?? [];
      return frame === undefined ? [line] : objectsOf(frame).map((object) => `${who} ${object}`);
    })
    .join("\n");
  return text
    .replace(/"(conn|epoch)":"([^"]+)"|(epoch)=([^&]+)/g, (_, member, value, query, of) => {
      const name = names.get(value ?? of) ?? `${member ?? query}-${names.size}`;
      names.set(value ?? of, name);
      return `${member ?? query} ${name}`;
    })
    .replace(/"ts":\d+/g, '"ts":…');
}

/** The objects of a frame, as they were written: 1e400 is none of JavaScript's numbers. @param {string} frame */
function objectsOf(frame) {
  return frame.split(/(?<=\}),(?=\{"type":)/);
}

it("the conversation in docs/PROTOCOL.md is what is said", { timeout: 120_000 }, async () => {
  const lines = await converse();
  const text = await readFile(DOCUMENT, "utf8");
  if (process.env.EDGEROOM_UPDATE_DOCS) {
    const shown = lines.map((line) => `    ${line}`).join("\n");
    await writeFile(
      DOCUMENT,
      text.replace(SECTION, () => shown),
    );
    return;
  }
  const shown =
    SECTION.exec(text)?.[0]
      .split("\n")
      .map((line) => line.trim()) ?? [];
  assert.equal(comparable(shown), comparable(lines));
});
