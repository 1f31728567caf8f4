// Runs the benchmarks: scripts/bench has installed and built what they need, and keeps this process on
// the core of the load.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT, run } from "../scripts/command.js";
import { clock, Progress } from "../scripts/progress.js";
import { NGINX } from "./peers/nginx-server.js";
import { PEERS } from "./peers/packages.js";
import { checks, markdown, sections, writeDocs } from "./report.js";
import { SCENARIOS } from "./scenarios.js";
import { Sink } from "./sink.js";
import { cores, SYSTEMS } from "./systems.js";

const FOLDER = join(ROOT, "build/bench");
const RESULTS = join(FOLDER, "results.json");
/** Of some systems only: no report of all is made of it. */
const PARTIAL = join(FOLDER, "partial.json");

/**
 * Sections that other programs make, each of one JSON object: {title, columns, rows, notes}.
 * Notes that begin with PASS or FAIL are lines of the bar.
 */
const EXTRAS = [
  { name: "rows", args: ["bench/rows.js", "--json"], quick: ["--quick"] },
  { name: "start", args: ["bench/start.js", "--json"], quick: ["--quick"] },
  { name: "core", args: ["bench/core/run.js", "--json"], quick: ["--rounds", "7"] },
];
const EXTRA_TIMEOUT_MS = 10 * 60_000;

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    systems: { type: "string" },
    only: { type: "string" },
    "write-docs": { type: "boolean", default: false },
    report: { type: "boolean", default: false },
  },
});

/** @param {string} fault @returns {never} */
function refuse(fault) {
  process.stderr.write(`error: ${fault}\n`);
  process.exit(2);
}

/**
 * Of what there is, what is asked for; all when nothing is.
 * @template T @param {T[]} all @param {(each: T) => string[]} names @param {string} [asked]
 */
function chosen(all, names, asked) {
  if (asked === undefined) return all;
  const wanted = asked.split(",");
  for (const name of wanted) {
    if (!all.some((each) => names(each).includes(name))) {
      refuse(
        `there is no "${name}"; there are: ${all.map((e) => names(e).join(" or ")).join(", ")}`,
      );
    }
  }
  return all.filter((each) => names(each).some((name) => wanted.includes(name)));
}

const startedMs = performance.now();
const progress = new Progress({ intervalMs: 0 });

/** @param {string} what */
function tell(what) {
  progress.tell(`[${clock(performance.now() - startedMs)}] ${what}`);
}

/** @param {string} program @param {...string} args */
function version(program, ...args) {
  try {
    return execFileSync(program, args, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    }).trim();
  } catch {
    return "";
  }
}

/** @param {string} path */
async function versionOf(path) {
  return existsSync(path) ? JSON.parse(await readFile(path, "utf8")).version : "";
}

/** What the figures were measured on, and with. */
async function conditions() {
  const [cpu] = cpus();
  const debs = existsSync(NGINX) ? await readdir(NGINX) : [];
  const deb = (/** @type {string} */ name) =>
    decodeURIComponent(debs.find((d) => d.startsWith(`${name}_`))?.split("_")[1] ?? "");
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: version("git", "-C", ROOT, "rev-parse", "--short", "HEAD"),
    quick: options.quick,
    processor: cpu?.model.trim(),
    cores: cpus().length,
    memory_gib: Math.round(totalmem() / 2 ** 30),
    system: `Linux ${release()}`,
    node: process.version,
    workerd: await versionOf(join(ROOT, "node_modules/workerd/package.json")),
    miniflare: await versionOf(join(ROOT, "node_modules/miniflare/package.json")),
    partyserver: await versionOf(join(PEERS, "node_modules/partyserver/package.json")),
    ws: await versionOf(join(PEERS, "node_modules/ws/package.json")),
    socket_io: await versionOf(join(PEERS, "node_modules/socket.io/package.json")),
    nginx: deb("nginx"),
    nchan: deb("libnginx-mod-nchan"),
  };
}

/** @returns {Promise<any>} what was measured before */
async function lastResults() {
  if (!existsSync(RESULTS)) refuse(`there are no results yet in ${RESULTS}`);
  return JSON.parse(await readFile(RESULTS, "utf8"));
}

/** @param {typeof SCENARIOS} scenarios @param {typeof EXTRAS} extras */
async function measure(scenarios, extras) {
  const available = cores();
  if (available.length < 2) {
    refuse("this needs two cores, one for the server and one for the load");
  }
  const [server, load] = available;
  // The sink, too, is none of the server's.
  execFileSync("taskset", ["-a", "-p", "-c", String(load), String(process.pid)], {
    stdio: "ignore",
  });
  const sink = await Sink.start({ refuses: false, delayMs: 0 });
  const bench = {
    systems: chosen(SYSTEMS, ({ name, letter }) => [name, letter], options.systems),
    cores: { server, load },
    sinkUrl: sink.url,
    quick: options.quick,
    tell,
    skipped: /** @type {Record<string, string>} */ ({}),
  };
  const merges = options.only !== undefined && options.systems === undefined;
  const kept = merges && existsSync(RESULTS) ? await lastResults() : {};
  /** @type {any} */
  const results = {
    conditions: await conditions(),
    skipped: bench.skipped,
    scenarios: { ...kept.scenarios },
    extras: { ...kept.extras },
  };
  const save = async () => {
    await mkdir(FOLDER, { recursive: true });
    const path = options.systems === undefined ? RESULTS : PARTIAL;
    await writeFile(path, `${JSON.stringify(results, null, 1)}\n`);
  };
  for (const scenario of scenarios) {
    const systems = bench.systems.filter(({ only }) => only?.includes(scenario.name) ?? true);
    results.scenarios[scenario.name] = await scenario.run({ ...bench, systems });
    await save();
  }
  await sink.close();
  for (const { name, args, quick } of extras) {
    if (!existsSync(join(ROOT, args[0]))) continue;
    tell(`${name} …`);
    const words = options.quick ? [...args, ...quick] : args;
    // They are given what this process had before it was kept on one core.
    const { output } = await run(
      "taskset",
      ["-c", available.join(","), process.execPath, ...words],
      {
        timeoutMs: EXTRA_TIMEOUT_MS,
      },
    );
    const line = output.split("\n").find((l) => l.startsWith('{"title":'));
    results.extras[name] = line ? JSON.parse(line) : { title: name, failed: output.slice(-2000) };
  }
  results.seconds = Math.round((performance.now() - startedMs) / 1000);
  await save();
  progress.clear();
  return results;
}

if (options.systems !== undefined && options["write-docs"]) {
  refuse("--write-docs needs all systems");
}
const names = [...SCENARIOS, ...EXTRAS];
const wanted = chosen(names, ({ name }) => [name], options.only).map(({ name }) => name);
const results = options.report
  ? await lastResults()
  : await measure(
      SCENARIOS.filter(({ name }) => wanted.includes(name)),
      EXTRAS.filter(({ name }) => wanted.includes(name)),
    );
process.stdout.write(markdown(results, sections(results)));
if (options["write-docs"]) await writeDocs(results);
// A line of the bar that was not measured does not hold, unless it was not asked for.
const isPart = options.only !== undefined || options.systems !== undefined;
const holds = checks(results).every(({ pass }) => pass ?? isPart);
process.exit(holds ? 0 : 1);
