/**
 * docs/TUTORIAL.md, followed word by word by somebody who has Node.js and a browser: each block is typed or
 * written as it stands. What differs: ports that are free, packages in the versions that are pinned, and
 * no account to deploy to.
 */

import assert from "node:assert/strict";
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { endStartedProcesses } from "../../scripts/process-tree.js";
import { freePort } from "../../scripts/running-dev.js";
import { launchBrowser, Visitor } from "../e2e/visitor.js";
import { packedFile, ROOT, succeeded } from "./packed.js";
import { Program } from "./program.js";
import { Project } from "./project.js";

/** @import { Locator } from "playwright-core" */

/** @typedef {{ language: string, file: string, text: string }} Block */

/** What runs until it is stopped, and what it says when it is ready. @type {Record<string, RegExp>} */
const LASTING = {
  "npx wrangler dev": /Ready on (http:\/\/\S+)/,
  "npx edgeroom central": /^central: listening on (\S+)$/m,
};

const limits = { timeout: 300_000 };

describe("docs/TUTORIAL.md", limits, () => {
  /** @type {Map<string, Block[]>} */
  let sections;
  /** @type {Project} */
  let project;
  /** What runs, by its command. @type {Map<string, Program>} */
  const programs = new Map();
  /** @type {Record<string, string>} */
  let ports;
  /** @type {Awaited<ReturnType<typeof launchBrowser>>} */
  let browser;
  /** @type {Visitor} */
  let visitor;

  before(async () => {
    sections = sectionsOf(await readFile(join(ROOT, "docs/TUTORIAL.md"), "utf8"));
    project = await Project.create("hello-rooms");
    ports = { 8787: await freePort(), 8788: await freePort() };
    project.env.CENTRAL_PORT = ports[8788];
    browser = await launchBrowser();
    visitor = await Visitor.open(browser, `http://127.0.0.1:${ports[8787]}`);
  });

  after(async () => {
    await browser?.close();
    await Promise.all([...programs.values()].map((program) => program.stop()));
    await project?.remove();
    await endStartedProcesses({ graceMs: 5_000, collectMs: 2_000 });
  });

  /** Does what a section says. @param {string} title */
  async function follow(title) {
    const blocks = sections.get(title);
    assert.ok(blocks?.length, `the tutorial has no section "${title}" with something to do`);
    for (const block of blocks) {
      if (block.language === "sh") {
        for (const command of block.text.trim().split("\n")) await type(command);
      } else if (block.language === "toml") {
        await configure(block);
      } else {
        await project.write({ [block.file]: here(block.text) });
      }
    }
  }

  /** With the ports of this test. @param {string} text */
  function here(text) {
    return text.replace(/878[78]/g, (port) => ports[port] ?? port);
  }

  /** @param {string} command */
  async function type(command) {
    const ready = LASTING[command];
    const words = command.split(" ");
    if (ready !== undefined) {
      await start(command, ready);
    } else if (command === "mkdir hello-rooms" || command === "cd hello-rooms") {
      // That is where the project is.
    } else if (command === "npx wrangler login") {
      // There is no account.
    } else if (command === "npx wrangler deploy") {
      const told = succeeded(await project.run("wrangler", "deploy", "--dry-run"));
      assert.match(told, /--dry-run: exiting now/);
    } else if (command.startsWith("npm install ")) {
      const [file = "", ...others] = words.slice(2);
      assert.match(packedFile(), new RegExp(`${file.replace("../", "/")}$`));
      const pinned = await Promise.all(others.map(inPinnedVersion));
      succeeded(await project.run("npm", "install", "--prefer-offline", packedFile(), ...pinned));
    } else if (command.startsWith("node ")) {
      programs.set(command, new Program(project, "node", words.slice(1)));
    } else {
      const [program = "", ...args] = words;
      succeeded(await project.run(program, ...args));
    }
  }

  /** @param {string} command @param {RegExp} ready */
  async function start(command, ready) {
    const args = command.split(" ").slice(1);
    const port = command.endsWith(" dev")
      ? ["--port", /** @type {string} */ (ports[8787]), "--inspector-port", "0"]
      : [];
    const program = new Program(project, /** @type {string} */ (args[0]), [
      ...args.slice(1),
      ...port,
    ]);
    programs.set(command, program);
    await program.address(ready);
  }

  /** @param {string} command */
  async function stop(command) {
    await programs.get(command)?.stop();
    programs.delete(command);
  }

  /** A line that is there already has another value then; a table is new. @param {Block} block */
  async function configure({ file, text }) {
    const path = join(project.folder, file);
    if (text.startsWith("[")) {
      await appendFile(path, `\n${text}`);
      return;
    }
    let settings = await readFile(path, "utf8");
    for (const line of text.trim().split("\n")) {
      const [name] = line.split(" = ");
      const there = new RegExp(`^${name} = .*$`, "m");
      assert.match(settings, there);
      settings = settings.replace(there, line);
    }
    await writeFile(path, settings);
  }

  /** The line that holds this, on the page of the tutorial. @param {string} text @returns {Locator} */
  const line = (text) => visitor.page.getByRole("listitem").filter({ hasText: text });

  /** @param {string} text */
  async function say(text) {
    await visitor.page.getByLabel("Message", { exact: true }).fill(text);
    await visitor.page.getByRole("button", { name: "Send" }).click();
  }

  test("a room on your machine", limits, async () => {
    await follow("A room on your machine");
    const settings = join(project.folder, ".dev.vars");
    await writeFile(settings, here(await readFile(settings, "utf8")));
    await visitor.join("lobby", "ana");
    await visitor.say("hello from the demo page");
    await visitor.page.getByText("hello from the demo page").waitFor();
  });

  test("a page of your own", limits, async () => {
    await follow("A page of your own");
    // Wrangler sees the change, and for a moment it does not answer.
    await untilTrue(async () => {
      const answer = await fetch(visitor.baseUrl).catch(() => undefined);
      return (await answer?.text())?.includes("<title>Hello, rooms</title>") ?? false;
    });
    await visitor.page.goto(visitor.baseUrl);
    await line("ana: hello from the demo page ✓").waitFor();
    await say("<b>hello</b> from my page");
    await line("ana: <b>hello</b> from my page ✓").waitFor();
    assert.equal(await line("✓✓").count(), 0, "there is no central API yet");
    assert.deepEqual(visitor.problems, []);
  });

  test("where the messages go", limits, async () => {
    const refused = await project.run("npx", "edgeroom", "central");
    const [, wanted] = /^ {2}npm i -D (.+)$/m.exec(refused.stderr) ?? [];
    assert.ok(wanted, refused.stderr);
    succeeded(await project.run("npm", "install", "--prefer-offline", "-D", ...wanted.split(" ")));
    await follow("Where the messages go");
    await line("ana: hello from the demo page ✓✓").waitFor({ timeout: 90_000 });
    await line("ana: <b>hello</b> from my page ✓✓").waitFor();
  });

  test("a program in the room", limits, async () => {
    await follow("A program in the room");
    const bot = /** @type {Program} */ (programs.get("node bot.mjs"));
    await untilTrue(async () => (await stateOfRoom()).users === 2);
    await say("are you there?");
    await line("echo: you said are you there? ✓✓").waitFor({ timeout: 90_000 });
    await untilTrue(async () => /^message \d+ is in the database$/m.test(bot.output));
    await stop("npx wrangler dev");
    await say("and now?");
    await start("npx wrangler dev", /** @type {RegExp} */ (LASTING["npx wrangler dev"]));
    await line("echo: you said and now? ✓✓").waitFor({ timeout: 90_000 });
    assert.equal(await line("and now?").count(), 2, "what was said, and the answer");
  });

  async function stateOfRoom() {
    return (await fetch(`${visitor.baseUrl}/api/rooms/lobby`)).json();
  }

  test("deploy it", limits, () => follow("Deploy it"));
});

/** A package of ours in the version that is pinned here. @param {string} name */
async function inPinnedVersion(name) {
  const { devDependencies } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
  return `${name}@${devDependencies[name]}`;
}

/** @param {() => Promise<boolean>} holds */
async function untilTrue(holds) {
  const deadline = performance.now() + 60_000;
  while (!(await holds())) {
    assert.ok(performance.now() < deadline, `waited in vain for ${holds}`);
    await new Promise((again) => setTimeout(again, 100));
  }
}

/** Its fenced blocks with their language and file, by the heading above them. @param {string} text */
function sectionsOf(text) {
  /** @type {Map<string, Block[]>} */
  const sections = new Map();
  for (const section of text.split(/^## /m).slice(1)) {
    const title = section.slice(0, section.indexOf("\n"));
    const blocks = section.matchAll(/^```(\w+) ?(\S*)\n(.*?)^```$/gms);
    sections.set(
      title,
      Array.from(blocks, ([, language = "", file = "", code = ""]) => ({
        language,
        file,
        text: code,
      })),
    );
  }
  return sections;
}
