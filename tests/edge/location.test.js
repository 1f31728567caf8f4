// Where rooms are made: ROOM_LOCATION and ROOM_JURISDICTION.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { newRoom, startEdge, until } from "./harness.js";

describe("where rooms are made", () => {
  it("may be a location hint: rooms work as ever", async () => {
    const edge = await startEdge({ vars: { ROOM_LOCATION: "weur", ROOM_JURISDICTION: "" } });
    try {
      const room = newRoom();
      const ana = await edge.join(room, { user: "ana" });
      ana.send({ type: "message", content: "hi" });
      assert.equal((await ana.next("new_message")).seq, 1);
      assert.equal((await edge.json(`/api/rooms/${room}`)).body.seq, 1);
    } finally {
      await edge.close();
    }
  });

  it("is a jurisdiction or nowhere: workerd, which has none, makes no room", async () => {
    const edge = await startEdge({ vars: { ROOM_JURISDICTION: "eu" } });
    try {
      const { status } = await edge.json(`/api/rooms/${newRoom()}`);
      assert.equal(status, 503);
      const failed = await until(
        async () => edge.logs.filter((line) => line.includes("room_failed")),
        (lines) => lines.length > 0,
      );
      assert.match(failed[0], /Jurisdiction restrictions are not implemented/);
    } finally {
      await edge.close();
    }
  });

  for (const [name, value, words] of [
    ["ROOM_LOCATION", "europe", "wnam, enam, sam, weur, eeur, apac, oc, afr, me"],
    ["ROOM_JURISDICTION", "moon", "eu, fedramp"],
  ]) {
    it(`is one clear error when ${name} is nothing that the platform knows`, async () => {
      const edge = await startEdge({ vars: { [name]: value } });
      try {
        const { status, body } = await edge.json("/api/rooms/lobby");
        assert.equal(status, 500);
        assert.match(body.detail, new RegExp(`${name} must be one of ${words}, or not set`));
        assert.ok(!body.detail.includes(value), "it tells the value");
      } finally {
        await edge.close();
      }
    });
  }
});
