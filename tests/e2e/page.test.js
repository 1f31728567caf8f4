// @ts-check
/**
 * The demo page in a real browser, in front of a room that does on purpose what a sound one seldom
 * does. The page runs under the policy of the running edgeroom at EDGEROOM_URL. With
 * EDGEROOM_SCREENSHOTS pictures are written into that folder.
 */
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { newMessage, startScriptedRoom } from "./scripted-room.js";
import { launchBrowser, PHONE, Visitor } from "./visitor.js";

/** @import { Browser, BrowserContextOptions } from "playwright-core" */
/** @typedef {{ seq: number, deleted?: true, [field: string]: unknown }} OldMessage */

const BASE_URL = process.env.EDGEROOM_URL ?? "";
const SCREENSHOTS = process.env.EDGEROOM_SCREENSHOTS;
const limits = { timeout: 90_000 };
/** A quarter past eleven, where the visitors are too. */
const NOW_MS = Date.UTC(2026, 10, 20, 11, 15);

if (BASE_URL === "") {
  throw new Error("EDGEROOM_URL is not set: give the base URL of a running edgeroom");
}

/** @type {Browser} */
let browser;
/** @type {string} */
let policy;

before(async () => {
  const { headers } = await fetch(BASE_URL);
  policy = headers.get("content-security-policy") ?? "";
  assert.match(policy, /default-src 'none'/);
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
});

/** A scripted room and somebody who visits it. */
class Scene {
  /** @type {Awaited<ReturnType<typeof startScriptedRoom>>} */ server;
  /** @type {Visitor} */ ana;
  /** @type {any} the connection of now */ peer;

  /**
   * @param {Awaited<ReturnType<typeof startScriptedRoom>>} server
   * @param {Visitor} ana
   */
  constructor(server, ana) {
    this.server = server;
    this.ana = ana;
  }

  get page() {
    return this.ana.page;
  }

  get log() {
    return this.page.getByTestId("message-list");
  }

  /** @param {string} name */
  button(name) {
    return this.page.getByRole("button", { name, exact: true });
  }

  /** Opens the page, and welcomes it. */
  async enter(fields = {}) {
    await this.page.goto(`${this.server.url}/?room=lobby&user=ana`);
    await this.welcome(fields);
  }

  /** Takes the next connection, and welcomes it. */
  async welcome(fields = {}) {
    this.peer = await this.server.peers.take();
    this.peer.welcome(fields);
    await this.ana.isLive();
  }

  /** Loses the connection; the page comes back at once. */
  async comeBack(fields = {}) {
    this.peer.socket.terminate();
    await this.welcome(fields);
  }

  /**
   * Answers the next question for history.
   *
   * @param {Record<string, unknown>} asked what it must ask for
   * @param {OldMessage[]} messages
   * @param {{ more?: boolean, partial?: boolean }} [fields]
   */
  async answer(asked, messages, fields = {}) {
    const { ref, ...frame } = await this.peer.frames.take();
    assert.deepEqual(frame, { type: "history", ...asked });
    this.peer.say({ type: "history", messages, more: false, ...fields, ref });
  }

  /** Enters a room that has these messages. */
  async enterWith(/** @type {OldMessage[]} */ messages, fields = {}) {
    const seq = messages.at(-1)?.seq ?? 0;
    await this.enter({ seq, confirmed: seq, ...fields });
    await this.answer({ before: seq + 1, limit: 50 }, messages);
    await this.page.locator(`[data-seq="${seq}"]`).waitFor();
  }

  /** Where the words of a message stand on the screen, in px from its top. */
  async top(/** @type {string} */ text) {
    const box = await this.page.getByText(text, { exact: true }).boundingBox();
    assert.ok(box !== null, `${text} is shown`);
    return box.y;
  }

  async seqs() {
    return (await this.ana.transcript()).map(({ seq }) => seq);
  }

  async take(/** @type {string} */ name) {
    if (!SCREENSHOTS) return;
    await mkdir(SCREENSHOTS, { recursive: true });
    await this.page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
  }
}

/**
 * @param {string} name
 * @param {(scene: Scene) => Promise<void>} body
 * @param {BrowserContextOptions} [options]
 */
function scene(name, body, options) {
  test(name, limits, async () => {
    const server = await startScriptedRoom({ policy });
    const ana = await Visitor.open(browser, server.url, { timezoneId: "UTC", ...options });
    try {
      await ana.page.clock.install({ time: NOW_MS });
      await body(new Scene(server, ana));
      assert.deepEqual(ana.problemsButNetwork, []);
    } finally {
      await ana.leave();
      await server.stop();
    }
  });
}

/**
 * @param {number} from
 * @param {number} to inclusive
 */
function range(from, to) {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

/**
 * Messages of a history, a minute apart.
 *
 * @param {number} from
 * @param {number} to inclusive
 * @returns {OldMessage[]}
 */
function old(from, to) {
  return range(from, to).map((seq) => {
    const ts = NOW_MS - 3_600_000 + seq * 1000;
    return { seq, ts, user: seq % 3 === 0 ? "bo" : "cy", content: `message ${seq}` };
  });
}

/**
 * @param {number} seq
 * @param {object} [fields]
 */
function live(seq, fields = {}) {
  return newMessage(seq, { ts: NOW_MS + seq, content: `message ${seq}`, ...fields });
}

/** @param {number} seq */
const gone = (seq) => ({ seq, ts: NOW_MS - seq, user: "bo", deleted: /** @type {const} */ (true) });

// --- going back ---

scene("older messages come in above, and the reader stays where they are", async (s) => {
  await s.enter({ seq: 120, confirmed: 120 });
  await s.answer({ before: 121, limit: 50 }, old(71, 120), { more: true });
  await s.ana.message("message 120").waitFor();
  assert.equal(await s.ana.beginning.isVisible(), false);

  await s.log.evaluate((log) => log.scrollTo(0, 0));
  const top = () => s.top("message 71");
  const topBefore = await top();
  await s.button("Load earlier messages").click();
  const { ref } = await s.peer.frames.take();
  assert.equal(await s.button("Loading…").isDisabled(), true);
  // Somebody says something while the answer is on its way.
  s.peer.say(live(121));
  await s.button("1 new message").waitFor();
  s.peer.say({ type: "history", messages: old(21, 70), more: true, ref });
  await s.ana.message("message 21").waitFor({ state: "attached" });
  assert.ok(Math.abs((await top()) - topBefore) < 2, "the message that was topmost has not moved");
  assert.equal(await s.button("Load earlier messages").isEnabled(), true);

  // The keyboard goes on where it was.
  await s.page.keyboard.press("Enter");
  await s.answer({ before: 21 }, old(1, 20));
  await s.ana.beginning.waitFor({ state: "attached" });
  assert.equal(await s.page.getByTestId("gap").count(), 0);
  assert.ok(Math.abs((await top()) - topBefore) < 2, "nor has it now");
  assert.deepEqual(await s.seqs(), range(1, 121));
  await s.log.evaluate((log) => log.scrollTo(0, 0));
  await s.ana.beginning.waitFor();
});

scene("messages that cannot be reached are said to be, and asked for again", async (s) => {
  await s.enter({ seq: 80 });
  await s.answer({ before: 81, limit: 50 }, old(61, 80), { partial: true });
  await s.page.getByText("Older messages cannot be reached right now.").waitFor();
  await s.log.evaluate((log) => log.scrollTo(0, 0));
  await s.take("partial");
  await s.button("Try again").click();
  await s.answer({ before: 61 }, [], { more: true, partial: true });
  await s.page.getByText("Older messages cannot be reached right now.").waitFor();

  // No answer at all is another matter, and is said in other words.
  await s.button("Try again").click();
  await s.peer.frames.take();
  await s.page.clock.fastForward(16_000);
  await s.page.getByText("The room did not answer.").waitFor();
  await s.button("Try again").click();
  await s.answer({ before: 61 }, old(1, 60));
  await s.ana.beginning.waitFor({ state: "attached" });
  assert.deepEqual(await s.seqs(), range(1, 80));
  assert.equal(await s.page.getByTestId("gap").count(), 0);
});

scene("a question lost with its connection is asked again when it is back", async (s) => {
  await s.enter({ seq: 80 });
  await s.answer({ before: 81, limit: 50 }, old(31, 80), { more: true });
  await s.button("Load earlier messages").click();
  await s.peer.frames.take();
  await s.log.evaluate((log) => log.scrollTo(0, 0));
  const topBefore = await s.top("message 31");
  await s.comeBack({ seq: 80, recovered: true });
  assert.equal(await s.top("message 31"), topBefore);
  await s.button("Load earlier messages").click();
  await s.answer({ before: 31 }, old(1, 30));
  await s.ana.beginning.waitFor({ state: "attached" });
  assert.deepEqual(await s.seqs(), range(1, 80));
});

scene("the first page that does not come is offered again", async (s) => {
  await s.enter({ seq: 3 });
  await s.peer.frames.take();
  await s.page.clock.fastForward(16_000);
  await s.page.getByText("The room did not answer.").waitFor();
  await s.button("Try again").click();
  await s.answer({ before: 4 }, old(1, 3));
  await s.ana.message("message 3").waitFor();
  assert.deepEqual(await s.seqs(), [1, 2, 3]);
});

scene("an empty room says so", async (s) => {
  await s.enter({ seq: 0 });
  await s.page.getByText("Nothing has been said here yet.").waitFor();
  assert.equal(await s.page.getByTestId("gap").count(), 0);
});

// --- what was missed ---

scene("what was missed leaves a gap that can be filled, in order and each once", async (s) => {
  await s.enterWith(old(1, 10));
  await s.comeBack({ seq: 80, recovered: false });
  // The newest, and whether anything that is shown was deleted meanwhile.
  await s.answer({ before: 81, limit: 50 }, old(31, 80), { more: true });
  await s.answer({ before: 11, limit: 100 }, [...old(1, 4), gone(5), ...old(6, 10)]);
  await s.ana.message("This message was deleted").waitFor({ state: "attached" });
  await s.page.getByText("Messages may be missing here.").waitFor();
  await s.button("Newest messages").waitFor();
  // Who followed the conversation sees what they have missed, and what they had read.
  for (const text of ["message 10", "Messages may be missing here.", "message 31"]) {
    assert.ok((await s.top(text)) > 56 && (await s.top(text)) < 700, `${text} is in view`);
  }
  await s.take("gap");
  assert.deepEqual(await s.seqs(), [...range(1, 10), ...range(31, 80)]);
  assert.equal(await s.page.locator("[data-seq='31']").evaluate(follows, "gap"), true);
  s.peer.say(live(81));

  await s.button("Load them").click();
  const topBefore = await s.top("message 10");
  await s.answer({ after: 10 }, old(11, 25), { more: true });
  await s.ana.message("message 25").waitFor({ state: "attached" });
  assert.ok(
    Math.abs((await s.top("message 10")) - topBefore) < 2,
    "the last one read has not moved",
  );
  assert.deepEqual(await s.seqs(), [...range(1, 25), ...range(31, 81)]);
  assert.equal(await s.page.locator("[data-seq='31']").evaluate(follows, "gap"), true);

  await s.button("Load them").click();
  // The room answers with what is known already, too.
  await s.answer({ after: 25 }, old(26, 60), { more: true });
  await s.page.getByTestId("gap").waitFor({ state: "detached" });
  assert.deepEqual(await s.seqs(), range(1, 81));
  assert.deepEqual(
    (await s.ana.transcript()).map(({ text }) => text),
    range(1, 81).map((seq) => (seq === 5 ? "This message was deleted" : `message ${seq}`)),
  );
});

/**
 * @param {Element} item
 * @param {string} testid
 */
function follows(item, testid) {
  const previous = item.previousElementSibling;
  return previous instanceof HTMLElement && previous.dataset.testid === testid;
}

scene("of what was missed the oldest may be out of reach for longer", async (s) => {
  await s.enterWith(old(1, 10));
  await s.comeBack({ seq: 200, recovered: false });
  await s.answer({ before: 201, limit: 50 }, old(151, 200), { more: true });
  await s.answer({ before: 11, limit: 100 }, [], { partial: true });
  await s.button("Load them").click();
  // The room holds 101 and newer, and cannot reach the others.
  await s.answer({ after: 10 }, old(101, 130), { more: true, partial: true });
  const words = "The messages that are missing here cannot be reached right now.";
  await s.page.getByText(words).waitFor({ state: "attached" });
  assert.deepEqual(await s.seqs(), [...range(1, 10), ...range(101, 130), ...range(151, 200)]);
  assert.equal(await s.page.getByTestId("gap").count(), 2);
  await s.button("Load them").click();
  await s.answer({ after: 130 }, old(131, 150));
  await s.button("Try again").click();
  await s.answer({ after: 10 }, old(11, 100));
  await s.page.getByTestId("gap").waitFor({ state: "detached" });
  assert.deepEqual(await s.seqs(), range(1, 200));

  // What could not be checked for deletions is checked with the next connection.
  await s.comeBack({ seq: 200, recovered: true });
  await s.answer({ before: 11, limit: 100 }, [...old(1, 6), gone(7), ...old(8, 10)]);
  await s.ana.message("This message was deleted").waitFor({ state: "attached" });
});

scene("another log takes the place of the one that was shown", async (s) => {
  await s.enterWith(old(1, 10));
  await s.comeBack({ epoch: "e-2", seq: 2, recovered: false });
  await s.answer({ before: 3, limit: 50 }, [
    { seq: 1, ts: NOW_MS, user: "cy", content: "anew" },
    { seq: 2, ts: NOW_MS, user: "cy", content: "again" },
  ]);
  await s.ana.message("again").waitFor();
  assert.deepEqual(
    (await s.ana.transcript()).map(({ text }) => text),
    ["anew", "again"],
  );
});

// --- what is unread ---

scene(
  "what came while the connection was lost stands below a line, until one writes",
  async (s) => {
    const line = s.page.getByTestId("unread");
    await s.enterWith(old(1, 10));
    await s.comeBack({ seq: 14, recovered: true });
    s.peer.say(live(11, { user: "ana", id: "ours" }), live(12), live(13));
    s.peer.say({ type: "message_deleted", seq: 14, target: 13, by: "mod", ts: NOW_MS });
    await line.getByText("2 new messages", { exact: true }).waitFor();
    assert.equal(await s.page.locator("[data-seq='12']").evaluate(follows, "unread"), true);
    // What comes now is not news, and a connection lost and found brings none.
    s.peer.say(live(15));
    await s.ana.message("message 15").waitFor();
    assert.equal(await line.textContent(), "2 new messages");
    await s.comeBack({ seq: 15, recovered: true });
    await line.waitFor({ state: "detached" });
    await s.comeBack({ seq: 16, recovered: true });
    s.peer.say(live(16));
    await line.getByText("1 new message", { exact: true }).waitFor();
    await s.take("unread");
    await s.ana.say("I see");
    await line.waitFor({ state: "detached" });
  },
);

scene("what came while the page was hidden stands below a line", async (s) => {
  const line = s.page.getByTestId("unread");
  await s.enterWith(old(1, 10));
  await setHidden(s, true);
  s.peer.say(live(11), live(12));
  await s.ana.message("message 12").waitFor();
  // Who is away twice at once is away once.
  await s.comeBack({ seq: 13, recovered: true });
  s.peer.say(live(13));
  await s.ana.message("message 13").waitFor();
  assert.equal(await line.count(), 0);
  assert.match(await s.page.title(), /^\(3 new\) /);
  await setHidden(s, false);
  await line.getByText("3 new messages", { exact: true }).waitFor();
  assert.equal(await s.page.locator("[data-seq='11']").evaluate(follows, "unread"), true);
  assert.equal(await s.page.title(), "#lobby · edgeroom");
});

/** A browser without a window shows all its pages always, so the page is told. */
async function setHidden(/** @type {Scene} */ s, /** @type {boolean} */ isHidden) {
  await s.page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, value: hidden });
    const visibilityState = hidden ? "hidden" : "visible";
    Object.defineProperty(document, "visibilityState", {
      configurable: true,
      value: visibilityState,
    });
    document.dispatchEvent(new Event("visibilitychange"));
  }, isHidden);
}

scene("who has missed much reads on from the first of it", async (s) => {
  const line = s.page.getByTestId("unread");
  await s.enterWith(old(1, 10));
  await s.comeBack({ seq: 60, recovered: true });
  s.peer.say(...range(11, 60).map((seq) => live(seq)));
  await line.getByText("50 new messages", { exact: true }).waitFor();
  const place = await line.boundingBox();
  const frame = await s.log.boundingBox();
  assert.ok(place !== null && frame !== null);
  assert.ok(Math.abs(place.y - frame.y) < 40, `the line is topmost: ${place.y - frame.y}`);
  // A reader who has not read it all finds the line where it was.
  await s.comeBack({ seq: 61, recovered: true });
  s.peer.say(live(61));
  await line.getByText("51 new messages", { exact: true }).waitFor();
  assert.equal(await s.page.locator("[data-seq='11']").evaluate(follows, "unread"), true);
  await s.page.getByTestId("new-messages").click();
  await s.ana.message("message 61").waitFor();
  await s.comeBack({ seq: 62, recovered: true });
  s.peer.say(live(62));
  await line.getByText("1 new message", { exact: true }).waitFor();
});

scene("of what was missed and has not come the line does not tell the number", async (s) => {
  const line = s.page.getByTestId("unread");
  await s.enterWith(old(1, 10));
  await s.comeBack({ seq: 80, recovered: false });
  await s.answer({ before: 81, limit: 50 }, old(31, 80), { more: true });
  await line.getByText("New messages", { exact: true }).waitFor();
  assert.equal(await s.page.getByTestId("gap").evaluate(follows, "unread"), true);
  await s.answer({ before: 11, limit: 100 }, old(1, 10));
  await s.button("Load them").click();
  await s.answer({ after: 10 }, old(11, 30), { more: true });
  await line.getByText("70 new messages", { exact: true }).waitFor();
  assert.equal(await s.page.locator("[data-seq='11']").evaluate(follows, "unread"), true);
});

// --- deleted ---

scene("deleted messages keep their place and lose their content, everywhere", async (s) => {
  const secret = (/** @type {number} */ n) => ["keep", "out", "of", "here", n].join("-");
  await s.enterWith([
    { seq: 1, ts: NOW_MS, user: "bo", content: "before" },
    { ...gone(2), by: "mod" },
    { seq: 3, ts: NOW_MS, user: "bo", content: secret(3) },
    { seq: 4, ts: NOW_MS, user: "bo", content: "after" },
  ]);
  await s.ana.say(secret(5));
  const { id } = await s.peer.frames.take();
  s.peer.say(live(5, { user: "ana", id, content: secret(5) }));
  await s.ana.withStatus("stored").waitFor();
  const deletion = { type: "message_deleted", ts: NOW_MS, by: "mod" };
  s.peer.say({ ...deletion, seq: 6, target: 3 }, { ...deletion, seq: 7, target: 5, by: "ana" });
  await s.ana.message("You deleted this message").waitFor();
  // A message that was deleted before it was replayed.
  await s.comeBack({ seq: 9, recovered: true });
  s.peer.say(live(8, { content: undefined, deleted: true }));
  s.peer.say({ ...deletion, seq: 9, target: 8 });
  await s.ana.message("Deleted by mod").nth(2).waitFor();
  assert.deepEqual(
    (await s.ana.transcript()).map(({ seq, text }) => [seq, text]),
    [
      [1, "before"],
      [2, "Deleted by mod"],
      [3, "Deleted by mod"],
      [4, "after"],
      [5, "You deleted this message"],
      [8, "Deleted by mod"],
    ],
  );
  await s.take("deleted");
  assert.doesNotMatch(await s.page.content(), /keep-out/);
  const memory = await heapOf(s);
  assert.match(memory, /You deleted this message/);
  assert.doesNotMatch(memory, /keep-out-of-here-\d/);
});

scene("what became of a message in a gap, the page learns with the gap", async (s) => {
  const secret = ["said", "and", "taken", "back"].join("-");
  await s.enterWith(old(1, 9));
  await s.ana.say(secret);
  const sent = await s.peer.frames.take();
  await s.comeBack({ conn: "c-2", seq: 80, recovered: false });
  await s.answer({ before: 81, limit: 50 }, old(31, 80), { more: true });
  assert.deepEqual(await s.peer.frames.take(), sent);
  // It was stored, and may have been deleted since.
  s.peer.say({ type: "ack", id: sent.id, seq: 10, duplicate: true });
  await s.answer({ before: 10, limit: 100 }, old(1, 9));
  await s.ana.message(secret).waitFor({ state: "detached" });
  assert.doesNotMatch(await heapOf(s), /said-and-taken-back/);
  await s.button("Load them").click();
  await s.answer({ after: 9 }, [{ ...gone(10), user: "ana", by: "mod" }, ...old(11, 30)]);
  await s.ana.message("Deleted by mod").waitFor();
  assert.deepEqual(await s.seqs(), range(1, 80));
});

/** All that the page's scripts and its DOM hold. */
async function heapOf(/** @type {Scene} */ s) {
  const session = await s.page.context().newCDPSession(s.page);
  /** @type {string[]} */
  const chunks = [];
  session.on("HeapProfiler.addHeapSnapshotChunk", ({ chunk }) => chunks.push(chunk));
  await session.send("HeapProfiler.collectGarbage");
  await session.send("HeapProfiler.takeHeapSnapshot");
  return chunks.join("");
}

scene("a history that was read before a deletion does not bring the content back", async (s) => {
  await s.enter({ seq: 5 });
  const { ref } = await s.peer.frames.take();
  s.peer.say({ type: "message_deleted", seq: 6, target: 4, by: "mod", ts: NOW_MS });
  s.peer.say({ type: "history", messages: old(1, 5), more: false, ref });
  await s.ana.message("Deleted by mod").waitFor();
  assert.doesNotMatch(await s.page.content(), /message 4/);
  assert.deepEqual(await s.seqs(), [1, 2, 3, 4, 5]);
});

scene("who wrote a message may delete it, and hears why not", async (s) => {
  await s.enterWith(old(1, 1));
  // Another connection of the same name is not ours.
  s.peer.say(live(2, { user: "ana", id: "from elsewhere" }));
  await s.ana.say("oops");
  const { id } = await s.peer.frames.take();
  s.peer.say(live(3, { user: "ana", id, content: "oops" }));
  const message = s.ana.message("oops");
  await message.getByTestId("delete").waitFor({ state: "attached" });
  assert.equal(await s.page.getByTestId("delete").count(), 1);

  for (const [code, words] of [
    ["outbox_full", "The room takes no more messages until the central API has caught up."],
    ["forbidden", "You may not delete this message."],
  ]) {
    await message.hover();
    const again = message.getByTestId("delete-again");
    if ((await again.count()) > 0) {
      await again.click();
    } else {
      await message.getByTestId("delete").click();
      await message.getByTestId("delete-confirm").click();
    }
    const { ref, ...frame } = await s.peer.frames.take();
    assert.deepEqual(frame, { type: "delete", seq: 3 });
    await s.ana.note("Deleting…").waitFor();
    s.peer.say({ type: "error", code, detail: "because", ref });
    await s.ana.note(`Not deleted. ${words}`).waitFor();
  }
  // It would not get better.
  assert.equal(await message.getByTestId("delete").count(), 0);
  await message.getByTestId("dismiss").click();
  assert.equal(await s.page.getByTestId("note").count(), 0);

  await s.ana.say("again");
  const again = await s.peer.frames.take();
  s.peer.say(live(4, { user: "ana", id: again.id, content: "again" }));
  await s.ana.message("again").hover();
  await s.ana.message("again").getByTestId("delete").click();
  await s.take("delete");
  await s.ana.message("again").getByTestId("delete-confirm").click();
  const { ref } = await s.peer.frames.take();
  s.peer.say({ type: "error", code: "not_found", detail: "because", ref });
  await s.ana.note("Not deleted. It is not in this room any more.").waitFor();

  await s.ana.say("last");
  const last = await s.peer.frames.take();
  s.peer.say(live(5, { user: "ana", id: last.id, content: "last" }));
  await s.ana.message("last").getByTestId("delete").waitFor({ state: "attached" });
  // A new connection is not the author any more.
  await s.comeBack({ conn: "c-2", seq: 5, recovered: true });
  await s.page.getByTestId("delete").waitFor({ state: "detached" });
  assert.equal(await s.page.getByTestId("error").isVisible(), false);
});

// --- our own ---

scene("ticks tell sent, stored, confirmed, and refused by the central API", async (s) => {
  await s.enterWith(old(1, 1));
  const sent = [];
  for (const text of ["one", "two"]) {
    await s.ana.say(text);
    sent.push(await s.peer.frames.take());
  }
  await s.ana.withStatus("sending").nth(1).waitFor();
  s.peer.say(
    ...sent.map(({ id, content }, index) => live(index + 2, { user: "ana", id, content })),
  );
  await s.ana.withStatus("stored").nth(1).waitFor();
  s.peer.say({ type: "message_confirmed", epoch: "e-1", through: 3, except: [2] });
  await s.ana.note("Kept in this room, but refused by the central API.").waitFor();
  const statuses = () =>
    s.ana.messages.evaluateAll((items) =>
      items.map((item) => /** @type {HTMLElement} */ (item).dataset.status),
    );
  assert.deepEqual(await statuses(), ["confirmed", "refused", "confirmed"]);
  await s.take("refused");
  const label = "Kept in the room, refused by the central API";
  assert.equal(await s.page.getByRole("img", { name: label }).count(), 1);
  // It still is after a reconnection, and no longer when the central API took it after all.
  await s.comeBack({ seq: 3, confirmed: 3, dead: [2], recovered: true });
  assert.deepEqual(await statuses(), ["confirmed", "refused", "confirmed"]);
  s.peer.say({ type: "message_confirmed", epoch: "e-1", through: 3, stored: [2] });
  await s.page.getByTestId("note").waitFor({ state: "detached" });
  assert.deepEqual(await statuses(), ["confirmed", "confirmed", "confirmed"]);
});

scene("a refusal for now stands at its message, and goes when it went through", async (s) => {
  await s.enterWith(old(1, 1));
  for (const [code, words] of [
    ["rate_limited", "You are sending faster than this room allows. It will be sent again."],
    [
      "outbox_full",
      "The room takes no more messages until the central API has caught up. " +
        "It will be sent again.",
    ],
    ["internal", "The room had a problem of its own. It will be sent again."],
  ]) {
    await s.ana.say(code);
    const { id, content } = await s.peer.frames.take();
    s.peer.say({ type: "error", code, detail: "because", id, retry_after_ms: 5_000 });
    await s.ana.note(words).waitFor();
    assert.equal(s.peer.frames.size, 0, "not before it was asked to");
    await s.page.clock.fastForward(6_000);
    assert.deepEqual(await s.peer.frames.take(), { type: "message", id, content });
    s.peer.say({ type: "ack", id, seq: 1, duplicate: true });
    await s.page.getByTestId("note").waitFor({ state: "detached" });
  }
  assert.equal(await s.page.getByTestId("error").isVisible(), false);
});

scene("a refusal for good stands at its message, in plain words", async (s) => {
  await s.enterWith(old(1, 1));
  let forbiddenId = "";
  for (const [code, words, offer] of [
    ["muted", "Not sent. You are muted in this room.", "Send again"],
    ["forbidden", "Not sent. You are not allowed to do that here.", "Send again"],
    ["too_large", "Not sent. That message is too large for this room.", "Edit"],
    ["content_refused", "Not sent. This room does not take that message: until 12:30.", "Edit"],
  ]) {
    await s.ana.say(`about ${code}`);
    const { id } = await s.peer.frames.take();
    if (code === "forbidden") forbiddenId = id;
    s.peer.say({ type: "error", code, detail: "until 12:30", id });
    await s.ana.note(words).waitFor();
    const message = s.ana.message(`about ${code}`);
    assert.equal(await message.getAttribute("data-status"), "failed");
    assert.equal(await message.getByRole("button", { name: offer }).count(), 1);
  }
  await s.take("errors");
  assert.equal(await s.page.getByTestId("error").isVisible(), false);

  await s.ana.message("about muted").getByTestId("send-again").click();
  const again = await s.peer.frames.take();
  assert.equal(again.content, "about muted");
  s.peer.say(live(2, { user: "ana", id: again.id, content: again.content }));
  await s.page.locator("[data-seq='2'][data-status=stored]").waitFor();
  assert.equal(await s.ana.message("about muted").count(), 1);
  // One that was thought lost was stored after all.
  const lost = s.ana.message("about forbidden");
  s.peer.say(live(3, { user: "ana", id: forbiddenId, content: "about forbidden" }));
  await s.page.locator("[data-seq='3'][data-status=stored]").waitFor();
  assert.equal(await lost.count(), 1);
  assert.equal(await lost.getByTestId("note").count(), 0);
  // Edited it is another message.
  await s.ana.message("about content_refused").getByTestId("edit").click();
  await s.page.keyboard.type(", politely");
  await s.page.keyboard.press("Enter");
  const edited = await s.peer.frames.take();
  assert.equal(edited.content, "about content_refused, politely");
  assert.equal(await s.ana.message("about content_refused").count(), 0);
});

// --- moderation ---

scene("moderation is one quiet line", async (s) => {
  await s.enterWith(old(1, 1));
  const by = { type: "moderation", by: "mod", ts: NOW_MS };
  s.peer.say(
    { ...by, seq: 2, action: "ban", user: "eve", until: Date.UTC(2026, 10, 20, 12, 30) },
    { ...by, seq: 3, action: "mute", user: "<b>bo</b>", until: Date.UTC(2026, 10, 22, 9, 0) },
    { ...by, seq: 4, action: "unmute", user: "bo", reason: "said sorry" },
    { ...by, seq: 5, action: "kick", user: "eve" },
    { ...by, seq: 6, action: "unban", user: "eve" },
    { ...by, seq: 7, action: "constructor", user: "eve" },
    live(8),
  );
  await s.ana.message("message 8").waitFor();
  assert.deepEqual(await s.page.getByTestId("moderation").allTextContents(), [
    "mod banned eve until 12:30",
    "mod muted <b>bo</b> until 22 Nov, 9:00",
    "mod unmuted bo: said sorry",
    "mod removed eve",
    "mod unbanned eve",
    "mod: constructor eve",
  ]);
  await s.take("moderation");
});

// --- the connection ---

scene("who is removed is told so, and does not come back", async (s) => {
  await s.enterWith(old(1, 5));
  await s.ana.say("unheard");
  await s.peer.frames.take();
  s.peer.socket.close(4003, "banned by mod until 12:30");
  await s.ana.state("closed").waitFor();
  await s.page
    .getByTestId("error")
    .getByText("You were removed from this room: banned by mod until 12:30.")
    .waitFor();
  assert.equal(await s.page.getByTestId("message-input").isDisabled(), true);
  await s.ana.withStatus("failed").waitFor();
  await s.page.clock.fastForward(600_000);
  assert.equal(s.server.peers.size, 0);
  await s.take("removed");
});

scene("an announced restart is waited out, and nothing is lost", async (s) => {
  await s.enterWith(old(1, 5));
  s.peer.say({ type: "reconnect", after_ms: 8_000 });
  await s.ana.say("still here");
  const { id, content } = await s.peer.frames.take();
  s.peer.say(live(6, { user: "ana", id, content }));
  await s.ana.withStatus("stored").waitFor();
  await s.ana.say("in between");
  const unanswered = await s.peer.frames.take();
  s.peer.socket.close(1012);
  await s.page.getByText("The room is being restarted.").waitFor();
  // It would be of no use.
  assert.equal(await s.button("Try now").isVisible(), false);
  await s.take("restart");
  await s.page.clock.fastForward(7_900);
  assert.equal(s.server.peers.size, 0);
  await s.page.clock.fastForward(3_000);
  await s.welcome({ conn: "c-2", seq: 6, recovered: true });
  assert.deepEqual(await s.peer.frames.take(), unanswered);
  s.peer.say(live(7, { user: "ana", id: unanswered.id, content: "in between" }));
  await s.page.locator("[data-seq='7'][data-status=stored]").waitFor();
  assert.deepEqual(await s.seqs(), range(1, 7));
});

for (const [code, words] of /** @type {const} */ ([
  [1009, "Something that was sent is too large for this room."],
  [1011, "The room had a problem of its own."],
  [4008, "This page could not keep up with the room."],
  [4029, "Too much was sent from here."],
])) {
  scene(`after close code ${code} the page says why, and comes back`, async (s) => {
    await s.enterWith(old(1, 5));
    await s.page.clock.pauseAt(NOW_MS + 60_000);
    s.peer.socket.close(code);
    await s.ana.state("waiting").waitFor();
    await s.page.locator("#notice").getByText(words).waitFor();
    await s.page.clock.resume();
    await s.page.clock.fastForward(6_000);
    await s.welcome({ seq: 5, recovered: true });
    assert.equal(await s.page.locator("#notice").isVisible(), false);
  });
}

scene(
  "on a phone, in the dark, all of it can be read",
  async (s) => {
    await s.enterWith([
      ...old(1, 6),
      { ...gone(7), by: "mod" },
      { seq: 8, ts: NOW_MS, user: "cy", content: "What did it say?" },
    ]);
    s.peer.say(
      { type: "moderation", seq: 9, action: "mute", user: "bo", by: "mod", ts: NOW_MS },
      live(10, { user: "cy", content: "Never mind." }),
    );
    await s.ana.say("A link that nobody should click");
    const refused = await s.peer.frames.take();
    s.peer.say({ type: "error", code: "content_refused", detail: "no links", id: refused.id });
    await s.ana.say("I see");
    const { id, content } = await s.peer.frames.take();
    s.peer.say(live(11, { user: "ana", id, content }));
    const button = s.ana.message("I see").getByTestId("delete");
    const opacity = () => button.evaluate((element) => getComputedStyle(element).opacity);
    await button.waitFor({ state: "attached" });
    assert.equal(await opacity(), "0");
    await s.page.getByText("I see", { exact: true }).tap();
    assert.equal(await opacity(), "1");
    await button.tap();
    await s.ana.note("Delete it for everybody?").waitFor();
    const wider = await s.page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    assert.equal(wider, false);
    await s.take("phone-moderation");
  },
  { ...PHONE, colorScheme: "dark" },
);
