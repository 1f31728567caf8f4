// @ts-check
/** Stops and starts the central API, where it is the one of scripts/dev on this machine. */

const URL_PATH = "/api/local-central/answering";
/** Anywhere else it does not exist, and the question would go to somebody's own API. */
const LOCAL_HOSTS = new Set(["localhost", "127.0.0.1", "[::1]"]);

/**
 * @param {string} token "" for none
 * @returns {Promise<boolean | null>} whether it answers; null: it cannot be stopped from here
 */
export async function readAnswering(token) {
  if (!LOCAL_HOSTS.has(location.hostname)) return null;
  try {
    return await ask(token, {});
  } catch {
    return null;
  }
}

/**
 * @param {string} token
 * @param {boolean} answering
 * @returns {Promise<boolean>} whether it answers now; rejects when it does not say
 */
export async function chooseAnswering(token, answering) {
  return ask(token, {
    method: "PUT",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ answering }),
  });
}

/**
 * @param {string} token
 * @param {RequestInit} init
 */
async function ask(token, init) {
  const headers = new Headers(init.headers);
  if (token !== "") headers.set("Authorization", `Bearer ${token}`);
  const response = await fetch(URL_PATH, { ...init, headers, cache: "no-store" });
  if (!response.ok) throw new Error(`the edge answered ${response.status}`);
  const { answering } = await response.json();
  if (typeof answering !== "boolean") throw new Error("this is not the local central API");
  return answering;
}
