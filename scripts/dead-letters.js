/** What the central API refused of a room: `node scripts/dead-letters.js URL ROOM [--replay]`. */

import { setTimeout as pause } from "node:timers/promises";
import { clock, Progress } from "./progress.js";

/** @typedef {{ seq: number, code: string, record: { type: string, user?: string } }} DeadLetter */
/** @typedef {{ pending: number, dead: number, replaying?: number, blocked: boolean }} Outbox */

const LOOK_INTERVAL_MS = 1_000;
const ANSWER_TIMEOUT_MS = 30_000;
/** The room tries at least once in 45 s; a room that got nowhere in this time needs somebody. */
const STUCK_AFTER_MS = 5 * 60_000;

/** Something that the user must put right; told without a stack trace. */
class Refusal extends Error {}

const words = process.argv.slice(2);
const isReplay = words.includes("--replay");
const [url = "", room = ""] = words.filter((word) => !word.startsWith("-"));

/** @param {string} path below the room's @param {string} [method] @returns {Promise<any>} */
async function ask(path, method = "GET") {
  const address = `${url.replace(/\/+$/, "")}/api/rooms/${encodeURIComponent(room)}${path}`;
  let response;
  try {
    response = await fetch(address, {
      method,
      headers: { authorization: `Bearer ${process.env.MODERATOR_TOKEN}` },
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
  } catch (error) {
    const reason = error instanceof Error ? (error.cause ?? error) : error;
    throw new Refusal(`${address} cannot be reached: ${reason}`);
  }
  const text = await response.text();
  if (!response.ok) throw new Refusal(`${address} answered ${response.status}: ${text}`);
  return JSON.parse(text);
}

/** All of them, page by page. */
async function list() {
  /** @type {DeadLetter[]} */
  const letters = [];
  for (let more = true; more; ) {
    const after = letters.at(-1)?.seq ?? 0;
    const page = await ask(`/dead-letters?after=${after}`);
    letters.push(...page.dead);
    more = page.more;
  }
  return letters;
}

/** Has the room try all of them again, and waits until it has. */
async function replay() {
  const startedMs = performance.now();
  const progress = new Progress();
  const { replaying: all } = await ask("/dead-letters/replay", "POST");
  let least = all;
  let movedMs = startedMs;
  for (let left = all; left > 0; ) {
    await pause(LOOK_INTERVAL_MS);
    /** @type {Outbox} */
    const outbox = (await ask("")).outbox;
    left = outbox.replaying ?? 0;
    const now = performance.now();
    if (left < least) [least, movedMs] = [left, now];
    const how = outbox.blocked ? ", the central API refuses" : "";
    progress.tell(`… ${all - left} of ${all} tried again${how}, ${clock(now - startedMs)}`);
    if (now - movedMs > STUCK_AFTER_MS) {
      throw new Refusal(
        `none of ${left} was tried in ${clock(STUCK_AFTER_MS)}: look at the room's log`,
      );
    }
  }
  progress.clear();
  process.stderr.write(`${all} tried again\n`);
}

/** @param {DeadLetter} letter */
function line({ seq, code, record }) {
  return `${seq}\t${code}\t${record.type}\t${record.user ?? ""}\n`;
}

try {
  if (isReplay) await replay();
  const left = await list();
  process.stdout.write(left.map(line).join(""));
  process.stderr.write(`${room}: ${left.length} dead letters\n`);
  process.exitCode = left.length > 0 ? 1 : 0;
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = 3;
}
