// @ts-check
/**
 * What a log is, and whether its replay came out as recorded.
 *
 * @import { End, Log, Replayed } from "./replaying.js"
 * @import { Row } from "./steps.js"
 */
import { byId, make } from "../dom.js";
import { plural } from "../words.js";
import { utc } from "./utc.js";

/** Of a line that differs: so much before the place where it does, and in all. */
const BEFORE_DIFFERENCE = 40;
const LINE_SHOWN = 400;

const facts = byId("facts", HTMLDListElement);
const verdict = byId("verdict", HTMLParagraphElement);
const findings = byId("findings", HTMLDivElement);

/** @param {Replayed} replayed */
export function showLog(replayed) {
  const { log, rows } = replayed;
  facts.replaceChildren(...factsOf(log, rows).map(([name, value]) => makeFact(name, value)));
  const { state, text } = verdictOf(replayed);
  verdict.dataset.state = state;
  verdict.textContent = text;
  verdict.hidden = false;
  showFindings(replayed);
}

export function clearLog() {
  verdict.hidden = true;
  verdict.textContent = "";
}

/**
 * @param {Log} log
 * @param {Row[]} rows
 * @returns {[string, string][]}
 */
function factsOf(log, rows) {
  const first = rows[0];
  const last = rows.at(-1);
  /** @type {[string, string][]} */
  const list = [
    ["Kind", log.kind],
    ["Epoch", log.epoch],
    ["Records", recordWords(rows)],
  ];
  if (first !== undefined && last !== undefined) {
    list.push(["From", `${utc(first.ts)} UTC`], ["To", `${utc(last.ts)} UTC`]);
  }
  const through = log.snapshot_through;
  list.push(
    ["Confirmed", log.confirmed === 0 ? "none" : `through seq ${log.confirmed}`],
    ["Snapshot", through === 0 ? "none" : `through seq ${through}`],
    ["State", log.state],
  );
  return list;
}

/** @param {Row[]} rows */
function recordWords(rows) {
  const first = rows[0]?.seq;
  const last = rows.at(-1)?.seq;
  const count = rows.length.toLocaleString("en");
  if (first === undefined) return "none";
  return first === last ? `1, seq ${first}` : `${count}, seqs ${first}–${last}`;
}

/**
 * @param {string} name
 * @param {string} value
 */
function makeFact(name, value) {
  const fact = make("div", "fact");
  fact.dataset.fact = name.toLowerCase();
  const text = make("dd", "");
  text.append(make("bdi", "", value));
  text.title = value;
  fact.append(make("dt", "", name), text);
  return fact;
}

/**
 * @param {Replayed} replayed
 * @returns {{ state: string, text: string }}
 */
function verdictOf({ end }) {
  if (end === null || end.fault !== undefined) return { state: "closed", text: "Stopped" };
  if (end.difference_count > 0) {
    const count = plural(end.difference_count, "difference", "differences");
    return { state: "closed", text: count };
  }
  if (end.cut !== undefined) return { state: "waiting", text: "Cut short" };
  return { state: "open", text: "As recorded" };
}

/** @param {Replayed} replayed */
function showFindings({ end, fault }) {
  findings.replaceChildren();
  if (fault !== "") findings.append(make("p", "finding", sentence(fault)));
  if (end !== null) findings.append(...endFindings(end));
  findings.hidden = findings.childElementCount === 0;
}

/** @param {End} end */
function endFindings({ cut, fault, differences, difference_count: count }) {
  /** @type {HTMLElement[]} */
  const found = [];
  if (cut !== undefined) {
    const text = `The log was cut short: ${cut}. It is replayed as far as it goes.`;
    found.push(make("p", "finding cut", text));
  }
  if (fault !== undefined) found.push(make("p", "finding", sentence(fault)));
  for (const { seq, what, recorded, replayed } of differences) {
    const where = seq === undefined ? "" : `seq ${seq}: `;
    found.push(make("p", "finding", sentence(`${where}${what}`)));
    found.push(makeLines(recorded, replayed));
  }
  const more = count - differences.length;
  if (more > 0) found.push(make("p", "finding", `And ${plural(more, "other", "others")}.`));
  return found;
}

/** Two lines from a little before the place where they part. @param {string} recorded @param {string} replayed */
function makeLines(recorded, replayed) {
  let same = 0;
  while (same < recorded.length && recorded[same] === replayed[same]) same++;
  const start = Math.max(0, same - BEFORE_DIFFERENCE);
  const part = (/** @type {string} */ line) =>
    `${start > 0 ? "…" : ""}${line.slice(start, start + LINE_SHOWN)}`;
  return make("pre", "json", `recorded  ${part(recorded)}\nreplayed  ${part(replayed)}`);
}

/** @param {string} text */
function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
