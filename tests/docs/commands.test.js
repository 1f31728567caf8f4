// Every command that a document shows is run by a test: here, or where proofs.js says.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ROOT } from "../../scripts/command.js";
import { ended } from "../ended.js";
import { commandsOf, scriptsNamed } from "./markdown.js";
import { PROOFS } from "./proofs.js";

/** @typedef {import("./markdown.js").Command} Command */
/** @typedef {import("./proofs.js").Proof} Proof */

/** A benchmark, or a dry run of a deployment. */
const COMMAND_TIMEOUT_MS = 120_000;

const EDGE = process.env.EDGEROOM_URL;
assert.ok(EDGE, "EDGEROOM_URL is not set: scripts/test docs sets it");

/** Decisions say what was; nobody follows them word by word. */
const DOCUMENTS = execFileSync("git", ["ls-files", "*.md"], { cwd: ROOT, encoding: "utf8" })
  .trim()
  .split("\n")
  .filter((file) => !file.startsWith("docs/decisions/") && file !== "CHANGELOG.md")
  // It is followed word by word by another test.
  .filter((file) => file !== "docs/TUTORIAL.md");

/** @param {string} file */
function read(file) {
  return readFile(join(ROOT, file), "utf8");
}

/** @param {string} command @param {string} temporary @returns {Promise<{ code: number | null, output: string }>} */
async function shell(command, temporary) {
  const child = spawn("bash", ["-euo", "pipefail", "-c", command], {
    cwd: ROOT,
    env: {
      ...process.env,
      ROOT,
      TEMPORARY: temporary,
      EDGE,
      TOKEN: "dev-moderator",
      MODERATOR_TOKEN: "dev-moderator",
    },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: COMMAND_TIMEOUT_MS,
  });
  const { code, stdout, stderr } = await ended(child);
  return { code, output: stdout + stderr };
}

/** Something to read back: a room that has a message. */
async function publish() {
  const response = await fetch(`${EDGE}/api/rooms/lobby/messages`, {
    method: "POST",
    headers: { authorization: "Bearer dev-moderator" },
    body: JSON.stringify({ content: "hello" }),
  });
  assert.equal(response.status, 201, await response.text());
}

/** @param {string} command @param {Proof} proof @param {string} temporary */
async function prove(command, proof, temporary) {
  if ("run" in proof) {
    let text = command;
    for (const [word, replacement] of proof.run) {
      assert.ok(text.includes(word), `there is no ${word} in: ${text}`);
      // Of a word that comes twice, each is meant.
      text = text.replaceAll(word, () => replacement);
    }
    const { code, output } = await shell(text, temporary);
    assert.equal(code, 0, `${text}\n${output}`);
    assert.match(output, proof.says, text);
  } else if ("suite" in proof) {
    assert.ok(existsSync(join(ROOT, `scripts/suites/${proof.suite}.js`)), proof.suite);
  } else if ("test" in proof) {
    assert.ok((await read(proof.test)).includes(proof.has), `${proof.test}: ${proof.has}`);
  }
}

/** What `scripts/NAME --help` says. @type {Map<string, Promise<string>>} */
const usages = new Map();

/** A script that is named is there, and knows its options. @param {string} file @param {Command} command */
async function checkScript(file, { line, text }) {
  const [, script = ""] = /(?:^|[\s(])(scripts\/[a-z.-]+)/.exec(text) ?? [];
  if (script === "") return;
  const where = `${file}:${line}: ${text}`;
  assert.ok(existsSync(join(ROOT, script)), `${where}: there is no ${script}`);
  const options = (text.match(/ --[a-z-]+/g) ?? []).filter((option) => option !== " --help");
  if (options.length === 0) return;
  const usage = usages.get(script) ?? shell(`${script} --help`, "").then(({ output }) => output);
  usages.set(script, usage);
  for (const option of options) {
    assert.ok((await usage).includes(option.trim()), `${where}: no option${option}`);
  }
}

describe("documents", { timeout: 600_000 }, () => {
  /** @type {string} */
  let temporary;
  before(async () => {
    temporary = await mkdtemp(join(tmpdir(), "edgeroom-docs-"));
    await publish();
  });
  after(() => rm(temporary, { recursive: true, force: true }));

  for (const file of DOCUMENTS) {
    it(`${file}: every command is proven`, async (t) => {
      const text = await read(file);
      const commands = commandsOf(text);
      const proofs = PROOFS[file] ?? {};
      const shown = new Set(commands.map((command) => command.text));
      for (const command of Object.keys(proofs)) {
        assert.ok(shown.has(command), `proofs.js has what ${file} does not show: ${command}`);
      }
      for (const { line, text: command } of commands) {
        await t.test(`${line}: ${command}`, async () => {
          const proof = proofs[command];
          assert.ok(
            proof,
            `${file}:${line}: proofs.js does not say how this is proven: ${command}`,
          );
          await prove(command, proof, temporary);
        });
      }
      for (const command of [...scriptsNamed(text), ...commands]) await checkScript(file, command);
    });
  }
});
