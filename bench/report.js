// Tables, plots and the bar's verdict, of the results that bench/run.js has kept.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "../scripts/command.js";
import { barPlot, linePlot } from "./report-plot.js";
import { SYSTEMS } from "./systems.js";

/**
 * @typedef {object} Section what any benchmark may print with --json, too
 * @property {string} id
 * @property {string} title
 * @property {string[]} columns
 * @property {(string | number)[][]} rows
 * @property {string[]} [notes]
 */

/**
 * @typedef {object} Check one line of the bar
 * @property {string} what
 * @property {string} bar
 * @property {string} value
 * @property {boolean | undefined} pass undefined: it was not measured
 */

const DOCUMENT = join(ROOT, "docs/PERFORMANCE.md");
const IMAGES = join(ROOT, "docs/images");

/** @param {unknown} value @param {number} [digits] */
function figure(value, digits = 3) {
  if (typeof value !== "number" || !Number.isFinite(value)) return "–";
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en-US");
  return String(Number(value.toPrecision(digits)));
}

/** Those systems that have a result, with it. @param {any} results by name */
function measured(results) {
  return SYSTEMS.filter(({ name }) => results?.[name] !== undefined).map((system) => ({
    system,
    title: `(${system.letter}) ${system.title}`,
    result: results[system.name],
  }));
}

/** How a run went that is not as it ought to be. @param {any} result */
function trouble(result) {
  if (!result.fault) return "";
  const share = result.deliveries / result.deliveries_expected;
  return share < 1 ? `overloaded: ${figure(share * 100, 2)} % arrived` : result.fault;
}

/** @param {string} id @param {string} title @param {any} results @param {number} sockets @param {number} p95 @returns {Section} */
function capacitySection(id, title, results, sockets, p95) {
  const f = results.wasi?.capacity;
  return {
    id,
    title,
    columns: [
      "system",
      "messages/s",
      "deliveries/s",
      "edgeroom (f) is",
      "p50 ms",
      "p95 ms",
      "CPU µs a delivery",
      "runs",
    ],
    rows: measured(results).map(({ title: name, result }) => [
      name,
      figure(result.capacity) +
        (result.rounds.some((/** @type {any} */ r) => r.load_limited) ? " at least" : ""),
      figure(result.capacity * sockets),
      f === undefined ? "–" : `× ${figure(f / result.capacity)}`,
      figure(result.best?.latency_ms?.p50),
      figure(result.best?.latency_ms?.p95),
      figure(result.best?.cpu_us_a_delivery),
      result.capacities.map((/** @type {number} */ c) => figure(c)).join(", "),
    ]),
    notes: [
      `The highest rate found that loses nothing with a p95 of at most ${p95} ms, over ${sockets.toLocaleString("en-US")} sockets in one room, of the middle one of the runs.`,
    ],
  };
}

/** @param {string} id @param {string} title @param {any} results @param {string[]} notes @returns {Section} */
function fixedSection(id, title, results, notes) {
  return {
    id,
    title,
    columns: [
      "system",
      "p50 ms",
      "p95 ms",
      "p99 ms",
      "CPU µs a delivery",
      "deliveries a frame",
      "core in use",
      "",
    ],
    rows: measured(results).map(({ title: name, result }) => [
      name,
      figure(result.latency_ms?.p50),
      figure(result.latency_ms?.p95),
      figure(result.latency_ms?.p99),
      figure(result.cpu_us_a_delivery),
      figure(result.deliveries / result.frames),
      `${figure(result.server_cpu * 100, 2)} %`,
      trouble(result),
    ]),
    notes,
  };
}

/** @param {any} results @returns {Section} */
function deflateSection(results) {
  return {
    id: "deflate",
    title: "The crowd, offering permessage-deflate as browsers do",
    columns: [
      "system",
      "compressed",
      "p50 ms",
      "p95 ms",
      "CPU µs a delivery",
      "bytes a delivery",
      "",
    ],
    rows: measured(results).map(({ title, result }) => [
      title,
      result.compressed ? "yes" : "no",
      figure(result.latency_ms?.p50),
      figure(result.latency_ms?.p95),
      figure(result.cpu_us_a_delivery),
      figure(result.bytes_a_delivery),
      trouble(result),
    ]),
    notes: [
      "1,000 sockets, 1,000 messages/s. workerd compresses for whoever offers it unless it is told not to, which edgeroom does by default (`WEBSOCKET_COMPRESSION`); the others do not unless they are told to.",
    ],
  };
}

/** @param {any} results @returns {Section} */
function roomsSection(results) {
  return {
    id: "rooms",
    title: "2,000 rooms in one process",
    columns: ["system", "KiB a room", "p50 ms", "p95 ms", "CPU µs a delivery", ""],
    rows: measured(results).map(({ title, result }) => [
      title,
      figure((result.rss_joined_kib - result.rss_before_kib) / result.rooms),
      figure(result.latency_ms?.p50),
      figure(result.latency_ms?.p95),
      figure(result.cpu_us_a_delivery),
      trouble(result),
    ]),
    notes: [
      "Two sockets a room, 200 messages/s over all rooms. Memory is resident memory of the server with all joined, less that without, and has the two sockets in it.",
    ],
  };
}

/** @param {any} results @returns {Section} */
function stormSection(results) {
  return {
    id: "storm",
    title: "A storm of reconnects",
    columns: ["system", "recovered", "all within s", "p50 ms", "p95 ms", "CPU ms a socket", ""],
    rows: measured(results).map(({ title, result }) => [
      title,
      `${figure(result.recovered)} of ${figure(result.sockets)}`,
      figure(result.seconds),
      figure(result.back_ms?.p50),
      figure(result.back_ms?.p95),
      figure(result.cpu_us_a_socket / 1000),
      result.fault ?? "",
    ]),
    notes: [
      "1,000 sockets are lost at once, 20 messages are said meanwhile, and all come back at once. The time is from the first attempt until a socket has its welcome with `recovered` true and all that it missed, in order.",
    ],
  };
}

/** @param {any} results @returns {Section} */
function growthSection(results) {
  const rows = measured(results).flatMap(({ title, result }) =>
    result.sizes.map((/** @type {any} */ size) => [
      title,
      figure(size.sockets),
      figure(size.cpu_us_a_delivery),
      figure(size.latency_ms?.p50),
      figure(size.latency_ms?.p95),
      figure((size.rss_joined_kib - size.rss_before_kib) / size.sockets),
      trouble(size),
    ]),
  );
  return {
    id: "growth",
    title: "Growth from 10 to 10,000 sockets",
    columns: ["system", "sockets", "CPU µs a delivery", "p50 ms", "p95 ms", "KiB a connection", ""],
    rows,
    notes: [
      "2 messages/s, so that each is told in a frame of its own and nothing but the number of receivers differs. Below 100 sockets the cost of the message itself (storing, and with edgeroom forwarding it in a signed request) is shared by few. Memory is resident memory with all joined, less that without.",
      "workerd has two files open for each connection, so that the limit for open files may end the growth below 10,000 (9,900 where it is 20,000).",
    ],
  };
}

/** @param {any} results @returns {Section} */
function seedSection(results) {
  /** @param {string} where @param {any} part */
  const rows = (where, part) =>
    measured(part).map(({ title, result }) => [
      title,
      where,
      figure(result.latency_ms?.p50),
      figure(result.latency_ms?.p95),
      figure(result.deliveries_per_s),
      figure(result.cpu_us_a_delivery),
      trouble(result),
    ]);
  return {
    id: "seed",
    title: "5,000 connections, 1,000 messages/s",
    columns: ["system", "where", "p50 ms", "p95 ms", "deliveries/s", "CPU µs a delivery", ""],
    rows: [...rows("50 rooms", results.many), ...rows("one room", results.one)],
    notes: [
      "One core for the server. In one room that is 5,000,000 deliveries a second, in 50 rooms 100,000.",
      ...tenfold(results.many?.wasi),
    ],
  };
}

/** What ten times as much needs, which is more than one machine here has. @param {any} result */
function tenfold(result) {
  if (!(result?.cpu_us_a_delivery > 0)) return [];
  const perSecond = 1e6;
  const busy = figure((result.cpu_us_a_delivery * perSecond) / 1e6);
  return [
    `Calculated: 50,000 connections with 10,000 messages/s, in 500 such rooms, are ${figure(perSecond)} deliveries a second, and need ${busy} cores like this one at edgeroom's (f) cost here; each room has its own latency, which is that of the 50. In one room that would be 500,000,000 deliveries a second, which no single thread can send, and a room has one: it has to be many rooms.`,
  ];
}

/** @param {any} results @returns {Section[]} */
export function sections(results) {
  const s = results.scenarios;
  /** @type {(Section | undefined)[]} */
  const made = [
    s["capacity-1000"] &&
      capacitySection("capacity-1000", "Capacity at 1,000 sockets", s["capacity-1000"], 1000, 200),
    s["capacity-100"] &&
      capacitySection("capacity-100", "Capacity at 100 sockets", s["capacity-100"], 100, 50),
    s.idle &&
      fixedSection("idle", "Idle: 10 sockets, 4 messages/s", s.idle, [
        "CPU time has the work for each message in it, shared by ten deliveries: for edgeroom that is storing it and forwarding it in a signed request of its own.",
      ]),
    s.busy &&
      fixedSection("busy", "Busy: 100 sockets, 1,000 messages/s", s.busy, [
        "Where a system is overloaded, CPU time is counted over what arrived.",
      ]),
    s.crowd &&
      fixedSection("crowd", "Crowd: 1,000 sockets, 1,000 messages/s", s.crowd, [
        "A million deliveries a second. Where a system is overloaded, CPU time is counted over what arrived.",
      ]),
    s.deflate && deflateSection(s.deflate),
    s.rooms && roomsSection(s.rooms),
    s.large && fixedSection("large", "4 KiB contents: 100 sockets, 100 messages/s", s.large, []),
    s.storm && stormSection(s.storm),
    s.growth && growthSection(s.growth),
    s.seed && seedSection(s.seed),
  ];
  const extras = Object.entries(results.extras ?? {}).map(([id, extra]) => extraSection(id, extra));
  return [...made.filter((section) => section !== undefined), ...extras];
}

/** @param {string} id @param {any} extra @returns {Section} */
function extraSection(id, extra) {
  if (extra.failed !== undefined) {
    return { id, title: extra.title, columns: ["failed"], rows: [], notes: [extra.failed] };
  }
  const notes = extra.notes?.filter((/** @type {string} */ note) => !/^(PASS|FAIL): /.test(note));
  return { id, title: extra.title, columns: extra.columns, rows: extra.rows, notes };
}

/**
 * @param {string} what @param {string} sign @param {number} limit
 * @param {number | undefined} value a ratio
 * @returns {Check}
 */
function ratio(what, sign, limit, value) {
  const known = value !== undefined && Number.isFinite(value);
  const pass = known ? (sign === "≥" ? value >= limit : value <= limit) : undefined;
  return { what, bar: `${sign} ${limit}`, value: figure(value), pass };
}

/** Other benchmarks say in a note whether a bar of theirs holds. @param {Section} section @returns {Check[]} */
function verdicts({ notes = [] }) {
  return notes.flatMap((note) => {
    const [, verdict, what] = /^(PASS|FAIL): (.*)/s.exec(note) ?? [];
    return verdict ? { what, bar: "", value: "", pass: verdict === "PASS" } : [];
  });
}

/** The bar: ratios in one run. @param {any} results @returns {Check[]} */
export function checks(results) {
  const s = results.scenarios;
  const capacity = (/** @type {string} */ name) => s["capacity-1000"]?.[name]?.capacity;
  const plainest = Math.max(capacity("plain") ?? 0, capacity("party") ?? 0);
  const cost = (/** @type {number} */ sockets) =>
    s.growth?.wasi?.sizes.find((/** @type {any} */ size) => size.sockets === sockets)
      ?.cpu_us_a_delivery;
  const grown = (s.growth?.wasi?.sizes ?? [])
    .filter((/** @type {any} */ size) => size.sockets > 100)
    .map((/** @type {any} */ size) => size.cpu_us_a_delivery);
  const whole = ["idle", "busy", "crowd", "rooms", "large"].flatMap((name) =>
    ["wasi", "emscripten"].flatMap((system) => s[name]?.[system] ?? []),
  );
  /** @type {Check[]} */
  const bar = [
    ratio(
      "capacity at 1,000 sockets, (f) to (a2)",
      "≥",
      0.95,
      capacity("wasi") / capacity("batching"),
    ),
    ratio(
      "capacity at 1,000 sockets, (f) to the best of (a) and (b)",
      "≥",
      30,
      plainest > 0 ? capacity("wasi") / plainest : undefined,
    ),
    ratio("capacity at 1,000 sockets, (f) to (e)", "≥", 3, capacity("wasi") / capacity("nchan")),
    ratio(
      "idle p50, (f) to (a)",
      "≤",
      1.2,
      s.idle?.wasi?.latency_ms?.p50 / s.idle?.plain?.latency_ms?.p50,
    ),
    ratio(
      "busy CPU a delivery, (f) to (a)",
      "≤",
      0.25,
      s.busy?.wasi?.cpu_us_a_delivery / s.busy?.plain?.cpu_us_a_delivery,
    ),
    ratio(
      "most expensive delivery of 100 to 10,000 sockets, to that at 100, (f)",
      "≤",
      1.25,
      grown.length > 0 ? Math.max(...grown) / cost(100) : undefined,
    ),
    {
      what: "nothing lost, all confirmed within 5 s, at every fixed load of (f) and (g)",
      bar: "all",
      value: `${whole.filter((run) => run.fault === "").length} of ${whole.length}`,
      pass: whole.length > 0 ? whole.every((run) => run.fault === "") : undefined,
    },
  ];
  const extras = Object.values(results.extras ?? {}).flatMap((/** @type {any} */ extra) =>
    extra.failed !== undefined
      ? { what: extra.title, bar: "", value: "", pass: false }
      : verdicts(extra),
  );
  return [...bar, ...extras];
}

/** @param {string[]} columns @param {(string | number)[][]} rows */
function table(columns, rows) {
  const cell = (/** @type {string | number} */ value) => String(value).replaceAll("|", "\\|");
  const line = (/** @type {(string | number)[]} */ cells) => `| ${cells.map(cell).join(" | ")} |`;
  const full = rows.map((cells) => columns.map((_, i) => cells[i] ?? ""));
  return [line(columns), line(columns.map(() => "---")), ...full.map(line)].join("\n");
}

/** @param {Section} section */
function sectionText({ columns, rows, notes = [] }) {
  return [table(columns, rows), ...notes].join("\n\n");
}

/** @param {any} results */
function barText(results) {
  const rows = checks(results).map(({ what, bar, value, pass }) => [
    what,
    bar,
    value,
    pass === undefined ? "not measured" : pass ? "PASS" : "FAIL",
  ]);
  return table(["in one run", "bar", "measured", ""], rows);
}

/** @param {any} results */
function conditionsText({ conditions: c, skipped, seconds }) {
  const lines = [
    `${c.date}, commit ${c.commit}, ${c.quick ? "the quick form" : "the full form"}${seconds ? `, ${Math.round(seconds / 60)} minutes` : ""}`,
    `${c.processor}, ${c.cores} cores, ${c.memory_gib} GiB, ${c.system}: one core for the server, one for the load`,
    `workerd ${c.workerd} in Miniflare ${c.miniflare}, Node.js ${c.node.replace("v", "")}, partyserver ${c.partyserver}, ws ${c.ws}, Socket.IO ${c.socket_io}, nginx ${c.nginx || "–"} with nchan ${c.nchan || "–"}`,
    ...Object.entries(skipped ?? {}).map(([name, why]) => `${name} was skipped: ${why}`),
  ];
  return lines.map((line) => `- ${line}`).join("\n");
}

/** @param {any} results @param {Section[]} all */
export function markdown(results, all) {
  return `${[
    "# Benchmarks",
    conditionsText(results),
    ...all.flatMap((section) => [`## ${section.title}`, sectionText(section)]),
    "## The bar",
    barText(results),
  ].join("\n\n")}\n`;
}

/** p95 by rate, of each rate's best try. @param {any[]} tries @returns {[number, number][]} */
function bestOfTries(tries) {
  /** @type {Map<number, number>} */
  const best = new Map();
  for (const { rate, p95_ms, fault } of tries) {
    if (fault === "" && p95_ms > 0) best.set(rate, Math.min(p95_ms, best.get(rate) ?? p95_ms));
  }
  return [...best].sort((x, y) => x[0] - y[0]);
}

/** @param {any} results @returns {Record<string, string>} SVG by name */
function plots(results) {
  const s = results.scenarios;
  /** @type {Record<string, string>} */
  const made = {};
  for (const [sockets, p95] of [
    [1000, 200],
    [100, 50],
  ]) {
    const capacity = s[`capacity-${sockets}`];
    if (!capacity) continue;
    const bars = measured(capacity).map(({ system, result }) => ({
      name: system.title,
      value: result.capacity * sockets,
    }));
    if (bars.every(({ value }) => value === 0)) continue;
    made[`bench-capacity-${sockets}`] = barPlot(
      `Capacity with ${sockets.toLocaleString("en-US")} sockets in one room (p95 at most ${p95} ms)`,
      "deliveries a second, nothing lost; logarithmic",
      bars,
    );
  }
  if (s["capacity-1000"]) {
    made["bench-latency"] = linePlot(
      "Latency as the rate grows, 1,000 sockets",
      "messages a second",
      "p95 in ms, from the time intended",
      measured(s["capacity-1000"]).map(({ system, result }) => ({
        name: system.title,
        // Of the first search: later ones begin near what it found.
        points: bestOfTries(result.rounds[0]?.tries ?? []),
      })),
    );
  }
  if (s.busy) {
    made["bench-cost"] = barPlot(
      "CPU time a delivery, 100 sockets and 1,000 messages a second",
      "µs; logarithmic; less is better",
      measured(s.busy).map(({ system, result }) => ({
        name: system.title,
        value: result.cpu_us_a_delivery,
        note: result.fault ? "(overloaded)" : "",
      })),
    );
  }
  if (s.growth) {
    made["bench-growth"] = linePlot(
      "CPU time a delivery as a room grows, one message a frame",
      "sockets in the room",
      "µs a delivery",
      measured(s.growth).map(({ system, result }) => ({
        name: system.title,
        points: result.sizes
          .filter((/** @type {any} */ size) => size.cpu_us_a_delivery > 0)
          .map((/** @type {any} */ size) => [size.sockets, size.cpu_us_a_delivery]),
      })),
    );
  }
  return made;
}

/** What a plot shows, for who does not see it. @type {Record<string, string>} */
const PLOT_TEXTS = {
  "bench-capacity-1000": "Capacity at 1,000 sockets",
  "bench-latency": "Latency as the rate grows",
  "bench-capacity-100": "Capacity at 100 sockets",
  "bench-cost": "CPU time a delivery",
  "bench-growth": "CPU time a delivery as a room grows",
};

/** Puts what was measured between the marks of docs/PERFORMANCE.md, and the plots beside it. @param {any} results */
export async function writeDocs(results) {
  let text = await readFile(DOCUMENT, "utf8");
  /** @type {[string, string][]} */
  const parts = [
    ["conditions", conditionsText(results)],
    ["bar", barText(results)],
    ...sections(results).map(
      (section) => /** @type {[string, string]} */ ([section.id, sectionText(section)]),
    ),
  ];
  const made = plots(results);
  for (const name of Object.keys(made)) {
    parts.push([`plot-${name}`, `![${PLOT_TEXTS[name]}](images/${name}.svg)`]);
  }
  for (const [id, part] of parts) {
    const [begin, end] = [`<!-- begin bench:${id} -->`, `<!-- end bench:${id} -->`];
    const from = text.indexOf(begin);
    const to = text.indexOf(end);
    if (from < 0 || to < from) {
      throw new Error(`docs/PERFORMANCE.md has no place for "${id}": ${begin} and ${end}`);
    }
    text = `${text.slice(0, from + begin.length)}\n${part}\n${text.slice(to)}`;
  }
  await writeFile(DOCUMENT, text);
  await mkdir(IMAGES, { recursive: true });
  for (const [name, plot] of Object.entries(made)) {
    await writeFile(join(IMAGES, `${name}.svg`), plot);
  }
}
