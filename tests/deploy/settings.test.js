/** What may be deployed, as the real core and scripts/deployment/settings.js judge it. */

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { DeployError } from "../../scripts/deployment/fault.js";
import {
  developmentValues,
  judge,
  readSecrets,
  SECRETS,
  SettingsCore,
} from "../../scripts/deployment/settings.js";
import { readEnvironment } from "../../scripts/deployment/wrangler.js";
import { FILLED_IN } from "./command.js";

/** @import { Environment } from "../../scripts/deployment/wrangler.js" */

const SOUND_SECRETS = { AWS_ACCESS_KEY_ID: "AKIAREAL", AWS_SECRET_ACCESS_KEY: "a/real+secret" };

describe("an environment", () => {
  /** @type {SettingsCore} */
  let core;
  /** @type {Map<string, Set<string>>} */
  let development;
  /** @type {Record<"staging" | "production", Environment>} */
  let targets;

  before(async () => {
    core = await SettingsCore.load(process.env.EDGEROOM_TOOLCHAIN || "wasi");
    development = await developmentValues();
    targets = {
      staging: await readEnvironment("staging"),
      production: await readEnvironment("production"),
    };
  });

  /**
   * @param {object} change what is other than in a production that may be deployed
   * @param {"staging" | "production"} [change.environment]
   * @param {Record<string, unknown>} [change.vars]
   * @param {Record<string, string>} [change.secrets]
   * @param {string[]} [change.accountSecrets]
   * @param {{ binding: string, id?: string }[]} [change.bindings]
   */
  function verdict(change) {
    const {
      environment = "production",
      vars = {},
      secrets = SOUND_SECRETS,
      accountSecrets,
    } = change;
    const target = targets[environment];
    return judge({
      environment,
      vars: { ...target.vars, ...FILLED_IN, ...vars },
      secrets,
      accountSecrets,
      bindings: change.bindings ?? target.bindings,
      core,
      development,
    });
  }

  /** @param {Parameters<typeof verdict>[0]} change */
  const refusals = (change) => verdict(change).refusals.map(({ say }) => say);

  test("may be deployed as wrangler.toml has it, when what is the operator's is filled in", () => {
    for (const environment of /** @type {const} */ (["staging", "production"])) {
      const found = verdict({ environment });
      assert.deepEqual(found, { refusals: [], blanks: [], unchecked: [] }, environment);
      assert.equal(targets[environment].warnings, "", "Wrangler has something to say");
    }
  });

  test("has every variable that the top level has", async () => {
    // Wrangler would warn of it, and the values of the two must not drift apart unnoticed.
    const { unstable_readConfig: readConfig } = await import("wrangler");
    const top = readConfig({ config: "wrangler.toml" }, { hideWarnings: true });
    for (const environment of /** @type {const} */ (["staging", "production"])) {
      for (const name of Object.keys(top.vars)) {
        assert.ok(name in targets[environment].vars, `${name} in [env.${environment}.vars]`);
      }
    }
  });

  test("names what is still to be filled in", () => {
    const { vars, bindings } = targets.production;
    const { refusals: refused, blanks } = judge({
      environment: "production",
      vars,
      secrets: SOUND_SECRETS,
      accountSecrets: undefined,
      bindings,
      core,
      development,
    });
    assert.deepEqual(refused, []);
    assert.deepEqual(blanks.map(({ name }) => name).sort(), Object.keys(FILLED_IN).sort());
  });

  describe("in production is refused", () => {
    /** @type {[string, Parameters<typeof verdict>[0], RegExp][]} */
    const cases = [
      ["AUTH=off", { vars: { AUTH: "off" } }, /^AUTH is off.*set it to jwt/],
      ["PERSIST_AUTH=none", { vars: { PERSIST_AUTH: "none" } }, /^PERSIST_AUTH is none.*sigv4/],
      ["no origin", { vars: { ALLOWED_ORIGINS: "" } }, /^ALLOWED_ORIGINS is empty: name/],
      ["blank origins", { vars: { ALLOWED_ORIGINS: "  " } }, /^ALLOWED_ORIGINS /],
      ["any origin", { vars: { ALLOWED_ORIGINS: "*" } }, /^ALLOWED_ORIGINS holds \*.*name/],
      [
        "any origin among others",
        { vars: { ALLOWED_ORIGINS: "https://app.acme.test, *" } },
        /^ALLOWED_ORIGINS holds \*/,
      ],
      [
        "a central API without TLS",
        { vars: { PERSIST_URL: "http://127.0.0.1:8788" } },
        /^PERSIST_URL is an http URL.*use https/,
      ],
      [
        "keys of tokens without TLS",
        { vars: { JWKS_URL: "http://login.acme.test/keys" } },
        /^JWKS_URL is an http URL/,
      ],
      [
        "the moderators' token of development",
        { secrets: { ...SOUND_SECRETS, MODERATOR_TOKENS: "good-one, dev-moderator" } },
        /^MODERATOR_TOKENS is, or holds, the secret of \.dev\.vars\.example.*wrangler secret put MODERATOR_TOKENS --env production/,
      ],
      [
        "the secret key of development",
        { secrets: { ...SOUND_SECRETS, AWS_SECRET_ACCESS_KEY: "local-development-secret" } },
        /^AWS_SECRET_ACCESS_KEY is, or holds, the secret of \.dev/,
      ],
      [
        "the key's name of development",
        { secrets: { ...SOUND_SECRETS, AWS_ACCESS_KEY_ID: "local-development" } },
        /^AWS_ACCESS_KEY_ID is, or holds/,
      ],
      [
        "the secret for tokens that is commented out there",
        {
          vars: { JWT_ALGORITHMS: "HS256" },
          secrets: {
            ...SOUND_SECRETS,
            JWT_SECRET: "a-secret-of-this-machine-of-at-least-32-bytes",
          },
        },
        /^JWT_SECRET is, or holds/,
      ],
      [
        "a secret among the variables",
        { vars: { MODERATOR_TOKENS: "a-token-that-is-good-and-long" } },
        /^MODERATOR_TOKENS is a secret, and stands where others can read it: take it out/,
      ],
      // These by the core.
      ["no AUTH", { vars: { AUTH: undefined } }, /^AUTH is missing/],
      ["no address", { vars: { PERSIST_URL: undefined } }, /^PERSIST_URL is missing/],
      ["no such algorithm", { vars: { JWT_ALGORITHMS: "none" } }, /^JWT_ALGORITHMS must be/],
      ["no keys", { vars: { JWKS_URL: undefined } }, /^JWKS_URL is missing/],
      ["limits that are no JSON", { vars: { RATE_LIMITS: "100/min" } }, /^RATE_LIMITS/],
      ["a number out of range", { vars: { HISTORY_SIZE: "-1" } }, /^HISTORY_SIZE/],
      [
        "a secret for tokens that is too short",
        { vars: { JWT_ALGORITHMS: "HS256" }, secrets: { ...SOUND_SECRETS, JWT_SECRET: "short" } },
        /^JWT_SECRET must have at least/,
      ],
    ];
    for (const [what, change, expected] of cases) {
      test(what, () => {
        const found = refusals(change);
        assert.equal(found.length, 1, found.join("\n") || "nothing was refused");
        assert.match(found[0], expected);
      });
    }

    test("a binding that is missing, as none is handed down", () => {
      const { bindings } = targets.production;
      for (const name of ["ROOMS", "RATE_LIMIT", "ASSETS"]) {
        const found = refusals({ bindings: bindings.filter(({ binding }) => binding !== name) });
        assert.equal(found.length, 1);
        assert.match(
          found[0],
          new RegExp(`^${name} is missing.*; bind it in \\[env\\.production\\]`),
        );
      }
    });

    test("an id of a namespace that stands for none", () => {
      const bindings = targets.production.bindings.map((one) =>
        one.binding === "RATE_LIMIT" ? { ...one, id: "0".repeat(32) } : one,
      );
      const found = refusals({ bindings });
      assert.equal(found.length, 1);
      assert.match(
        found[0],
        /^RATE_LIMIT has an id.*kv namespace create RATE_LIMIT --env production/,
      );
    });

    test("all of it at once", () => {
      const found = refusals({
        vars: {
          AUTH: "off",
          PERSIST_AUTH: "none",
          ALLOWED_ORIGINS: "*",
          PERSIST_URL: "ftp://x",
          RATE_LIMITS: "{}",
          MESSAGE_LIMITS: "[]",
          HISTORY_SIZE: "many",
          PRESENCE_MAX: "some",
          LOG_LEVEL: "loud",
        },
        secrets: { MODERATOR_TOKENS: "dev-moderator" },
        bindings: [],
      });
      const names = found.map((say) => say.split(/[ :]/)[0]).sort();
      assert.deepEqual(names, [
        "ALLOWED_ORIGINS",
        "ASSETS",
        "AUTH",
        "HISTORY_SIZE",
        "LOG_LEVEL",
        "MESSAGE_LIMITS",
        "MODERATOR_TOKENS",
        "PERSIST_AUTH",
        "PERSIST_URL",
        "PRESENCE_MAX",
        "RATE_LIMIT",
        "RATE_LIMITS",
        "ROOMS",
      ]);
    });
  });

  test("no refusal tells a secret", () => {
    const value = "dev-moderator";
    for (const change of [
      { secrets: { MODERATOR_TOKENS: value } },
      { vars: { MODERATOR_TOKENS: value } },
      { vars: { AUTH: value } },
    ]) {
      const found = refusals(change);
      assert.ok(found.length > 0);
      for (const say of found) assert.ok(!say.includes(value), say);
    }
  });

  test("may be what it likes in staging, as long as a Worker would run with it", () => {
    const loose = { AUTH: "off", PERSIST_AUTH: "none", ALLOWED_ORIGINS: "*" };
    assert.deepEqual(refusals({ environment: "staging", vars: loose }), []);
    const found = refusals({ environment: "staging", vars: { AUTH: "perhaps" } });
    assert.deepEqual(found, ["AUTH must be off or jwt"]);
  });

  test("needs its secrets: known by value, by name, or told of as not checked", () => {
    const asked = verdict({ secrets: {}, accountSecrets: [] }).refusals;
    assert.deepEqual(
      asked.map(({ name }) => name),
      ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"],
    );
    assert.match(asked[0].say, /--secrets.*wrangler secret put AWS_ACCESS_KEY_ID --env production/);
    const accountSecrets = Object.keys(SOUND_SECRETS);
    assert.deepEqual(verdict({ secrets: {}, accountSecrets }).refusals, []);
    assert.deepEqual(verdict({ secrets: {} }), {
      refusals: [],
      blanks: [],
      unchecked: ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"],
    });
    const hmac = { vars: { PERSIST_AUTH: "hmac" }, secrets: {}, accountSecrets };
    assert.deepEqual(
      verdict(hmac).refusals.map(({ name }) => name),
      ["PERSIST_SECRET"],
    );
  });

  test("never has the secrets of .dev.vars.example, whichever they are", () => {
    const known = [...development].filter(([name]) => SECRETS.includes(name));
    assert.ok(known.length >= 4, "the example has lost its secrets");
    for (const [name, values] of known) {
      for (const value of values) {
        const found = refusals({ secrets: { ...SOUND_SECRETS, [name]: value } });
        assert.ok(
          found.some((say) => say.startsWith(name)),
          `${name}=${value} was taken`,
        );
      }
    }
  });
});

test("a file of secrets is JSON or lines, and a fault in it is told without its contents", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "edgeroom-secrets-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, "secrets");
  const read = async (/** @type {string} */ text) => {
    await writeFile(file, text);
    return readSecrets(file);
  };
  assert.deepEqual({ ...(await read("A=1\n# B=2\nC='3 4'\n")) }, { A: "1", C: "3 4" });
  assert.deepEqual(await read('{"A":"1"}'), { A: "1" });
  for (const [text, expected] of /** @type {[string, RegExp][]} */ ([
    ['{"A":"geheim"', /is no JSON/],
    ['{"A":["geheim"]}', /A must be a string/],
    ["A=geheim$HOME", /A holds a \$.*as JSON/],
  ])) {
    await assert.rejects(read(text), (/** @type {Error} */ error) => {
      assert.ok(error instanceof DeployError);
      assert.match(error.message, expected);
      assert.ok(!error.message.includes("geheim"), error.message);
      return true;
    });
  }
  await assert.rejects(readSecrets(join(folder, "none")), /can't be read \(ENOENT\)/);
});
