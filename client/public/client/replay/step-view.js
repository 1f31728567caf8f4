// @ts-check
/**
 * What a record was, what the room did with it, and what of its state is another one since.
 *
 * @import { Log } from "./replaying.js"
 * @import { DiffRow, State } from "./state-diff.js"
 * @import { Row, Step } from "./steps.js"
 */
import { byId, make, makeButton } from "../dom.js";
import { plural } from "../words.js";
import { elementsOf, laidOut, membersOf } from "./json-text.js";
import { makeKind } from "./record-list.js";
import { diffOf } from "./state-diff.js";
import { later, utc } from "./utc.js";

/** What is shown at once; the rest on request. */
const TEXT_SHOWN = 20_000;
const ROWS_SHOWN = 50;
const EFFECTS_SHOWN = 100;

const SIGNS = Object.freeze({ added: "+", removed: "−", changed: "±", same: "" });

const title = byId("step-title", HTMLHeadingElement);
const time = byId("step-time", HTMLParagraphElement);
const words = byId("step-words", HTMLParagraphElement);
const stateNote = byId("state-note", HTMLParagraphElement);
const diffRows = byId("diff-rows", HTMLTableSectionElement);
const effectsNote = byId("effects-note", HTMLParagraphElement);
const effectList = byId("effects", HTMLOListElement);
const record = byId("record", HTMLDivElement);

/**
 * @param {Row} row
 * @param {Step} step
 * @param {Log} log
 * @param {{ row: Row, go: () => void }} turnEnd the record with which its turn ended
 */
export function showStep(row, step, log, turnEnd) {
  showHead(row);
  showState(row, step, log);
  showEffects(row, step, turnEnd);
  record.replaceChildren(makeText(laidOut(membersOf(step.lines[0] ?? "{}").get("record") ?? "")));
}

/** @param {Row} row */
function showHead({ seq, ts, user, kind, text }) {
  const by = make("span", "step-by", "by ");
  by.append(make("bdi", "", user));
  title.replaceChildren(`seq ${seq}`, makeKind(kind), by);
  time.textContent = `${utc(ts)} UTC`;
  words.textContent = text;
}

// --- state ---

/**
 * @param {Row} row
 * @param {Step} step
 * @param {Log} log
 */
function showState(row, step, log) {
  const before = stateOf(step.before);
  const after = stateOf(step.after);
  stateNote.textContent = stateWords(row, before, after, log);
  diffRows.replaceChildren(makeRow(digestRow(before, after)));
  showSome(diffOf(before, after), ROWS_SHOWN, makeRow, diffRows, makeRestRow);
}

/** @param {string} line @returns {State} */
function stateOf(line) {
  return JSON.parse(line).state;
}

/**
 * @param {Row} row
 * @param {State} before
 * @param {State} after
 * @param {Log} log
 */
function stateWords(row, before, after, log) {
  if (row.seq <= log.snapshot_through) {
    return `It is that of the snapshot through seq ${log.snapshot_through}, which holds this record.`;
  }
  if (before.digest !== after.digest) return "This record has changed it.";
  const isEmpty = diffOf(before, after).length === 0;
  return isEmpty ? "Unchanged: nobody is banned or muted." : "Unchanged.";
}

/**
 * @param {State} before
 * @param {State} after
 * @returns {DiffRow}
 */
function digestRow(before, after) {
  const change = before.digest === after.digest ? "same" : "changed";
  return { change, name: "digest", user: null, before: before.digest, after: after.digest };
}

/** @param {DiffRow} row */
function makeRow({ change, name, user, before, after }) {
  const item = make("tr", "");
  item.dataset.change = change;
  item.dataset.testid = "diff-row";
  const head = make("th", "");
  head.scope = "row";
  head.append(make("span", "sign", SIGNS[change]), name);
  if (change !== "same") head.append(make("span", "visually-hidden", `, ${change}`));
  if (user !== null) head.append(" ", make("bdi", "diff-user", user));
  item.append(head, makeCell(before), makeCell(after));
  return item;
}

/** @param {string} text */
function makeCell(text) {
  const cell = make("td", text === "" ? "nothing" : "", text === "" ? "—" : text);
  if (text === "") cell.setAttribute("aria-label", "nothing");
  return cell;
}

/** @param {HTMLElement} content */
function makeRestRow(content) {
  const item = make("tr", "");
  const cell = make("td", "");
  cell.colSpan = 3;
  cell.append(content);
  item.append(cell);
  return item;
}

// --- effects ---

/**
 * @typedef {object} Effect
 * @property {number} at
 * @property {string} type
 * @property {[string, string] | null} words none for what only the host is concerned with
 * @property {string} text the whole of it, as JSON
 */

/** @param {string} line of an event @returns {Effect[]} */
function effectsOf(line) {
  const event = membersOf(line);
  const at = Number(event.get("at"));
  return elementsOf(event.get("effects") ?? "[]").map((text) => {
    const members = membersOf(text);
    const said = members.get("words");
    members.delete("words");
    const rest = [...members].map(([name, value]) => `${JSON.stringify(name)}:${value}`);
    return {
      at,
      type: JSON.parse(members.get("type") ?? '""'),
      words: said === undefined ? null : JSON.parse(said),
      text: `{${rest.join(",")}}`,
    };
  });
}

/**
 * @param {Row} row
 * @param {Step} step
 * @param {{ row: Row, go: () => void }} turnEnd
 */
function showEffects(row, step, turnEnd) {
  const effects = step.lines.flatMap(effectsOf);
  const told = effects.filter((effect) => effect.words !== null);
  const silent = effects.filter((effect) => effect.words === null);
  effectsNote.replaceChildren();
  effectsNote.hidden = turnEnd.row === row;
  if (turnEnd.row !== row) {
    effectsNote.append(
      "It shared a turn with what came in at the same time; the room stored and told all of it with ",
      makeButton("link", `seq ${turnEnd.row.seq}`, turnEnd.go),
      ".",
    );
  } else if (told.length === 0) {
    effectsNote.hidden = false;
    effectsNote.textContent = "Nothing that anybody outside would see.";
  }
  effectList.replaceChildren();
  const makeItem = (/** @type {Effect} */ effect) => makeEffect(effect, row.ts);
  showSome(told, EFFECTS_SHOWN, makeItem, effectList, makeRestItem);
  if (silent.length > 0) effectList.append(makeSilent(silent));
}

/**
 * @param {Effect} effect
 * @param {number} recordMs
 */
function makeEffect({ at, type, words, text }, recordMs) {
  const item = make("li", "effect");
  item.dataset.testid = "effect";
  const [label, said] = words ?? [type, ""];
  const summary = make("summary", "");
  summary.append(
    make("span", "effect-label", label),
    make("bdi", "effect-text", said),
    make("span", "effect-offset", later(at - recordMs)),
  );
  item.append(makeDetails(summary, () => makeText(laidOut(text))));
  return item;
}

/** @param {Effect[]} effects */
function makeSilent(effects) {
  const item = make("li", "effect silent");
  const types = [...new Set(effects.map(({ type }) => type))].join(", ");
  const count = plural(effects.length, "effect", "effects");
  const summary = make("summary", "");
  summary.append(make("span", "", `${count} for the host alone: ${types}`));
  item.append(makeDetails(summary, () => makeText(effects.map(({ text }) => text).join("\n"))));
  return item;
}

/**
 * @param {HTMLElement} summary
 * @param {() => HTMLElement} makeContent when it is opened first
 */
function makeDetails(summary, makeContent) {
  const details = make("details", "");
  details.append(summary);
  details.addEventListener("toggle", () => details.append(makeContent()), { once: true });
  return details;
}

/** @param {HTMLElement} content */
function makeRestItem(content) {
  const item = make("li", "effect");
  item.append(content);
  return item;
}

// --- what is long ---

/**
 * The first of them, and a button for the others.
 *
 * @template T
 * @param {T[]} all
 * @param {number} count
 * @param {(each: T) => HTMLElement} build
 * @param {HTMLElement} parent
 * @param {(content: HTMLElement) => HTMLElement} wrap
 */
function showSome(all, count, build, parent, wrap) {
  parent.append(...all.slice(0, count).map(build));
  if (all.length <= count) return;
  const rest = wrap(
    makeButton("link", `Show ${(all.length - count).toLocaleString("en")} more`, () => {
      rest.replaceWith(...all.slice(count).map(build));
    }),
  );
  parent.append(rest);
}

/** Text as it is, to be scrolled through. @param {string} text */
function makeText(text) {
  const box = make("div", "");
  const pre = make("pre", "json", text.slice(0, TEXT_SHOWN));
  pre.tabIndex = 0;
  box.append(pre);
  if (text.length > TEXT_SHOWN) {
    const more = makeButton(
      "link",
      `Show ${(text.length - TEXT_SHOWN).toLocaleString("en")} more characters`,
      () => {
        pre.textContent = text;
        more.remove();
      },
    );
    box.append(more);
  }
  return box;
}
