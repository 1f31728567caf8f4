/**
 * A Lambda function in a process of its own, as Lambda runs one: by its entry point, one event after
 * the other, with nothing but its environment. The parent sends events and gets the answers.
 *
 *     node tests/central/lambda-process.js MODULE
 */

const { handler } = await import(process.argv[2]);

process.on("message", async (event) => {
  process.send?.(await handler(event));
});
