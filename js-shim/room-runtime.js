// The room's core at work: events in, effects out, and a new instance when one has trapped.
//
// No rule of the room stands here. What does: the order of things. Effects are carried out at
// once, in order, before the next event; the frames of a turn are kept until they are stored; and
// an instance that trapped is dropped, built again from storage and the open sockets, and given
// those frames once more, all but the one that trapped.

import roomModule from "#modules/room.wasm";
import {
  Effect,
  EventType,
  FrameKind,
  Output,
  ROOM_ABI_VERSION,
  RoomStatus,
} from "./abi.generated.js";
import { Answers } from "./answers.js";
import { AppliedEffect } from "./applied-effect.js";
import { joined } from "./bounded-body.js";
import { applyEffect } from "./effects.js";
import { reasonOf } from "./reason.js";
import { settingsText } from "./settings.js";
import { TrapError, WasmHost } from "./wasm-host.js";

const encoder = new TextEncoder();

/** The close code of a room that failed (RFC 6455, section 7.4.1). */
const INTERNAL_ERROR = 1011;

/**
 * @typedef {object} KeptFrame an inbound frame that is not known to be stored
 * @property {number} handle
 * @property {string | ArrayBuffer} message
 */

/** How many traps of a connection are remembered: more than the core ever asks for. */
const TRAP_TIMES_MAX = 16;

/** The core refused an event: the shim and the module do not fit together, or storage is damaged. */
export class RefusedError extends Error {
  /** @param {number} type @param {number} status */
  constructor(type, status) {
    super(`the room refused event ${type} with status ${status}`);
    this.name = "RefusedError";
    this.status = status;
  }
}

/**
 * Why an instance could not be restored.
 * @typedef {object} Failure
 * @property {number} during the event's type
 * @property {number} target and its target
 * @property {number} status of its refusal; 0 for a trap
 * @property {number} seq the record that was at work; 0 for none
 */

/** An event that cost its instance. @param {unknown} error */
function isFatal(error) {
  if (error instanceof RefusedError) return error.status === RoomStatus.corrupt;
  return error instanceof TrapError;
}

export class RoomRuntime {
  /** @type {WasmHost | null} */
  #host = null;
  /** Which instance this is: answers to an older one's attempts are nobody's. */
  #generation = 0;
  /** The frames of the turn that wait for its flush. @type {KeptFrame[]} */
  #turn = [];
  /** The frame at work. @type {KeptFrame | null} */
  #current = null;
  #nextHandle = 1;
  /** @type {Map<WebSocket, number>} */
  #handles = new Map();
  /** When frames of a connection have trapped, by handle. @type {Map<number, number[]>} */
  #traps = new Map();
  /** The event at work. @type {{type: number, target: number}} */
  #at = { type: 0, target: 0 };
  /** Where the instance says which record is at work; 0: not known. */
  #workingSeq = 0;
  /** Instances in a row that could not be restored. */
  #failures = 0;
  #rebuildWanted = false;

  /** The accepted sockets by handle. @type {Map<number, WebSocket>} */
  sockets = new Map();
  /** The socket of the join that is being decided. @type {WebSocket | null} */
  joining = null;
  /** Whether the socket that joined last may compress its messages. */
  mayCompress = false;
  /** Of requests and of joins that are refused. */
  answers = new Answers((number, operation) => {
    this.handle(EventType.request, number, FrameKind.text, operation);
  });
  /** @type {number | null} */
  timer = null;
  flushScheduled = false;
  /** Whether the tables are there; they come with the room's first write. */
  hasSchema = false;

  /**
   * @param {DurableObjectState} ctx
   * @param {Record<string, unknown>} env
   */
  constructor(ctx, env) {
    this.ctx = ctx;
    this.env = env;
    /** Empty where the platform does not tell it, as it may for an alarm. */
    this.name = ctx.id.name ?? "";
  }

  get generation() {
    return this.#generation;
  }

  /** A number that no socket and no request of this object's life has had. */
  newHandle() {
    return this.#nextHandle++;
  }

  /**
   * An HTTP request: its answer, once the core gives it.
   * @param {string} operation
   * @param {Uint8Array | null} body null for one that is too large
   */
  request(operation, body) {
    const number = this.newHandle();
    const answered = this.answers.expect(number);
    const payload = body === null ? operation : joined([encoder.encode(`${operation}\n`), body]);
    const kind = body === null ? FrameKind.oversize : FrameKind.text;
    this.handle(EventType.request, number, kind, payload);
    return answered;
  }

  /**
   * A join: nothing when the socket was accepted, or the refusal.
   * @param {WebSocket} socket
   * @param {string} operation
   */
  join(socket, operation) {
    const handle = this.newHandle();
    const refused = this.answers.expect(handle);
    this.joining = socket;
    try {
      this.handle(EventType.connect, handle, 0, operation);
    } catch (error) {
      this.#dropAccepted(handle);
      throw error;
    }
    if (!this.sockets.has(handle)) return refused;
    this.answers.forget(handle);
    return undefined;
  }

  /** A socket whose join failed after it was accepted has no client. @param {number} handle */
  #dropAccepted(handle) {
    const socket = this.sockets.get(handle);
    if (!socket) return;
    this.removeSocket(handle);
    socket.close(INTERNAL_ERROR);
    this.background(EventType.closed, handle, INTERNAL_ERROR);
  }

  /**
   * The handle of a socket that an event has come from; undefined when the room does not know it,
   * or has sent it away.
   * @param {WebSocket} socket
   */
  handleOf(socket) {
    try {
      this.#open(socket);
    } catch (error) {
      throw this.#fail(error);
    }
    return this.#handles.get(socket);
  }

  /** @param {number} handle @param {WebSocket} socket */
  addSocket(handle, socket) {
    this.sockets.set(handle, socket);
    this.#handles.set(socket, handle);
  }

  /** @param {number} handle */
  removeSocket(handle) {
    const socket = this.sockets.get(handle);
    if (socket) this.#handles.delete(socket);
    this.sockets.delete(handle);
    this.#traps.delete(handle);
  }

  /** The instance has asked for another one in its place. */
  wantRebuild() {
    this.#rebuildWanted = true;
  }

  /**
   * Gives the core an event and carries out what it answers. An event that traps costs itself and
   * nothing else: TrapError is thrown after the room has been rebuilt.
   * @param {number} type
   * @param {number} [target]
   * @param {number} [number]
   * @param {string | ArrayBuffer | Uint8Array} [payload]
   */
  handle(type, target = 0, number = 0, payload) {
    this.#rebuildWanted = false;
    try {
      this.#open();
      this.#event(type, target, number, payload);
      if (!this.#rebuildWanted) return;
      this.#host = null;
      this.#open();
      this.#event(type, target, number, payload);
    } catch (error) {
      // What a Worker of another version asks is its own affair: nothing has changed here.
      if (error instanceof RefusedError && error.status === RoomStatus.badPayload) throw error;
      if (!isFatal(error)) throw this.#fail(error);
      this.#report(error, type);
      // Nobody knows which frame of the turn the flush trapped on.
      this.#recover(type === EventType.flush ? this.#turn : [], type);
      throw error;
    }
  }

  /**
   * The same for an event that nobody waits for: a trap in it has been reported, and the room
   * rebuilt.
   * @param {number} type
   * @param {number} [target]
   * @param {number} [number]
   * @param {string | Uint8Array} [payload]
   */
  background(type, target, number, payload) {
    try {
      this.handle(type, target, number, payload);
    } catch (error) {
      if (!isFatal(error)) throw error;
    }
  }

  /** A message from a socket. @param {number} handle @param {string | ArrayBuffer} message */
  frame(handle, message) {
    /** @type {KeptFrame} */
    const kept = { handle, message };
    if (!this.#frameTaken(kept)) this.#recover([kept]);
  }

  /** Whether the instance is still there after it. @param {KeptFrame} kept */
  #frameTaken(kept) {
    this.#current = kept;
    try {
      this.#open();
      this.#frameEvent(kept);
      return true;
    } catch (error) {
      if (!isFatal(error)) throw this.#fail(error);
      this.#report(error, EventType.frame);
      return false;
    } finally {
      this.#current = null;
    }
  }

  /** The end of the turn. A trap in it is told to everybody who sent something. */
  flush() {
    this.flushScheduled = false;
    this.background(EventType.flush);
    this.#turn = [];
  }

  /** The frame at work waits for the flush. */
  keepFrame() {
    if (this.#current) this.#turn.push(this.#current);
  }

  /** Called when a segment has been written: the frames of the turn are in it. */
  turnStored() {
    this.#turn = [];
  }

  /**
   * @param {number} type @param {number} target @param {number} number
   * @param {string | ArrayBuffer | Uint8Array} [payload]
   */
  event(type, target, number, payload) {
    this.#event(type, target, number, payload);
  }

  /**
   * Builds the instance from what is stored, if there is none. If it traps there, or cannot read it,
   * another one stands in for it, which knows what to say; if that one does so too, one that is told
   * nothing of what is stored.
   * @param {WebSocket} [waking] the socket whose event has woken the room
   * @param {number} [trapped] the event that nobody has sent and that the instance before trapped on
   */
  #open(waking, trapped) {
    if (this.#host) return;
    /** @type {Failure | null} */
    let failure = null;
    for (const withRows of [true, true, false]) {
      try {
        this.#restore(withRows, failure, waking, trapped);
        if (!failure) this.#failures = 0;
        return;
      } catch (error) {
        // Half a room must not be taken for a room by the next event.
        const { type, target } = this.#at;
        const isLast = !withRows || type === EventType.start;
        const seq = this.#seqAtWork();
        this.#host = null;
        if (!isFatal(error) || isLast) throw error;
        this.#report(error, type);
        if (!failure) this.#failures++;
        failure ??= {
          during: type,
          target,
          status: error instanceof RefusedError ? error.status : 0,
          seq,
        };
      }
    }
  }

  /** Of the instance, which may have trapped; 0 for none. */
  #seqAtWork() {
    if (!this.#host || this.#workingSeq === 0) return 0;
    this.#host.refresh();
    return this.#host.f64(this.#workingSeq);
  }

  /**
   * @param {boolean} withRows
   * @param {Failure | null} failure why the instance before could not be restored
   * @param {WebSocket} [waking]
   * @param {number} [trapped]
   */
  #restore(withRows, failure, waking, trapped) {
    this.#generation++;
    this.#workingSeq = 0;
    const host = new WasmHost(roomModule, "room", ROOM_ABI_VERSION);
    this.#host = host;
    const [low, high] = crypto.getRandomValues(new Uint32Array(2));
    const payload = `${this.name}\n${settingsText(this.env)}`;
    this.#event(EventType.start, low, high, payload);
    this.#workingSeq = host.u32(host.call("room_output") + Output.workingSeq);
    if (failure) {
      const { during, target, status, seq } = failure;
      this.#event(EventType.held, during, target, `${status}\n${seq}\n${this.#failures}`);
    } else if (trapped !== undefined) {
      this.#event(EventType.trapped, 0, trapped);
    }
    const { sql } = this.ctx.storage;
    this.hasSchema = hasTables(sql);
    if (this.hasSchema && withRows) {
      for (const row of sql.exec("SELECT id, data FROM state")) {
        this.#event(EventType.restoreState, Number(row.id), 0, blob(row.data));
      }
      for (const row of sql.exec("SELECT slot, head FROM segments")) {
        this.#event(EventType.restoreSegment, Number(row.slot), 0, blob(row.head));
      }
    }
    const sockets = new Set(this.ctx.getWebSockets());
    if (waking) sockets.add(waking);
    for (const socket of sockets) {
      // Sockets that are closing stay listed for a while. They are nobody any more, but for the
      // one whose end the room is about to be told.
      if (socket === waking || socket.readyState === WebSocket.OPEN) this.#restoreSocket(socket);
    }
    this.#event(EventType.restored, 0, 0);
  }

  /** @param {WebSocket} socket */
  #restoreSocket(socket) {
    const attachment = socket.deserializeAttachment();
    if (!(attachment instanceof Uint8Array)) return; // it was never accepted
    let handle = this.#handles.get(socket);
    if (handle === undefined) {
      handle = this.newHandle();
      this.addSocket(handle, socket);
    }
    this.#event(EventType.restoreConnection, handle, 0, attachment);
  }

  /**
   * @param {number} type @param {number} target @param {number} number
   * @param {string | ArrayBuffer | Uint8Array} [payload]
   */
  #event(type, target, number, payload) {
    this.#at = { type, target };
    const host = /** @type {WasmHost} */ (this.#host);
    const size = payload === undefined ? 0 : host.write(payload);
    if (size < 0) throw new RefusedError(type, size);
    this.#call(host, type, target, number, size);
  }

  /** @param {KeptFrame} kept */
  #frameEvent({ handle, message }) {
    const host = /** @type {WasmHost} */ (this.#host);
    const size = host.write(message);
    const kind =
      size < 0
        ? FrameKind.oversize
        : typeof message === "string"
          ? FrameKind.text
          : FrameKind.binary;
    this.#call(host, EventType.frame, handle, kind, Math.max(size, 0));
  }

  /**
   * @param {WasmHost} host @param {number} type @param {number} target @param {number} number
   * @param {number} size of the payload, which stands in the input buffer already
   */
  #call(host, type, target, number, size) {
    const count = host.call("room_event", type, target, number, Date.now(), size);
    if (count < 0) throw new RefusedError(type, count);
    if (count > 0) this.#applyAll(host, count);
  }

  /** @param {WasmHost} host @param {number} count */
  #applyAll(host, count) {
    const output = host.call("room_output");
    host.refresh();
    const records = host.u32(output + Output.effects);
    const data = host.u32(output + Output.data);
    for (let i = 0; i < count; i++) {
      applyEffect(this, new AppliedEffect(host, records + i * Effect.SIZE, data));
    }
  }

  /**
   * A new instance in place of the one that trapped. The frames of the turn that are not stored
   * are given to it again, all but those that are to blame; whoever sent one of those is told.
   * Should one of the others trap as well, the same begins anew without it.
   * @param {KeptFrame[]} dropped
   * @param {number} [during] the event, if it was no frame
   */
  #recover(dropped, during) {
    let again = this.#turn.filter((kept) => !dropped.includes(kept));
    let blamed = dropped;
    for (;;) {
      this.#rebuild(blamed, blamed.length === 0 ? during : undefined);
      const at = again.findIndex((kept) => !this.#frameTaken(kept));
      if (at < 0) return;
      const trapped = again[at];
      blamed = [trapped];
      // Of those before it, the ones that wait for the flush.
      again = [...this.#turn, ...again.slice(at + 1)].filter((kept) => kept !== trapped);
    }
  }

  /** @param {KeptFrame[]} blamed @param {number} [during] */
  #rebuild(blamed, during) {
    this.#host = null;
    this.#turn = [];
    // What they asked for may or may not have happened: they have to ask again.
    const lost = new Error("the room was rebuilt before it could answer");
    this.answers.fail(lost);
    clearTimeout(this.timer);
    const handles = new Set(blamed.map((kept) => kept.handle));
    try {
      this.#open(undefined, during);
      for (const handle of handles) {
        // Where several may be to blame nobody is reckoned with.
        const times = handles.size === 1 ? this.#trapTimes(handle) : [];
        this.#event(EventType.trapped, handle, 0, times.join("\n"));
      }
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** When frames of a connection have trapped, with now. @param {number} handle */
  #trapTimes(handle) {
    const times = [...(this.#traps.get(handle) ?? []), Date.now()].slice(-TRAP_TIMES_MAX);
    if (this.sockets.has(handle)) this.#traps.set(handle, times);
    return times;
  }

  /**
   * What storage refused, or an instance that cannot even be built: nothing of this turn may be
   * told to anybody. The object is reset; its clients come back and recover.
   * @param {unknown} error
   */
  #fail(error) {
    const reason = reasonOf(error);
    console.error(JSON.stringify({ level: "error", room: this.name, event: "reset", reason }));
    this.ctx.abort(reason);
    return error;
  }

  /** @param {unknown} error @param {number} type */
  #report(error, type) {
    console.error(
      JSON.stringify({
        level: "error",
        room: this.name,
        event: error instanceof TrapError ? "trap" : "corrupt",
        during: nameOf(type),
        reason: reasonOf(error),
      }),
    );
  }
}

/** @param {number} type */
function nameOf(type) {
  const found = Object.entries(EventType).find(([, value]) => value === type);
  return found ? found[0] : String(type);
}

/** @param {SqlStorage} sql */
function hasTables(sql) {
  return sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'segments'").toArray().length > 0;
}

/** @param {SqlStorageValue} value */
function blob(value) {
  if (!(value instanceof ArrayBuffer)) throw new Error("a stored row holds no bytes");
  return value;
}
