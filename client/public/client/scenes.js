// @ts-check
/**
 * Behind the scenes: the panel with what the room measures, and with what may be broken to see it
 * recover. While it is closed nothing is counted and nothing is asked.
 *
 * @import { EdgeRoom, StateChange } from "./edgeroom.js"
 * @import { StatusReport } from "./room-status.js"
 */
import { Breakage } from "./breakage.js";
import { byId } from "./dom.js";
import { Figures } from "./figures.js";
import { StatusPoll } from "./room-status.js";

/** Kept for this tab. */
const SESSION_KEY = "edgeroom.scenes";
/** With less there is room for one beside the conversation: this, or who is here. */
const WIDE = matchMedia("(min-width: 75rem)");

/** @type {Readonly<Record<StateChange["state"], string>>} */
const STATE_WORDS = Object.freeze({
  connecting: "coming about",
  open: "live",
  waiting: "lost",
  closed: "closed",
});

export class Scenes {
  #view = byId("room-view", HTMLElement);
  #panel = byId("scenes", HTMLElement);
  #toggle = byId("scenes-toggle", HTMLButtonElement);
  #link = byId("time-travel", HTMLAnchorElement);
  #state = byId("fact-state", HTMLElement);
  #reconnections = byId("fact-reconnections", HTMLElement);
  #figures = new Figures();
  #breakage;
  /** @type {() => void} */ #makePlace;
  /** @type {EdgeRoom | null} */ #room = null;
  #token = "";
  #connections = 0;
  #isOpen = isRemembered();
  /** Whether somebody looks. */
  #isWatching = false;
  /** @type {(() => void)[]} end what is listened to meanwhile */ #listening = [];
  /** @type {StatusPoll | null} */ #poll = null;

  /**
   * @param {(text: string) => Promise<boolean>} publish shows and sends a message of ours; whether
   *   it was stored
   * @param {() => void} makePlace closes what else stands beside the conversation
   */
  constructor(publish, makePlace) {
    this.#makePlace = makePlace;
    this.#breakage = new Breakage(publish, () => {
      this.#watch();
      this.#poll?.askNow();
    });
    this.#toggle.addEventListener("click", () => this.#show(!this.#isOpen));
    byId("scenes-close", HTMLButtonElement).addEventListener("click", () => this.#close());
    this.#panel.addEventListener("keydown", ({ key }) => {
      if (key === "Escape") this.#close();
    });
    document.addEventListener("visibilitychange", () => this.#watch());
    WIDE.addEventListener("change", () => this.#show(this.#isOpen));
  }

  /** Makes the connections of the page. */
  get WebSocket() {
    return this.#breakage.cable.WebSocket;
  }

  /**
   * @param {EdgeRoom} room
   * @param {string} token "" for none
   */
  enter(room, token) {
    this.#room = room;
    this.#token = token;
    this.#connections = 0;
    room.on("state", (change) => {
      if (room === this.#room) this.#takeState(change);
    });
    this.#breakage.enter(room, token);
    this.#link.href = `/client/time-travel.html?room=${encodeURIComponent(room.room)}`;
    this.#figures.clear();
  }

  leave() {
    this.#room = null;
    this.#breakage.leave();
    this.#watch();
  }

  /**
   * One of our messages is stored.
   *
   * @param {number} seq
   * @param {number} sentAtMs as of performance.now()
   */
  takeReceipt(seq, sentAtMs) {
    if (!this.#isWatching) return;
    this.#figures.takeStored(seq, sentAtMs);
    this.#takeConfirmed();
  }

  /** Something else wants its place. */
  makePlace() {
    if (!WIDE.matches && this.#isOpen) this.#show(false);
  }

  #show(/** @type {boolean} */ isOpen) {
    this.#isOpen = isOpen;
    this.#view.dataset.scenes = isOpen ? "open" : "closed";
    this.#toggle.setAttribute("aria-expanded", String(isOpen));
    remember(isOpen);
    if (isOpen && !WIDE.matches) this.#makePlace();
    this.#watch();
  }

  /** Who is in it goes on where it was opened. */
  #close() {
    this.#show(false);
    this.#toggle.focus();
  }

  /** Works while somebody looks, and there is something to look at. */
  #watch() {
    const isLive = this.#room?.state !== "closed" && this.#connections > 0;
    const room = this.#isOpen && isLive && !document.hidden ? this.#room : null;
    if ((room !== null) !== this.#isWatching) this.#setWatching(room);
    const askable = this.#breakage.cable.isCut ? null : room;
    if ((askable !== null) !== (this.#poll !== null)) this.#setAsking(askable);
  }

  #setWatching(/** @type {EdgeRoom | null} */ room) {
    this.#isWatching = room !== null;
    for (const end of this.#listening.splice(0)) end();
    this.#figures.stop();
    if (room === null) return;
    this.#figures.start();
    this.#listening = [
      room.on("record", ({ type }) => {
        if (type === "new_message") this.#figures.takeMessage();
      }),
      room.on("confirmed", () => this.#takeConfirmed()),
    ];
    this.#breakage.look();
  }

  #setAsking(/** @type {EdgeRoom | null} */ room) {
    this.#poll?.stop();
    const tell = (/** @type {StatusReport} */ report) => this.#figures.takeReport(report);
    this.#poll = room && new StatusPoll(room.room, this.#token, tell);
  }

  #takeConfirmed() {
    this.#figures.takeConfirmed((seq) => this.#room?.isConfirmed(seq) ?? false);
  }

  #takeState(/** @type {StateChange} */ { state }) {
    if (state === "open") this.#connections += 1;
    this.#state.textContent = STATE_WORDS[state];
    this.#reconnections.textContent = String(Math.max(0, this.#connections - 1));
    // What was open in this tab before is open again.
    if (state === "open" && this.#connections === 1) this.#show(this.#isOpen);
    else this.#watch();
  }
}

function isRemembered() {
  try {
    return sessionStorage.getItem(SESSION_KEY) === "open";
  } catch {
    // Storage is switched off: it is closed at first.
    return false;
  }
}

function remember(/** @type {boolean} */ isOpen) {
  try {
    if (isOpen) sessionStorage.setItem(SESSION_KEY, "open");
    else sessionStorage.removeItem(SESSION_KEY);
  } catch {
    // Storage is switched off: it is closed at first next time too.
  }
}
