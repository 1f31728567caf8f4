/** Rooms in Workers that are written by hand: the smallest there is, and ones that do more. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { endStartedProcesses } from "../../scripts/process-tree.js";
import { next } from "../e2e/next-event.js";
import { Members } from "./members.js";
import { documented, installed } from "./packed.js";
import { withWorker } from "./program.js";

/** @import { Project } from "./project.js" */

/** @type {Project} */
let project;
/** @type {Members} */
let members;

before(async () => {
  project = await installed("workers", "wrangler");
  members = await Members.of(project);
});

after(async () => {
  await project.remove();
  await endStartedProcesses({ graceMs: 5_000, collectMs: 2_000 });
});

/** @param {string} url @returns {Promise<string>} status and type, which say whose answer it is, or the site's own text */
async function answerTo(url) {
  const answer = await fetch(url);
  const text = await answer.text();
  return answer.status === 200 ? text : `${answer.status} ${answer.headers.get("content-type")}`;
}

const PROBLEM = "404 application/problem+json";

test("the smallest Worker has rooms, and no pages", async () => {
  const small = await project.beside("small");
  await small.write({
    "index.js": 'export { default, Room } from "edgeroom";\n',
    "wrangler.toml": await documented('name = "rooms"'),
  });
  await withWorker(small, async (url) => {
    await members.talk(url, "hello");
    for (const path of ["/", "/client/edgeroom.js", "/x"]) {
      assert.equal(await answerTo(`${url}${path}`), PROBLEM, path);
    }
  });
});

describe("mounted inside a Worker that is there", () => {
  /** A Worker with a site of its own. @param {string} rooms the binding @param {string} room the class */
  const site = (rooms, room) => ({
    "site/index.html": "the site's own page",
    "site/client/edgeroom.js": "the site's own file",
    "wrangler.toml": `name = "site"
main = "index.js"
compatibility_date = "2026-11-17"
durable_objects.bindings = [{ name = "${rooms}", class_name = "${room}" }]
migrations = [{ tag = "v1", new_sqlite_classes = ["${room}"] }]
kv_namespaces = [{ binding = "RATE_LIMIT" }]
assets = { directory = "site", binding = "ASSETS", run_worker_first = true }

[vars]
AUTH = "off"
PERSIST_AUTH = "none"
PERSIST_URL = "http://127.0.0.1:1"
MODERATOR_TOKENS = "the-moderator"
CHAT_HISTORY = "7"
`,
  });

  const OWN_SITE = `
function yourSite(request, env) {
  const { pathname } = new URL(request.url);
  return pathname === "/" ? env.ASSETS.fetch(request) : new Response("the site: " + pathname);
}
`;

  const OTHER_NAMES = `import { mount, Room } from "edgeroom";

const rooms = mount("/a/chat");

export class ChatRoom extends Room {
  constructor(ctx, env) {
    super(ctx, { ...env, HISTORY_SIZE: env.CHAT_HISTORY });
  }
}

export default {
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    try {
      if (pathname === "/mount") mount(searchParams.get("path"));
      return await rooms.fetch(request, { ...env, ROOMS: env.CHAT_ROOMS }, ctx);
    } catch (error) {
      return new Response(String(error));
    }
  },
};
`;

  test("rooms are below their path, and all else is the site's", async () => {
    const there = await project.beside("site");
    const files = { ...site("ROOMS", "Room") };
    await there.write({ ...files, "index.js": (await documented("yourSite")) + OWN_SITE });
    // The other toolchain's modules.
    there.env.WRANGLER_BUILD_CONDITIONS = "workerd,worker,browser,emscripten";
    await withWorker(there, async (url) => {
      await members.talk(`${url}/chat`, "hello");
      await members.talk(`${url}/chat/`, "with a slash at the end");
      const room = await (await fetch(`${url}/chat/api/rooms/lobby`)).json();
      assert.equal(room.seq, 2);
      const health = await (await fetch(`${url}/chat/health`)).json();
      assert.deepEqual([health.status, health.toolchain], ["ok", "emscripten"]);
      const posted = await fetch(`${url}/chat/api/rooms/lobby/messages`, {
        method: "POST",
        headers: { authorization: "Bearer the-moderator" },
        body: '{"content":"by HTTP"}',
      });
      assert.equal(posted.status, 201, await posted.text());

      assert.equal(await answerTo(`${url}/`), "the site's own page");
      for (const path of ["/chat", "/chatter", "/health", "/rooms/lobby", "/api/rooms/lobby"]) {
        assert.equal(await answerTo(`${url}${path}`), `the site: ${path}`);
      }
      for (const path of ["/chat/", "/chat/client/edgeroom.js", "/chat//rooms/lobby", "/chat/x"]) {
        assert.equal(await answerTo(`${url}${path}`), PROBLEM, path);
      }
    });
  });

  test("bindings and settings may have other names, and misuse is told", async () => {
    const there = await project.beside("other-names");
    await there.write({ ...site("CHAT_ROOMS", "ChatRoom"), "index.js": OTHER_NAMES });
    await withWorker(there, async (url) => {
      await members.in(`${url}/a/chat`, "ana", async (ana) => {
        const { limits } = await next(ana, "welcome");
        assert.equal(limits.history, 7);
      });
      assert.equal(
        await answerTo(`${url}/past`),
        'TypeError: "/past" is not below "/a/chat/": ask matches(request) first',
      );
      for (const path of ["chat", "/", "/chat/", "/chat?a", "/a/../b", "//chat", ""]) {
        assert.equal(
          await answerTo(`${url}/mount?path=${encodeURIComponent(path)}`),
          `TypeError: mount("${path}"): give a path such as "/chat"`,
        );
      }
    });
  });
});
