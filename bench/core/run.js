#!/usr/bin/env node
// What a message costs the room's core in WebAssembly, against what V8 needs to do the least of it in
// JavaScript: JSON.parse, a number, JSON.stringify. By turns in one process, many messages a turn, as
// in a busy room; the median of ROUNDS rounds.
//
//   node bench/core/run.js [--json] [--rounds N]
//
// It ends with 1 when a module is slower than V8 at what both do. `scripts/build wasi` and
// `scripts/build emscripten` come first.

import { median } from "../median.js";
import { KINDS, SIZES } from "./contents.js";
import { BenchRoom, compileRoom } from "./room.js";

const TOOLCHAINS = ["wasi", "emscripten"];
/** Messages a turn, fewer of large ones: a turn is to be over before something else has the processor. */
const TURN_MAX = 100;
const TURN_BYTES = 64 << 10;
/** Messages of one measurement: so many bytes of content, but this many messages at least. */
const BYTES = 1 << 20;
const MESSAGES_MIN = 2000;
const MESSAGES_MAX = 10_000;
const ROUNDS = 15;
/** Between two turns: a thousand messages a second. */
const TURN_MS = 100;
/** Ids that a room remembers at most (DEDUP_MAX): its table is full when it is measured. */
const IDS = 100_000;
const ID_DIGITS = 9;
const ID_DIGITS_AT = '{"type":"message","id":"m-'.length;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Ids are never used twice. */
let lastId = 0;

/** The front of a frame, with the next id. */
const head = () => `{"type":"message","id":"m-${String(++lastId).padStart(ID_DIGITS, "0")}"`;

/** As a socket gives it: one flat string, not one made of parts. @param {string} text */
const flat = (text) => decoder.decode(encoder.encode(text));

/**
 * Microseconds a message, the median of all turns: what the machine does beside falls on few of them.
 * `turn` makes ready the messages of one and returns what is timed.
 * @param {number} messages @param {number} size of a turn @param {() => () => void} turn
 * @param {() => void} [after] not timed
 */
function measure(messages, size, turn, after = () => {}) {
  const spent = [];
  for (let done = 0; done < messages; done += size) {
    const run = turn();
    const begun = performance.now();
    run();
    spent.push(performance.now() - begun);
    after();
  }
  return (median(spent) * 1000) / size;
}

/** @param {string} tail of the frames, behind the id @param {number} count */
const frames = (tail, count) => Array.from({ length: count }, () => flat(head() + tail));

/** The least that JavaScript can do: no check of members, no limit, no memory of ids. */
class PlainRoom {
  seq = 0;
  told = "";
  /** @type {string[]} */
  #pending = [];

  /** @param {string} text */
  frame(text) {
    const { id, content } = JSON.parse(text);
    const seq = ++this.seq;
    this.#pending.push(
      JSON.stringify({ type: "new_message", seq, user: "ana", ts: Date.now(), content, id }),
    );
  }

  flush() {
    this.told = `[${this.#pending.join(",")}]`;
    this.#pending = [];
  }
}

/** @typedef {{raw: BenchRoom, shipping: BenchRoom}} Rooms */

/** One case: how a content of one kind and size fares everywhere. */
class Case {
  /** @type {Record<string, number[]>} */
  figures = {};

  /** @param {string} kind @param {number} size @param {Record<string, Rooms>} rooms */
  constructor(kind, size, rooms) {
    this.kind = kind;
    this.size = size;
    this.rooms = rooms;
    this.plain = new PlainRoom();
    this.turn = Math.min(TURN_MAX, Math.floor(TURN_BYTES / size));
    this.messages = Math.min(MESSAGES_MAX, Math.max(MESSAGES_MIN, Math.floor(BYTES / size)));
    this.tail = `,"content":${JSON.stringify(KINDS[kind](size))}}`;
  }

  round() {
    this.#note("v8", this.#byPlain());
    for (const [toolchain, { raw, shipping }] of Object.entries(this.rooms)) {
      this.#note(`${toolchain} core`, this.#inside(raw));
      this.#note(`${toolchain} whole`, this.#whole(shipping));
    }
  }

  /** @param {string} name */
  of(name) {
    return median(this.figures[name]);
  }

  /** @param {string} name @param {number} value */
  #note(name, value) {
    this.figures[name] ??= [];
    this.figures[name].push(value);
  }

  #byPlain() {
    const { plain } = this;
    return measure(this.messages, this.turn, () => {
      const texts = frames(this.tail, this.turn);
      return () => {
        for (const text of texts) plain.frame(text);
        plain.flush();
      };
    });
  }

  /** With the ways in and out: the text written, the frame and the row taken out. @param {BenchRoom} room */
  #whole(room) {
    return measure(
      this.messages,
      this.turn,
      () => {
        const texts = frames(this.tail, this.turn);
        room.pass(TURN_MS);
        return () => {
          for (const text of texts) room.frame(text);
          room.flush();
        };
      },
      () => room.serve(),
    );
  }

  /** Of texts that stand in the module's memory already, but for their ids. @param {BenchRoom} room */
  #inside(room) {
    let effects = 0;
    return measure(
      this.messages,
      this.turn,
      () => {
        room.pass(TURN_MS);
        const standing = room.stand(head() + this.tail, ID_DIGITS_AT, ID_DIGITS);
        return () => {
          for (let i = 0; i < this.turn; i++) standing(++lastId);
          effects = room.flushOnly();
        };
      },
      () => {
        room.apply(effects);
        room.serve();
      },
    );
  }

  /** Nothing is measured that does not do what it should. */
  check() {
    const [text] = frames(this.tail, 1);
    const { content, id } = JSON.parse(text);
    const modules = Object.values(this.rooms).flatMap(({ raw, shipping }) => [raw, shipping]);
    for (const room of [this.plain, ...modules]) {
      if (room instanceof BenchRoom) room.pass(TURN_MS);
      room.frame(text);
      room.flush();
      const found = JSON.parse(room.told).find((/** @type {{id?: string}} */ one) => one.id === id);
      const told = JSON.stringify([found?.type, found?.user, found?.id, found?.content]);
      if (told !== JSON.stringify(["new_message", "ana", id, content])) {
        throw new Error(`a message was told otherwise: ${room.told.slice(0, 200)}`);
      }
    }
  }
}

/**
 * A room that has had as many messages as it remembers ids.
 * @param {string} toolchain @param {boolean} isRaw
 */
function roomAtWork(toolchain, isRaw) {
  const room = new BenchRoom(compileRoom(toolchain), { isRaw });
  for (let done = 0; done < IDS; done += TURN_MAX) {
    room.pass(TURN_MS);
    for (const text of frames(',"content":1}', TURN_MAX)) room.frame(text);
    room.flush();
    room.serve();
  }
  if (room.confirmed < IDS - TURN_MAX * 10) throw new Error("the batches are not confirmed");
  return room;
}

const args = process.argv.slice(2);
const asJson = args.includes("--json");
const roundsAt = args.indexOf("--rounds");
const rounds = roundsAt < 0 ? ROUNDS : Number(args[roundsAt + 1]);
if (!(Number.isInteger(rounds) && rounds > 0)) {
  process.stderr.write("usage: node bench/core/run.js [--json] [--rounds N]\n");
  process.exit(2);
}

const rooms = Object.fromEntries(
  TOOLCHAINS.map((name) => [
    name,
    { raw: roomAtWork(name, true), shipping: roomAtWork(name, false) },
  ]),
);
const cases = Object.keys(KINDS).flatMap((kind) =>
  SIZES.map((size) => new Case(kind, size, rooms)),
);
for (const one of cases) one.check();
// V8 compiles what is hot while the first rounds run: they do not count.
const WARM_UP = 2;
for (let i = 0; i < WARM_UP + rounds; i++) {
  for (const one of cases) {
    if (i === WARM_UP) one.figures = {};
    one.round();
  }
}

const columns = ["content", "bytes", "V8 µs"];
for (const name of TOOLCHAINS) {
  columns.push(`${name} µs`, `${name} / V8`, `${name} with the crossing µs`, "/ V8");
}
const digits = (/** @type {number} */ value) => Number(value.toFixed(2));
const table = cases.map((one) => {
  const v8 = one.of("v8");
  const row = [one.kind, one.size, digits(v8)];
  for (const name of TOOLCHAINS) {
    const [inside, whole] = [one.of(`${name} core`), one.of(`${name} whole`)];
    row.push(digits(inside), digits(inside / v8), digits(whole), digits(whole / v8));
  }
  return row;
});
const slower = cases.flatMap((one) =>
  TOOLCHAINS.filter((name) => one.of(`${name} core`) > one.of("v8")).map(
    (name) => `${name}, ${one.kind} of ${one.size} bytes`,
  ),
);
const notes = [
  `${slower.length === 0 ? "PASS" : "FAIL"}: check, number and encode a message in WebAssembly no slower than V8's JSON.parse and JSON.stringify${slower.length === 0 ? "" : `: ${slower.join("; ")}`}`,
  `Medians of the turns of ${rounds} rounds, by turns of at most ${TURN_MAX} messages and ${TURN_BYTES >> 10} KiB; garbage collection, V8's alone, is left out but where it comes with every turn; node ${process.version}, V8 ${process.versions.v8}.`,
  "V8: JSON.parse of the frame, a number and a time, JSON.stringify, and one frame of all joined; none of the checks, limits and memories of the core.",
  `The core: all that it does for a message and its part of the flush: the frame's check, limits, its id among ${IDS} known ones, number, the stored record and the frame of all.`,
  "With the crossing: besides, the text encoded into the module's memory, the effects read, the frame decoded and the row copied out.",
];
if (asJson) {
  console.log(JSON.stringify({ title: "The core against V8", columns, rows: table, notes }));
} else {
  const cells = [columns, ...table].map((row) => row.map(String));
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => row[i].length)));
  for (const row of cells) console.log(row.map((cell, i) => cell.padStart(widths[i])).join("  "));
  for (const note of notes) console.log(note);
}
process.exit(slower.length === 0 ? 0 : 1);
