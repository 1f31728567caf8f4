/**
 * Whether an environment of wrangler.toml may be deployed. What settings mean is decided by the core
 * (worker/settings.h), which is asked here as the Worker asks it at its first request; what stands
 * here is what a production must not have although a Worker would run with it.
 */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { EDGE_ABI_VERSION, EdgeConfiguration, EdgeOutput } from "../../js-shim/abi.generated.js";
import { settingsText } from "../../js-shim/settings.js";
import { WasmHost } from "../../js-shim/wasm-host.js";
import { ROOT } from "../command.js";
import { DeployError } from "./fault.js";

/**
 * @typedef {Record<string, unknown>} Settings by name
 * @typedef {{ name: string, say: string }} Finding a setting, and what to do about it
 */

/** What must never stand in wrangler.toml, nor be seen in a dashboard. */
export const SECRETS = [
  "PERSIST_SECRET",
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "JWT_SECRET",
  "MODERATOR_TOKENS",
];

/** Bindings without which the Worker fails. Of RATE_LIMIT the core is told, and knows itself. */
const BINDINGS = ["ROOMS", "ASSETS"];

/** How js-shim/edge-core.js tells the core of a binding. */
const BOUND = "bound";

/** Set for a secret whose value nobody here knows, so that the core goes on to the next setting. */
const STAND_IN = "a-secret-that-the-account-holds-and-this-machine-does-not";

/** The core as it was built, asked about settings. */
export class SettingsCore {
  #host;

  /** @param {WasmHost} host */
  constructor(host) {
    this.#host = host;
  }

  /** @param {string} toolchain whose modules are built */
  static async load(toolchain) {
    const file = join(ROOT, "build/modules", toolchain, "edge.wasm");
    const module = new WebAssembly.Module(await readFile(file));
    return new SettingsCore(new WasmHost(module, "edge", EDGE_ABI_VERSION));
  }

  /** What the core finds wrong first, or undefined. @param {Settings} settings */
  fault(settings) {
    const host = this.#host;
    const size = host.write(settingsText(settings));
    if (size < 0) return "all settings together are too large";
    const count = host.call("edge_configure", size, 1, 2);
    if (count !== 1) throw new Error(`edge_configure answered ${count}`);
    const output = host.call("edge_output");
    host.refresh();
    const record = host.u32(output + EdgeOutput.records);
    if (host.u32(record + EdgeConfiguration.ready) === 1) return undefined;
    const data = host.u32(output + EdgeOutput.data);
    const log = data + host.u32(record + EdgeConfiguration.log);
    const told = JSON.parse(host.text(log, host.u32(record + EdgeConfiguration.logSize)));
    return /** @type {string} */ (told.detail);
  }
}

/**
 * The values of secrets and settings that everybody has who has this repository, by name. Examples
 * that are commented out count as well.
 *
 * @returns {Promise<Map<string, Set<string>>>}
 */
export async function developmentValues() {
  const text = await readFile(join(ROOT, ".dev.vars.example"), "utf8");
  /** @type {Map<string, Set<string>>} */
  const values = new Map();
  for (const line of text.split("\n")) {
    const given = Object.entries(parseEnv(line.replace(/^# (?=[A-Z_]+=)/, "")));
    for (const [name, value = ""] of given) {
      const known = values.get(name) ?? new Set();
      for (const part of parts(value)) known.add(part);
      values.set(name, known);
    }
  }
  return values;
}

/**
 * Secrets of a file: JSON, or NAME=VALUE lines.
 *
 * @param {string} file
 * @returns {Promise<Record<string, string>>}
 */
export async function readSecrets(file) {
  let text;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    const why = error instanceof Error && "code" in error ? error.code : error;
    throw new DeployError(`--secrets ${file} can't be read (${why})`);
  }
  if (!text.trimStart().startsWith("{")) {
    const secrets = /** @type {Record<string, string>} */ (parseEnv(text));
    for (const [name, value] of Object.entries(secrets)) {
      if (!value.includes("$")) continue;
      throw new DeployError(
        `--secrets ${file}: ${name} holds a $, which Wrangler would expand; write the file as JSON`,
      );
    }
    return secrets;
  }
  /** @type {unknown} */
  let secrets;
  try {
    secrets = JSON.parse(text);
  } catch {
    // The parser's own words would quote the file.
    throw new DeployError(`--secrets ${file} begins with { and is no JSON`);
  }
  for (const [name, value] of Object.entries(/** @type {object} */ (secrets))) {
    if (typeof value !== "string") {
      throw new DeployError(`--secrets ${file}: ${name} must be a string`);
    }
  }
  return /** @type {Record<string, string>} */ (secrets);
}

/**
 * @typedef {object} Situation
 * @property {"staging" | "production"} environment
 * @property {Settings} vars those of wrangler.toml, with those of --var
 * @property {Record<string, string>} secrets of which the values are known
 * @property {string[] | undefined} accountSecrets names of those that the deployed Worker has;
 *   undefined: nobody has been asked
 * @property {{ binding: string, id?: string }[]} bindings
 * @property {SettingsCore} core
 * @property {Map<string, Set<string>>} development
 */

/**
 * @typedef {object} Verdict
 * @property {Finding[]} refusals
 * @property {Finding[]} blanks what stands for something of the operator's; to be filled in before a
 *   deployment
 * @property {string[]} unchecked secrets that are needed, and that nobody has looked at
 */

/** @param {Situation} situation @returns {Verdict} */
export function judge(situation) {
  const { refusals, unchecked } = askCore(situation);
  const refused = new Set(refusals.map(({ name }) => name));
  const others = [...judgeSecrets(situation), ...judgeBindings(situation)];
  if (situation.environment === "production") others.push(...judgeProduction(situation));
  // What the core does not understand needs no second word.
  refusals.push(...others.filter(({ name }) => !refused.has(name)));
  const blanks = findBlanks(situation.vars).filter(({ name }) => !refused.has(name));
  return { refusals, blanks, unchecked };
}

/**
 * Asks the core until it has nothing to say any more: each setting that it refuses is replaced by a
 * sound one, so that the next one shows as well.
 *
 * @param {Situation} situation
 * @returns {{ refusals: Finding[], unchecked: string[] }}
 */
function askCore(situation) {
  const { environment, vars, secrets, accountSecrets, bindings, core, development } = situation;
  const isBound = bindings.some(({ binding }) => binding === "RATE_LIMIT");
  /** @type {Settings} */
  const trial = { ...vars, ...secrets, RATE_LIMIT: isBound ? BOUND : "" };
  /** @type {Finding[]} */
  const refusals = [];
  /** @type {string[]} */
  const unchecked = [];
  for (const name of accountSecrets ?? []) {
    if (SECRETS.includes(name)) trial[name] ??= STAND_IN;
  }
  const seen = new Set();
  for (let fault = core.fault(trial); fault !== undefined; fault = core.fault(trial)) {
    const name = /^[A-Z][A-Z0-9_]*/.exec(fault)?.[0] ?? "";
    if (name === "" || seen.has(name)) {
      if (name === "") refusals.push({ name: "settings", say: fault });
      break;
    }
    seen.add(name);
    if (SECRETS.includes(name) && trial[name] === undefined) {
      if (accountSecrets === undefined) unchecked.push(name);
      else refusals.push({ name, say: `${fault}; ${howToSet(name, environment)}` });
      trial[name] = STAND_IN;
      continue;
    }
    refusals.push({
      name,
      say: name === "RATE_LIMIT" ? `${fault}; ${howToBind(environment)}` : fault,
    });
    Object.assign(trial, soundInstead(name, development));
  }
  return { refusals, unchecked };
}

/**
 * @param {string} name
 * @param {Map<string, Set<string>>} development
 * @returns {Settings}
 */
function soundInstead(name, development) {
  if (name === "RATE_LIMIT") return { RATE_LIMIT: BOUND };
  // Which other settings are needed depends on the algorithms: without them nobody can say.
  if (name.startsWith("JWT_") || name === "JWKS_URL") return { AUTH: "off" };
  const [value] = development.get(name) ?? [];
  return { [name]: SECRETS.includes(name) ? STAND_IN : value };
}

/** @param {string} name @param {string} environment */
function howToSet(name, environment) {
  return `give it in a file with --secrets, or run: npx wrangler secret put ${name} --env ${environment}`;
}

/** @param {string} environment */
function howToBind(environment) {
  return `bind it in [env.${environment}] of wrangler.toml: what is bound at the top level is not handed down to environments`;
}

/** @param {Situation} situation @returns {Finding[]} */
function judgeSecrets({ environment, vars, secrets, development }) {
  if (environment !== "production") return [];
  /** @type {Finding[]} */
  const found = [];
  for (const name of SECRETS) {
    if (vars[name] !== undefined) {
      const say = `${name} is a secret, and stands where others can read it: take it out of wrangler.toml and --var, and ${howToSet(name, environment)}`;
      found.push({ name, say });
    }
    const value = secrets[name] ?? vars[name];
    if (value === undefined) continue;
    const known = development.get(name);
    if (!parts(String(value)).some((part) => known?.has(part))) continue;
    const say = `${name} is, or holds, the secret of .dev.vars.example, which everybody knows: make a new one, and ${howToSet(name, environment)}`;
    found.push({ name, say });
  }
  return found;
}

/** @param {Situation} situation @returns {Finding[]} */
function judgeBindings({ environment, bindings }) {
  const found = [];
  for (const name of BINDINGS) {
    if (bindings.some(({ binding }) => binding === name)) continue;
    found.push({ name, say: `${name} is missing; ${howToBind(environment)}` });
  }
  for (const { binding, id } of bindings) {
    if (id === undefined || !/^0*$/.test(id)) continue;
    const say = `${binding} has an id that stands for none: leave it out, and the first deployment makes a namespace, or put in what this prints: npx wrangler kv namespace create ${binding} --env ${environment}`;
    found.push({ name: binding, say });
  }
  return found;
}

/** @param {Situation} situation @returns {Finding[]} */
function judgeProduction({ vars }) {
  /** @type {Finding[]} */
  const found = [];
  /** @param {string} name @param {string} say */
  const refuse = (name, say) => found.push({ name, say: `${name} ${say}` });
  const text = (/** @type {string} */ name) => String(vars[name] ?? "").trim();
  if (text("AUTH") === "off") {
    refuse("AUTH", "is off, so everybody may say they are anybody: set it to jwt");
  }
  if (text("PERSIST_AUTH") === "none") {
    refuse(
      "PERSIST_AUTH",
      "is none, so the central API can't tell who sends: set it to sigv4, hmac or bearer",
    );
  }
  const origins = parts(text("ALLOWED_ORIGINS"));
  if (origins.length === 0) {
    refuse(
      "ALLOWED_ORIGINS",
      "is empty: name the origins of the pages that use the service, separated by commas (the Worker's own, if it is only that)",
    );
  } else if (origins.includes("*")) {
    refuse("ALLOWED_ORIGINS", "holds *, so any page may use the service: name the origins");
  }
  for (const name of ["PERSIST_URL", "JWKS_URL"]) {
    if (/^http:/i.test(text(name))) {
      refuse(name, "is an http URL, which others can read and change on the way: use https");
    }
  }
  return found;
}

/** Names that stand for others (RFC 2606). @param {Settings} vars @returns {Finding[]} */
function findBlanks(vars) {
  return Object.entries(vars)
    .filter(([, value]) => /[./]example(?=$|[\s/:,"\]}])/.test(String(value)))
    .map(([name, value]) => ({
      name,
      say: `${name} is ${value}: a name under .example stands for yours`,
    }));
}

/** The members of a list with commas. @param {string} text */
function parts(text) {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
