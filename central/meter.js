/** What is counted and timed, as CloudWatch metrics in the namespace Edgeroom. */

import { Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";

/**
 * @typedef {import("./store.js").Result} Result
 * @typedef {Pick<Metrics, "addMetric" | "publishStoredMetrics">} Sink
 */

/** The names are those of alarms and dashboard in template.yaml. */
export const METRIC_NAMESPACE = "Edgeroom";
export const METRIC_SERVICE = "central";

/** @returns {Sink} writes them as lines of log, from which CloudWatch takes them */
export function cloudWatchSink() {
  return new Metrics({ namespace: METRIC_NAMESPACE, serviceName: METRIC_SERVICE });
}

/** For one request: nothing is told before `publish`. */
export class Meter {
  #sink;
  #isEmpty = true;

  /** @param {Sink} [sink]  without one nothing is told at all */
  constructor(sink) {
    this.#sink = sink;
  }

  /**
   * Stored, Duplicate, and by their codes RejectedConflict, RejectedTooLarge, RetryThrottled and
   * RetryUnavailable; each only when there was one.
   *
   * @param {Result[]} results
   */
  countResults(results) {
    /** @type {Map<string, number>} */
    const counts = new Map();
    for (const { status, code = "" } of results) {
      const name = [status, ...code.toLowerCase().split("_")].map(capital).join("");
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    for (const [name, count] of counts) this.count(name, count);
  }

  /** @param {string} name @param {number} [count] */
  count(name, count = 1) {
    this.#isEmpty = false;
    this.#sink?.addMetric(name, MetricUnit.Count, count);
  }

  /** @param {string} name @param {number} ms */
  time(name, ms) {
    this.#isEmpty = false;
    this.#sink?.addMetric(name, MetricUnit.Milliseconds, ms);
  }

  publish() {
    if (!this.#isEmpty) this.#sink?.publishStoredMetrics();
    this.#isEmpty = true;
  }
}

/** @param {string} word */
function capital(word) {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}
