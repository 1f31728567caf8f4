/** What `scripts/faults` found, as a table. */

/**
 * What came of one fault.
 *
 * @typedef {object} Row
 * @property {string} fault
 * @property {string} what
 * @property {number} times how often it happened
 * @property {number} kills of processes among them
 * @property {import("../tests/faults/tally.js").Tally} tally
 * @property {{median: number, longest: number}} recoveredMs until everybody had everything again
 * @property {string[]} remarks
 * @property {number} seconds
 * @property {string} [failure] what did not hold
 */

/** @param {number} value */
export const number = (value) => value.toLocaleString("en");

/** @param {Row[]} rows */
export function faultTable(rows) {
  return [
    "| fault | times | messages | sent again | of them stored already | lost | twice | all is back after (median, longest) |",
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ...rows.map(faultLine),
  ].join("\n");
}

/** @param {number} ms */
const secondsOf = (ms) => (ms / 1000).toFixed(ms < 10_000 ? 1 : 0);

/** @param {Row} row */
export function faultLine({ what, times, tally, recoveredMs, remarks }) {
  const { median, longest } = recoveredMs;
  const cells = [
    remarks.length > 0 ? `${what} (${remarks.join("; ")})` : what,
    number(times),
    number(tally.published),
    number(tally.again),
    number(tally.known),
    number(tally.lost),
    number(tally.twice),
    `${secondsOf(median)} s, ${secondsOf(longest)} s`,
  ];
  return `| ${cells.join(" | ")} |`;
}
