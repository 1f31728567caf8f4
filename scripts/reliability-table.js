/** What `scripts/reliability` found, as the table that docs/RELIABILITY.md has. */

import { faultTable, number } from "./fault-table.js";

/** @typedef {import("./fault-table.js").Row} FaultRow */

/** Of the faults in simulated rooms: pairs a line. */
const PAIRS_A_LINE = 3;

/** @param {Record<string, number>} counts */
const sum = (counts) => Object.values(counts).reduce((total, count) => total + count, 0);

/** @param {{ran: number, explained: number, total: number}} part */
const percent = ({ ran, total }) => `${((100 * ran) / total).toFixed(1)} %`;

/**
 * What each part writes; one that failed before it came so far has none.
 *
 * @typedef {object} Figures
 * @property {{seeds: number, events: number, faults: Record<string, number>}} [sim]
 * @property {{tried: number, found: number, mutants: {seconds?: number}[]}} [mutants]
 * @property {{inputs: Record<string, number>}} [fuzz]
 * @property {{rows: FaultRow[]}} [faults]
 * @property {{attacks: {tried: number, repelled: number}, tests: {tried: number}}} [attacks]
 * @property {{defences: {removed: number, noticed: number}}} [defences]
 * @property {{all: {lines: Counted, branches: Counted}}} [coverage]
 */

/** @typedef {{ran: number, explained: number, total: number}} Counted */

/** @param {NonNullable<Figures["sim"]>} figures */
function simLine({ seeds, events, faults }) {
  const many = `${number(seeds)} seeds, ${number(Math.round(events / 1e6))} million events`;
  const kinds = Object.keys(faults).length;
  return `${many}, ${number(sum(faults))} faults of ${kinds} kinds | no rule broken`;
}

/** @param {NonNullable<Figures["mutants"]>} figures */
function mutantsLine({ tried, found, mutants }) {
  const slowest = Math.max(...mutants.map(({ seconds = 0 }) => seconds));
  return `${number(tried)} | ${number(found)} found, each within ${slowest.toFixed(1)} s`;
}

/** @param {NonNullable<Figures["fuzz"]>} figures */
function fuzzLine({ inputs }) {
  return `${number(sum(inputs))}, over ${Object.keys(inputs).length} targets | nothing found`;
}

/** @param {NonNullable<Figures["faults"]>} figures */
function faultsLine({ rows }) {
  const total = { kills: 0, published: 0, lost: 0, twice: 0 };
  for (const { kills, tally } of rows) {
    total.kills += kills;
    total.published += tally.published;
    total.lost += tally.lost;
    total.twice += tally.twice;
  }
  const tried = `${number(total.kills)} kills, and other faults; ${number(total.published)} messages`;
  return `${tried} | ${number(total.lost)} lost, ${number(total.twice)} stored twice`;
}

/** @param {NonNullable<Figures["coverage"]>} figures */
function coverageLine({ all: { lines, branches } }) {
  const ran = `${percent(lines)} of ${number(lines.total)} lines, ${percent(branches)} of ${number(branches.total)} branches`;
  const explained = number(lines.explained + branches.explained);
  return `${ran} | the other ${explained} with their reasons`;
}

/** @param {Figures} figures of each part */
export function render({ sim, mutants, fuzz, faults, attacks, defences, coverage }) {
  const none = "**not tried** |";
  const lines = [
    ["rooms simulated", sim ? simLine(sim) : none],
    ["bugs planted in rooms", mutants ? mutantsLine(mutants) : none],
    ["inputs fuzzed", fuzz ? fuzzLine(fuzz) : none],
    ["faults in real processes", faults ? faultsLine(faults) : none],
    ["attacks tried", attacks ? attacksLine(attacks) : none],
    ["defences taken away", defences ? defencesLine(defences) : none],
    ["the core, in tests", coverage ? coverageLine(coverage) : none],
  ];
  const parts = ["| | tried | what came of it |", "| --- | --- | --- |"];
  for (const [what, rest] of lines) parts.push(`| ${what} | ${rest} |`);
  if (faults) parts.push("", "**Faults in real processes**", "", faultTable(faults.rows));
  if (sim) parts.push("", "**Faults in simulated rooms**", "", kindTable(sim.faults));
  return parts.join("\n");
}

/** @param {NonNullable<Figures["attacks"]>} figures */
function attacksLine({ attacks: { tried, repelled }, tests }) {
  return `${number(tried)}, by ${number(tests.tried)} tests | ${number(repelled)} repelled`;
}

/** @param {NonNullable<Figures["defences"]>} figures */
function defencesLine({ defences: { removed, noticed } }) {
  return `${number(removed)} | ${number(noticed)} noticed by a test`;
}

/** @param {Record<string, number>} faults */
function kindTable(faults) {
  const cells = Object.entries(faults).map(([kind, times]) => `${kind} | ${number(times)}`);
  const head = Array.from({ length: PAIRS_A_LINE }, () => "kind | times").join(" | ");
  const rule = Array.from({ length: PAIRS_A_LINE }, () => "--- | ---:").join(" | ");
  const lines = [`| ${head} |`, `| ${rule} |`];
  for (let i = 0; i < cells.length; i += PAIRS_A_LINE) {
    const some = cells.slice(i, i + PAIRS_A_LINE);
    while (some.length < PAIRS_A_LINE) some.push(" | ");
    lines.push(`| ${some.join(" | ")} |`);
  }
  return lines.join("\n");
}
