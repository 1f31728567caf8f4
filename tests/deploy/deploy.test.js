/** scripts/deploy as somebody runs it who has no account, and as one who has. */

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { CentralStack } from "../../scripts/deployment/central.js";
import { Account } from "./account.js";
import { deploy, FILLED_IN, Trap, varArguments } from "./command.js";

const REAL = varArguments(FILLED_IN);

describe("a dry run", { timeout: 300_000, concurrency: 2 }, () => {
  /**
   * A dry run, by which nothing may be asked of the network.
   *
   * @param {import("node:test").TestContext} t
   * @param {string[]} args
   */
  async function dryRun(t, args) {
    const trap = await Trap.start();
    t.after(() => trap.stop());
    const { code, stdout, stderr } = await deploy([...args, "--dry-run"], trap.env);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, "");
    assert.match(stderr, /^dry run: nothing has left this machine$/m);
    assert.equal(trap.connections, 0, "something was asked of the network");
    return {
      stderr,
      commands: [...stderr.matchAll(/^would run +(.*)$/gm)].map(([, command]) => command),
    };
  }

  test("bundles and checks, with no account and no network", async (t) => {
    const { stderr, commands } = await dryRun(t, ["staging"]);
    assert.match(stderr, /^worker +edgeroom-staging$/m);
    assert.match(stderr, /^settings +as edge\.wasm \((wasi|emscripten)\) takes them/m);
    assert.match(stderr, /^binding +ROOMS: Durable Object Room$/m);
    for (const file of ["index.js", "room.wasm", "edge.wasm"]) {
      assert.match(stderr, new RegExp(`^file +${file}: [0-9]+ bytes, [0-9]+ gzipped$`, "m"));
    }
    assert.match(stderr, /^not checked AWS_SECRET_ACCESS_KEY: /m);
    assert.match(stderr, /^to fill in +PERSIST_URL is https:\/\/central.*\.example/m);
    assert.equal(commands.length, 1);
    assert.match(commands[0], /^wrangler deploy .*--env staging$/);
  });

  test("says the steps of a roll-out, and of the receiving end", async (t) => {
    const central = ["--central", "--central-parameter", "RetentionDays=30"];
    const { stderr, commands } = await dryRun(t, ["production", "--percent", "10", ...central]);
    assert.match(stderr, /^worker +edgeroom-production$/m);
    assert.match(stderr, /^central +central\/template\.yaml: [0-9]+ resources, as their schemas/m);
    assert.match(stderr, /^central +build\/central\/handler\.mjs: [0-9]+ bytes$/m);
    assert.equal(commands.length, 4);
    assert.match(commands[0], /^sam deploy .*--stack-name edgeroom-production .*RetentionDays=30$/);
    assert.match(commands[2], /^wrangler versions upload .*--env production$/);
    const shares = "NEW@10% CURRENT@90% --yes --env production";
    assert.equal(commands[3], `wrangler versions deploy ${shares}`);
  });

  test("refuses what a deployment refuses, all at once, and names it", async () => {
    const wrong = { AUTH: "off", PERSIST_AUTH: "none", ALLOWED_ORIGINS: "*", HISTORY_SIZE: "x" };
    const { code, stderr } = await deploy(["production", "--dry-run", ...varArguments(wrong)]);
    assert.equal(code, 1);
    const named = [...stderr.matchAll(/^ {2}- ([A-Z_]+)/gm)].map(([, name]) => name).sort();
    assert.deepEqual(named, Object.keys(wrong).sort());
    assert.doesNotMatch(stderr, /would run/);
  });
});

test("the receiving end is refused a parameter that its template does not have", async () => {
  const stack = new CentralStack("staging", ["Retention=30", "RetentionDays"]);
  await assert.rejects(stack.prepare(), (/** @type {Error} */ { message }) => {
    assert.match(message, /the template has no Retention; it has RetentionDays, /);
    assert.match(message, /takes NAME=VALUE, not "RetentionDays"/);
    return true;
  });
});

test("the receiving end is not deployed without sam, and it says how to get it", async (t) => {
  const { PATH } = process.env;
  t.after(() => {
    process.env.PATH = PATH;
  });
  process.env.PATH = "/nowhere";
  const stack = new CentralStack("staging", []);
  await stack.prepare();
  await assert.rejects(stack.deploy(), /--central needs sam.*pip install aws-sam-cli/);
});

test("the receiving end is deployed by sam, and its address is what sam says", async (t) => {
  // There is no account to deploy to: this stands for sam, and says what it was asked for.
  const folder = await mkdtemp(join(tmpdir(), "edgeroom-sam-"));
  const { PATH } = process.env;
  t.after(async () => {
    process.env.PATH = PATH;
    await rm(folder, { recursive: true, force: true });
  });
  const url = "https://abcdefghij.execute-api.eu-central-1.amazonaws.com";
  await writeFile(
    join(folder, "sam"),
    `#!/usr/bin/env bash
echo "$@" >>"${folder}/asked"
if [ "$1" = list ]; then echo '[{"OutputKey":"PersistUrl","OutputValue":"${url}"}]'; fi
`,
    { mode: 0o755 },
  );
  process.env.PATH = `${folder}:${PATH}`;
  const stack = new CentralStack("production", ["RetentionDays=30"]);
  await stack.prepare();
  assert.equal(await stack.deploy(), url);
  const [version, deployed, listed] = (await readFile(join(folder, "asked"), "utf8")).split("\n");
  assert.equal(version, "--version");
  assert.match(
    deployed,
    /^deploy --template-file central\/template\.yaml --stack-name edgeroom-production /,
  );
  assert.match(deployed, /--capabilities CAPABILITY_IAM .*--parameter-overrides RetentionDays=30$/);
  assert.equal(listed, "list stack-outputs --stack-name edgeroom-production --output json");
});

test("arguments that make no sense end with 2, and what they should be", async () => {
  /** @type {[string[], RegExp][]} */
  const cases = [
    [[], /which environment/],
    [["develop"], /the environment comes first, staging or production, not 'develop'/],
    [["staging", "--percent", "ten"], /--percent is "ten"; it is 0 to 100/],
    [["staging", "--percent", "10", "--rollback"], /--rollback and --percent do not go together/],
    [["staging", "--version", "x"], /--version goes with --percent, --check or --rollback/],
    [["staging", "--check"], /--check needs --version ID/],
    [["staging", "--var", "AUTH"], /--var takes NAME:VALUE, not "AUTH"/],
    [["staging", "--faster"], /--faster/],
    [["staging", "--rollback", "--secrets", "f"], /go with what is uploaded/],
  ];
  const found = await Promise.all(cases.map(([args]) => deploy(args)));
  for (const [n, { code, stderr }] of found.entries()) {
    assert.equal(code, 2, `${cases[n][0].join(" ")}: ${stderr}`);
    assert.match(stderr, cases[n][1]);
  }
});

describe("with an account", { timeout: 300_000, concurrency: 2 }, () => {
  const SECRETS = { AWS_ACCESS_KEY_ID: "AKIAREAL", AWS_SECRET_ACCESS_KEY: "a/real+secret" };

  test("a first deployment sets the secrets, makes what is missing and applies the migration", async (t) => {
    const account = await Account.start();
    t.after(() => account.stop());
    const folder = await mkdtemp(join(tmpdir(), "edgeroom-secrets-"));
    t.after(() => rm(folder, { recursive: true, force: true }));

    const secrets = join(folder, "secrets.json");
    await writeFile(secrets, JSON.stringify(SECRETS));
    const { code, stdout, stderr } = await deploy(
      ["production", ...REAL, "--secrets", secrets, "--message", "the first"],
      account.env,
    );
    assert.equal(code, 0, stderr);
    const [{ id, form }] = account.versions;
    assert.equal(stdout, `version ${id}\n`);
    assert.equal(account.migration, "v1");
    assert.ok(account.requests.includes("POST /storage/kv/namespaces"));
    for (const part of [
      '"a/real+secret"',
      '"new_sqlite_classes":["Room"]',
      FILLED_IN.PERSIST_URL,
    ]) {
      assert.ok(form.includes(part), `the upload has no ${part}`);
    }
    assert.ok(!stderr.includes("a/real+secret"), "a secret was told");
  });

  test("a version gets its share step by step, is looked at, and is taken back", async (t) => {
    const account = await Account.start();
    t.after(() => account.stop());
    account.secrets = Object.keys(SECRETS);
    const old = account.deployedBefore("v1");
    const worker = await startHealth(t);

    const first = await deploy(["production", ...REAL, "--percent", "10"], account.env);
    assert.equal(first.code, 0, first.stderr);
    const version = account.versions[1].id;
    assert.equal(first.stdout, `version ${version}\n`);
    const share = (/** @type {number} */ percentage) => ({ version_id: version, percentage });
    const rest = (/** @type {number} */ percentage) => ({ version_id: old, percentage });
    assert.deepEqual(account.deployments.at(-1), [share(10), rest(90)]);

    const check = ["production", "--check", "--version", version, "--url", worker.url];
    const looked = await deploy([...check, "--minutes", "0.01"], account.env);
    assert.equal(looked.code, 0, looked.stderr);
    assert.equal(worker.asked.size, 1);
    assert.ok(worker.asked.has(`edgeroom-production="${version}"`));

    account.traffic = { requests: 1000, errors: 20 };
    const failing = await deploy([...check, "--minutes", "0.01"], account.env);
    assert.equal(failing.code, 1);
    assert.match(failing.stderr, /more than 1 % of the requests have failed: 20 of 1000/);

    worker.isWell = false;
    const unwell = await deploy(check, account.env);
    assert.equal(unwell.code, 1);
    assert.match(unwell.stderr, /503 .*misconfigured/);

    const back = await deploy(["production", "--rollback"], account.env);
    assert.equal(back.code, 0, back.stderr);
    assert.deepEqual(account.deployments.at(-1), [rest(100)]);
    const all = ["production", "--version", version, "--percent", "100"];
    assert.equal((await deploy(all, account.env)).code, 0);
    assert.deepEqual(account.deployments.at(-1), [share(100)]);
  });

  test("a new migration is refused step by step, and said why", async (t) => {
    const account = await Account.start();
    t.after(() => account.stop());
    account.secrets = Object.keys(SECRETS);
    account.deployedBefore("v0");
    const { code, stderr } = await deploy(["production", ...REAL, "--percent", "10"], account.env);
    assert.equal(code, 1);
    assert.match(stderr, /pending Durable Object migration/);
    assert.match(stderr, /Run it without --percent/);
    assert.equal(account.versions.length, 1);
  });

  test("what is missing, or stands for the operator's own, is refused in staging too", async (t) => {
    const account = await Account.start();
    t.after(() => account.stop());
    account.secrets = ["AWS_ACCESS_KEY_ID"];
    account.deployedBefore("v1");
    const { code, stderr } = await deploy(["staging"], account.env);
    assert.equal(code, 1);
    const named = [...stderr.matchAll(/^ {2}- ([A-Z_]+)/gm)].map(([, name]) => name).sort();
    assert.deepEqual(named, [...Object.keys(FILLED_IN), "AWS_SECRET_ACCESS_KEY"].sort());
    assert.match(stderr, /^ {2}- AWS_SECRET_ACCESS_KEY is missing.*--secrets.*--env staging$/m);
    assert.ok(account.requests.every((request) => request.startsWith("GET ")));
  });
});

/** A Worker's /health. @param {import("node:test").TestContext} t */
async function startHealth(t) {
  const told = { url: "", isWell: true, asked: new Set() };
  const server = createServer((request, response) => {
    told.asked.add(request.headers["cloudflare-workers-version-overrides"]);
    response.statusCode = told.isWell ? 200 : 503;
    response.end(JSON.stringify(told.isWell ? { status: "ok" } : { title: "misconfigured" }));
  });
  await new Promise((listening) => {
    server.listen(0, "127.0.0.1", () => listening(undefined));
  });
  t.after(() => server.close());
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  told.url = `http://127.0.0.1:${port}`;
  return told;
}
