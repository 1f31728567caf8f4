// What is measured. Each scenario runs all systems, one after the other, and keeps what the load
// generator says of each; bench/report.js makes tables, plots and the bar's verdict of it.

import { median } from "./median.js";
import { Server, socketsAtMost } from "./systems.js";

/**
 * @typedef {object} Bench
 * @property {import("./systems.js").System[]} systems
 * @property {import("./systems.js").Cores} cores
 * @property {string} sinkUrl
 * @property {boolean} quick
 * @property {(what: string) => void} tell
 * @property {Record<string, string>} skipped why a system cannot run here, by its name
 */

/** @typedef {Record<string, any>} Result by a system's name */

/**
 * @typedef {object} Scenario
 * @property {string} name
 * @property {(bench: Bench) => Promise<Result>} run
 */

const EDGEROOM = ["wasi", "emscripten"];

/**
 * @param {Bench} bench @param {import("./systems.js").System} system
 * @param {(server: Server) => Promise<any>} work
 * @param {Record<string, string>} [vars]
 */
async function withServer(bench, system, work, vars = {}) {
  if (bench.skipped[system.name] !== undefined) return undefined;
  try {
    const server = await Server.start(system, bench.cores, { sinkUrl: bench.sinkUrl, vars });
    if (typeof server !== "string") return await work(server).finally(() => server.stop());
    bench.skipped[system.name] = server;
    bench.tell(`${system.title}: skipped, ${server}`);
    return undefined;
  } catch (error) {
    // One that breaks does not end a run of an hour.
    return { fault: String(error) };
  }
}

/** @param {any} result */
function inWords({ fault, rate, latency_ms, cpu_us_a_delivery }) {
  if (latency_ms === undefined) return fault;
  const told = `p50 ${latency_ms.p50} ms, p95 ${latency_ms.p95} ms, CPU ${cpu_us_a_delivery} µs a delivery`;
  return `${rate}/s: ${told}${fault ? `; ${fault}` : ""}`;
}

/**
 * The same load on every system.
 * @param {Bench} bench
 * @param {string} what
 * @param {(system: import("./systems.js").System) => Record<string, string | number | boolean>} args
 * @param {(system: import("./systems.js").System) => boolean} [takesPart]
 * @param {Record<string, string>} [vars]
 * @returns {Promise<Result>}
 */
async function fixed(bench, what, args, takesPart = () => true, vars = {}) {
  /** @type {Result} */
  const results = {};
  for (const system of bench.systems.filter(takesPart)) {
    const result = await withServer(
      bench,
      system,
      (server) => server.load("rate", args(system)),
      vars,
    );
    if (result === undefined) continue;
    results[system.name] = result;
    bench.tell(`${what}, ${system.title}: ${inWords(result)}`);
  }
  return results;
}

/**
 * Small differences of latency: each in turn, several times, and of its runs the middle one.
 * @param {Bench} bench
 * @returns {Promise<Result>}
 */
async function idle(bench) {
  const ROUNDS = 3;
  const args = { sockets: 10, rate: 4, seconds: bench.quick ? 4 : 12, warm: 1 };
  /** @type {Record<string, any[]>} */
  const rounds = {};
  for (let round = 0; round < ROUNDS; round++) {
    // What the bar does not look at is measured once.
    const takesPart = (/** @type {import("./systems.js").System} */ { name }) =>
      round === 0 || name === "plain" || EDGEROOM.includes(name);
    const results = await fixed(bench, "idle", () => args, takesPart);
    for (const [name, result] of Object.entries(results)) {
      rounds[name] ??= [];
      rounds[name].push(result);
    }
  }
  return Object.fromEntries(
    Object.entries(rounds).map(([name, results]) => {
      const failed = results.find(({ fault }) => fault);
      const p50 = median(results.map((result) => result.latency_ms?.p50));
      return [name, failed ?? results.find((result) => result.latency_ms.p50 === p50)];
    }),
  );
}

/** @param {number} sockets @param {number} p95 @param {"hundred" | "thousand"} size */
function capacity(sockets, p95, size) {
  return async (/** @type {Bench} */ bench) => {
    const rounds = bench.quick ? 1 : 3;
    /** @type {Result} */
    const results = {};
    for (let round = 0; round < rounds; round++) {
      for (const system of bench.systems) {
        const what = `capacity at ${sockets} sockets, ${system.title}`;
        const found = await withServer(bench, system, (server) =>
          server.load(
            "search",
            {
              sockets,
              p95,
              rate: results[system.name]?.rounds[0].capacity || system.guess[size],
              seconds: bench.quick ? 1.2 : 3,
              precision: bench.quick ? 0.2 : 0.06,
            },
            (line) => bench.tell(`${what}: ${line}`),
          ),
        );
        if (found === undefined) continue;
        results[system.name] ??= { rounds: [] };
        results[system.name].rounds.push(found);
        bench.tell(`${what}: ${found.fault ?? `${found.capacity.toFixed(1)} messages a second`}`);
      }
    }
    for (const result of Object.values(results)) {
      const capacities = result.rounds.map((/** @type {any} */ r) => r.capacity ?? 0);
      result.capacity = median(capacities);
      result.capacities = capacities;
      result.best = result.rounds.find(
        (/** @type {any} */ r) => r.capacity === result.capacity,
      )?.best;
    }
    return results;
  };
}

/** @param {Bench} bench */
function seconds(bench) {
  return bench.quick ? 2 : 6;
}

const SOCKETS_OF_GROWTH = [10, 100, 1000, socketsAtMost(10_000)];
const STEPS_BETWEEN = [30, 300, 3000];

/** Costs a message for itself, so that nothing but the number of receivers differs. */
const GROWTH_RATE = 2;

/** @param {Bench} bench */
async function growth(bench) {
  const sizes = bench.quick
    ? SOCKETS_OF_GROWTH
    : [...SOCKETS_OF_GROWTH, ...STEPS_BETWEEN].sort((x, y) => x - y);
  const names = bench.quick ? ["plain", "wasi"] : ["plain", "batching", "nchan", ...EDGEROOM];
  /** @type {Result} */
  const results = {};
  for (const system of bench.systems.filter(({ name }) => names.includes(name))) {
    for (const sockets of sizes) {
      const result = await withServer(bench, system, (server) =>
        server.load("rate", {
          sockets,
          rate: GROWTH_RATE,
          // Few deliveries need more time for a figure.
          seconds: sockets >= 1000 ? 5 : bench.quick ? 5 : 15,
          warm: 1,
          patience: 10,
        }),
      );
      if (result === undefined) continue;
      results[system.name] ??= { sizes: [] };
      results[system.name].sizes.push({ sockets, ...result });
      bench.tell(`growth, ${system.title}, ${sockets} sockets: ${inWords(result)}`);
    }
  }
  return results;
}

/** @param {Bench} bench */
async function storm(bench) {
  /** @type {Result} */
  const results = {};
  for (const system of bench.systems.filter(({ name }) => EDGEROOM.includes(name))) {
    const result = await withServer(bench, system, (server) =>
      server.load("storm", { sockets: 1000, missed: 20 }),
    );
    if (result === undefined) continue;
    results[system.name] = result;
    const { fault, seconds: s, recovered } = result;
    bench.tell(`storm, ${system.title}: ${fault || `${recovered} recovered in ${s} s`}`);
  }
  return results;
}

/** The seed tables' first target, in one room and over many. @param {Bench} bench */
async function seed(bench) {
  const takesPart = (/** @type {import("./systems.js").System} */ { name }) =>
    name === "batching" || name === "wasi" || (name === "emscripten" && !bench.quick);
  const args = { sockets: 5000, rate: 1000, seconds: seconds(bench), warm: 1 };
  return {
    one: await fixed(bench, "5,000 sockets in one room", () => args, takesPart),
    many: await fixed(
      bench,
      "5,000 sockets in 50 rooms",
      () => ({ ...args, rooms: 50 }),
      takesPart,
    ),
  };
}

/** @type {Scenario[]} */
export const SCENARIOS = [
  { name: "capacity-1000", run: capacity(1000, 200, "thousand") },
  { name: "capacity-100", run: capacity(100, 50, "hundred") },
  { name: "idle", run: idle },
  {
    name: "busy",
    run: (bench) =>
      fixed(bench, "busy", () => ({ sockets: 100, rate: 1000, seconds: seconds(bench) })),
  },
  {
    name: "crowd",
    run: (bench) =>
      fixed(bench, "crowd", () => ({ sockets: 1000, rate: 1000, seconds: seconds(bench) })),
  },
  {
    name: "deflate",
    run: (bench) =>
      fixed(
        bench,
        "crowd that offers compression",
        () => ({ sockets: 1000, rate: 1000, seconds: seconds(bench), deflate: true }),
        ({ name }) => !bench.quick || ["plain", "batching", "wasi"].includes(name),
      ),
  },
  {
    name: "rooms",
    run: (bench) =>
      fixed(
        bench,
        "2,000 rooms",
        // In the warm-up, each room has its first message; then one every ten seconds.
        () => ({ sockets: 4000, rooms: 2000, rate: 200, seconds: 5, warm: 10 }),
        ({ name }) => !bench.quick || ["plain", "wasi"].includes(name),
      ),
  },
  {
    name: "large",
    run: (bench) =>
      fixed(bench, "4 KiB", () => ({
        sockets: 100,
        rate: 100,
        bytes: 4096,
        seconds: seconds(bench),
      })),
  },
  { name: "storm", run: storm },
  { name: "growth", run: growth },
  { name: "seed", run: seed },
];
