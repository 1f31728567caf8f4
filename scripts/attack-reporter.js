/**
 * A reporter for `node --test`: a line of JSON for each test that ran, by its file and title. One that
 * could not be prepared has not run.
 */

/** @param {AsyncIterable<import("node:test/reporters").TestEvent>} source */
export default async function* attackReporter(source) {
  for await (const { type, data } of source) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    if (data.details.type === "suite" || data.skip || data.todo) continue;
    if (type === "test:fail" && failureType(data.details) === "hookFailed") continue;
    yield `${JSON.stringify({ file: data.file, title: data.name, held: type === "test:pass" })}\n`;
  }
}

/** @param {{ error: Error }} details */
const failureType = ({ error }) => ("failureType" in error ? error.failureType : undefined);
