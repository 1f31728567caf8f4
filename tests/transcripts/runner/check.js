// Plays a transcript to all builds, in step, and compares: first the builds with one another, then
// what they agree on with what stands in the file.

import { showDifference } from "./difference.js";
import { TranscriptError } from "./document.js";
import { Player } from "./player.js";

/**
 * @import { Build } from "./builds.js"
 * @import { Document, Step } from "./document.js"
 */

/** Steps that are shown of a file that differs in many: what follows the first often follows from it. */
const SHOWN_STEPS_MAX = 3;

/** The builds, or the file and the builds, do not agree. */
export class Disagreement extends Error {
  /** @param {string} place file:line @param {string} message */
  constructor(place, message) {
    super(`${place}: ${message}`);
    // Where it happened is a place in the transcript; one in the runner would say nothing.
    this.stack = `${place}: ${message}\n    at ${place}`;
  }
}

/**
 * What comes of each step, on which all builds agree.
 * @param {Document} document
 * @param {Build[]} builds
 * @returns {Promise<string[][]>}
 */
export async function playAll(document, builds) {
  const players = builds.map((build) => new Player(document.file, build));
  /** @type {string[][]} */
  const outcomes = [];
  try {
    for (const step of document.steps) {
      const played = await Promise.all(players.map((player) => outcomeOf(player, step)));
      outcomes.push(agreed(document, step, builds, played));
    }
    return outcomes;
  } catch (error) {
    if (error instanceof TranscriptError) error.message += before(document, outcomes);
    throw error;
  } finally {
    for (const player of players) player.end();
  }
}

/** What came of the step before one that failed. @param {Document} document @param {string[][]} outcomes */
function before(document, outcomes) {
  const step = document.steps[outcomes.length - 1];
  if (step === undefined) return "";
  const lines = [...step.source, ...outcomes[outcomes.length - 1]];
  return `\n  before it, in line ${step.line}:\n${lines.map((line) => `    ${line}`).join("\n")}`;
}

/** @typedef {{ lines: string[], fault?: Error }} Played */

/** @param {Player} player @param {Step} step @returns {Promise<Played>} */
async function outcomeOf(player, step) {
  try {
    return { lines: await player.play(step) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { lines: [`!! ${error.message}`], fault: error };
  }
}

/** @param {Document} document @param {Step} step @param {Build[]} builds @param {Played[]} played */
function agreed(document, step, builds, played) {
  const [{ lines, fault }] = played;
  if (fault && played.every((other) => other.fault)) {
    if (fault instanceof TranscriptError) throw fault;
    const faults = played.map(({ lines: [first] }, i) => `  ${builds[i].name}: ${first}`);
    throw new Disagreement(
      `${document.file}:${step.line}`,
      `no build takes this event\n    ${step.source[0]}\n${faults.join("\n")}`,
    );
  }
  const groups = Map.groupBy(builds.keys(), (i) => played[i].lines.join("\n"));
  if (groups.size === 1) return lines;
  const [first, ...others] = [...groups.values()];
  /** @param {number[]} group */
  const names = (group) => group.map((i) => builds[i].name).join(", ");
  const differences = others.map(
    (group) =>
      `  - ${names(first)}\n  + ${names(group)}\n\n` +
      showDifference(lines, played[group[0]].lines),
  );
  throw new Disagreement(
    `${document.file}:${step.line}`,
    "the builds do not agree on what comes of this event\n" +
      `    ${step.source[0]}\n${differences.join("\n\n")}`,
  );
}

/**
 * Throws a Disagreement unless the file says what the builds do.
 * @param {Document} document
 * @param {string[][]} outcomes
 */
export function compare(document, outcomes) {
  const differing = document.steps.flatMap((step, i) =>
    step.outcome.join("\n") === outcomes[i].join("\n") ? [] : [{ step, outcome: outcomes[i] }],
  );
  if (differing.length === 0) return;
  const shown = differing
    .slice(0, SHOWN_STEPS_MAX)
    .map(({ step, outcome }) => showStep(document, step, outcome));
  const left = differing.length - shown.length;
  if (left > 0) shown.push(`… and so for ${left} more events of this file.`);
  shown.push(`If that is meant: node tests/transcripts/run.js --update ${document.file}`);
  throw new Disagreement(`${document.file}:${differing[0].step.line}`, shown.join("\n\n"));
}

/** @param {Document} document @param {Step} step @param {string[]} outcome */
function showStep(document, step, outcome) {
  return (
    `what comes of the event in line ${step.line} is not what ${document.file} says\n` +
    `    ${step.source[0]}\n  - the file\n  + all builds\n\n` +
    showDifference(step.outcome, outcome)
  );
}
