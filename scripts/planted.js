/** Text of the repository with one place of it changed, to see that a test notices. */

/**
 * @param {{name: string, file: string, from: string, to: string}} change
 * @param {string} text of its file, in which the place must stand exactly once
 */
export function plant({ name, file, from, to }, text) {
  if (text.split(from).length !== 2) {
    throw new Error(`"${name}": its place does not stand once in ${file}`);
  }
  return text.replace(from, () => to);
}
