/**
 * A copy of the repository from which one defence at a time is taken away, to see that the test which
 * SECURITY.md names for it fails then.
 */

import { cp, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buildsFor, suiteOf, tryTests } from "./attack-tests.js";
import { ROOT, run } from "./command.js";
import { plant } from "./planted.js";

/** @import { NamedTest } from "./attack-list.js" */
/** @import { Defence } from "../tests/attacks/defences.js" */

const COPY = join(ROOT, "build", "defenceless");

/** What a copy has of its own, or none of. */
const NOT_COPIED = ["build", "node_modules", ".git", ".state", ".wrangler"];

const BUILD_TIMEOUT_MS = 30 * 60_000;

/** What a test says of its failure: doctest, and Node's reporter. */
const WORDS = [/ERROR: (?!test case)(.+)/, /(?:AssertionError|Error)(?: \[[^\]]*\])?: (.+)/];

export class DefencelessCopy {
  /**
   * A copy that has all of its defences, and in which these tests pass.
   *
   * @param {NamedTest[]} tests
   */
  static async make(tests) {
    await mkdir(COPY, { recursive: true });
    for (const name of await readdir(ROOT)) {
      if (NOT_COPIED.includes(name)) continue;
      await rm(join(COPY, name), { recursive: true, force: true });
      await cp(join(ROOT, name), join(COPY, name), { recursive: true });
    }
    const packages = join(COPY, "node_modules");
    await rm(packages, { force: true });
    await symlink(join(ROOT, "node_modules"), packages);
    const copy = new DefencelessCopy();
    for (const [suite, ofSuite] of Map.groupBy(tests, suiteOf)) {
      await copy.#build(suite);
      const failed = (await tryTests(suite, ofSuite, COPY)).find(({ held }) => !held);
      if (failed) {
        const { file, title } = failed.test;
        throw new Error(`with all defences there, this fails: ${file}: ${title}\n${failed.output}`);
      }
    }
    return copy;
  }

  /** @param {Defence} defence */
  async tryWithout(defence) {
    const { file, test } = defence;
    const path = join(COPY, file);
    const text = await readFile(path, "utf8");
    await writeFile(path, plant(defence, text));
    try {
      await this.#build(suiteOf(test));
      const [{ ran, held, output }] = await tryTests(suiteOf(test), [test], COPY);
      if (!ran) throw new Error(`without the defence "${defence.name}" no test ran:\n${output}`);
      return { isNoticed: !held, words: wordsOf(output) };
    } finally {
      await writeFile(path, text);
    }
  }

  /** @param {string} suite */
  async #build(suite) {
    for (const args of buildsFor(suite)) {
      const { ok, output } = await run(join(COPY, "scripts/build"), args, {
        timeoutMs: BUILD_TIMEOUT_MS,
      });
      if (!ok) throw new Error(`the copy can't be built:\n${output}`);
    }
  }
}

/** The first line of what went wrong, or the last of all. @param {string} output */
function wordsOf(output) {
  for (const words of WORDS) {
    const [, line] = words.exec(output) ?? [];
    if (line !== undefined) return line.trim();
  }
  return output.trimEnd().split("\n").at(-1) ?? "";
}
