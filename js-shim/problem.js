// Problem details (RFC 9457) for what fails outside of the cores.

/** @param {number} status @param {string} title @param {string} detail */
export function problem(status, title, detail) {
  return problemOf(status, JSON.stringify({ type: "about:blank", title, status, detail }));
}

/** @param {number} status @param {string} body */
export function problemOf(status, body) {
  const headers = { "content-type": "application/problem+json", "cache-control": "no-store" };
  return new Response(body, { status, headers });
}
