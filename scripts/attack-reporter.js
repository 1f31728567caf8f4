/** A reporter for `node --test`: a line of JSON for each test that ran, by its file and title. */

/** @param {AsyncIterable<import("node:test/reporters").TestEvent>} source */
export default async function* attackReporter(source) {
  for await (const { type, data } of source) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    if (data.details.type === "suite" || data.skip || data.todo) continue;
    yield `${JSON.stringify({ file: data.file, title: data.name, held: type === "test:pass" })}\n`;
  }
}
