/** Members of a room, by the SDK as the package brings it. */

import assert from "node:assert/strict";

/** @typedef {typeof import("../../client/public/client/edgeroom.js")} Client */
/** @typedef {ReturnType<Client["connect"]>} Member */
/** @typedef {import("../../client/public/client/edgeroom.js").RoomEvents} RoomEvents */

export class Members {
  #connect;

  /** @param {Client} client */
  constructor({ connect }) {
    this.#connect = connect;
  }

  /** @param {import("./project.js").Project} project */
  static async of(project) {
    return new Members(await project.import("edgeroom/client"));
  }

  /**
   * In the lobby, until `act` has ended.
   *
   * @template Result
   * @param {string} url
   * @param {string} user
   * @param {(member: Member) => Promise<Result>} act
   */
  async in(url, user, act) {
    const member = this.#connect("lobby", { url, user });
    try {
      return await act(member);
    } finally {
      member.close();
    }
  }

  /** Ana says something, and Bo hears it. @param {string} url @param {string} content @returns its seq */
  talk(url, content) {
    return this.in(url, "bo", async (bo) => {
      await next(bo, "welcome");
      const heard = next(bo, "record");
      const { seq } = await this.in(url, "ana", (ana) => ana.publish(content));
      const record = await heard;
      assert.ok(record.type === "new_message");
      assert.deepEqual([record.seq, record.user, record.content], [seq, "ana", content]);
      return seq;
    });
  }
}

/**
 * The next event of a kind that fits.
 *
 * @template {keyof RoomEvents} K
 * @param {Member} member
 * @param {K} type
 * @param {(detail: RoomEvents[K]) => boolean} [fits]
 * @returns {Promise<RoomEvents[K]>}
 */
export function next(member, type, fits = () => true) {
  return new Promise((told) => {
    const stop = member.on(type, (detail) => {
      if (!fits(detail)) return;
      stop();
      told(detail);
    });
  });
}
