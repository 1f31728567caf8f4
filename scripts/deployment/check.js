/** Whether a version that has some of the traffic is well. */

import { setTimeout as delay } from "node:timers/promises";
import { DeployError, say } from "./fault.js";

// Spread over the locations' machines only a little; but one that can't start shows at once.
const PROBES = 20;
const PROBE_TIMEOUT_MS = 10_000;
const MS_PER_MINUTE = 60_000;
// How far a look at the traffic before reaches back, for the comparison that is printed.
const BEFORE_MS = 60 * MS_PER_MINUTE;

const API_URL = process.env.CLOUDFLARE_API_BASE_URL || "https://api.cloudflare.com/client/v4";

const QUERY = `query ($account: String!, $worker: String!, $from: Time!, $to: Time!) {
  viewer {
    accounts(filter: { accountTag: $account }) {
      workersInvocationsAdaptive(
        limit: 100
        filter: { scriptName: $worker, datetime_geq: $from, datetime_leq: $to }
      ) {
        sum { requests errors }
      }
    }
  }
}`;

/**
 * @param {object} release
 * @param {string} release.worker
 * @param {string} release.version which must be in the deployment, if only with 0 %
 * @param {string} release.address where the Worker answers
 * @param {number} release.minutes to wait before the errors are looked at
 * @param {number} release.errorsMax percent
 * @param {boolean} release.isDryRun
 */
export async function checkRelease(release) {
  const { worker, version, address, minutes, errorsMax, isDryRun } = release;
  if (isDryRun) {
    say(`would ask   ${address}/health ${PROBES} times, of version ${version} of ${worker}`);
    say(`would ask   ${API_URL}/graphql after ${minutes} min: at most ${errorsMax} % errors`);
    return;
  }
  await probe(release);
  const from = Date.now();
  if (minutes > 0) say(`check       waiting for ${minutes} min of traffic`);
  await delay(minutes * MS_PER_MINUTE);
  const { CLOUDFLARE_ACCOUNT_ID: account, CLOUDFLARE_API_TOKEN: token } = process.env;
  if (!account || !token) {
    if (minutes === 0) return;
    throw new DeployError(
      "the errors can't be looked up: set CLOUDFLARE_ACCOUNT_ID and CLOUDFLARE_API_TOKEN (with the " +
        "permission Account Analytics: Read)",
    );
  }
  if (minutes === 0) return;
  const before = await failures(account, token, worker, from - BEFORE_MS, from);
  const since = await failures(account, token, worker, from, Date.now());
  say(`check       the hour before: ${rate(before)}; since: ${rate(since)}`);
  if (since.requests > 0 && (100 * since.errors) / since.requests > errorsMax) {
    throw new DeployError(`more than ${errorsMax} % of the requests have failed: ${rate(since)}`);
  }
  await probe(release);
}

/** @param {{ worker: string, version: string, address: string }} release */
async function probe({ worker, version, address }) {
  const health = new URL("/health", address);
  // A request that names a version gets it, as long as it is in the deployment.
  const headers = { "cloudflare-workers-version-overrides": `${worker}="${version}"` };
  for (let n = 0; n < PROBES; n++) {
    const fault = await healthFault(health, headers);
    if (fault !== undefined) throw new DeployError(`${health} of version ${version}: ${fault}`);
  }
  say(`check       ${health}: ${PROBES} of ${PROBES} answers of version ${version} are well`);
}

/** @param {URL} health @param {Record<string, string>} headers */
async function healthFault(health, headers) {
  try {
    const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    const answer = await fetch(health, { headers, signal, redirect: "error" });
    const text = await answer.text();
    if (answer.status !== 200) return `${answer.status} ${text.slice(0, 500)}`;
    if (JSON.parse(text).status !== "ok") return `200, but ${text.slice(0, 500)}`;
    return undefined;
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return cause instanceof Error ? cause.message : String(cause);
  }
}

/** @typedef {{ requests: number, errors: number }} Failures */

/** @param {Failures} failures */
function rate({ requests, errors }) {
  return requests === 0 ? "no requests" : `${errors} of ${requests} requests failed`;
}

/**
 * Requests that ended in an exception or at a limit of the platform. What the Worker answers with a
 * 5xx of its own is none of them.
 *
 * @param {string} account
 * @param {string} token
 * @param {string} worker
 * @param {number} fromMs
 * @param {number} toMs
 * @returns {Promise<Failures>}
 */
async function failures(account, token, worker, fromMs, toMs) {
  const [from, to] = [fromMs, toMs].map((ms) => new Date(ms).toISOString());
  const answer = await fetch(`${API_URL}/graphql`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ query: QUERY, variables: { account, worker, from, to } }),
    signal: AbortSignal.timeout(60_000),
  });
  const told = /** @type {any} */ (await answer.json());
  const rows = told.data?.viewer?.accounts?.[0]?.workersInvocationsAdaptive;
  if (!answer.ok || told.errors?.length > 0 || !Array.isArray(rows)) {
    throw new DeployError(`the errors can't be looked up: ${JSON.stringify(told).slice(0, 1000)}`);
  }
  const sum = { requests: 0, errors: 0 };
  for (const row of rows) {
    sum.requests += row.sum.requests;
    sum.errors += row.sum.errors;
  }
  return sum;
}
