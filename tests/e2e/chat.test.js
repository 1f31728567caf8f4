// @ts-check
/**
 * The demo page in real browsers, against a running edgeroom: EDGEROOM_URL is its base URL. With
 * EDGEROOM_SCREENSHOTS pictures of the conversation are written into that folder.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { askAsModerator, MODERATOR_TOKEN } from "./moderator.js";
import { launchBrowser, PHONE, Visitor } from "./visitor.js";

/** @import { Browser, BrowserContextOptions } from "playwright-core" */

const BASE_URL = process.env.EDGEROOM_URL ?? "";
const SCREENSHOTS = process.env.EDGEROOM_SCREENSHOTS;
const limits = { timeout: 90_000 };
/** A time to come, with its day where that is not today: an hour before midnight tomorrow has begun. */
const UNTIL = String.raw`until (?:\d+ \w+, )?\d+:\d\d`;

if (BASE_URL === "") {
  throw new Error("EDGEROOM_URL is not set: give the base URL of a running edgeroom");
}

/** @type {Browser} */
let browser;
/** @type {Visitor[]} */
let visitors = [];
/** @type {WebSocket[]} */
const sockets = [];

before(async () => {
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
  // Those of a test that was broken off.
  for (const socket of sockets) socket.close();
});

/** A room that nobody else is in. */
function newRoom() {
  return `release-${randomBytes(4).toString("hex")}`;
}

/** @param {BrowserContextOptions} [options] */
async function visit(options) {
  const visitor = await Visitor.open(browser, BASE_URL, options);
  visitors.push(visitor);
  return visitor;
}

/**
 * Two people in a new room.
 *
 * @param {BrowserContextOptions} [firstOptions]
 * @param {BrowserContextOptions} [secondOptions]
 */
async function meet(firstOptions, secondOptions) {
  const room = newRoom();
  const ana = await visit(firstOptions);
  const bo = await visit(secondOptions);
  await ana.join(room, "ana");
  await ana.isLive();
  await bo.join(room, "bo");
  await bo.isLive();
  return { room, ana, bo };
}

/** Ends the visits of a test. */
async function part() {
  const leaving = visitors;
  visitors = [];
  await Promise.all(leaving.map((visitor) => visitor.leave()));
}

/**
 * @param {string} name
 * @param {() => Promise<void>} body
 */
function scene(name, body) {
  test(name, limits, async () => {
    try {
      await body();
    } finally {
      await part();
    }
  });
}

/** @type {[speaker: "ana" | "bo", text: string][]} */
const CONVERSATION = [
  ["ana", "Morning! The new release goes out at eleven."],
  ["ana", "I am watching the outbox while it does."],
  ["bo", "Perfect. I am on the train, so I will drop in and out of tunnels."],
  ["bo", "If I miss anything it should be here when I am back."],
  ["ana", "It will be. One tick: the room has it.\nTwo ticks: the central API has it too."],
  ["bo", "Then this is the easiest release so far 🚆"],
  ["ana", "Do not say that before eleven."],
];

scene("two people talk both ways and see every message confirmed", async () => {
  const { ana, bo } = await meet({ colorScheme: "light" }, { ...PHONE, colorScheme: "dark" });
  await ana.seesPeople(2);
  await bo.seesPeople(2);
  assert.deepEqual(await ana.members.locator("bdi").allTextContents(), ["ana", "bo"]);
  const people = { ana, bo };
  for (const [speaker, text] of CONVERSATION) {
    await people[speaker].say(text);
    await ana.message(text).waitFor();
    await bo.message(text).waitFor();
  }
  const expected = CONVERSATION.map(([user, text], index) => ({ seq: index + 1, user, text }));
  for (const visitor of [ana, bo]) {
    await visitor
      .withStatus("confirmed")
      .nth(CONVERSATION.length - 1)
      .waitFor();
    assert.deepEqual(await visitor.transcript(), expected);
    const ticks = await visitor.page.getByRole("img", { name: "Confirmed by the central API" });
    assert.equal(await ticks.count(), CONVERSATION.length);
  }
  await bo.page.getByTestId("message-input").pressSequentially("Fingers crossed");
  await ana.page.getByText("bo is typing…").waitFor();
  await ana.page.getByTestId("message-input").pressSequentially("Two minutes to go");
  await bo.page.getByText("ana is typing…").waitFor();
  if (SCREENSHOTS) {
    await mkdir(SCREENSHOTS, { recursive: true });
    await ana.page.screenshot({ path: join(SCREENSHOTS, "two-tabs.png") });
    await bo.page.screenshot({ path: join(SCREENSHOTS, "phone-dark.png") });
  }
  assert.deepEqual([...ana.problems, ...bo.problems], []);
});

scene("who was offline gets what was missed, and sends what was written meanwhile", async () => {
  const { ana, bo } = await meet();
  await ana.say("before");
  await bo.message("before").waitFor();

  await bo.page.context().setOffline(true);
  await bo.state("waiting").waitFor();
  await ana.seesPeople(1);
  for (const text of ["first missed", "second missed", "third missed"]) await ana.say(text);
  await ana.withStatus("confirmed").nth(3).waitFor();
  await bo.say("written in the tunnel");
  await bo.withStatus("sending").waitFor();
  assert.equal(await bo.message("first missed").count(), 0);

  await bo.page.context().setOffline(false);
  await bo.isLive();
  await ana.message("written in the tunnel").waitFor();
  await bo.withStatus("confirmed").nth(4).waitFor();
  const transcript = await bo.transcript();
  assert.deepEqual(
    transcript.map(({ seq, text }) => [seq, text]),
    [
      [1, "before"],
      [2, "first missed"],
      [3, "second missed"],
      [4, "third missed"],
      [5, "written in the tunnel"],
    ],
  );
  assert.deepEqual(await ana.transcript(), transcript);
  await ana.seesPeople(2);
  assert.deepEqual([...ana.problems, ...bo.problemsButNetwork], []);
});

scene("who closes the page and opens it again finds the conversation", async () => {
  const { room, ana, bo } = await meet();
  await ana.say("are you there?");
  await bo.message("are you there?").waitFor();
  await bo.page.close();
  await ana.seesPeople(1);
  await ana.say("apparently not");
  await ana.withStatus("stored").or(ana.withStatus("confirmed")).nth(1).waitFor();

  const again = await visit();
  const address = new URL(`/?room=${room}&user=bo`, BASE_URL);
  await again.page.goto(address.href);
  await again.message("apparently not").waitFor();
  assert.deepEqual(await again.transcript(), await ana.transcript());
  // A reload comes back by itself, under the same name.
  await again.page.reload();
  await again.message("are you there?").waitFor();
  await ana.seesPeople(2);
  assert.deepEqual([...ana.problems, ...again.problems], []);
});

scene("markup stays text, in messages, in names and in other contents", async () => {
  const room = newRoom();
  const attack = `<img src=x onerror="window.attacked=1"><script>window.attacked=1</script>`;
  const name = `<b onclick="window.attacked=1">eve</b>`;
  const ana = await visit();
  const eve = await visit();
  await ana.join(room, "ana");
  await ana.isLive();
  await eve.join(room, name);
  await eve.isLive();
  await eve.say(attack);
  await ana.message(attack).waitFor();
  await publishFromPage(eve, room, [{ html: attack, list: [1, true, null] }]);
  await ana.messages.nth(1).waitFor();
  const [first, second] = await ana.transcript();
  assert.deepEqual([first.user, first.text], [name, attack]);
  assert.equal(second.text, JSON.stringify({ html: attack, list: [1, true, null] }));
  await ana.members.getByText(name, { exact: true }).waitFor();
  for (const visitor of [ana, eve]) {
    const made = visitor.page.locator("#messages img, #messages script, main b");
    assert.equal(await made.count(), 0);
    assert.equal(await visitor.page.evaluate(() => "attacked" in window), false);
  }
  assert.deepEqual([...ana.problems, ...eve.problems], []);
});

scene("a reader is not torn away from older messages, and can go back further", async () => {
  const { room, ana, bo } = await meet();
  const texts = Array.from({ length: 70 }, (_, index) => `message ${index + 1}`);
  await publishFromPage(bo, room, texts);
  await ana.message("message 70").waitFor();

  const cy = await visit();
  await cy.join(room, "cy");
  await cy.message("message 70").waitFor();
  assert.equal(await cy.messages.count(), 50);
  const log = cy.page.getByTestId("message-list");
  await log.evaluate((element) => element.scrollTo(0, 0));
  const pill = cy.page.getByTestId("new-messages");
  await pill.waitFor();
  await bo.say("news");
  await pill.getByText("1 new message").waitFor();
  assert.equal(await log.evaluate((element) => element.scrollTop), 0);

  await cy.page.getByTestId("load-earlier").click();
  await cy.message("message 1").waitFor({ state: "attached" });
  assert.deepEqual(
    (await cy.transcript()).map(({ text }) => text),
    [...texts, "news"],
  );
  assert.ok(await log.evaluate((element) => element.scrollTop > 0), "older messages came in above");
  await cy.beginning.waitFor({ state: "attached" });
  assert.equal(await cy.page.getByTestId("load-earlier").count(), 0);
  await pill.click();
  await pill.waitFor({ state: "hidden" });
  assert.deepEqual([...ana.problems, ...bo.problems, ...cy.problems], []);
});

scene("who was away for too long sees where messages are missing, and gets them", async () => {
  const { room, ana, bo } = await meet();
  await publishPlainly(room, 1, 1);
  await bo.message("message 1").waitFor();
  await bo.page.context().setOffline(true);
  await bo.state("waiting").waitFor();
  const last = 262;
  await publishPlainly(room, 2, last);

  await bo.page.context().setOffline(false);
  await bo.isLive();
  const lines = bo.page.getByTestId("gap");
  await lines.getByText("Messages may be missing here.").waitFor();
  const seqs = async () => (await bo.transcript()).map(({ seq }) => seq);
  assert.deepEqual(await seqs(), [1, ...range(last - 49, last)]);

  const idle = bo.page.locator("[data-testid=gap][data-state=idle]");
  const waiting = bo.page.locator("[data-testid=gap][data-state=loading]");
  for (let loads = 0; (await idle.count()) > 0; loads += 1) {
    assert.ok(loads < 10, "every page brings something");
    const countBefore = await bo.messages.count();
    await idle.first().getByRole("button").click();
    await waiting.waitFor({ state: "detached" });
    assert.ok((await bo.messages.count()) > countBefore);
  }
  // What the room does not hold itself it has read from the central API.
  assert.deepEqual(await seqs(), range(1, last));
  assert.equal(await lines.count(), 0);
  assert.deepEqual([...ana.problems, ...bo.problemsButNetwork], []);
});

scene("who is faster than the room allows is held back, and loses nothing", async () => {
  const { room, ana } = await meet();
  const { receipts, delayed } = await ana.page.evaluate(
    async ({ module, name }) => {
      const { connect } = await import(module);
      const joined = connect(name, { user: "script" });
      let count = 0;
      joined.on("delayed", () => {
        count += 1;
      });
      await new Promise((welcomed) => joined.on("welcome", welcomed));
      // More than a burst, by what is not kept.
      for (let signals = 0; signals < 450; signals += 1) joined.signal("noise");
      const texts = Array.from({ length: 20 }, (_, index) => `message ${index + 1}`);
      const all = await Promise.all(texts.map((text) => joined.publish(text)));
      joined.close();
      return { receipts: all.map(({ seq }) => seq), delayed: count };
    },
    { module: "/client/edgeroom.js", name: room },
  );
  assert.ok(delayed > 0, "the room asked to wait");
  // What was on its way already may have overtaken what was refused.
  assert.deepEqual(
    receipts.toSorted((a, b) => a - b),
    range(1, 20),
  );
  await ana.messages.nth(19).waitFor();
  for (const [index, seq] of receipts.entries()) {
    assert.equal((await ana.transcript())[seq - 1].text, `message ${index + 1}`);
  }
});

scene("a refused room shows the reason", async () => {
  const ana = await visit();
  await ana.join("not a room!", "ana");
  await ana.state("closed").waitFor();
  const reason = await ana.page.getByTestId("error").textContent();
  assert.match(reason?.trim() ?? "", /^This room cannot be joined: .{10,}/);
  // It is no dead end.
  await ana.page.getByTestId("room-input").fill(newRoom());
  await ana.page.getByTestId("join-button").click();
  await ana.isLive();
  assert.equal(await ana.page.getByTestId("error").isVisible(), false);
  assert.deepEqual(ana.problemsButRefusal, []);
});

scene("a message that is too large says so, and the next one goes through", async () => {
  const { ana, bo } = await meet();
  const text = `${"x".repeat(70_000)} is too long`;
  await ana.say(text);
  await ana.note("Not sent. That message is too large for this room.").waitFor();
  await ana.withStatus("failed").waitFor();
  // What was written is not lost.
  await ana.page.getByTestId("edit").click();
  assert.equal(await ana.messages.count(), 0);
  assert.equal(await ana.page.getByTestId("message-input").inputValue(), text);
  await ana.say("shorter");
  await bo.message("shorter").waitFor();
  assert.equal(await bo.messages.count(), 1);
  assert.deepEqual([...ana.problems, ...bo.problems], []);
});

scene("who wrote a message deletes it for everybody, and nobody else can", async () => {
  const { room, ana, bo } = await meet();
  await ana.say("the code of the door is 4711");
  await ana.say("I should not have said that");
  await bo.message("I should not have said that").waitFor();
  assert.equal(await bo.page.getByTestId("delete").count(), 0);

  const first = ana.message("the code of the door is 4711");
  await first.hover();
  await first.getByTestId("delete").click();
  await first.getByTestId("delete-cancel").click();
  assert.equal(await first.count(), 1);
  await first.getByTestId("delete").click();
  await first.getByTestId("delete-confirm").click();
  await ana.message("You deleted this message").waitFor();
  await bo.message("Deleted by ana").waitFor();
  // Who comes later does not get it either.
  const cy = await visit();
  await cy.join(room, "cy");
  await cy.message("Deleted by ana").waitFor();
  for (const visitor of [ana, bo, cy]) {
    assert.deepEqual(
      (await visitor.transcript()).map(({ seq }) => seq),
      [1, 2],
    );
    assert.doesNotMatch(await visitor.page.content(), /4711/);
  }
  // Another connection is not the author, whatever its name.
  await ana.page.reload();
  await ana.message("Deleted by ana").or(ana.message("You deleted this message")).waitFor();
  assert.equal(await ana.page.getByTestId("delete").count(), 0);
  assert.deepEqual([...ana.problems, ...bo.problems, ...cy.problems], []);
});

scene("who is muted or banned reads so, and the others read it too", async () => {
  const { room, ana, bo } = await meet();
  await bo.say("first");
  await ana.message("first").waitFor();
  await askAsModerator("POST", `${room}/moderation`, { action: "mute", user: "bo", for_s: 3600 });
  for (const visitor of [ana, bo]) {
    await visitor.page.getByText(new RegExp(`^moderator muted bo ${UNTIL}$`)).waitFor();
  }
  await bo.say("second");
  await bo.note("Not sent. You are muted in this room.").waitFor();
  await askAsModerator("POST", `${room}/moderation`, { action: "unmute", user: "bo" });
  await bo.page.getByText("moderator unmuted bo", { exact: true }).waitFor();
  await bo.page.getByTestId("send-again").click();
  await ana.message("second").waitFor();
  assert.equal(await ana.message("second").count(), 1);

  await askAsModerator("DELETE", `${room}/messages/1`);
  for (const visitor of [ana, bo]) await visitor.message("Deleted by moderator").waitFor();

  const ban = { action: "ban", user: "bo", for_s: 3600, reason: "spam" };
  await askAsModerator("POST", `${room}/moderation`, ban);
  await ana.page.getByText(new RegExp(`^moderator banned bo ${UNTIL}: spam$`)).waitFor();
  await bo.page.getByText("You were removed from this room: banned.").waitFor();
  await ana.seesPeople(1);
  // Coming back is refused, in words. Over HTTP the room does not say why before it is asked so.
  await bo.join(room, "bo");
  const words = /^(You may not enter this room: .*banned|The room did not take the connection\.)/;
  await bo.page.getByTestId("error").getByText(words).waitFor();
  assert.equal(await bo.page.getByTestId("message-list").isVisible(), false);
  assert.deepEqual([...ana.problems, ...bo.problemsButRefusal], []);
});

scene("a moderator deletes what others wrote", async () => {
  const { room, ana } = await meet();
  const mod = await visit();
  await mod.join(room, "mod", MODERATOR_TOKEN);
  await mod.isLive();
  await ana.say("buy my things");
  const message = mod.message("buy my things");
  await message.hover();
  await message.getByTestId("delete").click();
  await message.getByTestId("delete-confirm").click();
  await mod.message("You deleted this message").waitFor();
  await ana.message("Deleted by mod").waitFor();
  assert.deepEqual([...ana.problems, ...mod.problems], []);
});

scene("a drained room moves everybody over, and nothing is lost", async () => {
  const { room, ana, bo } = await meet();
  await ana.say("before");
  await bo.message("before").waitFor();
  const moved = Promise.all([ana.state("waiting").waitFor(), bo.state("waiting").waitFor()]);
  await askAsModerator("POST", `${room}/drain`);
  // The old connections are still good.
  await ana.say("while it drains");
  await bo.message("while it drains").waitFor();
  await moved;
  await bo.say("while nobody is connected");
  await ana.message("while nobody is connected").waitFor();
  await Promise.all([ana.isLive(), bo.isLive()]);
  await ana.say("after");
  await bo.message("after").waitFor();
  const texts = ["before", "while it drains", "while nobody is connected", "after"];
  const expected = texts.map((text, index) => [index + 1, text]);
  for (const visitor of [ana, bo]) {
    const transcript = await visitor.transcript();
    assert.deepEqual(
      transcript.map(({ seq, text }) => [seq, text]),
      expected,
    );
    assert.deepEqual(visitor.problems, []);
  }
});

scene("the page runs under a policy that allows nothing inline", async () => {
  const ana = await visit();
  const response = await ana.page.goto(BASE_URL);
  const policy = response?.headers()["content-security-policy"] ?? "";
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /(?<!wasm-)unsafe/);
  // The other scenes rely on violations being noticed.
  const noticed = ana.page.waitForEvent("console", (message) =>
    message.text().startsWith("policy violated: script-src"),
  );
  await ana.page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.attacked = 1";
    document.body.append(script);
  });
  assert.equal(await ana.page.evaluate(() => "attacked" in window), false);
  await noticed;
  assert.notDeepEqual(ana.problems, []);
});

/**
 * @param {number} from
 * @param {number} to inclusive
 */
function range(from, to) {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

/**
 * A room writes a new segment over its oldest, when that is confirmed: so many it lets go of at
 * least, when as many messages come one by one and all before them are confirmed.
 */
const ALONE = 6;

/**
 * Publishes messages without ids, which a room may forget as soon as it has newer ones: the last of
 * them alone, when the central API has all the others.
 *
 * @param {string} room
 * @param {number} from the seq of the first
 * @param {number} to of the last
 */
async function publishPlainly(room, from, to) {
  const socket = new WebSocket(new URL(`/rooms/${room}?user=script`, BASE_URL));
  sockets.push(socket);
  const told = { seq: -1, confirmed: -1 };
  let wake = () => {};
  socket.onmessage = ({ data }) => {
    for (const object of JSON.parse(data)) {
      if (object.type === "welcome" || object.type === "new_message") told.seq = object.seq;
      if (object.type === "welcome") told.confirmed = object.confirmed;
      if (object.type === "message_confirmed") told.confirmed = object.through;
    }
    wake();
  };
  const until = async (/** @type {() => boolean} */ isSo) => {
    while (!isSo()) await new Promise((heard) => (wake = () => heard(undefined)));
  };
  try {
    await until(() => told.seq === from - 1);
    for (let seq = from; seq <= to; seq += 1) {
      if (seq === to - ALONE) await until(() => told.confirmed === seq - 1);
      socket.send(JSON.stringify({ type: "message", content: `message ${seq}` }));
      if (seq % 5 === 0 || seq >= to - ALONE - 1) await until(() => told.seq === seq);
    }
  } finally {
    socket.close();
  }
}

/**
 * Publishes through the browser client, from the page of a visitor who is in the room.
 *
 * @param {Visitor} visitor
 * @param {string} room
 * @param {unknown[]} contents
 */
async function publishFromPage(visitor, room, contents) {
  await visitor.page.evaluate(
    async ({ module, name, items }) => {
      const { connect } = await import(module);
      const joined = connect(name, { user: "script" });
      await Promise.all(items.map((item) => joined.publish(item)));
      joined.close();
    },
    { module: "/client/edgeroom.js", name: room, items: contents },
  );
}
