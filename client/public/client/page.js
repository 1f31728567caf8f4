// @ts-check
/**
 * The demo page: joins a room and shows what happens in it.
 *
 * @import { EdgeRoom, RoomRecord, StateChange, Welcome } from "./edgeroom.js"
 * @import { Problem } from "./problem.js"
 */
import { ConnectionBar } from "./connection-bar.js";
import { byId } from "./dom.js";
import { connect, newId, RoomError } from "./edgeroom.js";
import { MessageList } from "./message-list.js";
import { People } from "./people.js";
import { Scenes } from "./scenes.js";
import { Typing } from "./typing.js";
import { plural, problemWords } from "./words.js";

const NAME = "edgeroom";
const DEFAULT_ROOM = "lobby";
/** Messages asked for at once when looking for deletions; the most that a room gives. */
const CHECK_LIMIT = 100;
/** Kept for this tab, so that reloading the page comes back to the room under the same name. */
const SESSION_KEY = "edgeroom.joined";

const joinView = byId("join-view", HTMLElement);
const roomView = byId("room-view", HTMLElement);
const joinForm = byId("join-form", HTMLFormElement);
const joinButton = byId("join-button", HTMLButtonElement);
const roomInput = byId("room-input", HTMLInputElement);
const userInput = byId("user-input", HTMLInputElement);
const tokenInput = byId("token-input", HTMLInputElement);
const tokenDetails = byId("token-details", HTMLDetailsElement);
const title = byId("title", HTMLHeadingElement);
const barActions = byId("bar-actions", HTMLDivElement);
const composer = byId("composer", HTMLFormElement);
const messageInput = byId("message-input", HTMLTextAreaElement);
const sendButton = byId("send-button", HTMLButtonElement);
const error = byId("error", HTMLDivElement);
const errorText = byId("error-text", HTMLSpanElement);
const joinErrorSlot = byId("join-error-slot", HTMLDivElement);
const roomErrorSlot = byId("room-error-slot", HTMLDivElement);

/** @type {EdgeRoom | null} */
let room = null;
/** Whether the room of now has been entered. */
let entered = false;
let unread = 0;
/** Messages before this record may have been deleted without our hearing of it; 0: none. */
let uncheckedBefore = 0;
/** @type {Map<string, unknown>} contents of our messages that the room does not have yet, by id */
const unsent = new Map();

const bar = new ConnectionBar(() => room?.reconnect());
/** @type {Scenes} */
const scenes = new Scenes(submit, () => people.makePlace());
const people = new People(() => scenes.makePlace());
const typing = new Typing(() => room?.signal("typing"));
const messages = new MessageList({
  isOwn: (user) => user === room?.user,
  isConfirmed: (seq) => room?.isConfirmed(seq) ?? false,
  isRefused: (seq) => room?.isRefused(seq) ?? false,
  mayDelete: (conn) => room !== null && (room.isModerator || room.conn === conn),
  readHistory: (range) => joinedRoom().history(range),
  deleteMessage: (seq) => joinedRoom().delete(seq),
  sendAgain: (id) => publish(id),
  edit,
});

// --- joining and leaving ---

/**
 * @param {string} name
 * @param {string} user
 * @param {string} token
 */
function join(name, user, token) {
  hideError();
  entered = false;
  setJoining(true);
  const joined = connect(name, {
    ...(user === "" ? {} : { user }),
    ...(token === "" ? {} : { token }),
    WebSocket: scenes.WebSocket,
  });
  room = joined;
  listen(joined);
  scenes.enter(joined, token);
  bar.show({ state: "connecting", reason: null, retryAtMs: null, patient: false });
  remember({ room: name, user, withToken: token !== "" });
}

/** Nothing of a room that was left is shown in the next one. */
function listen(/** @type {EdgeRoom} */ joined) {
  joined.on("state", (change) => joined === room && takeState(change));
  joined.on("welcome", (welcome) => takeWelcome(joined, welcome));
  joined.on("reset", ({ seq }) => {
    uncheckedBefore = 0;
    messages.reset(seq);
  });
  joined.on("gap", ({ after, seq }) => {
    uncheckedBefore = Math.max(uncheckedBefore, after + 1);
    messages.addGap(after, seq);
  });
  joined.on("history", (page) => messages.takeHistory(page));
  joined.on("record", takeRecord);
  joined.on("confirmed", () => messages.refreshConfirmed());
  joined.on("count", (counts) => people.setCount(counts));
  joined.on("members", ({ members }) => people.setMembers(members, joined.user));
  joined.on("signal", (signal) => {
    if (signal.user !== joined.user) typing.takeSignal(signal);
  });
  joined.on("delayed", ({ id, problem }) => messages.delayWaiting(id, problem));
  joined.on("error", (problem) => showError(problemWords(problem)));
}

/** @param {StateChange} change */
function takeState(change) {
  bar.show(change);
  if (change.state === "open") {
    enter();
  } else {
    typing.clear();
    messages.leave();
  }
  if (change.state === "waiting" && !entered && change.reason !== null) {
    showError(problemWords(change.reason));
  }
  if (change.state === "closed") takeClosed(change.reason);
}

function enter() {
  if (room === null) return;
  if (!entered) {
    hideError();
    messages.follow();
  }
  entered = true;
  setJoining(false);
  title.textContent = `#${room.room}`;
  showUnread();
  showRoomInAddress(room.room);
  roomErrorSlot.append(error);
  document.body.dataset.view = "room";
  joinView.hidden = true;
  roomView.hidden = false;
  barActions.hidden = false;
  setComposing(true);
  if (document.activeElement === document.body) messageInput.focus();
}

/** @param {Problem | null} reason */
function takeClosed(reason) {
  setJoining(false);
  setComposing(false);
  forget();
  if (reason !== null) showError(problemWords(reason));
  if (reason?.status === 401 || reason?.code === "token_expired") tokenDetails.open = true;
}

function leave() {
  const left = room;
  room = null;
  entered = false;
  left?.close();
  forget();
  unsent.clear();
  messages.clear();
  people.clear();
  scenes.leave();
  typing.clear();
  bar.clear();
  hideError();
  unread = 0;
  uncheckedBefore = 0;
  document.title = NAME;
  title.textContent = NAME;
  joinErrorSlot.append(error);
  document.body.dataset.view = "join";
  roomView.hidden = true;
  barActions.hidden = true;
  joinView.hidden = false;
  setJoining(false);
  roomInput.focus();
}

/** While it is under way the button gives up instead of joining twice. */
function setJoining(/** @type {boolean} */ joining) {
  for (const input of [roomInput, userInput, tokenInput]) input.readOnly = joining;
  joinButton.textContent = joining ? "Cancel" : "Join";
}

function setComposing(/** @type {boolean} */ composing) {
  messageInput.disabled = !composing;
  sendButton.disabled = !composing;
}

// --- messages ---

/** The room that is shown; what belongs to it is not there without one. */
function joinedRoom() {
  if (room === null) throw new Error("there is no room");
  return room;
}

/** @param {RoomRecord} record */
function takeRecord(record) {
  switch (record.type) {
    case "new_message":
      if (record.id !== undefined && record.user === room?.user) unsent.delete(record.id);
      messages.add(record);
      typing.stop(record.user);
      if (document.hidden) unread += 1;
      showUnread();
      return;
    case "message_deleted":
      messages.remove(record.target, record.by);
      return;
    case "moderation":
      messages.addModeration(record);
  }
}

/** Publishes, or tries again, what `unsent` holds under this id. */
async function publish(/** @type {string} */ id) {
  const target = joinedRoom();
  const sentAtMs = performance.now();
  try {
    const { seq, conn } = await target.publish(unsent.get(id), { id });
    if (target !== room) return false;
    unsent.delete(id);
    messages.settleWaiting(id, seq, conn);
    scenes.takeReceipt(seq, sentAtMs);
    return true;
  } catch (failure) {
    if (!(failure instanceof RoomError)) throw failure;
    if (target !== room) return false;
    messages.failWaiting(id, failure.problem, target.state === "closed");
    return false;
  }
}

/** Shows and publishes a text; resolves to whether it is stored. */
function submit(/** @type {string} */ text) {
  const id = newId();
  unsent.set(id, text);
  messages.addWaiting(id, joinedRoom().user, text);
  return publish(id);
}

function send() {
  // Half a character can come from a broken paste; the room would refuse the whole text.
  const text = messageInput.value.trim().toWellFormed();
  if (text === "" || room === null || room.state === "closed") return;
  messageInput.value = "";
  typing.takeSent();
  submit(text);
}

/** Takes a message that was refused back into the composer. */
function edit(/** @type {string} */ id) {
  const text = unsent.get(id);
  unsent.delete(id);
  messages.discardWaiting(id);
  messageInput.value = [text, messageInput.value].filter((part) => part !== "").join("\n");
  messageInput.focus();
}

// --- what was missed ---

/**
 * @param {EdgeRoom} joined
 * @param {Welcome} welcome
 */
function takeWelcome(joined, { seq }) {
  messages.takeOpen();
  if (!document.hidden) messages.comeBack(seq);
  // When all that comes with the welcome has been told.
  queueMicrotask(() => checkDeletions(joined));
}

/**
 * Deletions are records, and in a gap they are missing as messages are. So what was shown before a
 * gap is read again, for those of it that are deleted now. What cannot be reached is tried again
 * with the next connection.
 */
async function checkDeletions(/** @type {EdgeRoom} */ joined) {
  try {
    while (uncheckedBefore > (messages.oldestSeq ?? uncheckedBefore)) {
      const before = uncheckedBefore;
      const page = await joined.history({ before, limit: CHECK_LIMIT });
      if (joined !== room || uncheckedBefore !== before) return;
      for (const { seq, deleted, by } of page.messages) {
        if (deleted) messages.remove(seq, by);
      }
      if (page.partial) return;
      const [first] = page.messages;
      uncheckedBefore = page.more && first !== undefined && first.seq < before ? first.seq : 0;
    }
    uncheckedBefore = 0;
  } catch (failure) {
    if (!(failure instanceof RoomError)) throw failure;
  }
}

// --- the page around ---

function showError(/** @type {string} */ words) {
  errorText.textContent = words;
  error.hidden = false;
}

function hideError() {
  error.hidden = true;
  errorText.textContent = "";
}

function showUnread() {
  if (room === null) return;
  const name = `#${room.room} · ${NAME}`;
  document.title = unread === 0 ? name : `(${plural(unread, "new", "new")}) ${name}`;
}

/** The address becomes the link to this room. It does not carry our name to others. */
function showRoomInAddress(/** @type {string} */ name) {
  const url = new URL(location.href);
  if (url.searchParams.get("room") === name) return;
  url.search = "";
  url.hash = "";
  url.searchParams.set("room", name);
  history.replaceState(null, "", url);
}

/** @param {{ room: string, user: string, withToken: boolean }} joined */
function remember(joined) {
  try {
    sessionStorage.setItem(SESSION_KEY, JSON.stringify(joined));
  } catch {
    // Storage is switched off: the page asks again after a reload.
  }
}

function forget() {
  try {
    sessionStorage.removeItem(SESSION_KEY);
  } catch {
    // Storage is switched off: there is nothing to forget.
  }
}

/** @returns {{ room: string, user: string, withToken: boolean } | null} */
function remembered() {
  try {
    return JSON.parse(sessionStorage.getItem(SESSION_KEY) ?? "null");
  } catch {
    return null;
  }
}

/** `/?room=lobby&user=ana` joins at once, `/?room=lobby` and `/#lobby` fill in the form. */
function start() {
  const query = new URLSearchParams(location.search);
  const name = query.get("room") ?? fragment();
  const last = remembered();
  const back = last !== null && (name === null || name === last.room) ? last : null;
  roomInput.value = name ?? back?.room ?? DEFAULT_ROOM;
  userInput.value = query.get("user") ?? back?.user ?? "";
  joinErrorSlot.append(error);
  if (back?.withToken) tokenDetails.open = true;
  else if (name !== null && query.has("user")) joinForm.requestSubmit();
  else if (back !== null) joinForm.requestSubmit();
  else if (name !== null) userInput.focus();
  else roomInput.focus();
}

function fragment() {
  try {
    return decodeURIComponent(location.hash.slice(1)) || null;
  } catch {
    return location.hash.slice(1);
  }
}

joinForm.addEventListener("submit", (event) => {
  event.preventDefault();
  if (room !== null && room.state !== "closed") leave();
  else join(roomInput.value.trim(), userInput.value.trim(), tokenInput.value.trim());
});
composer.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
messageInput.addEventListener("keydown", (event) => {
  // While a character is being composed, Enter belongs to the input method.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
});
messageInput.addEventListener("input", () => typing.takeInput(messageInput.value));
byId("leave", HTMLButtonElement).addEventListener("click", leave);
byId("error-close", HTMLButtonElement).addEventListener("click", hideError);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    messages.leave();
    return;
  }
  unread = 0;
  showUnread();
  if (room?.state === "open") messages.comeBack();
});
start();
