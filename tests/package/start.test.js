/**
 * From an empty folder to rooms, as docs/PACKAGE.md says, with Node.js alone on the PATH. Each test
 * goes on where the one before it stopped.
 */

import assert from "node:assert/strict";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { endStartedProcesses } from "../../scripts/process-tree.js";
import { next } from "../e2e/next-event.js";
import { Members } from "./members.js";
import { installed, ROOT, succeeded } from "./packed.js";
import { Program, withWorker } from "./program.js";

/** @import { Project } from "./project.js" */

/** From the empty folder to a message that another member has. */
const START_MS_MAX = 120_000;

/** @type {Project} */
let project;
/** @type {Members} */
let members;
let startedMs = 0;

before(async () => {
  startedMs = performance.now();
  project = await installed("My Rooms", "wrangler");
  members = await Members.of(project);
});

after(async () => {
  await project.remove();
  await endStartedProcesses({ graceMs: 5_000, collectMs: 2_000 });
});

describe("a project by `npx edgeroom init`", () => {
  test("is made of three files, which are never overwritten", async () => {
    const told = succeeded(await project.run("npx", "edgeroom", "init"));
    assert.match(told, /^wrote wrangler.toml, index.js, .dev.vars, .gitignore$/m);
    assert.match(told, /^ {2}npx wrangler dev /m);
    const written = await readFile(join(project.folder, "wrangler.toml"), "utf8");
    assert.match(written, /^name = "my-rooms"$/m);
    await project.write({ "wrangler.jsonc": "{}" });
    const again = await project.run("npx", "edgeroom", "init");
    await rm(join(project.folder, "wrangler.jsonc"));
    assert.equal(again.code, 1);
    assert.match(
      again.stderr,
      /wrangler\.toml, index\.js, \.dev\.vars, wrangler\.jsonc: there already/,
    );
  });

  test("has the date of the platform that the repository is tested with", async () => {
    const [mine, repository] = await Promise.all(
      [join(project.folder, "wrangler.toml"), join(ROOT, "wrangler.toml")].map(async (file) => {
        return /^compatibility_date = .*$/m.exec(await readFile(file, "utf8"))?.[0];
      }),
    );
    assert.ok(mine);
    assert.equal(mine, repository);
  });

  test("is a working room, which keeps what was said over a restart", async () => {
    const seq = await withWorker(project, async (url) => {
      const said = await members.talk(url, "hello");
      const tookMs = performance.now() - startedMs;
      assert.ok(tookMs < START_MS_MAX, `from nothing to a message took ${tookMs} ms`);
      const page = await fetch(`${url}/`);
      assert.equal(page.status, 200);
      assert.match(await page.text(), /^<!doctype html>/);
      assert.equal((await fetch(`${url}/client/edgeroom.js`)).status, 200);
      return said;
    });
    await withWorker(project, (url) =>
      members.in(url, "cleo", async (cleo) => {
        const { messages } = await next(cleo, "history");
        const had = messages.map((message) => [message.seq, message.content]);
        assert.deepEqual(had, [[seq, "hello"]]);
        assert.equal(cleo.isConfirmed(seq), false, "there is no central API yet");
      }),
    );
  });

  test("can be built for deployment", async () => {
    const told = succeeded(await project.run("wrangler", "deploy", "--dry-run"));
    assert.match(told, /--dry-run: exiting now/);
  });

  test("runs a central API, for which it names what to install", async () => {
    const refused = await project.run("npx", "edgeroom", "central");
    assert.equal(refused.code, 1);
    const [, wanted] = /^ {2}npm i -D (.+)$/m.exec(refused.stderr) ?? [];
    assert.ok(wanted, refused.stderr);
    succeeded(await project.run("npm", "install", "--prefer-offline", "-D", ...wanted.split(" ")));

    // The settings are those of .dev.vars, whatever account the shell is in.
    Object.assign(project.env, { AWS_ACCESS_KEY_ID: "another", AWS_SESSION_TOKEN: "another" });
    project.env.CENTRAL_PORT = "0";
    const central = new Program(project, "edgeroom", ["central"]);
    try {
      const listening = await central.address(/^central: listening on (\S+)$/m);
      const settings = join(project.folder, ".dev.vars");
      const text = await readFile(settings, "utf8");
      await project.write({ ".dev.vars": text.replace("http://127.0.0.1:8788", listening) });
      await withWorker(project, (url) =>
        members.in(url, "ana", async (ana) => {
          // What was said before there was one arrives as well.
          const confirmed = next(ana, "confirmed", ({ through }) => through >= 2);
          const { seq } = await ana.publish("hello again");
          assert.equal(seq, 2);
          await confirmed;
          assert.ok(ana.isConfirmed(1) && ana.isConfirmed(2));
        }),
      );
    } finally {
      await central.stop();
    }
  });
});

describe("a command that makes no sense", () => {
  test("is told so", async () => {
    const unknown = await project.run("edgeroom", "initt");
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, /^error: unknown: initt\nusage: /);
    assert.match(succeeded(await project.run("edgeroom", "--help")), /^usage: /);
  });
});
