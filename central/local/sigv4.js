/**
 * Checks AWS Signature Version 4 as API Gateway's IAM authoriser does: the signature is computed again
 * over what was received (method, path, query, signed headers, body) and compared.
 */

import { createHash } from "node:crypto";
import aws4 from "aws4";
import { CLOCK_SKEW_MAX_MS } from "../limits.js";
import { sameText } from "./same-text.js";

/**
 * @typedef {{ region: string, accessKeyId: string, secretAccessKey: string,
 *   sessionToken?: string }} Credentials
 * @typedef {{ method: string, url: string, headers: Record<string, string>, body: Buffer }} Received
 *   header names in lower case; `url` is path and query as they came
 * @typedef {{ keyId: string, date: string, region: string, service: string, signedHeaders: string[],
 *   signature: string }} Authorization
 */

const SERVICE = "execute-api";

const AUTHORIZATION = new RegExp(
  "^AWS4-HMAC-SHA256 +" +
    "Credential=([^/, ]+)/([0-9]{8})/([^/, ]+)/([^/, ]+)/aws4_request *, *" +
    "SignedHeaders=([a-z0-9;_-]+) *, *" +
    "Signature=([0-9a-f]{64})$",
);

const AMZ_DATE = /^([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z$/;

/**
 * @param {Received} request
 * @param {Credentials} credentials  the only ones that are accepted
 * @param {number} nowMs
 * @returns {string | undefined} why the request is refused; undefined: it is rightly signed
 */
export function refusal(request, credentials, nowMs) {
  const { headers } = request;
  const authorization = parseAuthorization(headers.authorization);
  if (typeof authorization === "string") return authorization;
  return (
    scopeFault(authorization, credentials) ??
    dateFault(headers["x-amz-date"], authorization.date, nowMs) ??
    tokenFault(headers["x-amz-security-token"], credentials.sessionToken) ??
    signedHeadersFault(headers, authorization.signedHeaders) ??
    bodyFault(headers["x-amz-content-sha256"], request.body) ??
    signatureFault(request, authorization, credentials)
  );
}

/**
 * @param {string | undefined} header
 * @returns {Authorization | string} the parts, or what is wrong
 */
function parseAuthorization(header) {
  if (header === undefined) return "the request is not signed";
  const match = AUTHORIZATION.exec(header);
  if (!match) return "the Authorization header is not one of Signature Version 4";
  const [, keyId, date, region, service, signedHeaders, signature] = match;
  return { keyId, date, region, service, signedHeaders: signedHeaders.split(";"), signature };
}

/**
 * @param {Authorization} authorization
 * @param {Credentials} credentials
 */
function scopeFault({ keyId, region, service }, credentials) {
  if (!sameText(keyId, credentials.accessKeyId)) return "the access key is not known";
  if (region !== credentials.region) {
    return `signed for region ${region}, expected ${credentials.region}`;
  }
  if (service !== SERVICE) return `signed for service ${service}, expected ${SERVICE}`;
  return undefined;
}

/**
 * @param {string | undefined} amzDate
 * @param {string} scopeDate
 * @param {number} nowMs
 */
function dateFault(amzDate, scopeDate, nowMs) {
  const match = AMZ_DATE.exec(amzDate ?? "");
  if (!match) return "x-amz-date is missing or malformed";
  const [, year, month, day, hour, minute, second] = match;
  const signedMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(signedMs)) return "x-amz-date is not a date";
  if (year + month + day !== scopeDate) return "x-amz-date and the credential's date differ";
  const skewMs = signedMs - nowMs;
  if (Math.abs(skewMs) > CLOCK_SKEW_MAX_MS) return `x-amz-date is ${skewMs} ms off this clock`;
  return undefined;
}

/**
 * @param {string | undefined} sent
 * @param {string | undefined} expected
 */
function tokenFault(sent, expected) {
  return sameText(sent ?? "", expected ?? "")
    ? undefined
    : "the session token is not the right one";
}

/**
 * @param {Record<string, string>} headers
 * @param {string[]} signed
 */
function signedHeadersFault(headers, signed) {
  const missing = signed.find((name) => headers[name] === undefined);
  if (missing !== undefined) return `the signed header ${missing} is missing`;
  const mustBeSigned = Object.keys(headers).filter((name) => name.startsWith("x-amz-"));
  const unsigned = ["host", ...mustBeSigned].find((name) => !signed.includes(name));
  return unsigned === undefined ? undefined : `the header ${unsigned} is not signed`;
}

/**
 * A client that names the body's hash signs that name, so the name has to be true.
 *
 * @param {string | undefined} named
 * @param {Buffer} body
 */
function bodyFault(named, body) {
  if (named === undefined) return undefined;
  const actual = createHash("sha256").update(body).digest("hex");
  return sameText(named, actual) ? undefined : "x-amz-content-sha256 is not the hash of the body";
}

/**
 * @param {Received} request
 * @param {Authorization} authorization
 * @param {Credentials} credentials
 */
function signatureFault({ method, url, headers, body }, { signedHeaders, signature }, credentials) {
  const signed = Object.fromEntries(signedHeaders.map((name) => [name, headers[name]]));
  const signer = new aws4.RequestSigner(
    {
      service: SERVICE,
      region: credentials.region,
      method,
      path: url,
      headers: signed,
      body,
      doNotModifyHeaders: true,
      // aws4 leaves some headers out of a signature; the client has decided that already.
      extraHeadersToInclude: Object.fromEntries(signedHeaders.map((name) => [name, true])),
    },
    { accessKeyId: credentials.accessKeyId, secretAccessKey: credentials.secretAccessKey },
  );
  signer.datetime = headers["x-amz-date"];
  let expected;
  try {
    expected = signer.signature();
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    return "the path is not validly percent-encoded";
  }
  return sameText(signature, expected) ? undefined : "the signature does not match the request";
}
