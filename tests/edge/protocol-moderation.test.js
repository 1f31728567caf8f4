// Moderation through the front door: by HTTP and by a moderator's socket, told to everybody, kept
// over sleep, and stored centrally. That it outlives a killed workerd: durability.test.js.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { AwsClient } from "aws4fetch";
import { CREDENTIALS, central, newRoom, search, startEdge } from "./harness.js";
import { bySocket } from "./pages.js";
import { refusal } from "./refusal.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */
/** @typedef {Awaited<ReturnType<typeof central>>} Central */
/** @typedef {import("./harness.js").Client} Client */
/** @typedef {Record<string, any>} Told */

const MODERATOR = { authorization: "Bearer test-moderator" };
const TEN_YEARS_S = 10 * 365 * 24 * 3600;

/** @param {Edge} edge @param {string} room @param {unknown} body @param {Record<string, string>} [headers] */
function moderate(edge, room, body, headers = MODERATOR) {
  const init = { method: "POST", headers, body: JSON.stringify(body) };
  return edge.json(`/api/rooms/${room}/moderation`, init);
}

/** @param {Edge} edge @param {string} room @param {string} user */
function refusedJoin(edge, room, user) {
  return refusal(`${edge.url.replace("http", "ws")}/rooms/${room}?${search({ user })}`);
}

/** @param {Edge} edge @param {string} room @param {string} user */
async function isBanned(edge, room, user) {
  const { status, headers, body } = await refusedJoin(edge, room, user);
  assert.equal(status, 403);
  assert.equal(headers["content-type"], "application/problem+json");
  const problem = JSON.parse(body);
  assert.equal(problem.status, 403);
  assert.match(problem.detail, /banned/);
}

/** Waits until all that was told so far has come. @param {Client} client */
async function settled(client) {
  const ref = crypto.randomUUID();
  client.send({ type: "presence", ref });
  return client.next("presence", (told) => told.ref === ref);
}

describe("moderation", { concurrency: true }, () => {
  /** @type {Central} */
  let store;
  /** @type {Edge} */
  let edge;
  before(async () => {
    store = await central();
    edge = await startEdge({ centralUrl: store.url });
  });
  after(async () => {
    await edge.close();
    await store.close();
  });

  it("by a kick closes every tab of a user with 4003, and tells everybody why before", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const tabs = [await edge.join(room, { user: "eve" }), await edge.join(room, { user: "eve" })];
    const { status, body, headers } = await moderate(edge, room, {
      action: "kick",
      user: "eve",
      reason: "enough 😀",
    });
    assert.equal(status, 200);
    assert.equal(headers.get("content-type"), "application/json");
    assert.deepEqual(body, { epoch: ana.told[0].epoch, seq: 1 });
    const told = await ana.next("moderation");
    assert.ok(Math.abs(told.ts - Date.now()) < 60_000);
    assert.deepEqual(told, {
      type: "moderation",
      seq: 1,
      action: "kick",
      user: "eve",
      by: "moderator",
      reason: "enough 😀",
      ts: told.ts,
    });
    for (const tab of tabs) {
      assert.deepEqual(await tab.closed, { code: 4003, reason: "kicked" });
      assert.deepEqual(tab.all("moderation"), [told]);
    }
    const leaves = [await ana.next("leave"), await ana.next("leave")];
    assert.deepEqual(
      new Set(leaves.map(({ conn }) => conn)),
      new Set(tabs.map(({ told: [welcome] }) => welcome.conn)),
    );
    assert.deepEqual(await settled(ana), {
      type: "presence",
      members: [{ user: "ana", conn: ana.told[0].conn }],
      count: 1,
      users: 1,
      ref: ana.told.at(-1)?.ref,
    });
    // A kick is no ban.
    const back = await edge.join(room, { user: "eve", epoch: ana.told[0].epoch, after: 0 });
    assert.equal(back.told[0].recovered, true);
    assert.deepEqual(await back.next("moderation"), told);
  });

  it("by a ban also keeps a user out, before the upgrade, until an unban", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const eve = await edge.join(room, { user: "eve" });
    assert.equal((await moderate(edge, room, { action: "ban", user: "eve" })).status, 200);
    assert.deepEqual(await eve.closed, { code: 4003, reason: "banned" });
    const told = await ana.next("moderation");
    assert.deepEqual([told.action, told.user, "until" in told], ["ban", "eve", false]);
    assert.deepEqual(eve.all("moderation"), [told]);
    await isBanned(edge, room, "eve");
    // Others with a name like it are not meant; nor is the user in another room.
    for (const user of ["Eve", "eve ", "ev"]) await (await edge.join(room, { user })).close();
    await (await edge.join(newRoom(), { user: "eve" })).close();
    await ana.confirmed(1);
    await edge.evict(room);
    await isBanned(edge, room, "eve");
    await moderate(edge, room, { action: "unban", user: "eve" });
    assert.equal((await ana.next("moderation")).action, "unban");
    const back = await edge.join(room, { user: "eve" });
    back.send({ type: "message", content: "thanks" });
    assert.equal((await back.next("new_message")).seq, 3);
  });

  it("by a mute refuses a user's messages and events in every tab, and nothing else", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const eve = await edge.join(room, { user: "eve" });
    eve.send({ type: "message", content: "before", id: "first" });
    await eve.next("new_message");
    const muted = await moderate(edge, room, { action: "mute", user: "eve" });
    assert.deepEqual(muted.body, { epoch: ana.told[0].epoch, seq: 2 });
    await eve.next("moderation");
    const other = await edge.join(room, { user: "eve" });
    await ana.confirmed(2);
    for (const sleeps of [false, true]) {
      if (sleeps) await edge.evict(room);
      for (const tab of [eve, other]) {
        tab.send({ type: "message", content: "no", id: "m", ref: "r-1" });
        const refused = await tab.next("error");
        const { code, id, ref, detail } = refused;
        assert.deepEqual([code, id, ref], ["muted", "m", "r-1"]);
        assert.match(detail, /muted/);
        tab.send({ type: "event", name: "typing", ref: "r-2" });
        const silent = await tab.next("error");
        assert.deepEqual([silent.code, silent.ref], ["muted", "r-2"]);
      }
      // What was stored before is acknowledged as ever; reading, and deleting one's own, stay.
      eve.send({ type: "message", content: "before", id: "first" });
      assert.deepEqual(await eve.next("ack"), {
        type: "ack",
        id: "first",
        seq: 1,
        duplicate: true,
      });
      assert.equal((await bySocket(eve)({})).messages.length, 1);
      assert.equal((await settled(eve)).count, 3);
    }
    eve.send({ type: "delete", seq: 1 });
    assert.equal((await ana.next("message_deleted")).target, 1);
    ana.send({ type: "message", content: "others speak" });
    await eve.next("new_message", ({ user }) => user === "ana");
    await moderate(edge, room, { action: "unmute", user: "eve" });
    await other.next("moderation", ({ action }) => action === "unmute");
    other.send({ type: "message", content: "again" });
    assert.equal((await ana.next("new_message", ({ user }) => user === "eve")).content, "again");
    other.send({ type: "event", name: "typing" });
    assert.equal((await ana.next("event")).user, "eve");
    const heard = ana.all("new_message").map(({ content }) => content);
    assert.deepEqual(heard, ["before", "others speak", "again"]);
  });

  it("ends by itself where it was given seconds, also in a room that sleeps", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const eve = await edge.join(room, { user: "eve" });
    const sentMs = Date.now();
    await moderate(edge, room, { action: "mute", user: "eve", for_s: 3 });
    await moderate(edge, room, { action: "ban", user: "mallory", for_s: 3, reason: "" });
    const [mute, ban] = [await ana.next("moderation"), await ana.next("moderation")];
    for (const { until, ts } of [mute, ban]) {
      assert.equal(until, ts + 3000);
      assert.ok(ts >= sentMs - 1 && ts <= Date.now() + 1);
    }
    assert.ok(!("reason" in ban));
    eve.send({ type: "message", content: "no" });
    const { code, detail } = await eve.next("error");
    assert.equal(code, "muted");
    assert.ok(detail.includes(String(mute.until)), detail);
    await isBanned(edge, room, "mallory");
    await ana.confirmed(2);
    await edge.evict(room);
    if (Date.now() < ban.until) await isBanned(edge, room, "mallory");
    await pause(ban.until - Date.now() + 1);
    const mallory = await edge.join(room, { user: "mallory" });
    eve.send({ type: "message", content: "yes" });
    assert.equal((await mallory.next("new_message")).content, "yes");
    // A later one counts, also if it is shorter.
    await moderate(edge, room, { action: "mute", user: "eve" });
    await moderate(edge, room, { action: "mute", user: "eve", for_s: 1 });
    await eve.next("moderation", ({ action, until }) => action === "mute" && until !== undefined);
    const { until } = eve.all("moderation").at(-1) ?? {};
    await pause(until - Date.now() + 1);
    eve.send({ type: "message", content: "yes again" });
    assert.equal((await mallory.next("new_message")).content, "yes again");
    const longest = await moderate(edge, room, {
      action: "ban",
      user: "zoe",
      for_s: TEN_YEARS_S,
    });
    assert.equal(longest.status, 200);
    const forYears = await ana.next("moderation", ({ user }) => user === "zoe");
    assert.equal(forYears.until, forYears.ts + TEN_YEARS_S * 1000);
  });

  it("comes from a moderator's socket too, however it showed its token, also after a sleep", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const byHeader = await edge.join(room, { user: "mo" }, { headers: MODERATOR });
    const protocols = ["edgeroom.v1", "bearer.test-moderator"];
    const byProtocol = await edge.join(room, { user: "max" }, { protocols });
    assert.equal(byHeader.told[0].role, "moderator");
    assert.equal(ana.told[0].role, undefined);
    for (const sleeps of [false, true]) {
      if (sleeps) await edge.evict(room);
      for (const [moderator, by] of /** @type {[Client, string][]} */ ([
        [byHeader, "mo"],
        [byProtocol, "max"],
      ])) {
        const eve = await edge.join(room, { user: "eve" });
        moderator.send({ type: "moderation", action: "mute", user: "eve", for_s: 60 });
        moderator.send({ type: "moderation", action: "unmute", user: "eve" });
        moderator.send({ type: "moderation", action: "ban", user: "eve", reason: "no" });
        moderator.send({ type: "moderation", action: "unban", user: "eve" });
        moderator.send({ type: "moderation", action: "kick", user: "nobody" });
        assert.deepEqual(await eve.closed, { code: 4003, reason: "banned" });
        const last = await ana.next("moderation", ({ user }) => user === "nobody");
        const told = ana.all("moderation").filter(({ seq }) => seq > last.seq - 5);
        assert.deepEqual(
          told.map((each) => [each.action, each.user, each.by]),
          [
            ["mute", "eve", by],
            ["unmute", "eve", by],
            ["ban", "eve", by],
            ["unban", "eve", by],
            ["kick", "nobody", by],
          ],
        );
        assert.equal(told[0].until, told[0].ts + 60_000);
        assert.equal(told[2].reason, "no");
      }
      await ana.confirmed(ana.all("moderation").at(-1)?.seq);
    }
    // Whoever sends himself away has been heard.
    byHeader.send({ type: "moderation", action: "kick", user: "mo" });
    byHeader.send({ type: "message", content: "too late" });
    assert.equal((await byHeader.closed).code, 4003);
    assert.equal((await ana.next("moderation", ({ user }) => user === "mo")).by, "mo");
    await settled(ana);
    assert.deepEqual(ana.all("new_message"), []);
  });

  it("is for moderators: others are forbidden, whatever they try", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const headers = { authorization: "Bearer wrong" };
    const eve = await edge.join(room, { user: "moderator" }, { headers });
    for (const [i, action] of ["kick", "ban", "unban", "mute", "unmute"].entries()) {
      eve.send({ type: "moderation", action, user: "ana", ref: `${i}` });
      const { code, ref } = await eve.next("error");
      assert.deepEqual([code, ref], ["forbidden", `${i}`]);
      assert.equal((await moderate(edge, room, { action, user: "ana" }, {})).status, 401);
      assert.equal((await moderate(edge, room, { action, user: "ana" }, headers)).status, 401);
    }
    await settled(ana);
    assert.deepEqual(ana.all("moderation"), []);
    assert.equal(ana.socket.readyState, ana.socket.OPEN);
  });

  it("names what is wrong in a frame and in a body, and does nothing then", async () => {
    const room = newRoom();
    const mo = await edge.join(room, { user: "mo" }, { headers: MODERATOR });
    const ban = '"action":"ban","user":"eve"';
    /** Members of a frame or a body, and what is said of them. @type {[string, RegExp][]} */
    const bad = [
      ['"user":"eve"', /"action" is missing/],
      ['"action":"shout","user":"eve"', /"action" must be kick, ban, unban, mute or unmute/],
      ['"action":"Kick","user":"eve"', /"action" must be/],
      ['"action":7,"user":"eve"', /"action" must be a string/],
      ['"action":"","user":"eve"', /"action" must not be empty/],
      ['"action":"kick"', /"user" is missing/],
      ['"action":"kick","user":""', /"user" must not be empty/],
      ['"action":"kick","user":["eve"]', /"user" must be a string/],
      [`"action":"kick","user":"${"é".repeat(129)}"`, /"user" has 129 characters; the most is 128/],
      ['"action":"kick","user":"eve","for_s":5', /"for_s" goes with ban and mute only/],
      ['"action":"unban","user":"eve","for_s":5', /"for_s" goes with ban and mute only/],
      [`${ban},"for_s":0`, /"for_s" must be from 1 to 315360000/],
      [`${ban},"for_s":${TEN_YEARS_S + 1}`, /"for_s" must be from 1 to 315360000/],
      [`${ban},"for_s":-1`, /"for_s" must be a whole number/],
      [`${ban},"for_s":1.5`, /"for_s" must be a whole number/],
      [`${ban},"for_s":"60"`, /"for_s" must be a whole number/],
      [`${ban},"for_s":null`, /"for_s" must be a whole number/],
      [`${ban},"reason":7`, /"reason" must be a string/],
      [`${ban},"reason":"${"é".repeat(201)}"`, /"reason" has 201 characters; the most is 200/],
      [`${ban},"user":"ana"`, /"user" is given twice/],
    ];
    for (const [members, detail] of bad) {
      mo.send(`{"type":"moderation",${members},"ref":"r"}`);
      const error = await mo.next("error");
      assert.deepEqual([error.code, error.ref], ["bad_frame", "r"], members);
      assert.match(error.detail, detail);
      const init = { method: "POST", headers: MODERATOR, body: `{${members}}` };
      const answer = await edge.json(`/api/rooms/${room}/moderation`, init);
      assert.equal(answer.status, 400, members);
      assert.equal(answer.headers.get("content-type"), "application/problem+json");
      assert.match(answer.body.detail, detail);
    }
    /** @type {[string, number, RegExp][]} */
    const bodies = [
      ["", 400, /not JSON.* at byte 0/],
      ['{"action":"kick"', 400, /not JSON.* at byte 16/],
      ["[]", 400, /one JSON object/],
      [`{${ban},"x":"\\ud800"}`, 400, /lone surrogate/],
      [`{${ban},"x":"${"x".repeat(1 << 20)}"}`, 413, /1 MiB/],
    ];
    for (const [body, status, detail] of bodies) {
      const init = { method: "POST", headers: MODERATOR, body };
      const answer = await edge.json(`/api/rooms/${room}/moderation`, init);
      assert.equal(answer.status, status);
      assert.match(answer.body.detail, detail);
    }
    await settled(mo);
    assert.deepEqual(mo.all("moderation"), []);
    // What is exactly as much as may be, and members that mean nothing here.
    const whole = {
      action: "ban",
      user: "é".repeat(128),
      reason: "é".repeat(200),
      for_s: 1,
      type: "message",
      content: 1,
    };
    assert.equal((await moderate(edge, room, whole)).status, 200);
    const told = await mo.next("moderation");
    assert.deepEqual([told.user, told.reason], [whole.user, whole.reason]);
    // Those of a moderation mean nothing in other frames.
    mo.send('{"type":"message","content":1,"action":1,"user":2,"for_s":"x","reason":[]}');
    assert.equal((await mo.next("new_message")).seq, 2);
  });

  it("may come before anybody was in the room", async () => {
    const room = newRoom();
    const { status, body } = await moderate(edge, room, { action: "ban", user: "eve" });
    assert.equal(status, 200);
    assert.equal(body.seq, 1);
    await isBanned(edge, room, "eve");
    const ana = await edge.join(room, { user: "ana" });
    assert.deepEqual([ana.told[0].epoch, ana.told[0].seq], [body.epoch, 1]);
  });

  it("is a record: in its place when somebody comes back, and stored centrally as it was told", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const { epoch } = ana.told[0];
    ana.send({ type: "message", content: "one" });
    await ana.next("new_message");
    await moderate(edge, room, { action: "mute", user: "eve", for_s: 600, reason: 'r "é😀' });
    ana.send({ type: "message", content: "two" });
    await ana.next("new_message");
    await moderate(edge, room, { action: "unmute", user: "eve" });
    await ana.confirmed(4);
    /** @param {Client} client */
    const records = (client) =>
      client.told.filter(({ type }) => type === "new_message" || type === "moderation");
    const told = records(ana);
    assert.deepEqual(
      told.map(({ seq, type }) => [seq, type]),
      [
        [1, "new_message"],
        [2, "moderation"],
        [3, "new_message"],
        [4, "moderation"],
      ],
    );
    for (const sleeps of [false, true]) {
      if (sleeps) await edge.evict(room);
      for (const seq of [0, 1, 2, 3, 4]) {
        const back = await edge.join(room, { user: "bob", epoch, after: seq });
        assert.equal(back.told[0].recovered, true);
        await settled(back);
        assert.deepEqual(records(back), told.slice(seq));
        await back.close();
      }
    }
    // In pages there are messages alone, and the gap of a moderation is no hole.
    const page = await bySocket(ana)({ after: 1, limit: 1 });
    assert.deepEqual([page.messages[0].seq, page.more], [3, false]);
    // What is stored is told by storing it again: the same is a duplicate, another a conflict.
    const aws = new AwsClient({ ...CREDENTIALS, service: "execute-api", retries: 0 });
    /** @param {Told[]} batch */
    const store1 = async (batch) => {
      const body = JSON.stringify({ v: 1, room, epoch, records: batch });
      const headers = { "content-type": "application/json" };
      const answer = await aws.fetch(`${store.url}/v1/batches`, { method: "POST", headers, body });
      const { results } = /** @type {any} */ (await answer.json());
      return results.map((/** @type {Told} */ { status, code }) => code ?? status);
    };
    const same = [told[1], told[3]];
    assert.deepEqual(await store1(same), ["duplicate", "duplicate"]);
    for (const change of [
      { user: "eva" },
      { action: "ban" },
      { by: "ana" },
      { reason: "another" },
      { until: told[1].until + 1 },
      { ts: told[1].ts + 1 },
    ]) {
      assert.deepEqual(await store1([{ ...told[1], ...change }]), ["CONFLICT"]);
    }
  });
});
