// The Worker's core at work: requests in, decisions out (worker/abi.h).

import edgeModule from "#modules/edge.wasm";
import {
  EDGE_ABI_VERSION,
  EDGE_REQUEST_LINES,
  EdgeConfiguration,
  EdgeDecision,
  EdgeKvOperation,
  EdgeLogLevel,
  EdgeOutput,
  EdgePassedHeaders,
  EdgeRequestLine,
} from "./abi.generated.js";
import { isBinding, settingsText } from "./settings.js";
import { WasmHost } from "./wasm-host.js";

/** The headers that the core looks at, and the line of each. @type {[string, number][]} */
const HEADER_LINES = [
  ["cf-connecting-ip", EdgeRequestLine.clientAddress],
  ["origin", EdgeRequestLine.origin],
  ["upgrade", EdgeRequestLine.upgrade],
  ["sec-websocket-protocol", EdgeRequestLine.protocols],
  ["authorization", EdgeRequestLine.authorization],
  ["access-control-request-method", EdgeRequestLine.corsMethod],
  ["access-control-request-headers", EdgeRequestLine.corsHeaders],
  ["traceparent", EdgeRequestLine.traceparent],
  ["cf-ray", EdgeRequestLine.ray],
];

/** @typedef {ReturnType<EdgeCore["decide"]>} Decision */
/** @typedef {ReturnType<EdgeCore["planKv"]>[number]} KvOperation */

export class EdgeCore {
  #host = new WasmHost(edgeModule, "edge", EDGE_ABI_VERSION);
  #logThreshold;

  /** What keys in KV are hashed with; empty when there is no secret for it. */
  secret;
  /** Where rooms are made, as a hint, and the jurisdiction that they stay in; empty for none. */
  #location;
  #jurisdiction;

  /**
   * A core that has taken over the settings. To be made while a request is handled: before that
   * the platform gives no random numbers.
   * @param {{RATE_LIMIT?: unknown}} env
   */
  constructor(env) {
    const seed = crypto.getRandomValues(new Uint32Array(2));
    // Of a binding a core can know no more than that it is there.
    const RATE_LIMIT = isBinding(env.RATE_LIMIT) ? "bound" : "";
    const size = this.#host.write(settingsText({ ...env, RATE_LIMIT }));
    const [record] = this.#records("edge_configure", EdgeConfiguration.SIZE, size, ...seed);
    this.secret = record.text(EdgeConfiguration.secret);
    this.#location = record.text(EdgeConfiguration.location);
    this.#jurisdiction = record.text(EdgeConfiguration.jurisdiction);
    this.#logThreshold = record.u32(EdgeConfiguration.logThreshold);
    this.log(record.u32(EdgeConfiguration.logLevel), record.text(EdgeConfiguration.log));
  }

  /**
   * @param {Request} request
   * @param {number} now
   * @param {{ verified: string, requestId: string, traceparent: string }} [earlier] what was found out
   *   about its token, and what it was called before that
   */
  decide(request, now, earlier) {
    const lines = new Array(EDGE_REQUEST_LINES).fill("");
    lines[EdgeRequestLine.method] = request.method;
    lines[EdgeRequestLine.url] = request.url;
    for (const [name, line] of HEADER_LINES) lines[line] = request.headers.get(name) ?? "";
    if (earlier) {
      lines[EdgeRequestLine.verified] = earlier.verified;
      lines[EdgeRequestLine.ray] = earlier.requestId;
      lines[EdgeRequestLine.traceparent] = earlier.traceparent;
    }
    const size = this.#host.write(lines.join("\n"));
    const [record] = this.#records("edge_request", EdgeDecision.SIZE, size, now);
    const decision = {
      action: record.u32(EdgeDecision.action),
      status: record.u32(EdgeDecision.status),
      headers: headerPairs(record.text(EdgeDecision.headers)),
      body: record.text(EdgeDecision.body),
      room: record.text(EdgeDecision.room),
      location: this.#location,
      jurisdiction: this.#jurisdiction,
      protocol: record.text(EdgeDecision.protocol),
      kvDue: record.u32(EdgeDecision.kvDue) === 1,
      url: record.text(EdgeDecision.url),
      cacheKey: record.text(EdgeDecision.cacheKey),
      onward: headerPairs(record.text(EdgeDecision.onward)),
      timeoutMs: record.u32(EdgeDecision.timeoutMs),
      requestId: record.text(EdgeDecision.requestId),
      traceparent: record.text(EdgeDecision.traceparent),
      route: record.text(EdgeDecision.route),
      policy: record.text(EdgeDecision.policy),
    };
    const log = record.text(EdgeDecision.log);
    if (log !== "") this.logOf(decision, record.u32(EdgeDecision.logLevel), JSON.parse(log));
    return decision;
  }

  /**
   * Which headers of a request or an answer pass on to the other side.
   * @param {number} set an EdgeHeaderSet
   * @param {Headers} headers
   * @param {number} [status] of an answer
   */
  passHeaders(set, headers, status = 0) {
    const lines = Array.from(headers, ([name, value]) => `${name}: ${value}\n`).join("");
    const size = this.#host.write(lines);
    const [record] = this.#records("edge_pass_headers", EdgePassedHeaders.SIZE, set, status, size);
    const passed = new Headers();
    for (const [name, value] of headerPairs(record.text(EdgePassedHeaders.headers))) {
      passed.append(name, value);
    }
    return {
      headers: passed,
      status: record.u32(EdgePassedHeaders.status),
      body: record.text(EdgePassedHeaders.body),
      cacheable: record.u32(EdgePassedHeaders.cacheable) === 1,
    };
  }

  /** What is to be done in KV. @param {number} now */
  planKv(now) {
    return this.#records("edge_kv_plan", EdgeKvOperation.SIZE, now).map((record) => ({
      type: record.u32(EdgeKvOperation.type),
      id: record.u32(EdgeKvOperation.id),
      name: record.text(EdgeKvOperation.name),
      value: record.text(EdgeKvOperation.value),
      ttl: record.u32(EdgeKvOperation.ttlS),
    }));
  }

  /**
   * The result of an operation; the core ignores one that it no longer waits for.
   * @param {number} operation
   * @param {number} outcome
   * @param {number} now
   * @param {string | ArrayBuffer} [payload]
   */
  kvResult(operation, outcome, now, payload = "") {
    const size = Math.max(this.#host.write(payload), 0);
    this.#host.call("edge_kv_result", operation, outcome, size, now);
  }

  /**
   * A line of the log about a request.
   * @param {{ requestId: string, traceparent: string }} of
   * @param {number} level
   * @param {object} fields
   */
  logOf({ requestId, traceparent }, level, fields) {
    this.log(level, { ...fields, request: requestId, trace: traceparent.split("-")[1] });
  }

  /**
   * Writes a line of the log, if the settings ask for it.
   * @param {number} level
   * @param {string | object} fields as an object or as its JSON text
   */
  log(level, fields) {
    if (level === EdgeLogLevel.none || level < this.#logThreshold) return;
    writeLog(level, typeof fields === "string" ? JSON.parse(fields) : fields);
  }

  /** @param {string} name @param {number} recordSize @param {number[]} args */
  #records(name, recordSize, ...args) {
    const count = this.#host.call(name, ...args);
    if (count < 0) throw new Error(`${name} was refused with status ${count}`);
    const output = this.#host.call("edge_output");
    this.#host.refresh();
    const first = this.#host.u32(output + EdgeOutput.records);
    const data = this.#host.u32(output + EdgeOutput.data);
    return Array.from({ length: count }, (_, i) => this.#record(first + i * recordSize, data));
  }

  /** Reads a record of the last call; not to be used after the next. @param {number} address @param {number} data */
  #record(address, data) {
    /** @param {number} field */
    const u32 = (field) => this.#host.u32(address + field);
    /** A text: two fields, its offset and behind it its size. @param {number} field */
    const text = (field) => {
      const size = u32(field + 4);
      return size === 0 ? "" : this.#host.text(data + u32(field), size);
    };
    return { u32, text };
  }
}

/** @param {string} lines `name: value`, each ended by a line feed */
function headerPairs(lines) {
  return lines
    .split("\n")
    .slice(0, -1)
    .map((line) => /** @type {[string, string]} */ (line.split(/: (.*)/s, 2)));
}

/** @param {number} level @param {object} fields */
export function writeLog(level, fields) {
  console.log(JSON.stringify({ level: Object.keys(EdgeLogLevel)[level], ...fields }));
}
