// @ts-check
/**
 * What may be broken on purpose: the connection, the central API, the room's patience.
 *
 * @import { EdgeRoom } from "./edgeroom.js"
 * @import { FloodState } from "./flood.js"
 */
import { Cable } from "./cable.js";
import { byId } from "./dom.js";
import { FLOOD_MESSAGES, FLOOD_SIGNALS, Flood } from "./flood.js";
import { chooseAnswering, readAnswering } from "./outage.js";
import { plural } from "./words.js";

/** Shorter than the client waits for a connection to come about, so that it does not start anew. */
const OFFLINE_MS = 8_000;

const NOTHING_YET = "What it does is said here, and shown by the ticks and the figures.";
const OFFLINE_WORDS = `Go offline for ${OFFLINE_MS / 1000} s`;
const FLOOD_WORDS = "Flood the room";

export class Breakage {
  /** Of all connections of the page. */
  cable = new Cable();
  #note = byId("scenes-note", HTMLParagraphElement);
  #offlineButton = byId("offline", HTMLButtonElement);
  #outageButton = byId("outage", HTMLButtonElement);
  #floodButton = byId("flood", HTMLButtonElement);
  #question = byId("flood-question", HTMLFieldSetElement);
  /** @type {(text: string) => Promise<boolean>} */ #publish;
  /** @type {() => void} */ #changed;
  /** @type {EdgeRoom | null} */ #room = null;
  #token = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #offlineTimer;
  /** @type {Flood | null} */ #flood = null;
  #isCentralStopped = false;

  /**
   * @param {(text: string) => Promise<boolean>} publish shows and sends a message of ours; whether
   *   it was stored
   * @param {() => void} changed something is broken, or mended
   */
  constructor(publish, changed) {
    this.#publish = publish;
    this.#changed = changed;
    this.#say(NOTHING_YET);
    this.#offlineButton.textContent = OFFLINE_WORDS;
    this.#floodButton.textContent = FLOOD_WORDS;
    byId("flood-words", HTMLLegendElement).textContent =
      `${FLOOD_SIGNALS + FLOOD_MESSAGES} frames at once, ${FLOOD_MESSAGES} of them messages to everybody here.`;
    byId("drop", HTMLButtonElement).addEventListener("click", () => this.#drop());
    this.#offlineButton.addEventListener("click", () => this.#goOffline());
    this.#outageButton.addEventListener("click", () => this.#chooseOutage());
    this.#floodButton.addEventListener("click", () => this.#askToFlood());
    byId("flood-confirm", HTMLButtonElement).addEventListener("click", () => this.#startFlood());
    byId("flood-cancel", HTMLButtonElement).addEventListener("click", () => this.#endQuestion());
  }

  /**
   * @param {EdgeRoom} room
   * @param {string} token "" for none
   */
  enter(room, token) {
    this.#room = room;
    this.#token = token;
    room.on("delayed", () => {
      if (room === this.#room) this.#flood?.takeDelay();
    });
  }

  leave() {
    this.#room = null;
    this.#flood?.stop();
    this.#setFlood(null);
    this.#endQuestion();
    this.#mend();
    this.#say(NOTHING_YET);
  }

  /** Looks what there is to be broken. */
  async look() {
    const answering = await readAnswering(this.#token);
    this.#outageButton.hidden = answering === null;
    this.#showOutage(answering === false);
  }

  #say(/** @type {string} */ words) {
    this.#note.textContent = words;
  }

  // --- the connection ---

  #drop() {
    this.cable.drop();
    this.#say("The connection is gone. The page finds a new one, and asks for what it missed.");
  }

  #goOffline() {
    if (this.cable.isCut) {
      this.#mend();
      return;
    }
    this.cable.cut();
    this.#offlineTimer = setTimeout(() => this.#mend(), OFFLINE_MS);
    this.#offlineButton.textContent = "Go online again";
    this.#say("This page has no network. Write something: it is sent when there is one again.");
    this.#changed();
  }

  #mend() {
    if (!this.cable.isCut) return;
    clearTimeout(this.#offlineTimer);
    this.cable.mend();
    this.#offlineButton.textContent = OFFLINE_WORDS;
    this.#say("There is a network again: what was missed comes in, what was written goes out.");
    this.#changed();
    this.#room?.reconnect();
  }

  // --- the central API ---

  async #chooseOutage() {
    const stop = !this.#isCentralStopped;
    try {
      this.#showOutage(!(await chooseAnswering(this.#token, !stop)));
    } catch (failure) {
      this.#say(`That did not work: ${/** @type {Error} */ (failure).message}.`);
      return;
    }
    this.#say(
      stop
        ? "The central API is stopped. Messages stay at one tick, and wait in the outbox."
        : "The central API answers again. The room finds out by itself, and the ticks complete.",
    );
    this.#changed();
  }

  #showOutage(/** @type {boolean} */ isStopped) {
    this.#isCentralStopped = isStopped;
    this.#outageButton.textContent = isStopped ? "Start the central API" : "Stop the central API";
  }

  // --- flooding ---

  #askToFlood() {
    if (this.#flood !== null) {
      this.#flood.stop();
      return;
    }
    this.#question.hidden = false;
    byId("flood-confirm", HTMLButtonElement).focus();
  }

  #endQuestion() {
    const hadFocus = this.#question.contains(document.activeElement);
    this.#question.hidden = true;
    if (hadFocus) this.#floodButton.focus();
  }

  #startFlood() {
    this.#endQuestion();
    const signal = () => this.#room?.signal("flood");
    this.#setFlood(new Flood(signal, this.#publish, (flood) => this.#takeFlood(flood)));
  }

  #setFlood(/** @type {Flood | null} */ flood) {
    this.#flood = flood;
    this.#floodButton.textContent = flood === null ? FLOOD_WORDS : "Stop the flood";
  }

  #takeFlood(/** @type {Flood} */ flood) {
    if (flood !== this.#flood) return;
    this.#say(floodWords(flood.state));
    if (flood.state.isOver) this.#setFlood(null);
  }
}

/** @param {FloodState} state */
function floodWords({ sent, stored, failed, delayed, seconds, isOver }) {
  const done = isOver
    ? `${stored} of ${plural(sent, "message", "messages")} stored in ${seconds.toFixed(1)} s.`
    : `${stored} of ${FLOOD_MESSAGES} stored so far.`;
  const waits =
    delayed === 0 ? "" : ` ${plural(delayed, "refusal", "refusals")} for now: sent again.`;
  const losses = failed === 0 ? "" : ` Not stored: ${failed}.`;
  return done + waits + losses;
}
