/**
 * An outage on purpose, to see what rooms do meanwhile: `GET` and `PUT /api/local-central/answering`
 * say and choose whether this endpoint answers, as `{"answering":false}`. The demo page asks through
 * the edge (scripts/dev.js), so the path is one that the edge passes on.
 */

import { answer } from "../http.js";
import { OUTAGE_PATIENCE_MS, OUTAGE_RETRY_AFTER_S } from "../limits.js";

/**
 * @typedef {import("../http.js").HttpAnswer} HttpAnswer
 * @typedef {import("./sigv4.js").Received} Received
 */

const PATH = "/api/local-central/answering";

export class Outage {
  #isOn = false;
  /** @type {Set<() => void>} requests that wait for its end */
  #waiting = new Set();

  /**
   * @param {Received} request
   * @returns {HttpAnswer | undefined} undefined: it is about something else
   */
  serve({ method, url, headers, body }) {
    if (url.split("?")[0] !== PATH) return undefined;
    if (method === "PUT") {
      // A page of another origin can't send this without asking first, and nobody answers that.
      const type = headers["content-type"]?.split(";")[0].trim();
      if (type !== "application/json") return answer(415, { message: "Unsupported Media Type" });
      const isAnswering = readChoice(body);
      if (isAnswering === undefined) return answer(400, { message: 'send {"answering":true}' });
      this.#set(!isAnswering);
    } else if (method !== "GET") {
      return answer(405, { message: "Method Not Allowed" }, { allow: "GET, PUT" });
    }
    return answer(200, { answering: !this.#isOn }, { "cache-control": "no-store" });
  }

  /**
   * Waits a while for the end of an outage.
   *
   * @returns {Promise<HttpAnswer | undefined>} what is answered in one; undefined: there is none
   */
  async refusal() {
    if (this.#isOn) await this.#endOrPatience();
    if (!this.#isOn) return undefined;
    return answer(503, { v: 1, error: "OUTAGE" }, { "retry-after": String(OUTAGE_RETRY_AFTER_S) });
  }

  #set(/** @type {boolean} */ isOn) {
    this.#isOn = isOn;
    if (!isOn) for (const goOn of [...this.#waiting]) goOn();
  }

  /** @returns {Promise<void>} */
  #endOrPatience() {
    return new Promise((resolve) => {
      const goOn = () => {
        clearTimeout(timer);
        this.#waiting.delete(goOn);
        resolve();
      };
      const timer = setTimeout(goOn, OUTAGE_PATIENCE_MS);
      this.#waiting.add(goOn);
    });
  }
}

/** @param {Buffer} body */
function readChoice(body) {
  try {
    const { answering } = JSON.parse(body.toString("utf8"));
    return typeof answering === "boolean" ? answering : undefined;
  } catch {
    return undefined;
  }
}
