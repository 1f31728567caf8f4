// @ts-check
/**
 * One message in the conversation: what it says, how far it has come, and what can be done with it.
 *
 * @import { Message } from "./edgeroom.js"
 */
import { make, makeAvatar, makeButton, makeIcon } from "./dom.js";
import { fullWords, timeWords } from "./times.js";

/** @typedef {"sending" | "stored" | "confirmed" | "refused" | "failed"} Status */
/** @typedef {{ words: string, testid: string, act: () => void }} Action */
/** @typedef {"failed" | "waiting" | "refused" | "asking"} NoteKind */

/** @type {Readonly<Record<Status, string>>} */
const STATUS_LABELS = Object.freeze({
  sending: "On its way",
  stored: "Stored in the room",
  confirmed: "Confirmed by the central API",
  refused: "Kept in the room, refused by the central API",
  failed: "Not sent",
});

/** @param {unknown} content */
function makeText(content) {
  const json = typeof content !== "string";
  const text = make(json ? "code" : "span", json ? "text json" : "text");
  text.textContent = json ? JSON.stringify(content) : content;
  text.dir = "auto";
  text.dataset.testid = "text";
  return text;
}

/**
 * @param {string | undefined} by
 * @param {boolean} byUs
 */
function makeGoneText(by, byUs) {
  const text = make("span", "text gone");
  text.dataset.testid = "text";
  if (byUs) text.append("You deleted this message");
  else if (by === undefined) text.append("This message was deleted");
  else text.append("Deleted by ", make("bdi", "", by));
  return text;
}

export class MessageView {
  item = make("li", "message");
  /** The connection that sent it, when that is known. @type {string | null} */ conn = null;
  isDeleted = false;
  /** Unless the room has said that it is not. */
  isDeletable = true;
  #bubble = make("div", "bubble");
  /** @type {HTMLElement} */ #text;
  #tick = makeIcon("tick");
  /** @type {HTMLElement | null} */ #note = null;
  /** @type {HTMLButtonElement | null} */ #deleteButton = null;

  /**
   * @param {Message} message its `seq` is 0 while it is on its way
   * @param {boolean} own
   */
  constructor({ seq, ts, user, content, deleted }, own) {
    /** @type {number | null} null while it is on its way */
    this.seq = seq === 0 ? null : seq;
    this.ts = ts;
    this.user = user;
    this.own = own;
    this.item.dataset.testid = "message";
    this.item.dataset.user = user;
    this.item.classList.toggle("own", own);
    const author = make("p", "author");
    author.append(make("bdi", "", user));
    const time = make("time", "", timeWords(ts));
    time.dateTime = new Date(ts).toISOString();
    time.title = fullWords(ts);
    this.#tick.setAttribute("role", "img");
    const meta = make("span", "meta");
    meta.append(time, this.#tick);
    this.#text = makeText(deleted ? "" : content);
    this.#bubble.append(author, this.#text, meta);
    if (!own) this.item.append(makeAvatar(user));
    this.item.append(this.#bubble);
  }

  /**
   * Its content goes; its place stays.
   *
   * @param {string | undefined} by
   * @param {boolean} byUs
   */
  takeDeleted(by, byUs) {
    this.isDeleted = true;
    this.isDeletable = false;
    const gone = makeGoneText(by, byUs);
    this.#text.replaceWith(gone);
    this.#text = gone;
    this.item.classList.add("deleted");
    this.offerDelete(null);
    this.note(null);
  }

  /** @param {Status} status */
  setStatus(status) {
    if (this.item.dataset.status === status) return;
    this.item.dataset.status = status;
    this.#tick.setAttribute("aria-label", STATUS_LABELS[status]);
    this.#tick.classList.toggle("tick-confirmed", status === "confirmed");
    this.#tick.classList.toggle("tick-refused", status === "refused");
    this.#tick.firstElementChild?.setAttribute("href", `#icon-${status}`);
  }

  /**
   * A line below it, instead of the one that is there.
   *
   * @param {NoteKind | null} kind null: none
   * @param {string} [words]
   * @param {Action[]} [actions]
   */
  note(kind, words = "", actions = []) {
    const hadFocus = this.#note?.contains(document.activeElement);
    this.#note?.remove();
    this.#note = null;
    if (kind !== null) {
      const note = make("p", "note");
      note.dataset.testid = "note";
      note.dataset.kind = kind;
      note.append(make("span", "", words));
      for (const { words: label, testid, act } of actions) {
        const button = makeButton("link", label, act);
        button.dataset.testid = testid;
        note.append(button);
      }
      this.item.append(note);
      this.#note = note;
    }
    // Where there was a button the keyboard goes on.
    if (hadFocus) (this.#note?.querySelector("button") ?? this.#deleteButton)?.focus();
  }

  get noteKind() {
    return this.#note?.dataset.kind ?? null;
  }

  /** Whether it can be deleted; null: it cannot. */
  offerDelete(/** @type {(() => void) | null} */ act) {
    if ((act === null) === (this.#deleteButton === null)) return;
    this.#deleteButton?.remove();
    this.#deleteButton = null;
    if (act === null) return;
    const button = makeButton("quiet delete", "", act);
    const icon = makeIcon("icon");
    icon.firstElementChild?.setAttribute("href", "#icon-delete");
    icon.setAttribute("aria-hidden", "true");
    button.append(icon);
    button.title = "Delete";
    button.setAttribute("aria-label", "Delete this message");
    button.dataset.testid = "delete";
    this.#bubble.append(button);
    this.#deleteButton = button;
  }

  /** Only the first of a group shows who wrote it. */
  showAuthor(/** @type {boolean} */ startsGroup) {
    // The author is still read out where the eye sees it from the group, or from the side.
    const named = startsGroup && !this.own;
    this.item.querySelector(".author")?.classList.toggle("visually-hidden", !named);
  }
}
