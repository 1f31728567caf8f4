// @ts-check
/**
 * Questions that the room has not answered yet. Each carries a `ref`, so that answers may come in
 * any order. None outlives its connection.
 *
 * @import { Problem } from "./problem.js"
 */
import { abortable } from "./abortable.js";
import { askedWaitMs, RoomError } from "./problem.js";

/**
 * @typedef {object} Request
 * @property {Record<string, unknown>} frame
 * @property {number} deadlineMs as of performance.now()
 * @property {ReturnType<typeof setTimeout>} timer for the answer
 * @property {ReturnType<typeof setTimeout>} [resendTimer]
 * @property {(answer: any) => void} resolve
 * @property {(error: RoomError) => void} reject
 */

export class Requests {
  /** @type {Map<string | undefined, Request>} by ref */ #waiting = new Map();
  #refs = 0;
  /** @type {(frame: object) => boolean} */ #send;
  /** @type {number} */ #timeoutMs;

  /**
   * @param {(frame: object) => boolean} send whether it could be sent
   * @param {number} timeoutMs for an answer
   */
  constructor(send, timeoutMs) {
    this.#send = send;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * @param {Record<string, unknown>} question
   * @param {AbortSignal} [signal]
   * @returns {Promise<any>} the answer; rejects with a RoomError, or the signal's reason
   */
  ask(question, signal) {
    return abortable(signal, (resolve, reject) => {
      this.#refs += 1;
      const ref = `r-${this.#refs}`;
      const frame = { ...question, ref };
      const timer = setTimeout(() => {
        const detail = `the room did not answer in ${this.#timeoutMs / 1000} s`;
        this.refuse({ code: "unanswered", detail, ref });
      }, this.#timeoutMs);
      const deadlineMs = performance.now() + this.#timeoutMs;
      this.#waiting.set(ref, { frame, deadlineMs, timer, resolve, reject });
      if (!this.#send(frame)) {
        this.refuse({ code: "not_connected", detail: "the room is not connected", ref });
      }
      return () => this.#take(ref);
    });
  }

  /**
   * @param {string | undefined} ref of a question; an answer to none is too late
   * @param {unknown} value
   */
  answer(ref, value) {
    this.#take(ref)?.resolve(value);
  }

  /**
   * Answers the oldest question that something else than a frame of its own answers.
   *
   * @param {(frame: Record<string, any>) => boolean} fits
   * @param {unknown} value
   */
  answerWhere(fits, value) {
    const [ref] = [...this.#waiting].find(([, { frame }]) => fits(frame)) ?? [];
    this.answer(ref, value);
  }

  /**
   * @param {Problem} problem
   * @returns {boolean} whether it is about a question of ours, be it one that nobody waits for any
   *   more: a record has answered it, or it was given up
   */
  refuse(problem) {
    const request = this.#waiting.get(problem.ref);
    if (request === undefined) return problem.ref !== undefined;
    const waitMs = askedWaitMs(problem.retry_after_ms);
    const inTime = performance.now() + waitMs < request.deadlineMs;
    if (problem.code === "rate_limited" && waitMs > 0 && inTime) {
      request.resendTimer = setTimeout(() => this.#send(request.frame), waitMs);
      return true;
    }
    this.#take(problem.ref)?.reject(new RoomError(problem));
    return true;
  }

  /** The connection is gone, and the answers with it. */
  refuseAll(/** @type {Problem} */ problem) {
    for (const ref of this.#waiting.keys()) {
      this.#take(ref)?.reject(new RoomError({ ...problem, ref }));
    }
  }

  #take(/** @type {string | undefined} */ ref) {
    const request = this.#waiting.get(ref);
    this.#waiting.delete(ref);
    clearTimeout(request?.timer);
    clearTimeout(request?.resendTimer);
    return request;
  }
}
