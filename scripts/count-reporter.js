/** A reporter for `node --test`: the counts of the whole run as one JSON object, and no more. */

/** @param {AsyncIterable<import("node:test/reporters").TestEvent>} source */
export default async function* countReporter(source) {
  for await (const event of source) {
    // There is one summary for each file, too.
    if (event.type === "test:summary" && event.data.file === undefined) {
      yield JSON.stringify(event.data.counts);
    }
  }
}
