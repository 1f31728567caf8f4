/** Turns a request of Node's HTTP server into the event that API Gateway would make of it. */

import { isUtf8 } from "node:buffer";
import { randomUUID } from "node:crypto";

/** Bodies of these types come to a function as text, all others as base64. */
const TEXT_TYPE = /^(?:text\/|application\/(?:json|javascript|xml|x-www-form-urlencoded)\b)/i;

/**
 * Header names are lower case and repeated ones joined with a comma, in Node's form as in the event's.
 *
 * @param {import("node:http").IncomingMessage} request
 * @returns {Record<string, string>}
 */
export function flatHeaders(request) {
  return Object.fromEntries(
    Object.entries(request.headersDistinct).map(([name, values = []]) => [name, values.join(",")]),
  );
}

/**
 * @param {object} received
 * @param {string} received.method
 * @param {string} received.url  path and query as they came
 * @param {Record<string, string>} received.headers
 * @param {Buffer} received.body
 * @param {string} sourceIp
 * @returns {import("../http.js").HttpEvent}
 */
export function httpEvent({ method, url, headers, body }, sourceIp) {
  const queryStart = url.indexOf("?");
  const rawPath = queryStart < 0 ? url : url.slice(0, queryStart);
  const rawQueryString = queryStart < 0 ? "" : url.slice(queryStart + 1);
  const isText = TEXT_TYPE.test(headers["content-type"] ?? "") && isUtf8(body);
  const event = {
    version: "2.0",
    routeKey: "$default",
    rawPath,
    rawQueryString,
    headers,
    queryStringParameters: queryParameters(rawQueryString),
    requestContext: {
      apiId: "local",
      domainName: headers.host,
      http: {
        method,
        path: rawPath,
        protocol: "HTTP/1.1",
        sourceIp,
        userAgent: headers["user-agent"] ?? "",
      },
      requestId: randomUUID(),
      routeKey: "$default",
      stage: "$default",
      timeEpoch: Date.now(),
    },
    isBase64Encoded: body.length > 0 && !isText,
    body: body.length > 0 ? body.toString(isText ? "utf8" : "base64") : undefined,
  };
  return event;
}

/**
 * @param {string} rawQueryString
 * @returns {Record<string, string> | undefined} repeated names joined with a comma
 */
function queryParameters(rawQueryString) {
  if (rawQueryString === "") return undefined;
  /** @type {Map<string, string>} */
  const parameters = new Map();
  for (const [name, value] of new URLSearchParams(rawQueryString)) {
    const before = parameters.get(name);
    parameters.set(name, before === undefined ? value : `${before},${value}`);
  }
  return Object.fromEntries(parameters);
}
