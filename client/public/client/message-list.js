// @ts-check
/**
 * The conversation: messages in the order of the room's log, then those still on their way.
 * Follows the newest message while the reader is at the end, and stays put while not.
 *
 * @import { Message, Moderation } from "./edgeroom.js"
 */
import { byId, make, makeAvatar, makeIcon } from "./dom.js";
import { plural } from "./words.js";

/** @typedef {"sending" | "stored" | "confirmed" | "failed"} Status */
/**
 * @typedef {object} Entry
 * @property {HTMLLIElement} item
 * @property {number | null} seq null while on its way
 * @property {string} user
 * @property {number} ts
 * @property {boolean} system a line about the room, not a message
 */
/**
 * What the list needs to know from outside.
 *
 * @typedef {object} Source
 * @property {(user: string) => boolean} isOwn
 * @property {(seq: number) => boolean} isConfirmed
 * @property {(seq: number) => boolean} isRefused
 * @property {(id: string) => void} sendAgain
 */

/** Messages of one author within this time stand together. */
const GROUP_MS = 5 * 60_000;
/** Older ones are dropped from the page, which stays quick; they can be loaded again. */
const SHOWN_MAX = 500;
/** A reader this near the end is following. */
const FOLLOW_PX = 60;

/** @type {Readonly<Record<Status, string>>} */
const STATUS_LABELS = Object.freeze({
  sending: "On its way",
  stored: "Stored in the room",
  confirmed: "Confirmed by the central API",
  failed: "Not sent",
});

const timeFormat = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const dayFormat = new Intl.DateTimeFormat(undefined, {
  weekday: "long",
  day: "numeric",
  month: "long",
});
const fullFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

/** @param {number} ts */
function dayWords(ts) {
  const day = new Date(ts).toDateString();
  const today = new Date();
  if (day === today.toDateString()) return "Today";
  today.setDate(today.getDate() - 1);
  return day === today.toDateString() ? "Yesterday" : dayFormat.format(ts);
}

/** @param {unknown} content */
function makeText(content) {
  const json = typeof content !== "string";
  const text = make(json ? "code" : "span", json ? "text json" : "text");
  text.textContent = json ? JSON.stringify(content) : content;
  text.dir = "auto";
  text.dataset.testid = "text";
  return text;
}

/** @param {string | undefined} by */
function makeGoneText(by) {
  const text = make("span", "text gone", by ? `Deleted by ${by}` : "Deleted");
  text.dataset.testid = "text";
  return text;
}

export class MessageList {
  #log = byId("log", HTMLDivElement);
  #list = byId("messages", HTMLOListElement);
  #empty = byId("empty", HTMLParagraphElement);
  #earlier = byId("earlier", HTMLButtonElement);
  #unseen = byId("unseen", HTMLButtonElement);
  #unseenText = byId("unseen-text", HTMLSpanElement);
  /** @type {Source} */ #source;
  /** @type {Entry[]} in the order of `seq` */ #stored = [];
  /** @type {Map<string, Entry>} by id, in the order of sending */ #waiting = new Map();
  /** @type {Set<Entry>} stored, and not confirmed yet */ #unconfirmed = new Set();
  #following = true;
  #unseenCount = 0;
  #known = false;

  /** @param {Source} source */
  constructor(source) {
    this.#source = source;
    // To be scrolled with the keyboard it has to take the focus.
    this.#log.tabIndex = 0;
    this.#log.addEventListener("scroll", () => this.#takeScroll(), { passive: true });
    this.#unseen.addEventListener("click", () => {
      this.follow();
      this.#log.focus();
    });
    // The composer grows and on-screen keyboards come and go: keep the end in sight.
    new ResizeObserver(() => this.#settle()).observe(this.#log);
  }

  /** The `seq` of the oldest message shown. */
  get oldestSeq() {
    return this.#stored[0]?.seq ?? null;
  }

  /** Forgets the room. */
  clear() {
    this.#waiting.clear();
    this.reset();
  }

  /** Forgets what is stored; what is on its way stays. */
  reset() {
    this.#stored = [];
    this.#unconfirmed.clear();
    this.#known = false;
    this.#list.replaceChildren(...Array.from(this.#waiting.values(), ({ item }) => item));
    this.#earlier.hidden = true;
    this.follow();
    this.#regroupAll();
  }

  /** Goes to the end and stays there. */
  follow() {
    this.#following = true;
    this.#unseenCount = 0;
    this.#settle();
  }

  /**
   * Puts older messages above.
   *
   * @param {Message[]} messages ascending
   * @param {boolean} more whether there are still older ones
   */
  addOlder(messages, more) {
    const log = this.#log;
    const heightBefore = log.scrollHeight;
    // What is long past need not be read out.
    log.setAttribute("aria-busy", "true");
    for (const message of messages) this.#put(message);
    this.#known = true;
    this.#earlier.hidden = !more;
    this.#regroupAll();
    if (!this.#following) log.scrollTop += log.scrollHeight - heightBefore;
    log.removeAttribute("aria-busy");
    this.#settle();
  }

  /** @param {Message} message a new record */
  add(message) {
    const own = this.#source.isOwn(message.user);
    this.#put(message);
    if (!own && !this.#following) this.#unseenCount += 1;
    this.#trim();
    this.#regroupEnd();
    this.#settle();
  }

  /** @param {Moderation} record */
  addModeration({ seq, ts, action, user, by }) {
    const item = make("li", "message");
    item.append(make("p", "system", `${by}: ${action} ${user}`));
    this.#insert({ item, seq, ts, user, system: true });
    this.#regroupEnd();
    this.#settle();
  }

  /**
   * @param {number} seq
   * @param {string} by
   */
  remove(seq, by) {
    const entry = this.#stored.find((candidate) => candidate.seq === seq);
    entry?.item.querySelector(".text")?.replaceWith(makeGoneText(by));
  }

  /**
   * A message of our own, before the room has it.
   *
   * @param {string} id
   * @param {string} user
   * @param {unknown} content
   */
  addWaiting(id, user, content) {
    const entry = this.#makeEntry({ seq: 0, ts: Date.now(), user, content, id });
    entry.seq = null;
    this.#waiting.set(id, entry);
    this.#list.append(entry.item);
    this.#setStatus(entry, "sending");
    this.#regroupEnd();
    this.follow();
  }

  /**
   * The room has it, though its record may never come to this connection.
   *
   * @param {string} id
   * @param {number} seq
   */
  settleWaiting(id, seq) {
    const entry = this.#waiting.get(id);
    if (entry === undefined) return;
    this.#waiting.delete(id);
    entry.item.remove();
    if (this.#stored.some((candidate) => candidate.seq === seq)) return;
    entry.seq = seq;
    this.#insert(entry);
    this.#refresh(entry);
    this.#regroupAll();
  }

  /**
   * @param {string} id
   * @param {boolean} again whether sending it again is of any use
   */
  failWaiting(id, again) {
    const entry = this.#waiting.get(id);
    if (entry === undefined) return;
    this.#setStatus(entry, "failed");
    const failure = make("p", "failure", "Not sent.");
    if (again) failure.append(this.#makeAgainButton(id, entry, failure));
    entry.item.append(failure);
    this.#settle();
  }

  /**
   * @param {string} id
   * @param {Entry} entry
   * @param {HTMLElement} failure
   */
  #makeAgainButton(id, entry, failure) {
    const button = make("button", "link", "Send again");
    button.type = "button";
    button.dataset.testid = "send-again";
    button.addEventListener("click", () => {
      failure.remove();
      this.#setStatus(entry, "sending");
      this.#source.sendAgain(id);
    });
    return button;
  }

  /** The watermark has moved. */
  refreshConfirmed() {
    for (const entry of [...this.#unconfirmed]) this.#refresh(entry);
  }

  /** @param {Message} message new, or known by its `seq` or as our own on its way */
  #put(message) {
    const own = this.#source.isOwn(message.user);
    const waiting = own && message.id !== undefined ? this.#waiting.get(message.id) : undefined;
    if (waiting !== undefined && message.id !== undefined) {
      this.#waiting.delete(message.id);
      waiting.item.remove();
    }
    if (this.#stored.some((entry) => entry.seq === message.seq)) return;
    const entry = this.#makeEntry(message);
    this.#insert(entry);
    this.#refresh(entry);
  }

  /** @param {Message} message */
  #makeEntry({ seq, ts, user, content, deleted, by }) {
    const item = make("li", "message");
    item.dataset.testid = "message";
    item.dataset.user = user;
    item.classList.toggle("own", this.#source.isOwn(user));

    const author = make("p", "author");
    author.append(make("bdi", "", user));
    const time = make("time", "", timeFormat.format(ts));
    time.dateTime = new Date(ts).toISOString();
    time.title = fullFormat.format(ts);
    const tick = makeIcon("tick");
    tick.setAttribute("role", "img");
    const meta = make("span", "meta");
    meta.append(time, tick);
    const bubble = make("div", "bubble");
    bubble.append(author, deleted ? makeGoneText(by) : makeText(content), meta);
    if (!item.classList.contains("own")) item.append(makeAvatar(user));
    item.append(bubble);
    return /** @type {Entry} */ ({ item, seq, ts, user, system: false });
  }

  /** @param {Entry} entry */
  #insert(entry) {
    const seq = /** @type {number} */ (entry.seq);
    let index = this.#stored.length;
    while (index > 0 && /** @type {number} */ (this.#stored[index - 1].seq) > seq) index -= 1;
    const [firstWaiting] = this.#waiting.values();
    const next = this.#stored[index] ?? firstWaiting;
    this.#list.insertBefore(entry.item, next?.item ?? null);
    this.#stored.splice(index, 0, entry);
    entry.item.dataset.seq = String(seq);
  }

  /** @param {Entry} entry */
  #refresh(entry) {
    const seq = /** @type {number} */ (entry.seq);
    const confirmed = this.#source.isConfirmed(seq);
    if (confirmed) this.#unconfirmed.delete(entry);
    else this.#unconfirmed.add(entry);
    this.#setStatus(entry, confirmed ? "confirmed" : "stored");
    if (!confirmed && this.#source.isRefused(seq)) {
      const tick = entry.item.querySelector(".tick");
      tick?.setAttribute("aria-label", "Stored in the room, refused by the central API");
    }
  }

  /**
   * @param {Entry} entry
   * @param {Status} status
   */
  #setStatus({ item }, status) {
    item.dataset.status = status;
    const tick = item.querySelector(".tick");
    tick?.setAttribute("aria-label", STATUS_LABELS[status]);
    tick?.classList.toggle("tick-confirmed", status === "confirmed");
    tick?.firstElementChild?.setAttribute("href", `#icon-${status}`);
  }

  /** The oldest go when there are too many, but not under a reader's eyes. */
  #trim() {
    if (!this.#following || this.#stored.length <= SHOWN_MAX) return;
    const gone = this.#stored.splice(0, this.#stored.length - SHOWN_MAX);
    for (const entry of gone) {
      this.#unconfirmed.delete(entry);
      entry.item.remove();
    }
    this.#earlier.hidden = false;
    this.#regroup(0, 1);
  }

  #regroupAll() {
    this.#regroup(0, this.#list.children.length);
  }

  #regroupEnd() {
    const { length } = this.#list.children;
    this.#regroup(length - this.#waiting.size - 3, length);
  }

  /**
   * Says of each message in the range where a day and where an author's group begins and ends.
   *
   * @param {number} from
   * @param {number} to
   */
  #regroup(from, to) {
    const entries = [...this.#stored, ...this.#waiting.values()];
    for (let index = Math.max(0, from); index < Math.min(to, entries.length); index += 1) {
      const entry = entries[index];
      const before = entries[index - 1];
      const startsDay = before === undefined || dayWords(before.ts) !== dayWords(entry.ts);
      const startsGroup = startsDay || !joins(before, entry);
      entry.item.classList.toggle("starts-day", startsDay);
      entry.item.classList.toggle("starts-group", startsGroup);
      entry.item.classList.add("ends-group");
      before?.item.classList.toggle("ends-group", startsGroup);
      // The author is still read out where the eye sees it from the group, or from the side.
      const named = startsGroup && !entry.item.classList.contains("own");
      entry.item.querySelector(".author")?.classList.toggle("visually-hidden", !named);
      this.#showDay(entry, startsDay);
    }
    this.#empty.hidden = entries.length > 0 || !this.#known;
  }

  /**
   * @param {Entry} entry
   * @param {boolean} shown
   */
  #showDay({ item, ts }, shown) {
    const day = item.querySelector(".day");
    if (!shown) day?.remove();
    else if (day === null) item.prepend(make("p", "day", dayWords(ts)));
    else day.textContent = dayWords(ts);
  }

  #takeScroll() {
    const { scrollHeight, scrollTop, clientHeight } = this.#log;
    this.#following = scrollHeight - scrollTop - clientHeight < FOLLOW_PX;
    if (this.#following) this.#unseenCount = 0;
    this.#showUnseen();
  }

  /** After any change of the list or its size. */
  #settle() {
    if (this.#following) this.#log.scrollTop = this.#log.scrollHeight;
    this.#showUnseen();
  }

  #showUnseen() {
    this.#unseen.hidden = this.#following;
    this.#unseenText.textContent =
      this.#unseenCount === 0
        ? "Newest messages"
        : plural(this.#unseenCount, "new message", "new messages");
  }
}

/**
 * @param {Entry} before
 * @param {Entry} entry
 */
function joins(before, entry) {
  if (before.system || entry.system) return false;
  return before.user === entry.user && entry.ts - before.ts < GROUP_MS;
}
