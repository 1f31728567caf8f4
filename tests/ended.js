/** What a program came to that was started. */

/**
 * @param {import("node:child_process").ChildProcessByStdio<null, import("node:stream").Readable, import("node:stream").Readable>} child
 * @returns {Promise<{ code: number | null, stdout: string, stderr: string }>}
 */
export async function ended(child) {
  const told = { stdout: "", stderr: "" };
  for (const stream of /** @type {const} */ (["stdout", "stderr"])) {
    child[stream].setEncoding("utf8").on("data", (text) => {
      told[stream] += text;
    });
  }
  const code = await new Promise((closed, failed) => {
    child.once("error", failed).once("close", closed);
  });
  return { code, ...told };
}
