// @ts-check
/**
 * The panel behind the scenes of the demo page in real browsers, against the running edgeroom at
 * EDGEROOM_URL with the central API at EDGEROOM_CENTRAL_URL: its figures, and that what it breaks
 * recovers. The unusual answers come from a room that gives them on purpose.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, afterEach, before, test } from "node:test";
import { startScriptedRoom } from "./scripted-room.js";
import { launchBrowser, PHONE, Visitor } from "./visitor.js";

/** @import { Browser, BrowserContextOptions } from "playwright-core" */

const BASE_URL = process.env.EDGEROOM_URL ?? "";
const CENTRAL_URL = process.env.EDGEROOM_CENTRAL_URL ?? "";
const limits = { timeout: 90_000 };
/** All of their messages are shown at once: a page keeps 500. */
const FLOODS_MAX = 4;

if (BASE_URL === "" || CENTRAL_URL === "") {
  throw new Error("EDGEROOM_URL and EDGEROOM_CENTRAL_URL are not set: give those of scripts/dev");
}

/** @type {Browser} */
let browser;
/** @type {Visitor[]} */
let visitors = [];

before(async () => {
  browser = await launchBrowser();
});

afterEach(async () => {
  const leaving = visitors;
  visitors = [];
  await Promise.all(leaving.map((visitor) => visitor.leave()));
});

after(async () => {
  await browser?.close();
});

/** @param {BrowserContextOptions} [options] */
async function visit(options) {
  const visitor = await Visitor.open(browser, BASE_URL, options);
  visitors.push(visitor);
  return visitor;
}

/** Two people in a new room; the first has opened the panel. */
async function meet() {
  const room = `panel-${randomBytes(4).toString("hex")}`;
  const ana = await visit();
  const bo = await visit(PHONE);
  await ana.join(room, "ana");
  await ana.isLive();
  await bo.join(room, "bo");
  await bo.isLive();
  await ana.seesPeople(2);
  await openPanel(ana);
  return { room, ana, bo };
}

async function openPanel(/** @type {Visitor} */ { page }) {
  await page.getByTestId("scenes-toggle").click();
  await page.getByTestId("scenes").waitFor();
}

/**
 * @param {Visitor} visitor
 * @param {string} name of a figure
 * @param {RegExp} words
 */
async function shows({ page }, name, words) {
  await page.getByTestId(name).filter({ hasText: words }).waitFor();
}

/** The contents in the order of the log, which has no gap. */
async function texts(/** @type {Visitor} */ visitor) {
  const transcript = await visitor.transcript();
  assert.deepEqual(
    transcript.map(({ seq }) => seq),
    transcript.map((_, index) => transcript[0].seq + index),
  );
  return transcript.map(({ text }) => text);
}

/** Questions to the edge that the page asks from now on. */
function questionsOf(/** @type {Visitor} */ { page }) {
  /** @type {string[]} */
  const questions = [];
  page.on("request", (request) => {
    const { pathname } = new URL(request.url());
    if (pathname.startsWith("/api/")) questions.push(pathname);
  });
  return questions;
}

test("the panel tells how the room is, and asks nothing while it is closed", limits, async () => {
  const { room, ana, bo } = await meet();
  const questions = questionsOf(bo);
  await ana.say("hello");
  await bo.say("hello you");
  await ana.withStatus("confirmed").nth(1).waitFor();
  await shows(ana, "stored", /^\d+ ms$|^\d+\.\d s$/);
  await shows(ana, "confirmed", /^\d+ ms$|^\d+\.\d s$/);
  await shows(ana, "fact-seq", /^2$/);
  await shows(ana, "fact-confirmed", /^2$/);
  await shows(ana, "outbox", /^0$/);
  await shows(ana, "breaker", /^Closed$/);
  // The e2e suite runs without a limit; tests/e2e/access.test.js has one.
  await shows(ana, "headroom", /^No limit$/);
  await shows(ana, "fact-people", /^2, 2$/);
  await shows(ana, "fact-state", /^live$/);
  await shows(ana, "fact-reconnections", /^0$/);
  const { epoch } = await (await fetch(new URL(`/api/rooms/${room}`, BASE_URL))).json();
  assert.equal(await ana.page.getByTestId("fact-epoch").getAttribute("title"), epoch);
  const charts = ana.page.getByTestId("scenes").getByRole("img");
  assert.equal(await charts.count(), 5);
  // The two messages came within the minute.
  const rate = ana.page.getByRole("img", { name: /^Messages a second .* [1-9] at most$/ });
  await rate.waitFor();
  assert.match((await rate.locator("path").getAttribute("d")) ?? "", /^M[\d.]+ 32V/);
  const link = ana.page.getByRole("link", { name: "Step through this room’s log" });
  assert.equal(await link.getAttribute("href"), `/client/time-travel.html?room=${room}`);

  // It is open again after a reload, in this tab.
  await ana.page.reload();
  await ana.isLive();
  await ana.page.getByTestId("scenes").waitFor();
  await shows(ana, "fact-seq", /^2$/);
  assert.deepEqual(questions, [], "a closed panel asks nothing");
  const asked = questionsOf(ana);
  await ana.page.getByTestId("scenes-toggle").click();
  await ana.page.getByTestId("scenes").waitFor({ state: "hidden" });
  const before = asked.length;
  await ana.say("after");
  await ana.withStatus("confirmed").nth(2).waitFor();
  assert.equal(asked.length, before);
  assert.deepEqual([...ana.problems, ...bo.problems], []);
});

test("it is used by keyboard, and gives the focus back", limits, async () => {
  const { ana } = await meet();
  const toggle = ana.page.getByRole("button", { name: "Behind the scenes" });
  const focused = () => ana.page.evaluate(() => document.activeElement?.id);
  assert.equal(await toggle.getAttribute("aria-expanded"), "true");
  await ana.page.keyboard.press("Enter");
  await ana.page.getByTestId("scenes").waitFor({ state: "hidden" });
  assert.equal(await toggle.getAttribute("aria-expanded"), "false");
  await ana.page.keyboard.press("Enter");
  await ana.page.getByTestId("scenes").waitFor();

  await ana.page.getByTestId("outage").waitFor();
  await ana.page.getByTestId("message-input").focus();
  const walked = [];
  for (let steps = 0; steps < 20 && walked.at(-1) !== "time-travel"; steps += 1) {
    await ana.page.keyboard.press("Tab");
    walked.push(await focused());
  }
  const controls = ["scenes-close", "drop", "offline", "outage", "flood"];
  assert.deepEqual(
    walked.filter((id) => controls.includes(id ?? "")),
    controls,
  );
  await ana.page.getByTestId("flood").focus();
  await ana.page.keyboard.press("Enter");
  assert.equal(await focused(), "flood-confirm");
  await ana.page.keyboard.press("Tab");
  await ana.page.keyboard.press("Enter");
  assert.equal(await focused(), "flood");
  await ana.page.keyboard.press("Escape");
  await ana.page.getByTestId("scenes").waitFor({ state: "hidden" });
  assert.equal(await focused(), "scenes-toggle");
  assert.deepEqual(ana.problems, []);
});

test("a dropped connection is replaced, and nothing is lost", limits, async () => {
  const { ana, bo } = await meet();
  await bo.say("before");
  await ana.message("before").waitFor();
  await ana.page.getByTestId("drop").click();
  await ana.say("at once");
  await shows(ana, "fact-reconnections", /^1$/);
  await bo.message("at once").waitFor();
  await bo.say("after");
  await ana.message("after").waitFor();
  await ana.withStatus("confirmed").nth(2).waitFor();
  assert.deepEqual(await texts(ana), ["before", "at once", "after"]);
  assert.deepEqual(await texts(bo), ["before", "at once", "after"]);
  assert.deepEqual([...ana.problems, ...bo.problems], []);
});

test("who goes offline comes back to a line before what was missed", limits, async () => {
  const { ana, bo } = await meet();
  await bo.say("before");
  await ana.message("before").waitFor();
  await ana.page.getByTestId("offline").click();
  await bo.seesPeople(1);
  const questions = questionsOf(ana);
  await bo.say("first missed");
  await bo.say("second missed");
  await bo.withStatus("confirmed").nth(2).waitFor();
  await ana.say("written in the tunnel");
  await ana.withStatus("sending").waitFor();
  assert.equal(await ana.message("first missed").count(), 0);
  assert.deepEqual(questions, [], "without a network nothing is asked");

  // By itself, after a while.
  const line = ana.page.getByTestId("unread");
  await line.getByText("2 new messages", { exact: true }).waitFor();
  await ana.isLive();
  await bo.message("written in the tunnel").waitFor();
  await ana.withStatus("confirmed").nth(3).waitFor();
  const expected = ["before", "first missed", "second missed", "written in the tunnel"];
  assert.deepEqual(await texts(ana), expected);
  assert.deepEqual(await texts(bo), expected);
  const next = line.locator("xpath=following-sibling::li[1]");
  assert.equal(await next.getAttribute("data-seq"), "2");
  await ana.say("read");
  await line.waitFor({ state: "detached" });

  // Or when one has had enough of it.
  await ana.page.getByTestId("offline").click();
  await bo.seesPeople(1);
  await ana.page.getByRole("button", { name: "Go online again" }).click();
  await ana.isLive();
  await bo.seesPeople(2);
  await shows(ana, "fact-reconnections", /^2$/);
  assert.deepEqual([...ana.problems, ...bo.problems], []);
});

test(
  "while the central API is stopped ticks wait, and complete when it starts",
  limits,
  async () => {
    const { ana, bo } = await meet();
    await bo.say("before");
    await ana.withStatus("confirmed").waitFor();
    try {
      await ana.page.getByRole("button", { name: "Stop the central API" }).click();
      await ana.page
        .getByTestId("scenes-note")
        .getByText(/^The central API is stopped/)
        .waitFor();
      const said = Array.from({ length: 5 }, (_, index) => `during ${index + 1}`);
      for (const text of said) await ana.say(text);
      await bo.message("during 5").waitFor();
      await ana.withStatus("stored").nth(4).waitFor();
      await shows(ana, "outbox", /^5$/);
      await shows(ana, "breaker", /^(Open|Half-open)$/);
      await ana.page
        .getByText(/^The oldest has waited [\d.]+ m?s for the central API\.$/)
        .waitFor();
      await ana.page.getByRole("img", { name: /^Records in the outbox .*: 5 now/ }).waitFor();
      assert.equal(await ana.withStatus("confirmed").count(), 1);

      // Another page of the visitor finds it stopped, and starts it.
      await openPanel(bo);
      await bo.page.getByRole("button", { name: "Start the central API" }).click();
      await ana.withStatus("confirmed").nth(5).waitFor();
      await bo.withStatus("confirmed").nth(5).waitFor();
      await shows(ana, "outbox", /^0$/);
      await shows(ana, "breaker", /^Closed$/);
      assert.deepEqual(await texts(ana), ["before", ...said]);
      const read = await fetch(new URL("/api/local-central/answering", CENTRAL_URL));
      assert.deepEqual(await read.json(), { answering: true });
    } finally {
      await fetch(new URL("/api/local-central/answering", CENTRAL_URL), {
        method: "PUT",
        headers: { "content-type": "application/json" },
        body: '{"answering":true}',
      });
    }
    assert.deepEqual([...ana.problems, ...bo.problems], []);
  },
);

test("a flood is held back, and loses nothing", limits, async () => {
  const { ana, bo } = await meet();
  await ana.page.getByTestId("flood").click();
  await ana.page.getByTestId("flood-cancel").click();
  assert.equal(await ana.messages.count(), 0);
  const note = ana.page.getByTestId("scenes-note");
  const wasRefused = async () =>
    /[1-9]\d* refusals? for now/.test((await note.textContent()) ?? "");
  let floods = 0;
  // A machine that is slow enough is not refused anything.
  for (; floods < FLOODS_MAX && !(await wasRefused()); floods += 1) {
    await ana.page.getByTestId("flood").click();
    await ana.page.getByTestId("flood-confirm").click();
    await ana.messages.nth(floods * 100 + 99).waitFor();
    await note.getByText(/^100 of 100 messages stored in /).waitFor();
  }
  assert.ok(await wasRefused(), `none of ${floods} floods was refused anything`);
  await ana.say("and on it goes");
  await bo.message("and on it goes").waitFor();
  const read = await texts(ana);
  assert.equal(read.length, floods * 100 + 1);
  const each = Array.from({ length: 100 }, (_, index) => `Flood, ${index + 1} of 100`);
  for (const text of each) assert.equal(read.filter((words) => words === text).length, floods);
  // Everybody reads them in the same order.
  assert.deepEqual(await texts(bo), read);
  await ana.withStatus("stored").first().waitFor({ state: "detached" });
  assert.equal(await ana.page.getByTestId("note").count(), 0);
  await shows(ana, "fact-reconnections", /^0$/);
  await ana.page.getByRole("button", { name: "Flood the room" }).waitFor();
  assert.deepEqual([...ana.problems, ...bo.problems], []);
});

test(
  "nothing is wider than the narrowest phone, and all of it can be touched",
  limits,
  async () => {
    for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
      const eve = await visit({ ...PHONE, viewport: { width: 320, height: 568 }, colorScheme });
      await eve.page.goto(BASE_URL);
      await fits(eve);
      await eve.join(`a-room-with-a-rather-long-name-${randomBytes(4).toString("hex")}`, "eve");
      await eve.isLive();
      await eve.page.getByTestId("message-input").fill("a".repeat(100));
      await fits(eve);
      await eve.page.getByTestId("send-button").click();
      await eve.withStatus("confirmed").waitFor();
      await openPanel(eve);
      await shows(eve, "fact-seq", /^1$/);
      await eve.page.getByTestId("flood").click();
      await fits(eve);
      await eve.page.getByTestId("flood-cancel").click();
      // One at a time.
      await eve.page.getByRole("button", { name: "1 person here" }).click();
      await eve.page.getByTestId("scenes").waitFor({ state: "hidden" });
      await eve.members.getByText("eve").waitFor();
      await fits(eve);
      await openPanel(eve);
      assert.equal(await eve.members.getByText("eve").isVisible(), false);
      assert.deepEqual(eve.problems, []);
    }
  },
);

/** Nothing hangs out at a side, and every control is at least 40 px high and wide. */
async function fits(/** @type {Visitor} */ { page }) {
  const faults = await page.evaluate(() => {
    const all = [...document.querySelectorAll("body *:not(.visually-hidden):not(svg *)")];
    const shown = all.map((element) => ({ element, box: element.getBoundingClientRect() }));
    return shown
      .filter(({ element, box }) => {
        if (box.width === 0 || box.height === 0) return false;
        const isControl = element.matches("button, a, input, textarea, summary");
        const isSmall = isControl && (box.width < 40 || box.height < 40);
        return isSmall || box.left < 0 || box.right > innerWidth;
      })
      .map(({ element, box }) => `${element.id || element.className} ${JSON.stringify(box)}`);
  });
  assert.deepEqual(faults, []);
}

test("unusual answers are told in words, and markup in them stays text", limits, async () => {
  const { headers } = await fetch(BASE_URL);
  const policy = headers.get("content-security-policy") ?? "";
  const server = await startScriptedRoom({ policy });
  const ana = await Visitor.open(browser, server.url);
  visitors.push(ana);
  const attack = `<img src=x onerror="window.attacked=1">`;
  const room = (/** @type {object} */ outbox) => ({
    room: "lobby",
    epoch: attack,
    seq: 9,
    confirmed: 4,
    connections: 1,
    users: 1,
    outbox: { pending: 5, oldest_ms: 90_000, dead: 2, blocked: false, ...outbox },
  });
  try {
    await ana.page.clock.install();
    server.script.room = {
      headers: {
        "ratelimit-policy": '"ip";q=100;w=60, "user, all";q=10;w=60',
        ratelimit: '"ip";r=90;t=2, "user, all";r=1;t=45',
      },
      body: room({ blocked: true, attempts: 7, breaker: "open" }),
    };
    await ana.page.goto(`${server.url}/?room=lobby&user=${encodeURIComponent(attack)}`);
    const peer = await server.peers.take();
    peer.welcome({ user: attack });
    await ana.isLive();
    await openPanel(ana);
    await shows(ana, "breaker", /^Blocked$/);
    await shows(ana, "outbox", /^5$/);
    await ana.page
      .getByText("The oldest has waited 2 min for the central API. Refused for good: 2.")
      .waitFor();
    await shows(ana, "headroom", /^1 of 10$/);
    await ana.page.getByText("Few: this panel waits 45 seconds.").waitFor();
    await shows(ana, "fact-epoch", /^<img src=x/);
    // It is a stranger's API that could be asked to stop.
    assert.equal(await ana.page.getByTestId("outage").isVisible(), false);

    const asked = () => server.questions.filter((path) => path.startsWith("/api/rooms/")).length;
    assert.equal(asked(), 1);
    await ana.page.clock.fastForward(44_000);
    assert.equal(asked(), 1, "not before there are more");
    const refusal = { status: 429, headers: { "retry-after": "20" }, detail: attack };
    server.script.refusal = refusal;
    await ana.page.clock.fastForward(2_000);
    await ana.page
      .getByText(`Too many connections for now: ${attack}. Asked again in 20 seconds.`)
      .waitFor();
    server.script.refusal = null;
    server.script.room = { body: room({ attempts: 1, breaker: "half_open" }) };
    await ana.page.clock.fastForward(21_000);
    await shows(ana, "breaker", /^Half-open$/);
    await shows(ana, "headroom", /^No limit$/);
    // A proxy that says it is well.
    server.script.room = { body: {} };
    await ana.page.clock.fastForward(4_000);
    await ana.page.getByText("The room cannot be reached. Asked again in 3 seconds.").waitFor();

    // Names and reasons that others choose, wherever else they are shown.
    peer.say(
      { type: "event", name: "typing", user: attack, conn: "c-9" },
      { type: "room_count", count: 2, users: 2 },
      { type: "join", user: `${attack}2`, conn: "c-9" },
      {
        type: "moderation",
        seq: 1,
        action: attack,
        user: attack,
        by: attack,
        reason: attack,
        ts: 1,
      },
      { type: "error", code: attack, detail: attack },
    );
    await ana.page
      .getByTestId("typing")
      .getByText(/^<img/)
      .or(ana.page.getByTestId("moderation"))
      .first()
      .waitFor();
    await ana.page
      .getByTestId("error")
      .getByText(`The room answered ${attack}: ${attack}.`)
      .waitFor();
    peer.socket.close(4003, attack);
    await ana.page.getByText(`You were removed from this room: ${attack}.`).waitFor();
    assert.equal(await ana.page.locator("body img").count(), 0);
    assert.equal(await ana.page.evaluate(() => "attacked" in window), false);
    assert.deepEqual(ana.problemsButRefusal, []);
  } finally {
    await server.stop();
  }
});
