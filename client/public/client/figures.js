// @ts-check
/**
 * The live figures of a room, each with a small chart and in words.
 *
 * @import { Headroom, Outbox, RoomStatus, StatusReport } from "./room-status.js"
 * @import { Problem } from "./problem.js"
 */
import { Chart } from "./chart.js";
import { byId } from "./dom.js";
import { LATENCY_SAMPLES, Latency, median } from "./latency.js";
import { INTERVAL_MS } from "./room-status.js";
import { durationWords, plural, problemWords } from "./words.js";

const TICK_MS = 1_000;
/** Seconds of the chart of messages. */
const RATE_SAMPLES = 60;
/** Answers of the room in a chart: two minutes. */
const STATUS_SAMPLES = 40;
/** The least that fills a chart, so that a single message is no mountain. */
const RATE_TOP_MIN = 5;
const LATENCY_TOP_MIN_MS = 20;
const OUTBOX_TOP_MIN = 5;
/** Characters of an epoch that tell it from another. */
const EPOCH_SHOWN = 10;

/** How far the breaker is open. */
const BREAKER_LEVELS = Object.freeze({ closed: 0, half_open: 1, open: 2 });
const BREAKER_LEVEL_MAX = 2;
const BREAKER_WORDS = Object.freeze({ closed: "Closed", half_open: "Half-open", open: "Open" });

export class Figures {
  #rateChart = new Chart("rate-chart", "bars");
  #latencyChart = new Chart("latency-chart", "lines");
  #outboxChart = new Chart("outbox-chart", "lines");
  #breakerChart = new Chart("breaker-chart", "steps");
  #headroomChart = new Chart("headroom-chart", "lines");
  #latency = new Latency();
  #arrived = 0;
  /** @type {number[]} messages of each second */ #rates = [];
  /** @type {number[]} */ #pending = [];
  /** @type {number[]} */ #levels = [];
  /** @type {number[]} */ #left = [];
  /** @type {ReturnType<typeof setInterval> | undefined} */ #timer;

  /** Nothing is known yet. */
  clear() {
    this.stop();
    this.#latency = new Latency();
    this.#pending = [];
    this.#levels = [];
    this.#left = [];
    for (const name of ["outbox", "breaker", "headroom"]) show(name, "–");
    this.#showRate();
    this.#showLatency();
    this.#outboxChart.draw("Nothing is known yet", STATUS_SAMPLES, OUTBOX_TOP_MIN, []);
    this.#breakerChart.draw("Nothing is known yet", STATUS_SAMPLES, BREAKER_LEVEL_MAX, []);
    this.#headroomChart.draw("Nothing is known yet", STATUS_SAMPLES, 1, []);
  }

  /** Counts from now on. */
  start() {
    this.#arrived = 0;
    this.#rates = [];
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  stop() {
    clearInterval(this.#timer);
  }

  takeMessage() {
    this.#arrived += 1;
  }

  /**
   * One of ours is stored.
   *
   * @param {number} seq
   * @param {number} sentAtMs
   */
  takeStored(seq, sentAtMs) {
    this.#latency.takeStored(seq, sentAtMs);
    this.#showLatency();
  }

  /** @param {(seq: number) => boolean} isConfirmed */
  takeConfirmed(isConfirmed) {
    this.#latency.takeConfirmed(isConfirmed);
    this.#showLatency();
  }

  /** @param {StatusReport} report */
  takeReport({ status, headroom, problem, waitMs }) {
    if (status !== null) {
      this.#showOutbox(status.outbox);
      this.#showBreaker(status.outbox);
      showFacts(status);
    }
    this.#showHeadroom(headroom, problem, waitMs);
  }

  #tick() {
    this.#rates.push(this.#arrived);
    if (this.#rates.length > RATE_SAMPLES) this.#rates.shift();
    this.#arrived = 0;
    this.#showRate();
  }

  #showRate() {
    const now = this.#rates.at(-1) ?? 0;
    const most = Math.max(0, ...this.#rates);
    show("rate", String(now));
    const words = `Messages a second in the last minute: ${now} now, ${most} at most`;
    this.#rateChart.draw(words, RATE_SAMPLES, Math.max(RATE_TOP_MIN, most), this.#rates);
  }

  #showLatency() {
    const { stored, confirmed } = this.#latency;
    const [first, second] = [stored, confirmed].map((samples) => {
      const ms = median(samples);
      return ms === null ? "–" : durationWords(ms);
    });
    show("stored", first);
    show("confirmed", second);
    const words = `Latency of your last messages: stored after ${first}, confirmed after ${second}`;
    const top = Math.max(LATENCY_TOP_MIN_MS, ...stored, ...confirmed);
    this.#latencyChart.draw(words, LATENCY_SAMPLES, top, stored, confirmed);
  }

  #showOutbox(/** @type {Outbox} */ { pending, oldest_ms, dead }) {
    push(this.#pending, pending);
    const most = Math.max(...this.#pending);
    show("outbox", String(pending));
    const hint =
      pending === 0
        ? "Nothing waits for the central API."
        : `The oldest has waited ${durationWords(oldest_ms)} for the central API.`;
    const refused = dead === 0 ? "" : ` Refused for good: ${dead.toLocaleString("en")}.`;
    byId("outbox-hint", HTMLParagraphElement).textContent = hint + refused;
    const words = `Records in the outbox in the last two minutes: ${pending} now, ${most} at most`;
    this.#outboxChart.draw(words, STATUS_SAMPLES, Math.max(OUTBOX_TOP_MIN, most), this.#pending);
  }

  #showBreaker(/** @type {Outbox} */ { blocked, attempts = 0, breaker = "closed" }) {
    const state = Object.hasOwn(BREAKER_LEVELS, breaker) ? breaker : "closed";
    push(this.#levels, blocked ? BREAKER_LEVEL_MAX : BREAKER_LEVELS[state]);
    const words = blocked ? "Blocked" : BREAKER_WORDS[state];
    show("breaker", words, blocked ? "open" : state);
    byId("breaker-hint", HTMLParagraphElement).textContent = breakerHint(state, blocked, attempts);
    const chartWords = `The breaker in the last two minutes, open being high: ${words} now`;
    this.#breakerChart.draw(chartWords, STATUS_SAMPLES, BREAKER_LEVEL_MAX, this.#levels);
  }

  /**
   * @param {Headroom | null} headroom
   * @param {Problem | null} problem
   * @param {number} waitMs
   */
  #showHeadroom(headroom, problem, waitMs) {
    const hint = byId("headroom-hint", HTMLParagraphElement);
    const seconds = plural(Math.ceil(waitMs / 1000), "second", "seconds");
    if (problem !== null) hint.textContent = `${problemWords(problem)} Asked again in ${seconds}.`;
    else if (waitMs > INTERVAL_MS) hint.textContent = `Few: this panel waits ${seconds}.`;
    else hint.textContent = "This panel asks every 3 s, and less when few are left.";
    if (headroom === null) {
      if (problem === null) show("headroom", "No limit");
      return;
    }
    const { left, quota } = headroom;
    push(this.#left, left);
    show("headroom", `${left} of ${quota}`, left === 0 ? "open" : "closed");
    const words = `Requests left in the last two minutes: ${left} of ${quota} now`;
    this.#headroomChart.draw(words, STATUS_SAMPLES, quota, this.#left);
  }
}

/**
 * @param {keyof typeof BREAKER_WORDS} state
 * @param {boolean} blocked
 * @param {number} attempts
 */
function breakerHint(state, blocked, attempts) {
  if (blocked) return "The central API refuses this room, and an operator has to mend that.";
  switch (state) {
    case "closed":
      return "Batches go to the central API.";
    case "half_open":
      return "One batch at a time finds out whether the central API is back.";
    case "open":
      return `${plural(attempts, "attempt has", "attempts in a row have")} failed; the room waits before the next.`;
  }
}

/**
 * @param {string} name
 * @param {string} words
 * @param {string} [level] how bad it is
 */
function show(name, words, level = "closed") {
  const value = byId(`${name}-value`, HTMLElement);
  value.textContent = words;
  value.dataset.level = level;
}

/** @param {RoomStatus} status */
function showFacts({ epoch, seq, confirmed, connections, users }) {
  const fact = (/** @type {string} */ name) => byId(`fact-${name}`, HTMLElement);
  fact("people").textContent = `${users.toLocaleString("en")}, ${connections.toLocaleString("en")}`;
  fact("seq").textContent = seq.toLocaleString("en");
  fact("confirmed").textContent = confirmed.toLocaleString("en");
  fact("epoch").textContent = epoch === null ? "none yet" : epoch.slice(0, EPOCH_SHOWN);
  fact("epoch").title = epoch ?? "";
}

/**
 * @param {number[]} samples
 * @param {number} value
 */
function push(samples, value) {
  samples.push(value);
  if (samples.length > STATUS_SAMPLES) samples.shift();
}
