/**
 * Requests and answers in the form that API Gateway's HTTP APIs (payload format 2.0) exchange with a
 * Lambda function.
 *
 * @typedef {object} HttpEvent  only what the handler looks at
 * @property {string} rawPath
 * @property {Record<string, string | undefined>} [queryStringParameters]
 * @property {Record<string, string | undefined>} [headers]  names in lower case
 * @property {string} [body]
 * @property {boolean} [isBase64Encoded]
 * @property {{ http: { method: string }, stage?: string }} requestContext
 *
 * @typedef {{ statusCode: number, headers: Record<string, string>, body: string }} HttpAnswer
 */

/**
 * @param {number} statusCode
 * @param {string | object} body  an object, or the text of one
 * @param {Record<string, string>} [headers]
 * @returns {HttpAnswer}
 */
export function answer(statusCode, body, headers = {}) {
  return {
    statusCode,
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  };
}

/**
 * A stage other than `$default` stands in front of the path.
 *
 * @param {HttpEvent} event
 * @returns {string} the path without it
 */
export function routePath({ rawPath, requestContext: { stage } }) {
  const prefix = `/${stage}`;
  if (stage && stage !== "$default" && rawPath.startsWith(`${prefix}/`)) {
    return rawPath.slice(prefix.length);
  }
  return rawPath;
}

/**
 * @param {HttpEvent} event
 * @returns {Buffer} the body's bytes
 */
export function bodyBytes({ body = "", isBase64Encoded = false }) {
  return Buffer.from(body, isBase64Encoded ? "base64" : "utf8");
}
