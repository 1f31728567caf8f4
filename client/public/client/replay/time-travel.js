// @ts-check
/**
 * Time travel: loads a room's exported log and steps it through the room's own core.
 *
 * @import { Replayed } from "./replaying.js"
 * @import { Row, Step } from "./steps.js"
 */
import { byId } from "../dom.js";
import { readProblem } from "../problem.js";
import { plural } from "../words.js";
import { clearLog, showLog } from "./log-view.js";
import { RecordList } from "./record-list.js";
import { Replaying } from "./replaying.js";
import { showStep } from "./step-view.js";
import { Transport } from "./transport.js";

const NAME = "Time travel";
/** Browsers refuse to change the address more often. */
const ADDRESS_MS = 400;

const openView = byId("open-view", HTMLElement);
const busyView = byId("busy-view", HTMLElement);
const travelView = byId("travel-view", HTMLElement);
const title = byId("title", HTMLHeadingElement);
const another = byId("another", HTMLButtonElement);
const error = byId("error", HTMLDivElement);
const errorText = byId("error-text", HTMLSpanElement);
const choose = byId("choose", HTMLButtonElement);
const fileInput = byId("file-input", HTMLInputElement);
const roomForm = byId("room-form", HTMLFormElement);
const roomInput = byId("room-input", HTMLInputElement);
const settings = byId("settings", HTMLDetailsElement);
const variablesInput = byId("variables-input", HTMLTextAreaElement);
const tokenInput = byId("token-input", HTMLInputElement);
const busyText = byId("busy-text", HTMLParagraphElement);
const busyProgress = byId("busy-progress", HTMLProgressElement);
const cancel = byId("cancel", HTMLButtonElement);
const search = byId("search", HTMLInputElement);
const kind = byId("kind", HTMLSelectElement);
const listCount = byId("list-count", HTMLParagraphElement);
const stepView = byId("step", HTMLElement);
const problem = byId("problem", HTMLParagraphElement);
const announcement = byId("announcement", HTMLParagraphElement);

/** The log that is shown. @type {Replayed | null} */
let replayed = null;
/** @type {Replaying | null} */
let replaying = null;
let current = -1;
/** Ends what is under way: a request, a replay. */
let underWay = new AbortController();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let addressTimer;

const transport = new Transport(select);
const list = new RecordList(
  byId("list", HTMLDivElement),
  byId("list-rows", HTMLDivElement),
  (index) => {
    transport.pause();
    select(index);
  },
);

// --- opening a log ---

/** @param {"open" | "busy" | "travel"} view */
function show(view) {
  document.body.dataset.view = view;
  openView.hidden = view !== "open";
  busyView.hidden = view !== "busy";
  travelView.hidden = view !== "travel";
  another.hidden = view !== "travel";
}

/**
 * @param {string} words
 * @param {number} [share] how much of it is done; left out: nobody knows
 */
function showBusy(words, share) {
  busyText.textContent = words;
  if (share === undefined) busyProgress.removeAttribute("value");
  else busyProgress.value = share;
  if (document.body.dataset.view === "busy") return;
  show("busy");
  cancel.focus();
}

/** Forgets the log that was shown, the address of its record, and what was under way. */
function close() {
  underWay.abort();
  underWay = new AbortController();
  clearTimeout(addressTimer);
  if (replayed !== null) history.replaceState(null, "", location.pathname + location.search);
  replaying?.close();
  replaying = null;
  replayed = null;
  current = -1;
  transport.setRows([]);
  clearLog();
  hideError();
  title.textContent = NAME;
  document.title = `${NAME} · edgeroom`;
}

/**
 * @param {Blob} log
 * @param {string} name what it is called where something is wrong with it
 */
async function open(log, name) {
  close();
  const { signal } = underWay;
  showBusy(`Reading ${name}…`);
  const opened = new Replaying();
  replaying = opened;
  try {
    const result = await opened.open(log, name, variables(), (records, of) => {
      const done = `${records.toLocaleString("en")} of ${plural(of, "record", "records")}`;
      if (!signal.aborted) showBusy(`Replaying: ${done}`, records / of);
    });
    if (!signal.aborted) enter(result);
  } catch (failure) {
    if (!signal.aborted) refuse(failure);
  }
}

/**
 * @param {string} room
 * @param {string} token
 */
async function fetchLog(room, token) {
  close();
  const { signal } = underWay;
  showBusy(`Fetching the log of ${room}…`);
  try {
    const response = await fetch(`/api/rooms/${encodeURIComponent(room)}/log`, {
      signal,
      cache: "no-store",
      ...(token === "" ? {} : { headers: { Authorization: `Bearer ${token}` } }),
    });
    if (!response.ok) {
      const { detail, status } = await readProblem(response);
      throw new Error(`The room does not give its log (${status}): ${detail}`);
    }
    const log = await response.blob();
    if (!signal.aborted) await open(log, `${room}.ndjson`);
  } catch (failure) {
    if (signal.aborted) return;
    const isNetwork = failure instanceof TypeError;
    refuse(isNetwork ? new Error(`The log could not be fetched: ${failure.message}`) : failure);
  }
}

/** One a line; nothing is between two. */
function variables() {
  const lines = variablesInput.value.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "");
}

/** @param {unknown} failure */
function refuse(failure) {
  close();
  show("open");
  const words = failure instanceof Error ? failure.message : String(failure);
  errorText.textContent = `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
  error.hidden = false;
  // The option that the variables are given by.
  if (words.startsWith("--var")) settings.open = true;
  choose.focus();
}

function hideError() {
  error.hidden = true;
  errorText.textContent = "";
}

function openAnother() {
  close();
  show("open");
  choose.focus();
}

// --- travelling ---

/** @param {Replayed} opened */
function enter(opened) {
  replayed = opened;
  title.textContent = opened.log.room;
  showLog(opened);
  show("travel");
  search.value = "";
  kind.value = "";
  const { rows } = opened;
  document.body.dataset.empty = String(rows.length === 0);
  list.setRows(rows);
  transport.setRows(rows);
  showCount();
  if (rows.length > 0) {
    select(Math.max(0, indexInAddress()));
    followAddress();
  }
  byId("slider", HTMLInputElement).focus({ preventScroll: true });
}

/** Shows a record, and what came of it. @param {number} index */
function select(index) {
  if (replayed === null || replaying === null || index === current) return;
  current = index;
  problem.hidden = true;
  transport.show(index);
  list.select(index);
  const { seq } = rowAt(index);
  document.title = `seq ${seq} · ${replayed.log.room} · ${NAME}`;
  clearTimeout(addressTimer);
  addressTimer = setTimeout(() => history.replaceState(null, "", `#seq=${seq}`), ADDRESS_MS);
  stepView.setAttribute("aria-busy", "true");
  replaying.look(index, (step) => showSelected(index, step));
}

/**
 * @param {number} index
 * @param {Step} step
 */
function showSelected(index, step) {
  if (replayed === null) return;
  const row = rowAt(index);
  const turnEnd = { row: rowAt(step.turnEnd), go: () => select(step.turnEnd) };
  showStep(row, step, replayed.log, turnEnd);
  stepView.dataset.seq = String(row.seq);
  stepView.removeAttribute("aria-busy");
  stepView.scrollTop = 0;
  if (transport.isPlaying) return;
  const change = row.changes ? " The state changed." : "";
  announcement.textContent = `seq ${row.seq}, ${row.kind} by ${row.user}: ${row.text}.${change}`;
}

/** @param {number} index @returns {Row} */
function rowAt(index) {
  const row = replayed?.rows[index];
  if (row === undefined) throw new Error(`there is no record ${index}`);
  return row;
}

// --- the address ---

/** `#seq=33` */
function seqInAddress() {
  const text = new URLSearchParams(location.hash.slice(1)).get("seq");
  return text !== null && /^\d{1,16}$/.test(text) ? Number(text) : null;
}

/** The record that the address names; -1 when it names none that the log has. */
function indexInAddress() {
  const seq = seqInAddress();
  const { rows = [] } = replayed ?? {};
  if (seq === null) return -1;
  const index = seq - (rows[0]?.seq ?? 0);
  return rows[index] === undefined ? -1 : index;
}

function followAddress() {
  const seq = seqInAddress();
  const { rows = [] } = replayed ?? {};
  const index = indexInAddress();
  transport.pause();
  if (index >= 0) select(index);
  else if (seq !== null && rows.length > 0) {
    problem.textContent = `The log does not hold seq ${seq}: it has ${rows[0]?.seq} to ${rows.at(-1)?.seq}.`;
    problem.hidden = false;
  }
}

// --- finding ---

function filter() {
  if (replayed === null) return;
  const words = search.value.trim().toLowerCase();
  const isAll = words === "" && kind.value === "";
  list.list(isAll ? null : indicesOf(replayed.rows, words, kind.value));
  showCount();
}

/**
 * @param {Row[]} rows
 * @param {string} words in small letters
 * @param {string} wanted a value of the kind's menu
 */
function indicesOf(rows, words, wanted) {
  /** @type {number[]} */
  const found = [];
  for (const [index, row] of rows.entries()) {
    if (!isOfKind(row, wanted)) continue;
    const text = `${row.seq} ${row.user} ${row.kind} ${row.text}`;
    if (words === "" || text.toLowerCase().includes(words)) found.push(index);
  }
  return found;
}

/**
 * @param {Row} row
 * @param {string} wanted
 */
function isOfKind(row, wanted) {
  if (wanted === "changes") return row.changes;
  if (wanted === "moderation") return row.kind !== "message" && row.kind !== "delete";
  return wanted === "" || row.kind === wanted;
}

function showCount() {
  const all = replayed?.rows.length ?? 0;
  listCount.textContent =
    list.count === all
      ? plural(all, "record", "records")
      : `${list.count.toLocaleString("en")} of ${plural(all, "record", "records")}`;
}

// --- what people do ---

choose.addEventListener("click", () => fileInput.click());
fileInput.addEventListener("change", () => {
  const file = fileInput.files?.[0];
  fileInput.value = "";
  if (file !== undefined) open(file, file.name);
});
roomForm.addEventListener("submit", (event) => {
  event.preventDefault();
  const room = roomInput.value.trim();
  if (room === "") refuse(new Error("Which room? Give its name."));
  else fetchLog(room, tokenInput.value.trim());
});
cancel.addEventListener("click", openAnother);
another.addEventListener("click", openAnother);
byId("error-close", HTMLButtonElement).addEventListener("click", hideError);
search.addEventListener("input", filter);
kind.addEventListener("change", filter);
addEventListener("hashchange", followAddress);

/** Whether files are being dragged. @param {DragEvent} event */
function hasFiles(event) {
  return event.dataTransfer?.types.includes("Files") ?? false;
}

document.addEventListener("dragover", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  document.body.dataset.drop = "over";
});
document.addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) delete document.body.dataset.drop;
});
document.addEventListener("drop", (event) => {
  delete document.body.dataset.drop;
  if (!hasFiles(event)) return;
  event.preventDefault();
  const file = event.dataTransfer?.files[0];
  if (file !== undefined) open(file, file.name);
});

roomInput.value = new URLSearchParams(location.search).get("room") ?? "";
