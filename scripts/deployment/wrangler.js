/** Wrangler, as scripts/deploy runs it: with our modules, and never with a question. */

import { mkdir, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { gzipSync } from "node:zlib";
import { ROOT, run } from "../command.js";
import { DeployError } from "./fault.js";

// An upload of a megabyte over a slow line.
const TIMEOUT_MS = 10 * 60_000;

/**
 * @typedef {object} Environment as wrangler.toml describes it
 * @property {string} worker its name
 * @property {Record<string, unknown>} vars
 * @property {{ binding: string, what: string, id?: string }[]} bindings
 * @property {string[]} migrations by tag
 * @property {string | undefined} domain its first custom domain
 * @property {string} warnings what Wrangler says of the file
 */

export class Wrangler {
  #environment;
  #toolchain;

  /** @param {"staging" | "production"} environment @param {string} toolchain */
  constructor(environment, toolchain) {
    this.#environment = environment;
    this.#toolchain = toolchain;
  }

  /** @param {string[]} args */
  #withEnvironment(args) {
    return [...args, "--env", this.#environment];
  }

  /** What a user would type. @param {string[]} args */
  commandLine(args) {
    return ["wrangler", ...this.#withEnvironment(args)].map(quoted).join(" ");
  }

  /**
   * Runs a command to its end, whatever that is.
   *
   * @param {string[]} args
   * @param {Record<string, string>} [env]
   */
  attempt(args, env = {}) {
    return run(
      process.execPath,
      [join(ROOT, "node_modules/wrangler/bin/wrangler.js"), ...this.#withEnvironment(args)],
      {
        timeoutMs: TIMEOUT_MS,
        env: {
          // As scripts/build: which modules "#modules/*" stands for, and that they are built.
          WRANGLER_BUILD_CONDITIONS: `workerd,worker,browser${this.#toolchain === "wasi" ? "" : `,${this.#toolchain}`}`,
          EDGEROOM_SKIP_BUILD: "1",
          WRANGLER_SEND_METRICS: "false",
          WRANGLER_HIDE_BANNER: "true",
          WRANGLER_LOG_PATH: join(ROOT, "build/wrangler-logs"),
          // Then it asks nothing, wherever we run.
          CI: "true",
          FORCE_COLOR: "0",
          ...env,
        },
      },
    );
  }

  /**
   * Runs a command that must succeed.
   *
   * @param {string[]} args
   * @param {Record<string, string>} [env]
   * @returns {Promise<string>} its output
   */
  async run(args, env) {
    const { ok, output } = await this.attempt(args, env);
    const text = stripVTControlCharacters(output).trim();
    if (!ok) throw new DeployError(`${this.commandLine(args)} failed:\n\n${text}\n`);
    return text;
  }

  /**
   * Runs a command and gives what it has noted for programs, line by line.
   *
   * @param {string[]} args
   * @returns {Promise<Record<string, any>[]>}
   */
  async notes(args) {
    const folder = await mkdtemp(join(tmpdir(), "edgeroom-deploy-"));
    try {
      const file = join(folder, "notes");
      await this.run(args, { WRANGLER_OUTPUT_FILE_PATH: file });
      const text = await readFile(file, "utf8");
      return text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** @param {string[]} args @returns {Promise<any>} */
  async json(args) {
    const { ok, output } = await this.attempt(args);
    // Warnings come before it, on the other stream.
    const start = output.search(/^[[{]/m);
    if (!ok || start < 0) {
      throw new DeployError(`${this.commandLine(args)} failed:\n\n${output.trim()}\n`);
    }
    return JSON.parse(output.slice(start));
  }

  /**
   * The names of the secrets that the deployed Worker has; none when there is no such Worker yet.
   *
   * @returns {Promise<string[]>}
   */
  async secretNames() {
    const args = ["secret", "list", "--format", "json"];
    const { ok, output } = await this.attempt(args);
    if (!ok && /\b10007\b|does not exist|not found/i.test(output)) return [];
    if (!ok) throw new DeployError(`${this.commandLine(args)} failed:\n\n${output.trim()}\n`);
    const start = output.search(/^\[/m);
    return JSON.parse(output.slice(start)).map((/** @type {{ name: string }} */ { name }) => name);
  }

  /**
   * What share each version has now.
   *
   * @returns {Promise<{ version_id: string, percentage: number }[]>}
   */
  async shares() {
    const status = await this.json(["deployments", "status", "--json"]);
    return status.versions;
  }
}

/** @param {string} text */
function quoted(text) {
  return /^[A-Za-z0-9@%_+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * What is read of wrangler.toml, as Wrangler understands it.
 *
 * @typedef {object} Config
 * @property {string} [name]
 * @property {string} [targetEnvironment]
 * @property {Record<string, unknown>} vars
 * @property {{ bindings: { name: string, class_name: string }[] }} durable_objects
 * @property {{ binding: string, id?: string }[]} kv_namespaces
 * @property {{ binding: string, dataset?: string }[]} analytics_engine_datasets
 * @property {{ tag: string }[]} migrations
 * @property {{ binding?: string, directory?: string }} [assets]
 * @property {(string | { pattern: string, custom_domain?: boolean })[]} [routes]
 */

/** @param {"staging" | "production"} environment @returns {Promise<Environment>} */
export async function readEnvironment(environment) {
  // Wrangler tells of faults in the file on the console, and is loud about some at import.
  const { unstable_readConfig: readConfig } = await import("wrangler");
  /** @type {string[]} */
  const warnings = [];
  const { warn, error } = console;
  const keep = (/** @type {unknown[]} */ ...words) => void warnings.push(words.join(" "));
  Object.assign(console, { warn: keep, error: keep });
  /** @type {Config} */
  let config;
  try {
    config = readConfig({ config: join(ROOT, "wrangler.toml"), env: environment });
  } catch (fault) {
    throw new DeployError(`wrangler.toml: ${fault instanceof Error ? fault.message : fault}`);
  } finally {
    Object.assign(console, { warn, error });
  }
  if (!config.targetEnvironment) {
    throw new DeployError(`wrangler.toml has no [env.${environment}]`);
  }
  /** @type {Environment["bindings"]} */
  const bindings = [
    ...config.durable_objects.bindings.map(({ name, class_name }) => ({
      binding: name,
      what: `Durable Object ${class_name}`,
    })),
    ...config.kv_namespaces.map(({ binding, id }) => ({
      binding,
      id,
      what: id === undefined ? "KV, made by the first deployment" : `KV ${id}`,
    })),
    ...config.analytics_engine_datasets.map(({ binding, dataset }) => ({
      binding,
      what: `Analytics Engine ${dataset ?? binding}`,
    })),
  ];
  if (config.assets?.binding) {
    bindings.push({ binding: config.assets.binding, what: `files of ${config.assets.directory}` });
  }
  const domain = config.routes?.find((route) => typeof route === "object" && route.custom_domain);
  return {
    worker: config.name ?? "",
    vars: config.vars,
    bindings,
    migrations: config.migrations.map(({ tag }) => tag),
    domain: typeof domain === "object" ? domain.pattern : undefined,
    warnings: stripVTControlCharacters(warnings.join("\n")).trim(),
  };
}

/**
 * Bundles the Worker as it would be uploaded, and says what came of it.
 *
 * @param {Wrangler} wrangler
 * @param {string} environment
 */
export async function bundle(wrangler, environment) {
  const folder = join(ROOT, "build/deploy", environment);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await wrangler.run(["deploy", "--dry-run", "--outdir", folder]);
  const files = [];
  for (const name of (await readdir(folder)).sort()) {
    if (!/\.(js|wasm)$/.test(name)) continue;
    const file = join(folder, name);
    const { size } = await stat(file);
    files.push({
      name: name.replace(/^[0-9a-f]{40}-/, ""),
      size,
      zipped: gzipSync(await readFile(file)).length,
    });
  }
  return { folder: relative(ROOT, folder), files };
}
