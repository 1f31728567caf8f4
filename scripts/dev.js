/**
 * Runs edgeroom on this machine: `node scripts/dev.js [NAME:VALUE]...`, which scripts/dev starts
 * when all that this needs is installed. Every process stays in the group of this one.
 */

import { spawn } from "node:child_process";
import { constants as fileConstants } from "node:fs";
import { copyFile, readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { constants } from "node:os";
import { join, relative, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseEnv, stripVTControlCharacters } from "node:util";
import { endStartedProcesses } from "./process-tree.js";
import { Service } from "./service.js";

const ROOT = resolve(import.meta.dirname, "..");
const HOST = "127.0.0.1";

// Both answer after a few seconds; a machine that is busy with builds takes longer.
const START_TIMEOUT_MS = 120_000;
const PROBE_INTERVAL_MS = 100;
const PROBE_TIMEOUT_MS = 5_000;
// A problem that the Worker explains is final at once. Any other refusal may be wrangler's own.
const REFUSAL_GRACE_MS = 3_000;
// The central API lets requests under way end first.
const STOP_TIMES = { graceMs: 8_000, collectMs: 2_000 };

/** Something that the user must put right; told without a stack trace. */
class DevError extends Error {}

/**
 * @typedef {object} Settings
 * @property {number} port
 * @property {number} centralPort
 * @property {string} stateDir
 * @property {string} toolchain
 * @property {string[]} vars as given: NAME:VALUE
 */

/** @param {string} text */
function say(text) {
  process.stderr.write(`${text}\n`);
}

/** @param {number} startedMs */
function secondsSince(startedMs) {
  return `${((performance.now() - startedMs) / 1000).toFixed(1)} s`;
}

/** @param {string} name @param {number} fallback */
function readPort(name, fallback) {
  const text = process.env[name] || String(fallback);
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw new DevError(`${name} is "${text}"; it is 1 to 65535`);
  return port;
}

/** @returns {Settings} */
function readSettings() {
  const port = readPort("PORT", 8787);
  const centralPort = readPort("CENTRAL_PORT", 8788);
  if (port === centralPort) throw new DevError(`PORT and CENTRAL_PORT are both ${port}`);
  return {
    port,
    centralPort,
    stateDir: process.env.STATE_DIR ? resolve(process.env.STATE_DIR) : join(ROOT, ".state"),
    toolchain: process.env.EDGEROOM_TOOLCHAIN || "wasi",
    vars: process.argv.slice(2),
  };
}

/** @param {string} name @param {number} port */
async function checkPortIsFree(name, port) {
  const server = createServer();
  try {
    await new Promise((listening, failed) => {
      server.once("error", failed).listen(port, HOST, () => listening(undefined));
    });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : error;
    const reason = code === "EADDRINUSE" ? "in use by another program" : `not to be had (${code})`;
    throw new DevError(`port ${port} is ${reason}; set ${name} to another one`);
  }
  await new Promise((closed) => {
    server.close(closed);
  });
}

/** The variables of .dev.vars, which is made when there is none. */
async function readDevVars() {
  const file = join(ROOT, ".dev.vars");
  try {
    await copyFile(`${file}.example`, file, fileConstants.COPYFILE_EXCL);
    say("dev: made .dev.vars from .dev.vars.example");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  return parseEnv(await readFile(file, "utf8"));
}

/**
 * Builds the modules. wrangler would do it as well, but tells less.
 *
 * @param {Settings} settings
 */
async function build({ toolchain }) {
  const child = spawn(join(ROOT, "scripts/build"), [toolchain], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const code = await new Promise((ended, failed) => {
    child.once("error", failed).once("exit", ended);
  });
  if (code !== 0) throw new DevError("the build failed; see above");
}

/**
 * @param {Settings} settings
 * @param {NodeJS.Dict<string>} devVars
 */
function startCentral({ centralPort, stateDir }, devVars) {
  /** @type {Record<string, string>} */
  const credentials = {};
  const auth = devVars.PERSIST_AUTH || "sigv4";
  const secrets =
    auth === "sigv4"
      ? ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
      : ["PERSIST_AUTH", "PERSIST_SECRET"];
  for (const name of secrets) {
    const value = devVars[name];
    if (!value) {
      throw new DevError(
        `.dev.vars does not set ${name}, which the local central API checks signatures with; ` +
          "see .dev.vars.example",
      );
    }
    credentials[name] = value;
  }
  return new Service("central", [join(ROOT, "central/local.js")], {
    cwd: ROOT,
    env: {
      ...process.env,
      ...credentials,
      CENTRAL_PORT: String(centralPort),
      STATE_DIR: stateDir,
      AWS_SESSION_TOKEN: devVars.AWS_SESSION_TOKEN ?? "",
    },
    // Says where it listens, as we do.
    show: (line) => (line.startsWith("central: listening on ") ? undefined : line),
  });
}

/** What wrangler says while it starts and nobody needs. Errors and warnings look otherwise. */
const WRANGLER_NOISE = [
  /^\s*$/,
  /^Using secrets defined in /,
  /^Your Worker has access to the following bindings:$/,
  /^Binding +Resource +Mode$/,
  /^env\.[A-Z0-9_]+ /,
  /^\[custom build\]/,
  /^build (wasi|emscripten): (compiling|done in)/,
  /^⎔ Starting local server/,
  /^\[wrangler:info\] GET \/health /,
  /^\[wrangler:info\] Ready on /,
];

/**
 * What we say of the Worker's variables, and --var may say otherwise.
 *
 * @param {Settings} settings
 * @param {NodeJS.Dict<string>} devVars
 * @returns {Promise<Record<string, string>>}
 */
async function ownVars({ centralPort }, devVars) {
  const central = `http://${HOST}:${centralPort}`;
  const wrangler = await readFile(join(ROOT, "wrangler.toml"), "utf8");
  if (devVars.API_URL || /^\s*API_URL\s*=/m.test(wrangler)) return { PERSIST_URL: central };
  // So the demo page can stop the central API: central/local/outage.js.
  const apiUrl = JSON.stringify({ "/api/local-central/": central });
  return { PERSIST_URL: central, API_URL: apiUrl };
}

/**
 * @param {Settings} settings
 * @param {Record<string, string>} own
 */
function startEdge({ port, stateDir, toolchain, vars }, own) {
  const given = new Set(vars.map((text) => text.slice(0, text.indexOf(":"))));
  const all = Object.entries(own)
    .filter(([name]) => !given.has(name))
    .map(([name, value]) => `${name}:${value}`)
    .concat(vars);
  const edgeState = join(stateDir, "edge");
  const args = [join(ROOT, "node_modules/wrangler/bin/wrangler.js"), "dev"];
  args.push("--ip", HOST, "--port", String(port), "--persist-to", edgeState);
  args.push("--inspector-port", "0", "--show-interactive-dev-session=false");
  for (const text of all) args.push("--var", text);
  const service = new Service("edge", args, {
    cwd: ROOT,
    env: {
      ...process.env,
      EDGEROOM_TOOLCHAIN: toolchain,
      // See scripts/build: which modules "#modules/*" stands for.
      WRANGLER_BUILD_CONDITIONS: `workerd,worker,browser${toolchain === "wasi" ? "" : `,${toolchain}`}`,
      // Nothing leaves this machine, and no request is recorded with the token in its query.
      X_LOCAL_OBSERVABILITY: "false",
      X_LOCAL_EXPLORER: "false",
      CLOUDFLARE_CF_FETCH_ENABLED: "false",
      WRANGLER_SEND_METRICS: "false",
      WRANGLER_HIDE_BANNER: "true",
      WRANGLER_LOG_PATH: join(edgeState, "wrangler-logs"),
      // So two instances do not take each other for one.
      WRANGLER_REGISTRY_PATH: join(edgeState, "wrangler-registry"),
    },
    show: (coloured) => {
      const line = stripVTControlCharacters(coloured);
      if (/^\[custom build\]\s*$/.test(line)) return undefined;
      if (!isReady && WRANGLER_NOISE.some((noise) => noise.test(line))) return undefined;
      // Requests are shown without their query, where a token may stand.
      return line.replace(/^(\[wrangler:info\] [A-Z]+ [^ ?]*)\?\S*/, "$1");
    },
  });
  return service;
}

/**
 * Waits until a service answers on /health.
 *
 * @param {Service} service
 * @param {number} port
 */
async function waitUntilHealthy(service, port) {
  const startedMs = performance.now();
  let refusedSinceMs = Number.POSITIVE_INFINITY;
  while (performance.now() - startedMs < START_TIMEOUT_MS) {
    const answer = await probe(`http://${HOST}:${port}/health`);
    if (answer?.status === 200) {
      say(`dev: ${service.name} answers after ${secondsSince(startedMs)}`);
      return;
    }
    if (answer !== undefined) {
      refusedSinceMs = Math.min(refusedSinceMs, performance.now());
      const isFinal = performance.now() - refusedSinceMs > REFUSAL_GRACE_MS;
      if (answer.isProblem || isFinal) throw new DevError(refusalText(service.name, answer));
    }
    await delay(PROBE_INTERVAL_MS);
  }
  throw new DevError(`${service.name} did not answer within ${START_TIMEOUT_MS / 1000} s`);
}

/** @typedef {{ status: number, isProblem: boolean, body: string }} Answer */

/** @param {string} url @returns {Promise<Answer | undefined>} undefined: nobody answers */
async function probe(url) {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    const type = response.headers.get("content-type") ?? "";
    return {
      status: response.status,
      isProblem: type.startsWith("application/problem+json"),
      body: await response.text(),
    };
  } catch {
    return undefined;
  }
}

/** @param {string} name @param {Answer} answer */
function refusalText(name, { status, isProblem, body }) {
  if (!isProblem) return `${name} answers ${status} instead of 200: ${body.slice(0, 2_000)}`;
  const { title, detail } = JSON.parse(body);
  return (
    `${name} answers ${status}: ${[title, detail].filter(Boolean).join(": ")}\n` +
    "  (settings come from --var, then .dev.vars, then wrangler.toml)"
  );
}

/** @type {Service[]} */
const services = [];
let isReady = false;
let isStopping = false;

/** @param {number} exitCode */
async function stop(exitCode) {
  if (isStopping) return;
  isStopping = true;
  // wrangler ends its processes itself. A build is a tree of shells and compilers that do not.
  const asked = services.length > 0 ? services.flatMap(({ pid }) => pid ?? []) : undefined;
  await endStartedProcesses({ asked, ...STOP_TIMES });
  process.exit(exitCode);
}

/** @param {unknown} error */
function fail(error) {
  if (isStopping) return;
  const text = error instanceof DevError ? error.message : error instanceof Error && error.stack;
  say(`error: ${text || error}`);
  void stop(1);
}

/** @param {Service} service */
function watch(service) {
  services.push(service);
  service.ended.then((how) => fail(new DevError(`${service.name} ended by itself (${how})`)), fail);
}

async function main() {
  const settings = readSettings();
  const { port, centralPort, stateDir } = settings;
  await checkPortIsFree("PORT", port);
  await checkPortIsFree("CENTRAL_PORT", centralPort);
  const devVars = await readDevVars();
  await build(settings);
  if (isStopping) return;
  say("dev: starting the local central API and the edge");
  // One after the other: central holds a lock on the state, so that a second instance with the
  // same STATE_DIR ends before it touches anything.
  const central = startCentral(settings, devVars);
  watch(central);
  await waitUntilHealthy(central, centralPort);
  if (isStopping) return;
  const edge = startEdge(settings, await ownVars(settings, devVars));
  watch(edge);
  await waitUntilHealthy(edge, port);
  if (isStopping) return;
  isReady = true;
  const url = `http://${HOST}:${port}`;
  process.stdout.write(`ready: edge ${url} central http://${HOST}:${centralPort}\n`);
  say(`
  the demo page   ${url}/
  a room          ${url}/?room=lobby
  its WebSocket   ws://${HOST}:${port}/rooms/lobby

README.md says what to try. State is kept in ${relative(process.cwd(), stateDir) || stateDir}; Ctrl-C ends everything.`);
}

for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
  process.on(signal, () => {
    if (!isStopping) say("dev: stopping");
    void stop(isReady ? 0 : 128 + constants.signals[signal]);
  });
}
main().catch(fail);
