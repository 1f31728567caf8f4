/**
 * The workflows of .github/workflows: nobody here can run them, so what they say is compared with what
 * there is.
 */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { accessSync, constants, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { describe, test } from "node:test";
import { yamlParse } from "yaml-cfn";
import { readOptions } from "../../scripts/deployment/options.js";
import { ROOT } from "./command.js";

const FOLDER = join(ROOT, ".github/workflows");

/**
 * @typedef {{ name?: string, run?: string, uses?: string, if?: string, id?: string }} Step
 * @typedef {{ steps?: Step[], uses?: string, needs?: string, environment?: string, strategy?: any, env?: Record<string, string> }} Job
 * @typedef {{ jobs: Record<string, Job>, permissions: object, on: any }} Workflow
 */

/** @type {Record<string, Workflow>} */
const workflows = Object.fromEntries(
  readdirSync(FOLDER).map((file) => {
    return [basename(file, ".yml"), yamlParse(readFileSync(join(FOLDER, file), "utf8"))];
  }),
);

const steps = Object.entries(workflows).flatMap(([file, { jobs }]) =>
  Object.entries(jobs).flatMap(([job, { steps: own = [] }]) =>
    own.map((step) => ({ where: `${file}.yml ${job}`, step })),
  ),
);

/** Every command of ours, word by word. */
const commands = steps.flatMap(({ where, step }) =>
  [...(step.run ?? "").matchAll(/^\s*scripts\/[^|\n]*/gm)].map(([text]) => ({
    where,
    words: text.trim().split(/\s+(?=(?:[^"]*"[^"]*")*[^"]*$)/),
  })),
);

describe("the workflows", () => {
  test("name scripts that are there, and of those only test and deploy", () => {
    assert.ok(commands.length >= 8);
    for (const { where, words } of commands) {
      accessSync(join(ROOT, words[0]), constants.X_OK);
      assert.match(words[0], /^scripts\/(test|deploy)$/, where);
    }
  });

  test("run every suite of tests there is", async (t) => {
    const { suites, test: each } = workflows.test.jobs;
    assert.equal(each.needs, "suites");
    assert.match(each.strategy.matrix.suite, /fromJSON\(needs\.suites\.outputs\.names\)/);
    const folder = mkdtempSync(join(tmpdir(), "edgeroom-workflow-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const output = join(folder, "output");
    const script = suites.steps?.find(({ id }) => id === "list")?.run ?? "";
    execFileSync("bash", ["-e", "-c", script], {
      cwd: ROOT,
      env: { ...process.env, GITHUB_OUTPUT: output },
    });
    const names = JSON.parse(readFileSync(output, "utf8").replace(/^names=/, ""));
    const there = readdirSync(join(ROOT, "scripts/suites")).map((file) => basename(file, ".js"));
    assert.deepEqual(names.sort(), there.sort());
  });

  test("name actions by a fixed version, and workflows that are there", () => {
    for (const { where, step } of steps) {
      if (step.uses !== undefined) {
        assert.match(step.uses, /^[\w-]+\/[\w-]+@(v\d+|[0-9a-f]{40})$/, where);
      }
    }
    for (const { jobs } of Object.values(workflows)) {
      for (const { uses } of Object.values(jobs)) {
        if (uses !== undefined) accessSync(join(ROOT, uses));
      }
    }
  });

  test("deploy nothing that is not tested, and write nothing to the repository", () => {
    const { jobs } = workflows.deploy;
    for (const [name, job] of Object.entries(jobs)) {
      if (name === "test") continue;
      assert.equal(job.needs, "test", name);
      assert.ok(job.environment, `${name} has no environment to get its secrets from`);
    }
    for (const { permissions } of Object.values(workflows)) {
      assert.deepEqual(permissions, { contents: "read" });
    }
  });

  test("take secrets from the environment, and hand none to a command line", () => {
    for (const { where, step } of steps) {
      assert.doesNotMatch(JSON.stringify(step), /secrets\./, where);
    }
  });

  test("roll out to production bit by bit, with a look between, and roll back", () => {
    const { steps: own = [] } = workflows.deploy.jobs["step-by-step"];
    const said = own.flatMap(
      ({ run = "" }) => /--(?:percent \d+(?: --version)?|check|rollback)/.exec(run) ?? [],
    );
    assert.deepEqual(said.slice(1).map(String), [
      "--percent 10",
      "--check",
      "--percent 100 --version",
      "--check",
      "--rollback",
    ]);
    const first = own.find(({ id }) => id === "first");
    const last = own.at(-1);
    assert.match(last?.run ?? "", /--rollback/);
    assert.match(last?.if ?? "", /failure\(\).*steps\.first\.outcome == 'success'/);
    // What the later steps take from the first is what scripts/deploy writes.
    assert.match(first?.run ?? "", /sed -n 's\/\^version \/\/p'/);
  });

  test("give scripts/deploy options that it takes", () => {
    for (const { where, words } of commands) {
      if (words[0] !== "scripts/deploy") continue;
      const args = words
        .slice(1)
        .map((word) => word.replace(/^"(.*)"$/, "$1").replace("$ENVIRONMENT", "staging"));
      assert.doesNotThrow(() => readOptions(args), `${where}: ${words.join(" ")}`);
    }
  });
});
