// Forwarding: how fast, and with how much waiting, a room hands its records to the central API. What
// takes them there is bench/sink.js, so that the figures are the room's.
//
//   node bench/forwarding.js sustain [SECONDS] [RATE] [RTT_MS]
//   node bench/forwarding.js drain [RECORDS] [RTT_MS] [WINDOW]
//
// sustain: messages come evenly, RATE a second, and every batch is answered after RTT_MS. drain: the
// central API is away until RECORDS wait in the outbox, and then answers after RTT_MS; they have come
// WINDOW at a time, on which depends how many share a stored segment. Both print JSON, and end with 1
// when something that the room has accepted is not stored, or is stored otherwise.

import { loadavg } from "node:os";
import { newRoom, STORE_PATIENCE_MS, startEdge } from "../tests/edge/harness.js";
import { PUBLISHERS, Publishers } from "./publishers.js";
import { Sink } from "./sink.js";
import { cpuSeconds, residentKib } from "./workerd.js";

/** Nothing but the way to the central API is to be in a message's way. */
const VARS = {
  MESSAGE_LIMITS: JSON.stringify({
    connection: { rate: 1e6, burst: 1e6, bytes: 1 << 30, bytes_burst: 1 << 30 },
  }),
  PRESENCE_MAX: "0",
};

const TICK_MS = 1;
const SAMPLE_MS = 1000;
const REPORT_MS = 10_000;
const RECORDS_OF_ROOM = 1_000_000;
/** How many of the ranges that are missing are told. */
const RANGES_MAX = 10;

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */
/** @typedef {import("./sink.js").SinkReport} SinkReport */

/** @param {object} line */
function print(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** @param {number} ms */
function pause(ms) {
  return new Promise((over) => setTimeout(over, ms));
}

/** @param {number} value @param {number} [digits] */
function round(value, digits = 0) {
  return Number(value.toFixed(digits));
}

/** The value that a part of all do not exceed. @param {number[]} values @param {number} part */
function quantile(values, part) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? 0;
}

/** The same of how often each whole number was. @param {Uint32Array} counts @param {number} part */
function quantileOfCounts(counts, part) {
  let left = Math.ceil(counts.reduce((sum, count) => sum + count, 0) * part);
  return Math.max(
    0,
    counts.findIndex((count) => {
      left -= count;
      return left <= 0;
    }),
  );
}

/** Memory of workerd in MiB: as it was at first, at most, and now. */
class Memory {
  begin = residentKib();
  max = this.begin;

  look() {
    const now = residentKib();
    this.max = Math.max(this.max, now);
    return round(now / 1024);
  }

  figures() {
    const end = this.look();
    return { begin: round(this.begin / 1024), max: round(this.max / 1024), end };
  }
}

/** What the sink has seen, in short. @param {SinkReport} report */
function sinkFigures({ counts, inFlightMs }) {
  const ms = inFlightMs.reduce((sum, part) => sum + part, 0);
  const weighted = inFlightMs.reduce((sum, part, count) => sum + part * count, 0);
  return {
    batches: counts.batches,
    batches_refused: counts.refused,
    repeated: counts.repeated,
    mib: round(counts.bytes / 2 ** 20, 1),
    records_a_batch: round(counts.records / counts.batches, 1),
    in_flight: {
      max: counts.inFlightMax,
      mean: round(weighted / ms, 2),
      shares: Array.from(inFlightMs, (part) => round((part ?? 0) / ms, 3)),
    },
  };
}

/** Seqs as text: 3-9, 12. @param {number[]} seqs */
function ranges(seqs) {
  /** @type {[number, number][]} */
  const found = [];
  for (const seq of seqs) {
    const last = found.at(-1);
    if (last?.[1] === seq - 1) last[1] = seq;
    else found.push([seq, seq]);
  }
  const told = found.slice(0, RANGES_MAX).map(([a, b]) => (a === b ? `${a}` : `${a}-${b}`));
  return told.join(", ") + (found.length > RANGES_MAX ? ", …" : "");
}

/**
 * What the room has accepted against what is stored.
 * @param {Sink} sink @param {Publishers} publishers @param {string} room
 */
async function faults(sink, publishers, room) {
  const found = [...publishers.faults, ...sink.faults];
  const { counts, names } = await sink.report();
  const name = `${room}:${publishers.epoch}`;
  const others = names.filter((other) => other !== name);
  if (others.length > 0) found.push(`records under other names: ${others.join(", ")}`);
  for (const fault of ["unsigned", "differing", "disordered"]) {
    if (counts[fault] > 0) found.push(`${fault}: ${counts[fault]}`);
  }
  const stored = await sink.numbers(name);
  const { numbers } = publishers;
  const missing = [];
  const differing = [];
  const again = [];
  const late = [];
  const seen = new Set();
  const newest = Array.from({ length: PUBLISHERS }, () => 0);
  for (let seq = 1; seq < numbers.length; seq++) {
    const n = numbers[seq];
    if (seen.has(n)) again.push(seq);
    seen.add(n);
    if (n < newest[n % PUBLISHERS]) late.push(seq);
    newest[n % PUBLISHERS] = n;
    if (!stored[seq]) missing.push(seq);
    else if (stored[seq] !== n) differing.push(seq);
  }
  const beyond = stored.subarray(numbers.length).findIndex((n) => n !== 0);
  if (missing.length > 0) found.push(`missing ${missing.length} records: ${ranges(missing)}`);
  if (differing.length > 0) found.push(`stored with another content: ${ranges(differing)}`);
  if (again.length > 0) found.push(`messages under a second seq: ${ranges(again)}`);
  if (late.length > 0) found.push(`after a later one of the same connection: ${ranges(late)}`);
  if (beyond >= 0) found.push(`stored and never told: from ${numbers.length + beyond} on`);
  return found;
}

/**
 * @param {() => boolean} done
 * @param {number} patienceMs
 * @param {string} what
 * @param {Publishers} publishers
 */
async function wait(done, patienceMs, what, publishers) {
  const deadline = Date.now() + patienceMs;
  while (!done()) {
    if (Date.now() >= deadline) {
      publishers.faults.push(`waited in vain: ${what}`);
      return;
    }
    await pause(10);
  }
}

/** Sends so many messages a second. @param {Publishers} publishers @param {number} rate */
function pace(publishers, rate) {
  const began = performance.now();
  const timer = setInterval(() => {
    const due = ((performance.now() - began) * rate) / 1000;
    while (publishers.sent < due) publishers.send();
  }, TICK_MS);
  return () => clearInterval(timer);
}

/** @param {Edge} edge @param {string} room */
async function outboxOf(edge, room) {
  const { body } = await edge.json(`/api/rooms/${room}`);
  return body.outbox;
}

/** @param {number} seconds @param {number} rate @param {number} rttMs */
async function sustain(seconds, rate, rttMs) {
  const sink = await Sink.start({ refuses: false, delayMs: rttMs });
  const edge = await startEdge({ centralUrl: sink.url, vars: VARS });
  const room = newRoom();
  // The room is not paced by what it answers: more than due is never sent.
  const publishers = new Publishers(Math.ceil((seconds + 10) * rate));
  await publishers.join(edge.url, room);
  const load = [loadavg()[0]];
  const memory = new Memory();
  const cpuBefore = cpuSeconds();
  const began = Date.now();
  const stop = pace(publishers, rate);
  const ages = [];
  const backlogs = [];
  for (let reported = 0; Date.now() < began + seconds * 1000 && publishers.faults.length === 0; ) {
    await pause(SAMPLE_MS - ((Date.now() - began) % SAMPLE_MS));
    const { pending, oldest_ms } = await outboxOf(edge, room);
    ages.push(oldest_ms);
    backlogs.push(pending);
    const rss_mib = memory.look();
    const elapsed = Date.now() - began;
    if (elapsed < reported + REPORT_MS) continue;
    reported += REPORT_MS;
    const { accepted, confirmed } = publishers;
    const { counts } = await sink.report();
    const cpu_s = round(cpuSeconds() - cpuBefore, 1);
    const s = round(elapsed / 1000);
    print({ s, accepted, confirmed, pending, oldest_ms, batches: counts.batches, rss_mib, cpu_s });
  }
  stop();
  const took = (Date.now() - began) / 1000;
  await wait(() => publishers.answered, STORE_PATIENCE_MS, "the last answer", publishers);
  const all = () => publishers.confirmed >= publishers.accepted;
  await wait(all, STORE_PATIENCE_MS, "the last confirmation", publishers);
  const cpu = cpuSeconds() - cpuBefore;
  const rss_mib = memory.figures();
  load.push(loadavg()[0]);
  const { sent, accepted, refused, confirmed, waits } = publishers;
  const found = await faults(sink, publishers, room);
  print({
    run: "sustain",
    seconds: round(took, 1),
    rate,
    rtt_ms: rttMs,
    sent,
    accepted,
    refused,
    confirmed,
    records_a_flush: round(accepted / publishers.flushes, 2),
    backlog: { p99: quantile(backlogs, 0.99), max: quantile(backlogs, 1) },
    oldest_ms: { p50: quantile(ages, 0.5), p99: quantile(ages, 0.99), max: quantile(ages, 1) },
    confirmed_after_ms: {
      p50: quantileOfCounts(waits, 0.5),
      p99: quantileOfCounts(waits, 0.99),
      max: quantileOfCounts(waits, 1),
    },
    ...sinkFigures(await sink.report()),
    rss_mib,
    cpu_s: round(cpu, 1),
    cpu_us_a_record: round((cpu / accepted) * 1e6),
    load,
    faults: found,
  });
  publishers.close();
  await edge.close();
  await sink.close();
  return found.length === 0;
}

/**
 * Sends until so many records are accepted.
 * @param {Publishers} publishers
 * @param {number} records
 * @param {number} window messages at most that wait for their answer
 */
async function fill(publishers, records, window) {
  const began = Date.now();
  const more = () => {
    const answered = publishers.accepted + publishers.refused;
    while (publishers.sent < records && publishers.sent < answered + window) publishers.send();
  };
  publishers.onProgress = more;
  more();
  while (!publishers.answered || publishers.sent < records) {
    if (publishers.faults.length > 0) throw new Error(publishers.faults.join("\n"));
    await pause(100);
  }
  publishers.onProgress = () => {};
  return (Date.now() - began) / 1000;
}

/** @param {number} records @param {number} rttMs @param {number} window */
async function drain(records, rttMs, window) {
  const sink = await Sink.start({ refuses: true, delayMs: rttMs });
  const vars = { ...VARS, OUTBOX_RECORDS_MAX: String(Math.max(RECORDS_OF_ROOM, records)) };
  const edge = await startEdge({ centralUrl: sink.url, vars });
  const room = newRoom();
  const publishers = new Publishers(records);
  await publishers.join(edge.url, room);
  const filled_s = round(await fill(publishers, records, window), 1);
  const { pending } = await outboxOf(edge, room);
  const records_a_flush = round(records / publishers.flushes, 2);
  print({ pending, filled_s, records_a_flush, refused: (await sink.report()).counts.refused });
  const memory = new Memory();
  const load = [loadavg()[0]];
  let first = false;
  let cpuBefore = cpuSeconds();
  sink.firstAnswer.then(() => {
    first = true;
    cpuBefore = cpuSeconds();
  });
  let cpu = 0;
  let endedAt = 0;
  publishers.onProgress = () => {
    if (endedAt > 0 || publishers.confirmed < records) return;
    endedAt = Date.now();
    cpu = cpuSeconds() - cpuBefore;
  };
  // The room tries again when its backoff is over: the time begins then.
  await sink.answer();
  await wait(() => first, STORE_PATIENCE_MS, "the first attempt", publishers);
  const looks = setInterval(() => memory.look(), SAMPLE_MS / 4);
  const patienceMs = STORE_PATIENCE_MS + records * (1 + rttMs / 100);
  await wait(() => endedAt > 0, patienceMs, "the last confirmation", publishers);
  clearInterval(looks);
  const report = await sink.report();
  load.push(loadavg()[0]);
  // NaN, and null in JSON, when there was no end.
  const seconds = endedAt > 0 ? (endedAt - report.counts.firstAnswerMs) / 1000 : Number.NaN;
  const found = await faults(sink, publishers, room);
  print({
    run: "drain",
    records,
    rtt_ms: rttMs,
    seconds: round(seconds, 2),
    records_a_second: round(records / seconds),
    ...sinkFigures(report),
    next_request_after_ms: round(report.counts.turnMs / report.counts.turns, 2),
    rss_mib: memory.figures(),
    cpu_s: round(cpu, 2),
    cpu_us_a_record: round((cpu / records) * 1e6, 1),
    load,
    faults: found,
  });
  publishers.close();
  await edge.close();
  await sink.close();
  return found.length === 0;
}

/**
 * What can be asked for, with the numbers it takes: their names, defaults and least values.
 * @type {Record<string, {run: (...numbers: number[]) => Promise<boolean>, takes: [string, number, number][]}>}
 */
const COMMANDS = {
  sustain: {
    run: sustain,
    takes: [
      ["SECONDS", 600, 1],
      ["RATE", 1000, 1],
      ["RTT_MS", 150, 0],
    ],
  },
  drain: {
    run: drain,
    takes: [
      ["RECORDS", 100_000, 1],
      ["RTT_MS", 0, 0],
      ["WINDOW", 1000, 1],
    ],
  },
};

/** @param {string} fault @returns {never} */
function refuse(fault) {
  const usages = Object.entries(COMMANDS).map(
    ([name, { takes }]) =>
      `  node bench/forwarding.js ${name} ${takes.map(([n]) => `[${n}]`).join(" ")}`,
  );
  process.stderr.write(`${fault}\nusage:\n${usages.join("\n")}\n`);
  process.exit(2);
}

const [name = "", ...given] = process.argv.slice(2);
const command = Object.hasOwn(COMMANDS, name)
  ? COMMANDS[name]
  : refuse(`unknown command "${name}"`);
if (given.length > command.takes.length) refuse(`${name} takes no "${given.at(-1)}"`);
const numbers = command.takes.map(([what, usual, least], i) => {
  const number = Number(given[i] ?? usual);
  if (Number.isInteger(number) && number >= least) return number;
  return refuse(`${what} must be a whole number, at least ${least}; not "${given[i]}"`);
});
const well = await command.run(...numbers);
process.exit(well ? 0 : 1);
