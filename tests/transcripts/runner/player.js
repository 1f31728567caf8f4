// Plays a transcript's events to one build of the core, as the Durable Object would: it carries out
// the effects, keeps what is stored, answers loads at once, and lets nothing happen that the core
// did not ask for. What came of each event is told as lines.
//
// It knows of an effect what the host must do, and no rule of the room. js-shim/room-runtime.js and
// js-shim/effects.js are the host that ships.

import { EffectType, FrameKind, RoomStatus } from "../../../js-shim/abi.generated.js";
import { TranscriptError } from "./document.js";
import {
  eventName,
  eventType,
  eventWords,
  labelled,
  layOut,
  showEffect,
  showRefusal,
  showTime,
  slotsOf,
} from "./vocabulary.js";

/**
 * @import { Build, Effect, Instance } from "./builds.js"
 * @import { Step } from "./document.js"
 */

const encoder = new TextEncoder();
const NO_BYTES = new Uint8Array();
const UINT32_MAX = 0xffff_ffff;
const UINT64_MAX = 0xffff_ffff_ffff_ffffn;

/** A frame whose message waits for the flush. @typedef {{ socket: number, kind: number, payload: Uint8Array }} KeptFrame */

/**
 * The instance to come, and where it traps on its way to being restored, though no build does.
 * @typedef {{ seed: bigint, traps: { type: number, record: number } | null }} Successor
 */

/**
 * What an instance could not go on from: the event, its target, the status of its refusal (0 for a
 * trap) and the record that was at work (0 for none).
 * @typedef {{ type: number, target: number, status: number, record: number }} Failure
 */

/** Reads the options of one step, and refuses those that nothing reads. */
class Options {
  /** @param {string} file @param {Step} step */
  constructor(file, step) {
    this.file = file;
    this.step = step;
    this.unread = new Set([...step.options.keys(), ...step.flags]);
  }

  /** @param {string} what @returns {never} */
  fail(what) {
    throw new TranscriptError(this.file, this.step.line, what);
  }

  /** @param {string} name */
  text(name) {
    this.unread.delete(name);
    return this.step.options.get(name);
  }

  /** @param {string} name @param {number} [fallback] */
  number(name, fallback) {
    const text = this.text(name);
    if (text === undefined && fallback !== undefined) return fallback;
    const number = Number(text);
    if (text === undefined || !/^\d+$/.test(text) || number > UINT32_MAX) {
      return this.fail(`${this.step.name} needs ${name}=, a whole number`);
    }
    return number;
  }

  /** @returns {bigint} */
  seed() {
    const text = this.text("seed") ?? "";
    const seed = /^\d+$/.test(text) ? BigInt(text) : -1n;
    if (seed < 0n || seed > UINT64_MAX) {
      this.fail(`${this.step.name} needs seed=, a whole number of at most 64 bits`);
    }
    return seed;
  }

  /** @returns {Successor} */
  successor() {
    const seed = this.seed();
    const name = this.text("fails");
    if (name === undefined) return { seed, traps: null };
    const type = eventType(name) ?? this.fail(`there is no event ${name}`);
    return { seed, traps: { type, record: this.number("record", 0) } };
  }

  /** @param {string} name */
  flag(name) {
    this.unread.delete(name);
    return this.step.flags.has(name);
  }

  end() {
    const [unread] = this.unread;
    if (unread !== undefined) this.fail(`${this.step.name} does not take ${unread}`);
  }

  /** Also refuses a payload. */
  endWithoutPayload() {
    this.end();
    if (this.step.payload.length > 0) this.fail(`${this.step.name} takes no payload`);
  }
}

export class Player {
  /** @type {Instance | null} */
  #instance = null;
  /** What the next event wakes the room with. @type {{ room: string, next: Successor } | null} */
  #asleep = null;
  /** Why the instance is of no use any more. @type {Failure | null} */
  #failure = null;
  /** Instances in a row that could not be restored. */
  #failures = 0;
  /** Where the instance traps. @type {Successor["traps"]} */
  #traps = null;
  /** The core asked for another instance, which is to have the same event. */
  #rebuildWanted = false;
  #file;
  #build;
  /** @type {string[]} */
  #lines = [];
  /** @type {Options} */
  #options;

  #baseMs = 0;
  #nowMs = 0;
  #room = "";
  /** @type {Uint8Array} */
  #settings = NO_BYTES;

  /** @type {Map<number, Uint8Array>} */
  #state = new Map();
  /** @type {Map<number, { head: Uint8Array, data: Uint8Array }>} */
  #segments = new Map();
  /** The attachments of the open sockets. @type {Map<number, Uint8Array>} */
  #sockets = new Map();
  /** Numbers that sockets and requests have had. @type {Set<number>} */
  #used = new Set();
  /** The socket of the join that is being decided. @type {number | null} */
  #joining = null;
  /** Attempts under way. @type {Set<number>} */
  #attempts = new Set();
  /** Reads from the central API under way. @type {Set<number>} */
  #reads = new Set();
  /** By request, what asks for the rest of its answer. @type {Map<number, Uint8Array>} */
  #rests = new Map();
  #flushScheduled = false;
  /** @type {number | null} */
  #timerAtMs = null;
  /** @type {number | null} */
  #alarmAtMs = null;
  /** The frames of the turn that wait for its flush. @type {KeptFrame[]} */
  #turn = [];
  /** The frame at work. @type {KeptFrame | null} */
  #current = null;

  /** @param {string} file what messages call the transcript @param {Build} build */
  constructor(file, build) {
    this.#file = file;
    this.#build = build;
    this.#options = /** @type {Options} */ (/** @type {unknown} */ (null));
  }

  /**
   * What comes of the next event, as the lines of a transcript.
   * @param {Step} step
   * @returns {Promise<string[]>}
   */
  async play(step) {
    this.#lines = [];
    this.#options = new Options(this.#file, step);
    const goesOn = ["start", "sleep", "damage"].includes(step.name);
    if (this.#failure && !goesOn) this.#fail("the room cannot go on: start or sleep must follow");
    if (step.atMs !== null) this.#nowMs = this.#baseMs + step.atMs;
    await this.#handle(step);
    return this.#lines;
  }

  end() {
    this.#instance?.end();
    this.#instance = null;
  }

  /** @param {string} what @returns {never} */
  #fail(what) {
    return this.#options.fail(what);
  }

  /** A room of which nothing is stored. @param {Step} step */
  async #start(step) {
    const base = this.#options.text("base") ?? "";
    this.#baseMs = Date.parse(base);
    if (!/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(base) || Number.isNaN(this.#baseMs)) {
      this.#fail("start needs base=, a time such as 2027-01-15T08:00:00Z");
    }
    this.#nowMs = this.#baseMs + (step.atMs ?? 0);
    this.#room = this.#options.text("room") ?? this.#fail("start needs room=, its name");
    const seed = this.#options.seed();
    this.#options.end();
    this.#settings = step.payload.length > 0 ? step.payload : encoder.encode("{}");
    this.#state.clear();
    this.#segments.clear();
    this.#sockets.clear();
    this.#used.clear();
    this.#turn = [];
    this.#flushScheduled = false;
    this.#alarmAtMs = null;
    this.#failures = 0;
    await this.#rebuild(this.#room, { seed, traps: null });
  }

  /**
   * The instance is gone, with all that only it knew; what is stored, the sockets and the alarm are
   * still there. The next event finds a new one.
   * @param {Step} step
   */
  #sleep(step) {
    const room = this.#options.text("room") ?? this.#room;
    const next = this.#options.successor();
    this.#options.end();
    if (step.payload.length > 0) this.#settings = step.payload;
    this.end();
    this.#asleep = { room, next };
    this.#failure = null;
    this.#flushScheduled = false;
    this.#timerAtMs = null;
    this.#forgetUnderWay();
    this.#turn = [];
  }

  /** What only the instance that is gone has waited for. */
  #forgetUnderWay() {
    this.#attempts.clear();
    this.#reads.clear();
    this.#rests.clear();
  }

  /**
   * A row holds something else than was written: the state row `id=`, or of the segment `slot=` the
   * data, or its `head`.
   * @param {Step} step
   */
  #damage(step) {
    const isHead = this.#options.flag("head");
    if (this.#options.text("id") !== undefined) {
      const id = this.#options.number("id");
      this.#options.end();
      if (!this.#state.has(id)) this.#fail(`there is no state row ${id}`);
      this.#state.set(id, step.payload);
      return;
    }
    const slot = this.#options.number("slot");
    this.#options.end();
    const segment = this.#segments.get(slot);
    if (!segment) return this.#fail(`slot ${slot} holds nothing`);
    this.#segments.set(slot, { ...segment, [isHead ? "head" : "data"]: step.payload });
  }

  /**
   * A new instance, restored from what is there; if it fails at that, another one that stands in for
   * the room.
   * @param {string} room
   * @param {Successor} next
   * @returns {Promise<boolean>} whether it takes events
   */
  async #rebuild(room, next) {
    this.#traps = next.traps;
    const restored = await this.#restore(room, next.seed, null);
    const failure = this.#failure;
    if (!failure) {
      if (this.#traps) this.#fail("the instance has not come to the event that it was to trap on");
      this.#failures = 0;
      return restored;
    }
    this.#failures++;
    this.#traps = null;
    const standsIn = await this.#restore(room, next.seed, failure);
    if (this.#failure) this.#fail("what stands in for the room fails as well");
    return standsIn;
  }

  /**
   * @param {string} room
   * @param {bigint} seed
   * @param {Failure | null} failure of the instance before, which this one stands in for
   * @returns {Promise<boolean>} whether the core took all of it
   */
  async #restore(room, seed, failure) {
    this.end();
    this.#asleep = null;
    this.#timerAtMs = null;
    this.#forgetUnderWay();
    this.#failure = null;
    this.#instance = this.#build.instance();
    const payload = Buffer.concat([encoder.encode(`${room}\n`), this.#settings]);
    const low = Number(seed & 0xffff_ffffn);
    const high = Number(seed >> 32n);
    if (!(await this.#send("start", low, high, payload))) return false;
    if (failure && !(await this.#hold(failure))) return false;
    for (const [id, data] of ascending(this.#state)) {
      this.#lines.push(`* restoreState id=${id}`);
      if (!(await this.#send("restoreState", id, 0, data))) return false;
    }
    for (const [slot, { head }] of ascending(this.#segments)) {
      this.#lines.push(`* restoreSegment slot=${slot}`);
      if (!(await this.#send("restoreSegment", slot, 0, head))) return false;
    }
    for (const [socket, attachment] of ascending(this.#sockets)) {
      this.#lines.push(`* restoreConnection socket=${socket}`);
      if (!(await this.#send("restoreConnection", socket, 0, attachment))) return false;
    }
    this.#lines.push("* restored");
    return this.#send("restored", 0, 0, NO_BYTES);
  }

  /** @param {Failure} failure */
  #hold({ type, target, status, record }) {
    const payload = encoder.encode(`${status}\n${record}\n${this.#failures}`);
    const words = `* held event=${eventName(type)} target=${target}`;
    this.#lines.push(...layOut(words, labelled("", payload)));
    return this.#send("held", type, target, payload);
  }

  /** A timer or an alarm: not before it is due. @param {Step} step */
  async #due(step) {
    const dueMs = step.name === "timer" ? this.#timerAtMs : this.#alarmAtMs;
    if (dueMs === null) return this.#fail(`no ${step.name} is set`);
    if (step.atMs === null) this.#nowMs = Math.max(this.#nowMs, dueMs);
    if (this.#nowMs < dueMs) {
      this.#fail(`the ${step.name} is not due before ${showTime(dueMs, this.#baseMs)}`);
    }
    const next = this.#successor();
    this.#options.endWithoutPayload();
    if (step.name === "timer") this.#timerAtMs = null;
    else this.#alarmAtMs = null;
    await this.#sendOrRebuild(next, step.name, 0, 0, NO_BYTES);
  }

  /** @param {Step} step */
  async #handle(step) {
    switch (step.name) {
      case "start":
        return this.#start(step);
      case "sleep":
        return this.#sleep(step);
      case "damage":
        return this.#damage(step);
      case "timer":
      case "alarm":
        return this.#due(step);
      case "connect":
        return this.#connect(step);
      case "frame":
        return this.#frame(step);
      case "closed":
        return this.#closed();
      case "flush":
        return this.#flush();
      case "request":
        return this.#request(step);
      case "rest":
        return this.#rest();
      case "attemptResult":
        return this.#attemptResult(step);
      case "fetched":
        return this.#fetched(step);
      case "raw":
        return this.#raw(step);
      default:
        return this.#other(step);
    }
  }

  /** @param {string} word the option that holds the number */
  #newNumber(word) {
    const number = this.#options.number(word);
    if (this.#used.has(number)) this.#fail(`there was a socket or request ${number} before`);
    this.#used.add(number);
    return number;
  }

  /** @param {Step} step */
  async #connect(step) {
    const socket = this.#newNumber("socket");
    const next = this.#successor();
    this.#options.end();
    this.#joining = socket;
    await this.#sendOrRebuild(next, "connect", socket, 0, step.payload);
    this.#joining = null;
  }

  /** The socket that the step names. */
  #openSocket() {
    const socket = this.#options.number("socket");
    if (!this.#sockets.has(socket)) this.#fail(`socket ${socket} is not open`);
    return socket;
  }

  /** Text, unless a flag says otherwise. */
  #kind() {
    if (this.#options.flag("oversize")) return FrameKind.oversize;
    return this.#options.flag("binary") ? FrameKind.binary : FrameKind.text;
  }

  /** @param {Step} step */
  async #frame(step) {
    const frame = { socket: this.#openSocket(), kind: this.#kind(), payload: step.payload };
    const seed = this.#trapSeed();
    const times = this.#options.number("times", 1);
    this.#options.end();
    if (seed === undefined) await this.#repeat(times, () => this.#sendFrame(frame));
    else await this.#recover(seed, [frame]);
  }

  /**
   * The same again and again; what comes of it is told once for as long as it does not change.
   * @param {number} times
   * @param {() => Promise<void>} once
   */
  async #repeat(times, once) {
    const told = this.#lines;
    let last = "";
    let alike = 0;
    const tellAlike = () => {
      if (alike > 0) told.push(`* the same again, ${alike === 1 ? "once" : `${alike} times`}`);
      alike = 0;
    };
    for (let i = 0; i < times; i++) {
      this.#lines = [];
      await once();
      const text = this.#lines.join("\n");
      if (i > 0 && text === last) {
        alike++;
        continue;
      }
      tellAlike();
      told.push(...this.#lines);
      last = text;
    }
    tellAlike();
    this.#lines = told;
  }

  /** The seed of the instance to come, when this one is to trap on the event. */
  #trapSeed() {
    return this.#options.flag("traps") ? this.#options.seed() : undefined;
  }

  /** @param {KeptFrame} frame */
  async #sendFrame(frame) {
    this.#current = frame;
    await this.#send("frame", frame.socket, frame.kind, frame.payload);
    this.#current = null;
  }

  async #flush() {
    const seed = this.#trapSeed();
    this.#options.endWithoutPayload();
    if (!this.#flushScheduled) this.#fail("no flush is scheduled");
    this.#flushScheduled = false;
    if (seed === undefined) await this.#send("flush", 0, 0, NO_BYTES);
    else await this.#recover(seed, this.#turn);
    this.#turn = [];
  }

  /**
   * A new instance in place of one that trapped. The frames of the turn are given to it again, all
   * but those that are to blame; whoever sent one of those is told.
   * @param {bigint} seed
   * @param {KeptFrame[]} dropped
   */
  async #recover(seed, dropped) {
    const again = this.#turn.filter((frame) => !dropped.includes(frame));
    this.#turn = [];
    await this.#rebuild(this.#room, { seed, traps: null });
    for (const socket of new Set(dropped.map((frame) => frame.socket))) {
      this.#lines.push(`* trapped socket=${socket}`);
      await this.#send("trapped", socket, 0, NO_BYTES);
    }
    for (const frame of again) {
      const payload = labelled("", frame.payload);
      this.#lines.push(...layOut(`* frame socket=${frame.socket}`, payload));
      await this.#sendFrame(frame);
    }
  }

  async #closed() {
    const socket = this.#openSocket();
    const code = this.#options.number("code", 1000);
    this.#options.endWithoutPayload();
    this.#sockets.delete(socket);
    await this.#send("closed", socket, code, NO_BYTES);
  }

  /** @param {Step} step */
  async #request(step) {
    const request = this.#newNumber("request");
    const kind = this.#kind();
    const next = this.#successor();
    this.#options.end();
    await this.#sendOrRebuild(next, "request", request, kind, step.payload);
  }

  /** The instance in whose place the core may want another one by this step; null: it may not. */
  #successor() {
    return this.#options.step.options.has("seed") ? this.#options.successor() : null;
  }

  /**
   * Should the core ask for another instance in its place, that one gets the same event.
   * @param {Successor | null} next
   * @param {string} name @param {number} target @param {number} number @param {Uint8Array} payload
   */
  async #sendOrRebuild(next, name, target, number, payload) {
    this.#rebuildWanted = false;
    const taken = await this.#send(name, target, number, payload);
    if (!this.#rebuildWanted) {
      if (next) this.#fail("the room asks for no other instance: seed= is of no use");
      return;
    }
    if (!taken || !next) return this.#fail("the room asks for another instance, which needs seed=");
    if (await this.#rebuild(this.#room, next)) await this.#send(name, target, number, payload);
  }

  /** The client has taken a part of an answer, and there is more. */
  async #rest() {
    const request = this.#options.number("request");
    this.#options.endWithoutPayload();
    const operation = this.#rests.get(request);
    if (!operation) return this.#fail(`of request ${request} there is no rest`);
    this.#rests.delete(request);
    await this.#send("request", request, FrameKind.text, operation);
  }

  /** @param {Step} step */
  async #fetched(step) {
    const read = this.#options.number("read");
    const status = this.#options.number("status");
    this.#options.end();
    if (!this.#reads.delete(read)) this.#fail(`read ${read} is not under way`);
    await this.#send("fetched", read, status, step.payload);
  }

  /** @param {Step} step */
  async #attemptResult(step) {
    const attempt = this.#options.number("attempt");
    const status = this.#options.number("status");
    const head = `${this.#options.text("retryAfter") ?? ""}\n${this.#options.text("date") ?? ""}\n`;
    this.#options.end();
    if (!this.#attempts.delete(attempt)) this.#fail(`attempt ${attempt} is not under way`);
    const payload = Buffer.concat([encoder.encode(head), step.payload]);
    await this.#send("attemptResult", attempt, status, payload);
  }

  /** An event that the host would not send, or not now: `raw NAME` or `raw NUMBER`. @param {Step} step */
  async #raw(step) {
    const [name] = step.flags;
    if (name === undefined) this.#fail("raw needs the name or the number of an event");
    this.#options.flag(name);
    const type = eventType(name) ?? Number(name);
    if (!Number.isInteger(type)) this.#fail(`there is no event ${name}`);
    await this.#sendType(type, ...this.#fields(name), step.payload);
  }

  /** An event of which the player knows nothing but what it is called. @param {Step} step */
  async #other(step) {
    await this.#send(step.name, ...this.#fields(step.name), step.payload);
  }

  /** @param {string} name @returns {[number, number]} target and number */
  #fields(name) {
    const words = eventWords(name);
    const target = this.#options.number(words.target, 0);
    const number = this.#options.number(words.number, 0);
    this.#options.end();
    return [target, number];
  }

  /**
   * @param {string} name @param {number} target @param {number} number @param {Uint8Array} payload
   * @returns {Promise<boolean>} whether the core took it
   */
  #send(name, target, number, payload) {
    return this.#sendType(eventType(name), target, number, payload);
  }

  /**
   * @param {number} type @param {number} target @param {number} number @param {Uint8Array} payload
   * @returns {Promise<boolean>}
   */
  async #sendType(type, target, number, payload) {
    if (this.#asleep && !(await this.#rebuild(this.#asleep.room, this.#asleep.next))) return false;
    if (this.#traps?.type === type) return this.#trap(this.#traps, target);
    const instance = /** @type {Instance} */ (this.#instance);
    const event = { type, target, number, nowMs: this.#nowMs, payload };
    const { status, effects } = await instance.event(event);
    if (status < 0) {
      if (status === RoomStatus.corrupt) this.#failure = { type, target, status, record: 0 };
      this.#lines.push(showRefusal(status));
      return false;
    }
    for (const [i, effect] of effects.entries()) {
      this.#lines.push(...showEffect(effect, this.#baseMs));
      this.#carryOut(effect);
      if (effect.type !== EffectType.load) continue;
      if (i !== effects.length - 1) this.#fail("load is not the last effect of its list");
      await this.#load(effect);
    }
    return this.#failure === null;
  }

  /** @param {NonNullable<Successor["traps"]>} traps @param {number} target */
  #trap({ type, record }, target) {
    this.#traps = null;
    this.#failure = { type, target, status: 0, record };
    this.#lines.push(record > 0 ? `* traps on record ${record}` : "* traps");
    return false;
  }

  /** @param {Effect} effect */
  async #load(effect) {
    for (const slot of slotsOf(effect)) {
      const segment = this.#segments.get(slot);
      if (!segment) return this.#fail(`the room loads slot ${slot}, which holds nothing`);
      this.#lines.push(`* loaded slot=${slot}`);
      if (!(await this.#send("loaded", slot, 0, segment.data))) return;
    }
    this.#lines.push("* loadEnd");
    await this.#send("loadEnd", 0, 0, NO_BYTES);
  }

  /** What the host remembers of an effect. @param {Effect} effect */
  #carryOut({ type, target, value, data, extra }) {
    switch (type) {
      case EffectType.accept:
        if (target !== this.#joining) this.#fail(`the room accepts socket ${target}, unasked`);
        this.#sockets.set(target, data);
        break;
      case EffectType.attach:
        if (this.#sockets.has(target)) this.#sockets.set(target, data);
        break;
      case EffectType.close:
        this.#sockets.delete(target);
        break;
      case EffectType.putSegment:
        this.#segments.set(target, { head: data, data: extra });
        if (value === 1) this.#turn = [];
        break;
      case EffectType.dropSegment:
        this.#segments.delete(target);
        break;
      case EffectType.putState:
        this.#state.set(target, data);
        break;
      case EffectType.scheduleFlush:
        this.#flushScheduled = true;
        break;
      case EffectType.timer:
        this.#timerAtMs = value < 0 ? null : this.#nowMs + value;
        break;
      case EffectType.alarm:
        this.#alarmAtMs = value;
        break;
      case EffectType.forward:
        this.#attempts.add(target);
        break;
      case EffectType.respondPart:
        this.#rests.set(target, extra);
        break;
      case EffectType.fetch:
        this.#reads.add(target);
        break;
      case EffectType.rebuild:
        this.#rebuildWanted = true;
        break;
      case EffectType.keepFrame:
        if (this.#current) this.#turn.push(this.#current);
        break;
    }
  }
}

/**
 * As the rows of a table come, in the order of their keys.
 * @template T
 * @param {Map<number, T>} map
 * @returns {[number, T][]}
 */
function ascending(map) {
  return [...map].sort(([a], [b]) => a - b);
}
