/** Something that the user must put right; told without a stack trace. */
export class DeployError extends Error {}

/** @param {string} text */
export function say(text) {
  process.stderr.write(`${text}\n`);
}
