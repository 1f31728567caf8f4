/** What is run to see how much of the core it reaches: all that is native and the same each time. */

/**
 * @typedef {object} Program
 * @property {string} name
 * @property {string} command
 * @property {string[]} args
 */

export const TREE = "build/coverage";

/** Enough for what only rare faults reach. */
const ROOM_SEEDS = 500;

/** Programs that have the core in them. */
export const OBJECTS = [
  "tests/unit_tests",
  "tests/poll_tests",
  "tests/sim/rooms/room_sim",
  "tests/sim/rate_limit_sim",
  "tools/room_pipe",
].map((program) => `${TREE}/${program}`);

/** @type {Program[]} */
export const PROGRAMS = [
  { name: "unit tests", command: `${TREE}/tests/unit_tests`, args: [] },
  { name: "unit tests (poll)", command: `${TREE}/tests/poll_tests`, args: [] },
  {
    name: "simulated rooms",
    command: `${TREE}/tests/sim/rooms/room_sim`,
    args: ["--seeds", String(ROOM_SEEDS)],
  },
  {
    name: "simulated rate limiter",
    command: `${TREE}/tests/sim/rate_limit_sim`,
    args: ["--judge", "edgeroom"],
  },
  {
    name: "transcripts",
    command: process.execPath,
    args: ["tests/coverage/play-transcripts.js", `${TREE}/tools/room_pipe`],
  },
];
