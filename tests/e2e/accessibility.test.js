// @ts-check
/**
 * What axe finds wrong in the pages, for those who read them by ear, by keyboard or with weak eyes: on
 * a desktop and a phone, light and dark, in each state that a visitor gets to see.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { askAsModerator } from "./moderator.js";
import { launchBrowser, PHONE, Visitor } from "./visitor.js";

/** @import { Browser, BrowserContextOptions } from "playwright-core" */
/** @import { AxeResults } from "axe-core" */

const BASE_URL = process.env.EDGEROOM_URL ?? "";
const AXE = fileURLToPath(import.meta.resolve("axe-core/axe.min.js"));
const limits = { timeout: 120_000 };

if (BASE_URL === "") {
  throw new Error("EDGEROOM_URL is not set: give the base URL of a running edgeroom");
}

/** @type {Browser} */
let browser;
before(async () => {
  browser = await launchBrowser();
});
after(async () => {
  await browser?.close();
});

/** Nothing is found half faded. @type {BrowserContextOptions} */
const STILL = { reducedMotion: "reduce" };

/** @type {[name: string, options: BrowserContextOptions][]} */
const SCREENS = [
  ["a desktop, light", { colorScheme: "light" }],
  ["a desktop, dark", { colorScheme: "dark" }],
  ["a phone, light", { ...PHONE, colorScheme: "light" }],
  ["a phone, dark", { ...PHONE, colorScheme: "dark" }],
];

/** @param {BrowserContextOptions} options */
async function visit(options) {
  const visitor = await Visitor.open(browser, BASE_URL, { ...STILL, ...options });
  await visitor.page.addInitScript({ path: AXE });
  return visitor;
}

/** @param {Visitor} visitor @param {string} state of the page, in words */
async function isGood({ page }, state) {
  /** @type {AxeResults} */
  const { violations, passes } = await page.evaluate(() =>
    // @ts-expect-error: it is there by the init script
    window.axe.run(document),
  );
  const found = violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")}: ${failureSummary}`),
  );
  assert.deepEqual(found, [], state);
  assert.ok(
    passes.some(({ id }) => id === "color-contrast"),
    `${state}: it looked at colours`,
  );
}

for (const [name, options] of SCREENS) {
  test(`nothing stands in anybody's way on ${name}`, limits, async () => {
    const room = `axe-${randomBytes(4).toString("hex")}`;
    const ana = await visit(options);
    const bo = await visit(options);
    try {
      await ana.page.goto(BASE_URL);
      await ana.page.getByText("Access token").first().click();
      await isGood(ana, "the form");

      await ana.join(room, "ana");
      await ana.isLive();
      await isGood(ana, "an empty room");

      await bo.join(room, "bo");
      await bo.isLive();
      await ana.say("hello");
      await bo.say("hello you");
      await bo.say("something to regret");
      await ana.withStatus("confirmed").nth(2).waitFor();
      await askAsModerator("DELETE", `${room}/messages/3`);
      await ana.message("Deleted by moderator").waitFor();
      await askAsModerator("POST", `${room}/moderation`, { action: "mute", user: "bo", for_s: 60 });
      await bo.say("unheard");
      await bo.note("Not sent. You are muted in this room.").waitFor();
      await isGood(ana, "a conversation");
      await isGood(bo, "a message that was refused");

      await ana.page.getByTestId("scenes-toggle").click();
      await ana.page.getByTestId("scenes").waitFor();
      await isGood(ana, "the panel");

      await bo.page.context().setOffline(true);
      await bo.state("waiting").waitFor();
      await isGood(bo, "somebody offline");
      await bo.page.context().setOffline(false);
      await bo.isLive();
      await askAsModerator("POST", `${room}/moderation`, { action: "ban", user: "bo", for_s: 60 });
      await bo.state("closed").waitFor();
      await isGood(bo, "somebody who was removed");
      await bo.join(room, "bo");
      await bo.page.getByTestId("error").waitFor();
      await isGood(bo, "the form, refused");

      const log = await askAsModerator("GET", `${room}/log`);
      await ana.page.goto(`${BASE_URL}/client/time-travel`);
      await isGood(ana, "time travel, before it");
      const file = { name: "room.ndjson", mimeType: "application/x-ndjson" };
      const input = ana.page.getByTestId("file-input");
      await input.setInputFiles({ ...file, buffer: Buffer.from("{}\n") });
      await ana.page.getByTestId("error").waitFor();
      await isGood(ana, "time travel, with what is no log");
      await input.setInputFiles({ ...file, buffer: Buffer.from(log) });
      await ana.page.getByTestId("verdict").waitFor();
      await isGood(ana, "time travel");
    } finally {
      await Promise.all([ana.leave(), bo.leave()]);
    }
  });
}
