// @ts-check
/**
 * Replays a log beside the page, which must not wait for it, and keeps what came of it.
 *
 * @import { Row, Step } from "./steps.js"
 */
import { fetchModule, LOG_BYTES_MAX, NoModule, Replay, tooLarge, UnusableLog } from "./module.js";
import { RECORDS_MAX, Steps } from "./steps.js";

/**
 * What the page asks. `open` comes once, `look` after `ended`. `variables`: NAME:VALUE.
 *
 * @typedef {{ type: "open", log: Blob, name: string, variables: string[] }
 *   | { type: "look", index: number }} Question
 */
/**
 * What it is told. `refused`: nothing can be replayed. `ended` comes with the lines of the log and
 * of the end; without that of the end the core has stopped, and `fault` says so.
 *
 * @typedef {{ type: "progress", records: number, of: number }
 *   | { type: "rows", rows: Row[] }
 *   | { type: "refused", detail: string }
 *   | { type: "ended", log: string, end: string | null, fault: string }
 *   | { type: "step", index: number, step: Step }} Answer
 */

const MODULE_URL = new URL("../replay.wasm", import.meta.url);
const OPTIONS = ["--json", "--state=changes", "--width=160"];
/** So often the page hears how far it is. */
const TELL_MS = 100;
/** Records given at once: few enough to be told in between, and as many as that allows. */
const RUN_MS = 25;
const RUN_RECORDS_MAX = 4096;

const steps = new Steps();

/** @param {Answer} answer */
function tell(answer) {
  postMessage(answer);
}

/**
 * @param {Blob} log
 * @param {string} name
 * @param {string[]} variables
 */
async function open(log, name, variables) {
  if (log.size > LOG_BYTES_MAX) throw new UnusableLog(`${name}: ${tooLarge(log.size)}`);
  const replay = new Replay(await fetchModule(MODULE_URL));
  // As on a command line; a name has one line there too.
  const file = name.replaceAll("\n", " ");
  const given = variables.map((variable) => `--var=${variable}`);
  const lines = await replay.begin(log, [...OPTIONS, ...given, "--", file]);
  steps.add(lines);
  const { records } = JSON.parse(steps.frame.get("log") ?? "{}");
  if (records > RECORDS_MAX) {
    throw new UnusableLog(
      `${name}: ${records} records are more than the ${RECORDS_MAX} that this page lists; scripts/replay takes any number`,
    );
  }
  run(replay, records);
}

/**
 * @param {Replay} replay
 * @param {number} of how many there are
 */
function run(replay, of) {
  let fault = "";
  try {
    runAll(replay, of);
  } catch (error) {
    if (!(error instanceof WebAssembly.RuntimeError)) throw error;
    fault = `the core stopped after record ${steps.count} of ${of} (${error.message}); scripts/replay says where`;
  }
  steps.end();
  tell({ type: "rows", rows: steps.takeRows() });
  tell({
    type: "ended",
    log: steps.frame.get("log") ?? "",
    end: steps.frame.get("end") ?? null,
    fault,
  });
}

/**
 * @param {Replay} replay
 * @param {number} of
 */
function runAll(replay, of) {
  let records = 16;
  let toldMs = performance.now();
  for (let goesOn = true; goesOn; ) {
    const startedMs = performance.now();
    const result = replay.run(records);
    steps.add(result.lines);
    goesOn = result.goesOn;
    const nowMs = performance.now();
    if (nowMs - startedMs < RUN_MS) records = Math.min(records * 2, RUN_RECORDS_MAX);
    else if (nowMs - startedMs > 2 * RUN_MS) records = Math.max(1, records >> 1);
    if (nowMs - toldMs < TELL_MS) continue;
    toldMs = nowMs;
    tell({ type: "rows", rows: steps.takeRows() });
    tell({ type: "progress", records: steps.count, of });
  }
}

/** @param {Question} question */
async function answer(question) {
  switch (question.type) {
    case "open":
      return open(question.log, question.name, question.variables);
    case "look":
      return tell({
        type: "step",
        index: question.index,
        step: await steps.look(question.index),
      });
  }
}

addEventListener("message", async ({ data }) => {
  try {
    await answer(data);
  } catch (error) {
    // A file may be gone or unreadable by now, and memory may be short; the page says what it was.
    const isOurs = error instanceof UnusableLog || error instanceof NoModule;
    const words = error instanceof Error ? error.message : String(error);
    const what = error instanceof WebAssembly.RuntimeError ? "the core stopped" : "not replayed";
    const detail = isOurs ? words : `${what}: ${words}`;
    tell({ type: "refused", detail });
  }
});
