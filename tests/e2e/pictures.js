// @ts-check
/**
 * Takes the pictures of the demo page that README.md shows, into docs/images: `node
 * tests/e2e/pictures.js`. It starts scripts/dev for itself, and takes two minutes, for the charts
 * need something to show.
 */
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort, RunningDev } from "../../scripts/running-dev.js";
import { launchBrowser, PHONE, Visitor } from "./visitor.js";

/** @import { Browser, BrowserContextOptions } from "playwright-core" */
/** @typedef {Record<string, Visitor>} People by name */

const IMAGES = resolve(import.meta.dirname, "../../docs/images");
/** So that a clone stays small. */
const BYTES_MAX = 300_000;
const DESKTOP = { viewport: { width: 1280, height: 800 }, deviceScaleFactor: 2 };
/** Between two messages, so that charts have a shape. */
const PACE_MS = [700, 1_900, 1_100, 400, 2_600, 900];

/** @type {[speaker: string, text: string][]} */
const RELEASE = [
  ["ana", "Morning! The new release goes out in ten minutes."],
  ["ana", "I am watching the outbox while it does."],
  ["bo", "Perfect. I am on the train, so I will drop in and out of tunnels."],
  ["bo", "If I miss anything it should be here when I am back."],
  ["ana", "It will be. One tick: the room has it.\nTwo ticks: the central API has it too."],
  ["cy", "Then this is the easiest release so far."],
  ["ana", "Do not say that before it is out."],
];

/** What is out of sight when the picture is taken, and still in the charts. */
const WARM_UP = Array.from(
  { length: 36 },
  (_, index) =>
    /** @type {[string, string]} */ ([
      ["ana", "bo", "ana", "cy"][index % 4],
      `Check ${index + 1}.`,
    ]),
);

/** @type {[speaker: string, text: string][]} */
const BEFORE_OUTAGE = [
  ["bo", "Ready when you are."],
  ["ana", "Staging has been quiet all night."],
  ["cy", "Dashboards are green."],
  ["bo", "Backups done as well."],
  ["ana", "Then let us break something on purpose."],
  ["cy", "Your favourite part."],
  ["ana", "I stop the central API now."],
];

/** @type {[speaker: string, text: string][]} */
const IN_OUTAGE = [
  ["bo", "Nothing I notice from here."],
  ["ana", "Look at the ticks: one is stored, the second one waits."],
  ["cy", "And the outbox grows."],
  ["bo", "So we go on as if nothing was?"],
  ["ana", "Exactly. It catches up by itself."],
];

/** @type {[speaker: string, text: string][]} */
const IN_TUNNEL = [
  ["ana", "Five minutes to go."],
  ["cy", "Coffee is ready."],
  ["ana", "Bo is in the tunnel again."],
];

/** @param {Browser} browser @param {string} url @param {string} room @param {Record<string, BrowserContextOptions>} options */
async function gather(browser, url, room, options) {
  /** @type {People} */
  const people = {};
  for (const [name, each] of Object.entries(options)) {
    const visitor = await Visitor.open(browser, url, each);
    await visitor.join(room, name);
    await visitor.isLive();
    people[name] = visitor;
  }
  return people;
}

/**
 * @param {People} people
 * @param {[speaker: string, text: string][]} conversation
 */
async function talk(people, conversation) {
  for (const [index, [speaker, text]] of conversation.entries()) {
    await people[speaker].say(text);
    await people.ana.message(text).waitFor();
    await delay(PACE_MS[index % PACE_MS.length]);
  }
}

/** @param {Visitor} visitor @param {string} name */
async function take({ page }, name) {
  const path = join(IMAGES, `${name}.png`);
  await page.screenshot({ path });
  const { size } = await stat(path);
  if (size > BYTES_MAX) throw new Error(`${path} has ${size} bytes, of ${BYTES_MAX} at most`);
  process.stdout.write(`${path}: ${size} bytes\n`);
}

async function leave(/** @type {People} */ people) {
  await Promise.all(Object.values(people).map((visitor) => visitor.leave()));
}

/** @param {Browser} browser @param {string} url */
async function takePage(browser, url) {
  const people = await gather(browser, url, "release", { ana: DESKTOP, bo: {}, cy: {} });
  const { ana, bo } = people;
  await talk(people, RELEASE);
  await ana
    .withStatus("confirmed")
    .nth(RELEASE.length - 1)
    .waitFor();
  await ana.page.getByTestId("message-input").fill("Two minutes to go");
  await bo.page.getByTestId("message-input").pressSequentially("Fingers crossed");
  await ana.page.getByText("bo is typing…").waitFor();
  await take(ana, "page");
  await leave(people);
}

/** @param {Browser} browser @param {string} url */
async function takePanel(browser, url) {
  // Twice the size would be too large a file.
  const dark = { ...DESKTOP, deviceScaleFactor: 1.5, colorScheme: /** @type {const} */ ("dark") };
  const people = await gather(browser, url, "rehearsal", { ana: dark, bo: {}, cy: {} });
  const { ana } = people;
  await ana.page.getByTestId("scenes-toggle").click();
  await talk(people, WARM_UP);
  await talk(people, BEFORE_OUTAGE);
  await ana.page.getByTestId("outage").click();
  await talk(people, IN_OUTAGE);
  await ana.page.getByTestId("breaker").getByText("Open").waitFor();
  await take(ana, "panel");
  await ana.page.getByTestId("outage").click();
  await ana.withStatus("stored").first().waitFor({ state: "detached" });
  await leave(people);
}

/** @param {Browser} browser @param {string} url */
async function takePhone(browser, url) {
  const people = await gather(browser, url, "train", { bo: PHONE, ana: {}, cy: {} });
  const { ana, bo } = people;
  await bo.page.getByTestId("scenes-toggle").click();
  await talk(people, [["bo", "I am on the train now."]]);
  await bo.page.getByTestId("offline").click();
  await ana.seesPeople(2);
  await talk(people, IN_TUNNEL);
  await bo.page.getByTestId("unread").waitFor();
  await bo.withStatus("confirmed").nth(IN_TUNNEL.length).waitFor();
  await delay(PACE_MS[0]);
  await take(bo, "phone");
  await leave(people);
}

async function main() {
  const stateDir = await mkdtemp(join(tmpdir(), "edgeroom-pictures-"));
  const dev = new RunningDev([], {
    PORT: await freePort(),
    CENTRAL_PORT: await freePort(),
    STATE_DIR: stateDir,
  });
  const browser = await launchBrowser();
  try {
    const addresses = await dev.ready;
    if (addresses === undefined) throw new Error(dev.output);
    await takePage(browser, addresses.edge);
    await takePanel(browser, addresses.edge);
    await takePhone(browser, addresses.edge);
  } finally {
    await browser.close();
    await dev.stop();
    await rm(stateDir, { recursive: true, force: true });
  }
}

await main();
