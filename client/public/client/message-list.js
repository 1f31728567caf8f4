// @ts-check
/**
 * The conversation: messages in the order of the room's log, lines where some are missing, and at
 * the end those still on their way. Follows the newest message while the reader is at the end, and
 * stays put while not.
 *
 * @import { History, Message, Moderation } from "./edgeroom.js"
 * @import { Gap } from "./gaps.js"
 * @import { Problem } from "./problem.js"
 */
import { byId, make } from "./dom.js";
import { GapLine } from "./gap-line.js";
import { Gaps } from "./gaps.js";
import { MessageView } from "./message-view.js";
import { RoomError } from "./problem.js";
import { dayWords } from "./times.js";
import { UnreadLine } from "./unread-line.js";
import { deletionWords, moderationWords, plural, problemWords } from "./words.js";

/**
 * What the list needs to know from outside, and what it cannot do itself.
 *
 * @typedef {object} Source
 * @property {(user: string) => boolean} isOwn
 * @property {(seq: number) => boolean} isConfirmed
 * @property {(seq: number) => boolean} isRefused
 * @property {(conn: string | null) => boolean} mayDelete whether we may delete what this connection
 *   sent; null: one of somebody else, or one that is not known
 * @property {(range: { before?: number, after?: number }) => Promise<History>} readHistory
 * @property {(seq: number) => Promise<unknown>} deleteMessage
 * @property {(id: string) => void} sendAgain
 * @property {(id: string) => void} edit takes a message that was not sent back to be written anew
 */

/** A line about the room, not a message. */
class SystemLine {
  item = make("li", "message system");
  own = false;

  /** @param {Moderation} record */
  constructor(record) {
    this.seq = record.seq;
    this.ts = record.ts;
    this.user = record.by;
    const line = make("p", "system-words");
    line.dataset.testid = "moderation";
    line.append(
      ...moderationWords(record).map((part) =>
        typeof part === "string" ? part : make("bdi", "", part.user),
      ),
    );
    this.item.append(line);
  }
}

/** @typedef {MessageView | SystemLine} Entry */

/** Messages of one author within this time stand together. */
const GROUP_MS = 5 * 60_000;
/** Older ones are dropped from the page, which stays quick; they can be loaded again. */
const SHOWN_MAX = 500;
/** A reader this near the end is following. */
const FOLLOW_PX = 60;

/** Refusals that the same message would meet again. */
const FINAL_CODES = new Set([
  "too_large",
  "content_refused",
  "bad_content",
  "bad_frame",
  "bad_json",
]);

/** Refusals that the same deletion would meet again. */
const FINAL_DELETION_CODES = new Set(["forbidden", "not_found"]);

export class MessageList {
  #log = byId("log", HTMLDivElement);
  #list = byId("messages", HTMLOListElement);
  #empty = byId("empty", HTMLParagraphElement);
  #beginning = byId("beginning", HTMLParagraphElement);
  #unseen = byId("unseen", HTMLButtonElement);
  #unseenText = byId("unseen-text", HTMLSpanElement);
  /** @type {Source} */ #source;
  /** @type {Entry[]} in the order of `seq` */ #stored = [];
  /** @type {Map<string, MessageView>} by id, in the order of sending */ #waiting = new Map();
  /** @type {Set<MessageView>} stored, and not confirmed yet */ #unconfirmed = new Set();
  #gaps = new Gaps();
  /** @type {Map<Gap, GapLine>} */ #gapLines = new Map();
  /** What a follower of the conversation has missed. @type {Gap | null} */ #missed = null;
  #unread = new UnreadLine();
  #following = true;
  #unseenCount = 0;
  #isSettling = false;
  /** Whether there is a room. */
  #isKnown = false;

  /** @param {Source} source */
  constructor(source) {
    this.#source = source;
    // To be scrolled with the keyboard it has to take the focus.
    this.#log.tabIndex = 0;
    this.#log.addEventListener("scroll", () => this.#takeScroll(), { passive: true });
    this.#list.addEventListener("click", ({ target }) => this.#pick(target));
    this.#unseen.addEventListener("click", () => {
      this.follow();
      this.#log.focus();
    });
    // The composer grows and on-screen keyboards come and go: keep the end in sight.
    new ResizeObserver(() => this.#settleNow()).observe(this.#log);
  }

  /** The `seq` of the oldest message shown; null when there is none. */
  get oldestSeq() {
    return this.#stored[0]?.seq ?? null;
  }

  get #newestSeq() {
    return this.#stored.at(-1)?.seq ?? 0;
  }

  /** Forgets the room. */
  clear() {
    this.#waiting.clear();
    this.#forget();
    this.#isKnown = false;
  }

  /**
   * Forgets what is stored; what is on its way stays. The newest messages are expected.
   *
   * @param {number} seq of the last record
   */
  reset(seq) {
    this.#forget();
    this.#isKnown = true;
    this.#openGap(0, seq);
    this.#regroupAll();
  }

  #forget() {
    this.#stored = [];
    this.#unconfirmed.clear();
    this.#gaps.clear();
    this.#gapLines.clear();
    this.#missed = null;
    this.#unread = new UnreadLine();
    this.#list.replaceChildren(...Array.from(this.#waiting.values(), ({ item }) => item));
    this.follow();
    this.#regroupAll();
  }

  /** Goes to the end and stays there. */
  follow() {
    this.#following = true;
    this.#unseenCount = 0;
    this.#settle();
  }

  // --- what is unread ---

  /** The reader is away: disconnected, or elsewhere. */
  leave() {
    if (this.#stored.length === 0) return;
    this.#unread.leave(this.#newestSeq, this.#following);
    this.#placeUnread();
  }

  /**
   * The reader is back, and has missed what came up to this record, or is about to come.
   *
   * @param {number} [through]
   */
  comeBack(through = this.#newestSeq) {
    this.#unread.comeBack(through);
    this.#placeUnread();
    this.#readOn();
  }

  /** What came meanwhile is told apart. */
  #placeUnread() {
    const { item } = this.#unread;
    const missed = this.#stored.filter((entry) => this.#isUnread(entry));
    const first = missed[0]?.item;
    const next = this.#unreadGap()?.item ?? first;
    this.#unread.setCount(next === first ? missed.length : null);
    if (next === undefined ? !item.isConnected : item.nextSibling === next) return;
    if (next === undefined) item.remove();
    else this.#list.insertBefore(item, next);
    this.#regroupAll();
  }

  #isUnread(/** @type {Entry} */ entry) {
    const isOthers = entry instanceof MessageView && !entry.own;
    return isOthers && entry.seq !== null && this.#unread.covers(entry.seq);
  }

  /** The line of messages that are missing among the unread ones, if any. */
  #unreadGap() {
    const { after } = this.#unread;
    const gap = this.#gaps.all.find(
      (each) => each.after >= after && this.#unread.covers(each.before - 1),
    );
    return gap && this.#gapLines.get(gap);
  }

  /** Who followed the conversation reads on from the first message that was missed. */
  #readOn() {
    this.#settleNow();
    const { item } = this.#unread;
    if (!this.#following || !item.isConnected) return;
    const place = item.getBoundingClientRect().top - this.#log.getBoundingClientRect().top;
    if (place >= 0) return;
    this.#log.scrollTop += place;
    this.#takeScroll();
  }

  // --- what is missing ---

  /**
   * The records in (after, seq] have not come. The newest messages are expected.
   *
   * @param {number} after
   * @param {number} seq
   */
  addGap(after, seq) {
    // Nobody waits any more for what was expected before.
    for (const line of this.#gapLines.values()) line.setState("idle");
    const gap = this.#openGap(after, seq);
    const isBetween = this.#stored.length > 0;
    this.#missed = this.#following && isBetween ? gap : null;
    this.#settle();
  }

  /**
   * @param {number} after
   * @param {number} seq
   */
  #openGap(after, seq) {
    this.#gaps.open(after, seq + 1);
    this.#placeGaps();
    const gap = this.#gaps.endingAt(seq + 1) ?? null;
    if (gap !== null) this.#gapLines.get(gap)?.setState("loading");
    return gap;
  }

  /** There is a connection again. */
  takeOpen() {
    for (const line of this.#gapLines.values()) {
      if (line.state === "failed") line.setState("idle");
    }
    for (const entry of this.#stored) {
      if (entry instanceof MessageView) this.#offerDelete(entry);
    }
  }

  /**
   * The newest messages, as expected after a reset or a gap.
   *
   * @param {History & { before: number, problem?: Problem }} page
   */
  takeHistory(page) {
    const gap = this.#gaps.endingAt(page.before);
    if (gap === undefined) return;
    this.#takePage(gap, page, this.#gaps.fillFromEnd(gap, page));
    const line = this.#gapLines.get(gap);
    if (page.problem) line?.setState("failed", problemWords(page.problem));
    if (this.#missed !== gap) return;
    this.#missed = null;
    if (line === undefined || !this.#following) return;
    // Who followed reads on where they were, and sees what is missing there.
    line.item.scrollIntoView({ block: "center" });
    this.#takeScroll();
  }

  /** Asks for more of what is missing there. */
  async #load(/** @type {Gap} */ gap) {
    const line = this.#gapLines.get(gap);
    if (line === undefined || line.state === "loading") return;
    line.setState("loading");
    // What was missed is read on from where the reader was, what is long past backwards.
    const forwards = this.#stored.some(({ seq }) => seq !== null && seq <= gap.after);
    const range = forwards ? { after: gap.after } : { before: gap.before };
    /** @type {History} */
    let page;
    try {
      page = await this.#source.readHistory(range);
    } catch (failure) {
      if (!(failure instanceof RoomError)) throw failure;
      line.setState("failed", problemWords(failure.problem));
      line.returnFocus(this.#log);
      return;
    }
    if (this.#gapLines.get(gap) !== line) return;
    const fill = forwards ? "fillFromStart" : "fillFromEnd";
    this.#following = false;
    this.#takePage(gap, page, this.#gaps[fill](gap, page));
    line.returnFocus(this.#log);
    this.#takeScroll();
  }

  /**
   * @param {Gap} gap
   * @param {History} page
   * @param {Message[]} missing those of the page that were
   */
  #takePage(gap, { partial }, missing) {
    const place = this.#following ? null : this.#findPlace();
    // What is long past need not be read out.
    this.#log.setAttribute("aria-busy", "true");
    for (const message of missing) this.#put(message);
    this.#placeGaps();
    this.#placeUnread();
    this.#gapLines.get(gap)?.setState(partial ? "partial" : "idle");
    this.#regroupAll();
    this.#log.removeAttribute("aria-busy");
    if (place !== null) this.#log.scrollTop += place.item.getBoundingClientRect().top - place.top;
    this.#settle();
  }

  /** What the reader sees topmost, and where. */
  #findPlace() {
    const { top } = this.#log.getBoundingClientRect();
    for (const { item } of this.#stored) {
      // Not the whole item: above its words a day or an author may come and go.
      const words = item.querySelector(".text, .system-words") ?? item;
      const place = words.getBoundingClientRect();
      if (place.bottom > top) return { item: words, top: place.top };
    }
    return null;
  }

  #placeGaps() {
    for (const [gap, line] of this.#gapLines) {
      if (this.#gaps.all.includes(gap)) continue;
      line.item.remove();
      this.#gapLines.delete(gap);
    }
    const [firstWaiting] = this.#waiting.values();
    for (const gap of this.#gaps.all) {
      const line = this.#gapLines.get(gap) ?? new GapLine(() => this.#load(gap));
      this.#gapLines.set(gap, line);
      const index = this.#stored.findIndex(({ seq }) => seq !== null && seq >= gap.before);
      const next = (this.#stored[index] ?? firstWaiting)?.item ?? null;
      if (line.item.nextSibling !== next || !line.item.isConnected) {
        this.#list.insertBefore(line.item, next);
      }
      line.setFirst(index === 0 || this.#stored.length === 0);
    }
  }

  // --- what is stored ---

  /** @param {Message} message a new record */
  add(message) {
    const own = this.#source.isOwn(message.user);
    this.#put(message);
    if (!own && !this.#following) this.#unseenCount += 1;
    this.#trim();
    this.#regroupEnd();
    if (!this.#unread.covers(message.seq)) {
      this.#settle();
      return;
    }
    this.#placeUnread();
    this.#readOn();
  }

  /** @param {Moderation} record */
  addModeration(record) {
    this.#insert(new SystemLine(record));
    this.#regroupEnd();
    this.#settle();
  }

  /**
   * The message is deleted, if it is here.
   *
   * @param {number} seq
   * @param {string | undefined} by
   */
  remove(seq, by) {
    const view = this.#find(seq);
    if (view === undefined) return;
    view.takeDeleted(by, by !== undefined && this.#source.isOwn(by));
    this.#settle();
  }

  /** The watermark has moved. */
  refreshConfirmed() {
    for (const view of [...this.#unconfirmed]) this.#refresh(view);
  }

  #find(/** @type {number} */ seq) {
    const entry = this.#stored.find((candidate) => candidate.seq === seq);
    return entry instanceof MessageView ? entry : undefined;
  }

  /** @param {Message} message new, or known by its `seq` or as our own on its way */
  #put(message) {
    const own = this.#source.isOwn(message.user);
    if (own && message.id !== undefined) this.discardWaiting(message.id);
    const known = this.#find(message.seq);
    if (known !== undefined) {
      if (message.deleted && !known.isDeleted) this.remove(message.seq, message.by);
      return;
    }
    const view = new MessageView(message, own);
    this.#insert(view);
    if (message.deleted) this.remove(message.seq, message.by);
    this.#refresh(view);
    this.#offerDelete(view);
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

  /** @param {MessageView} view stored */
  #refresh(view) {
    const seq = /** @type {number} */ (view.seq);
    const confirmed = this.#source.isConfirmed(seq);
    const refused = !confirmed && this.#source.isRefused(seq);
    if (confirmed) this.#unconfirmed.delete(view);
    else this.#unconfirmed.add(view);
    view.setStatus(confirmed ? "confirmed" : refused ? "refused" : "stored");
    if (refused && view.own && !view.isDeleted && view.noteKind === null) {
      view.note("refused", "Kept in this room, but refused by the central API.");
    } else if (!refused && view.noteKind === "refused") {
      view.note(null);
    }
  }

  /** The oldest go when there are too many, but not under a reader's eyes. */
  #trim() {
    if (!this.#following || this.#stored.length <= SHOWN_MAX) return;
    const gone = this.#stored.splice(0, this.#stored.length - SHOWN_MAX);
    for (const entry of gone) {
      entry.item.remove();
      if (entry instanceof MessageView) this.#unconfirmed.delete(entry);
    }
    this.#gaps.dropBefore(/** @type {number} */ (this.#stored[0].seq));
    this.#placeGaps();
    this.#regroup(0, 1);
  }

  // --- our own ---

  /**
   * A message of our own, before the room has it.
   *
   * @param {string} id
   * @param {string} user
   * @param {unknown} content
   */
  addWaiting(id, user, content) {
    this.#unread.forget();
    this.#placeUnread();
    const view = new MessageView({ seq: 0, ts: Date.now(), user, content, id }, true);
    this.#waiting.set(id, view);
    this.#list.append(view.item);
    view.setStatus("sending");
    this.#regroupEnd();
    this.follow();
  }

  /**
   * The room has it, though its record may never come to this connection.
   *
   * @param {string} id
   * @param {number} seq
   * @param {string} conn
   */
  settleWaiting(id, seq, conn) {
    const waiting = this.discardWaiting(id);
    // In a gap it is missing with all the others: what became of it is not known.
    if (waiting !== undefined && this.#find(seq) === undefined && !this.#gaps.covers(seq)) {
      waiting.seq = seq;
      waiting.note(null);
      this.#insert(waiting);
      this.#refresh(waiting);
    }
    if (waiting !== undefined) this.#regroupAll();
    const view = this.#find(seq);
    if (view === undefined || view.isDeleted) return;
    view.conn = conn;
    this.#offerDelete(view);
    this.#settle();
  }

  /**
   * It will be sent again.
   *
   * @param {string} id
   * @param {Problem} problem
   */
  delayWaiting(id, problem) {
    this.#waiting.get(id)?.note("waiting", `${problemWords(problem)} It will be sent again.`);
    this.#settle();
  }

  /**
   * @param {string} id
   * @param {Problem} problem
   * @param {boolean} isClosed whether nothing can be sent any more
   */
  failWaiting(id, problem, isClosed) {
    const view = this.#waiting.get(id);
    if (view === undefined) return;
    const edit = { words: "Edit", testid: "edit", act: () => this.#source.edit(id) };
    const again = { words: "Send again", testid: "send-again", act: () => this.#sendAgain(id) };
    const actions = isClosed ? [] : [FINAL_CODES.has(problem.code) ? edit : again];
    view.setStatus("failed");
    view.note("failed", `Not sent. ${problemWords(problem)}`, actions);
    this.#settle();
  }

  #sendAgain(/** @type {string} */ id) {
    const view = this.#waiting.get(id);
    view?.note(null);
    view?.setStatus("sending");
    this.#source.sendAgain(id);
  }

  /** Takes it out of the list. */
  discardWaiting(/** @type {string} */ id) {
    const view = this.#waiting.get(id);
    this.#waiting.delete(id);
    view?.item.remove();
    return view;
  }

  // --- deleting ---

  /** What a mouse points at a finger taps. */
  #pick(/** @type {EventTarget | null} */ target) {
    const item = target instanceof Element ? target.closest(".message") : null;
    this.#list.querySelector(".picked")?.classList.remove("picked");
    item?.classList.add("picked");
  }

  #offerDelete(/** @type {MessageView} */ view) {
    const may = view.isDeletable && this.#source.mayDelete(view.conn);
    view.offerDelete(may ? () => this.#askToDelete(view) : null);
  }

  #askToDelete(/** @type {MessageView} */ view) {
    view.note("asking", "Delete it for everybody?", [
      { words: "Delete", testid: "delete-confirm", act: () => this.#delete(view) },
      { words: "Keep", testid: "delete-cancel", act: () => this.#endNote(view) },
    ]);
    this.#settle();
  }

  async #delete(/** @type {MessageView} */ view) {
    view.note("waiting", "Deleting…");
    try {
      // Its record has changed the message already.
      await this.#source.deleteMessage(/** @type {number} */ (view.seq));
    } catch (failure) {
      if (!(failure instanceof RoomError)) throw failure;
      if (!view.isDeleted) this.#failDeletion(view, failure.problem);
    }
  }

  /**
   * @param {MessageView} view
   * @param {Problem} problem
   */
  #failDeletion(view, problem) {
    const isFinal = FINAL_DELETION_CODES.has(problem.code);
    if (isFinal) {
      view.isDeletable = false;
      this.#offerDelete(view);
    }
    const dismiss = { words: "Dismiss", testid: "dismiss", act: () => this.#endNote(view) };
    const again = { words: "Try again", testid: "delete-again", act: () => this.#delete(view) };
    view.note("failed", `Not deleted. ${deletionWords(problem)}`, [isFinal ? dismiss : again]);
    this.#settle();
  }

  #endNote(/** @type {MessageView} */ view) {
    view.note(null);
    this.#refresh(view);
  }

  // --- how it looks ---

  #regroupAll() {
    this.#regroup(0, this.#stored.length + this.#waiting.size);
  }

  #regroupEnd() {
    const length = this.#stored.length + this.#waiting.size;
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
      const startsGroup = startsDay || !this.#joins(before, entry);
      entry.item.classList.toggle("starts-day", startsDay);
      entry.item.classList.toggle("starts-group", startsGroup);
      entry.item.classList.add("ends-group");
      before?.item.classList.toggle("ends-group", startsGroup);
      if (entry instanceof MessageView) entry.showAuthor(startsGroup);
      showDay(entry, startsDay);
    }
    const reachesBeginning = this.#isKnown && this.#gaps.reachesBeginning;
    this.#empty.hidden = entries.length > 0 || !reachesBeginning;
    this.#beginning.hidden = entries.length === 0 || !reachesBeginning;
  }

  /**
   * @param {Entry} before
   * @param {Entry} entry
   */
  #joins(before, entry) {
    if (before instanceof SystemLine || entry instanceof SystemLine) return false;
    if (before.item.nextSibling !== entry.item) return false;
    return before.user === entry.user && entry.ts - before.ts < GROUP_MS;
  }

  #takeScroll() {
    const { scrollHeight, scrollTop, clientHeight } = this.#log;
    this.#following = scrollHeight - scrollTop - clientHeight < FOLLOW_PX;
    if (this.#following) this.#unseenCount = 0;
    this.#showUnseen();
  }

  /**
   * After any change of the list: once for all that come in one turn, because each look at the size
   * of the list costs as much as all of them.
   */
  #settle() {
    if (this.#isSettling) return;
    this.#isSettling = true;
    queueMicrotask(() => {
      this.#isSettling = false;
      this.#settleNow();
    });
  }

  #settleNow() {
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
 * @param {Entry} entry
 * @param {boolean} shown
 */
function showDay({ item, ts }, shown) {
  const day = item.querySelector(".day");
  if (!shown) day?.remove();
  else if (day === null) item.prepend(make("p", "day", dayWords(ts)));
  else day.textContent = dayWords(ts);
}
