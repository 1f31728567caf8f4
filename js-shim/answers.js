// Who waits for the answer to a request, and the answers that are given part by part.
//
// A part is asked for when the client has taken the one before it, so that a long answer never
// stands in memory as a whole.

const FIRST_ERROR_STATUS = 400;

/**
 * @typedef {object} Parts an answer that has begun
 * @property {ReadableStreamDefaultController<Uint8Array>} controller
 * @property {string} next the operation that asks for the rest
 */

export class Answers {
  #encoder = new TextEncoder();
  /** @type {Map<number, PromiseWithResolvers<Response>>} */
  #waiting = new Map();
  /** @type {Map<number, Parts>} */
  #begun = new Map();
  #askRest;

  /** @param {(number: number, operation: string) => void} askRest asks the core for the next part */
  constructor(askRest) {
    this.#askRest = askRest;
  }

  /** @param {number} number */
  expect(number) {
    const waiting = Promise.withResolvers();
    // Nobody may be left to hear of a failure that was thrown already.
    waiting.promise.catch(() => {});
    this.#waiting.set(number, waiting);
    return waiting.promise;
  }

  /** Nobody waits for it any more. @param {number} number */
  forget(number) {
    this.#waiting.delete(number);
  }

  /** The whole answer, or the last part. @param {number} number @param {number} status @param {Headers} headers @param {string} text */
  answer(number, status, headers, text) {
    const begun = this.#begun.get(number);
    if (!begun) {
      this.#resolve(number, new Response(text, { status, headers }));
      return;
    }
    this.#begun.delete(number);
    if (status >= FIRST_ERROR_STATUS) {
      begun.controller.error(new Error(text));
    } else {
      begun.controller.enqueue(this.#encoder.encode(text));
      begun.controller.close();
    }
  }

  /** A part that is not the last. @param {number} number @param {string} text @param {string} next */
  part(number, text, next) {
    const begun = this.#begun.get(number);
    if (begun) {
      begun.next = next;
      begun.controller.enqueue(this.#encoder.encode(text));
      return;
    }
    const body = new ReadableStream({
      start: (controller) => {
        this.#begun.set(number, { controller, next });
        controller.enqueue(this.#encoder.encode(text));
      },
      pull: () => {
        const { next } = /** @type {Parts} */ (this.#begun.get(number));
        try {
          this.#askRest(number, next);
        } catch (error) {
          this.#begun.delete(number);
          throw error;
        }
      },
      cancel: () => {
        this.#begun.delete(number);
      },
    });
    const headers = { "content-type": "application/x-ndjson" };
    this.#resolve(number, new Response(body, { headers }));
  }

  /** Whoever waits has to ask again. @param {Error} reason */
  fail(reason) {
    for (const waiting of this.#waiting.values()) waiting.reject(reason);
    this.#waiting.clear();
    for (const { controller } of this.#begun.values()) controller.error(reason);
    this.#begun.clear();
  }

  /** @param {number} number @param {Response} response */
  #resolve(number, response) {
    this.#waiting.get(number)?.resolve(response);
    this.#waiting.delete(number);
  }
}
