/** Members of a room, by the SDK as the package brings it. */

import assert from "node:assert/strict";
import { next } from "../e2e/next-event.js";

/** @typedef {typeof import("../../client/public/client/edgeroom.js")} Client */
/** @typedef {ReturnType<Client["connect"]>} Member */

/** For what a member does; a room on this machine takes milliseconds. */
const TIMEOUT_MS = 20_000;

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
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    const late = /** @type {Promise<never>} */ (
      new Promise((_, failed) => {
        timer = setTimeout(() => {
          failed(new Error(`${user} at ${url} is ${member.state} after ${TIMEOUT_MS} ms`));
        }, TIMEOUT_MS);
      })
    );
    try {
      return await Promise.race([act(member), late]);
    } finally {
      clearTimeout(timer);
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
