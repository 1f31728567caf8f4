/**
 * The package from its file: installed into an empty folder, with Node.js alone on the PATH, and
 * used as docs/PACKAGE.md says.
 */

import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { access, readFile, symlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import { after, before, describe, test } from "node:test";
import { endStartedProcesses } from "../../scripts/process-tree.js";
import { Program, withWorker } from "./program.js";
import { Project } from "./project.js";

/** @typedef {typeof import("../../client/public/client/edgeroom.js")} Client */
/** @typedef {ReturnType<Client["connect"]>} Member */
/** @typedef {import("../../client/public/client/edgeroom.js").RoomEvents} RoomEvents */

const ROOT = resolve(import.meta.dirname, "../..");

/** From the empty folder to a message that another member has. */
const START_MS_MAX = 120_000;
/** Packed; what is in it has grown by more than a tenth when it is larger. */
const PACKED_BYTES_MAX = 620_000;

/** @returns {string} */
function packedFile() {
  const folder = process.env.EDGEROOM_PACKAGES;
  assert.ok(
    folder,
    "EDGEROOM_PACKAGES names the folder with the packed file; scripts/test sets it",
  );
  const files = readdirSync(folder).filter((file) => file.endsWith(".tgz"));
  assert.equal(files.length, 1, `one package in ${folder}, not ${files}`);
  return join(folder, files[0]);
}

/** @param {string} name of a package that this repository pins */
async function pinned(name) {
  const { devDependencies } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
  return `${name}@${devDependencies[name]}`;
}

/** @param {import("./project.js").Ended} ended */
function succeeded({ code, stdout, stderr }) {
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  return stdout;
}

/** @param {string} url @returns {Promise<{ status: number, type: string | null, text: string }>} */
async function get(url) {
  const answer = await fetch(url);
  const { status, headers } = answer;
  return { status, type: headers.get("content-type"), text: await answer.text() };
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
function next(member, type, fits = () => true) {
  return new Promise((told) => {
    const stop = member.on(type, (detail) => {
      if (!fits(detail)) return;
      stop();
      told(detail);
    });
  });
}

/** @type {Project} */
let project;
/** @type {Client} */
let client;
let startedMs = 0;

/** Ana says something in the lobby, and Bo hears it. @param {string} url @param {string} content */
async function talk(url, content) {
  const ana = client.connect("lobby", { url, user: "ana" });
  const bo = client.connect("lobby", { url, user: "bo" });
  try {
    await next(bo, "welcome");
    const heard = next(
      bo,
      "record",
      (record) => record.type === "new_message" && record.content === content,
    );
    const { seq } = await ana.publish(content);
    const record = await heard;
    assert.equal(record.seq, seq);
    assert.ok(record.type === "new_message" && record.user === "ana");
    return seq;
  } finally {
    ana.close();
    bo.close();
  }
}

before(async () => {
  startedMs = performance.now();
  project = await Project.create("My Rooms");
  succeeded(await project.run("npm", "init", "-y"));
  succeeded(
    await project.run("npm", "install", "--prefer-offline", packedFile(), await pinned("wrangler")),
  );
  client = await project.import("edgeroom/client");
});

after(async () => {
  await project.remove();
  await endStartedProcesses({ graceMs: 5_000, collectMs: 2_000 });
});

describe("what is in it", () => {
  /** @type {string} */
  let folder;
  before(() => {
    folder = join(project.folder, "node_modules/edgeroom");
  });

  test("is the product, and nothing that only builds or tests it", async () => {
    const there = readdirSync(folder).sort();
    assert.deepEqual(there, [
      ".dev.vars.example",
      "CHANGELOG.md",
      "LICENSE",
      "README.md",
      "bin",
      "build",
      "central",
      "client",
      "docs",
      "js-shim",
      "package.json",
      "wrangler.toml",
    ]);
    assert.deepEqual(readdirSync(join(folder, "build")).sort(), ["modules", "types"]);
    const { size } = statSync(packedFile());
    assert.ok(size <= PACKED_BYTES_MAX, `${size} bytes packed`);
  });

  test("brings its users two packages, no compiler and no Node.js", async () => {
    const manifest = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    assert.deepEqual(Object.keys(manifest.dependencies), ["aws4fetch", "jose"]);
    assert.equal(manifest.optionalDependencies, undefined);
    for (const name of ["preinstall", "install", "postinstall", "prepare"]) {
      assert.equal(manifest.scripts[name], undefined, `${name} would run at its users'`);
    }
    const installed = readdirSync(join(project.folder, "node_modules"));
    assert.deepEqual(
      installed.filter((name) => name.startsWith("node-linux")),
      [],
    );
  });

  test("has every document that its README links to", async () => {
    const text = await readFile(join(folder, "README.md"), "utf8");
    // A picture is no link, and too much to carry along.
    const links = [...text.matchAll(/(?<!!)\[[^\]]*\]\(([^)#]+)/g)].map(([, to]) => to);
    assert.ok(links.length > 5, "the README has lost its links");
    const local = links.filter((to) => !to.startsWith("http"));
    for (const to of local) await access(join(folder, to));
  });
});

describe("a project by `npx edgeroom init`", () => {
  test("is made of three files, which are never overwritten", async () => {
    const told = succeeded(await project.run("npx", "edgeroom", "init"));
    assert.match(told, /^wrote wrangler.toml, index.js, .dev.vars, .gitignore$/m);
    assert.match(told, /^ {2}npx wrangler dev /m);
    const written = await readFile(join(project.folder, "wrangler.toml"), "utf8");
    assert.match(written, /^name = "my-rooms"$/m);
    const again = await project.run("npx", "edgeroom", "init");
    assert.equal(again.code, 1);
    assert.match(again.stderr, /wrangler\.toml, index\.js, \.dev\.vars: there already/);
  });

  test("has the date of the platform that the repository is tested with", async () => {
    const [mine, repository] = await Promise.all(
      [join(project.folder, "wrangler.toml"), join(ROOT, "wrangler.toml")].map(async (file) => {
        return /^compatibility_date = .*$/m.exec(await readFile(file, "utf8"))?.[0];
      }),
    );
    assert.ok(mine);
    assert.equal(mine, repository);
  });

  test("is a working room, which keeps what was said over a restart", async () => {
    const seq = await withWorker(project, async (url) => {
      const said = await talk(url, "hello");
      const tookMs = performance.now() - startedMs;
      assert.ok(tookMs < START_MS_MAX, `from nothing to a message took ${tookMs} ms`);
      const page = await get(`${url}/`);
      assert.equal(page.status, 200);
      assert.match(page.text, /^<!doctype html>/);
      assert.equal((await get(`${url}/client/edgeroom.js`)).status, 200);
      return said;
    });
    await withWorker(project, async (url) => {
      const cleo = client.connect("lobby", { url, user: "cleo" });
      try {
        const { messages } = await next(cleo, "history");
        assert.deepEqual(
          messages.map((message) => [message.seq, message.content]),
          [[seq, "hello"]],
        );
        assert.equal(cleo.isConfirmed(seq), false, "there is no central API yet");
      } finally {
        cleo.close();
      }
    });
  });

  test("can be built for deployment", async () => {
    const told = succeeded(await project.run("wrangler", "deploy", "--dry-run"));
    assert.match(told, /--dry-run: exiting now/);
  });

  test("runs a central API, for which it names what to install", async () => {
    const refused = await project.run("npx", "edgeroom", "central");
    assert.equal(refused.code, 1);
    const [, wanted] = /^ {2}npm i -D (.+)$/m.exec(refused.stderr) ?? [];
    assert.ok(wanted, refused.stderr);
    succeeded(await project.run("npm", "install", "--prefer-offline", "-D", ...wanted.split(" ")));

    project.env.CENTRAL_PORT = "0";
    const central = new Program(project, "edgeroom", ["central"]);
    try {
      const listening = await central.address(/^central: listening on (\S+)$/m);
      const settings = join(project.folder, ".dev.vars");
      const text = await readFile(settings, "utf8");
      await project.write({ ".dev.vars": text.replace("http://127.0.0.1:8788", listening) });
      await withWorker(project, async (url) => {
        const ana = client.connect("lobby", { url, user: "ana" });
        try {
          // What was said before there was one arrives as well.
          const confirmed = next(ana, "confirmed", ({ through }) => through >= 2);
          const { seq } = await ana.publish("hello again");
          assert.equal(seq, 2);
          await confirmed;
          assert.ok(ana.isConfirmed(1) && ana.isConfirmed(2));
        } finally {
          ana.close();
        }
      });
    } finally {
      await central.stop();
    }
  });
});

describe("a command that makes no sense", () => {
  test("is told so", async () => {
    const unknown = await project.run("edgeroom", "initt");
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, /^error: unknown: initt\nusage: /);
    assert.match(succeeded(await project.run("edgeroom", "--help")), /^usage: /);
  });
});

describe("the smallest Worker there is", () => {
  const FILES = {
    "index.js": 'export { Room, default } from "edgeroom";\n',
    "wrangler.toml": `name = "rooms"
main = "index.js"
compatibility_date = "2026-11-17"
durable_objects.bindings = [{ name = "ROOMS", class_name = "Room" }]
migrations = [{ tag = "v1", new_sqlite_classes = ["Room"] }]
vars = { AUTH = "off", RATE_LIMITS = "[]", PERSIST_AUTH = "none", PERSIST_URL = "http://127.0.0.1:1" }
`,
  };

  test("has rooms, and no pages", async () => {
    const small = await project.beside("small");
    await small.write(FILES);
    await withWorker(small, async (url) => {
      await talk(url, "hello");
      for (const path of ["/", "/client/edgeroom.js"]) {
        const { status, type, text } = await get(`${url}${path}`);
        assert.equal(status, 404, text);
        assert.equal(type, "application/problem+json");
        assert.equal(JSON.parse(text).status, 404);
      }
    });
  });
});

describe("mounted inside a Worker that is there", () => {
  const FILES = {
    "site/index.html": "the site's own page",
    "site/client/edgeroom.js": "the site's own file",
    "index.js": `import { mount, Room } from "edgeroom";

const rooms = mount("/chat");

// Settings that have other names here.
export class ChatRoom extends Room {
  constructor(ctx, env) {
    super(ctx, { ...env, HISTORY_SIZE: env.CHAT_HISTORY });
  }
}

export default {
  async fetch(request, env, ctx) {
    if (rooms.matches(request)) {
      return rooms.fetch(request, { ...env, ROOMS: env.CHAT_ROOMS }, ctx);
    }
    const { pathname, searchParams } = new URL(request.url);
    try {
      if (pathname === "/mount") mount(searchParams.get("path"));
      if (pathname === "/past") return await rooms.fetch(request, env, ctx);
    } catch (error) {
      return new Response(String(error));
    }
    return pathname === "/" ? env.ASSETS.fetch(request) : new Response("the site: " + pathname);
  },
};
`,
    "wrangler.toml": `name = "site"
main = "index.js"
compatibility_date = "2026-11-17"
durable_objects.bindings = [{ name = "CHAT_ROOMS", class_name = "ChatRoom" }]
migrations = [{ tag = "v1", new_sqlite_classes = ["ChatRoom"] }]
kv_namespaces = [{ binding = "RATE_LIMIT" }]
assets = { directory = "site", binding = "ASSETS", run_worker_first = true }
vars = { AUTH = "off", PERSIST_AUTH = "none", PERSIST_URL = "http://127.0.0.1:1", CHAT_HISTORY = "7", MODERATOR_TOKENS = "the-moderator" }
`,
  };

  test("rooms are below their path, and all else is the site's", async () => {
    const site = await project.beside("site");
    await site.write(FILES);
    // The other toolchain's modules, as scripts/build chooses them.
    site.env.WRANGLER_BUILD_CONDITIONS = "workerd,worker,browser,emscripten";
    await withWorker(site, async (url) => {
      await talk(`${url}/chat`, "hello");
      await talk(`${url}/chat/`, "with a slash at the end");
      const { epoch, seq } = JSON.parse((await get(`${url}/chat/api/rooms/lobby`)).text);
      assert.ok(epoch);
      assert.equal(seq, 2);

      const health = JSON.parse((await get(`${url}/chat/health`)).text);
      assert.deepEqual([health.status, health.toolchain], ["ok", "emscripten"]);
      const posted = await fetch(`${url}/chat/api/rooms/lobby/messages?x=1`, {
        method: "POST",
        headers: { authorization: "Bearer the-moderator" },
        body: '{"content":"by HTTP"}',
      });
      assert.equal(posted.status, 201, await posted.text());

      assert.equal((await get(`${url}/`)).text, "the site's own page");
      for (const path of ["/chat", "/chatter", "/health", "/rooms/lobby", "/api/rooms/lobby"]) {
        assert.deepEqual([path, (await get(`${url}${path}`)).text], [path, `the site: ${path}`]);
      }
      for (const path of ["/chat/", "/chat/client/edgeroom.js", "/chat//rooms/lobby", "/chat/x"]) {
        const { status, type } = await get(`${url}${path}`);
        assert.deepEqual([path, status, type], [path, 404, "application/problem+json"]);
      }
    });
  });

  test("settings under other names reach the room, and misuse is told", async () => {
    const site = await project.beside("site-2");
    await site.write(FILES);
    await withWorker(site, async (url) => {
      const ana = client.connect("lobby", { url: `${url}/chat`, user: "ana" });
      try {
        const { limits } = await next(ana, "welcome");
        assert.equal(limits.history, 7);
      } finally {
        ana.close();
      }
      assert.equal(
        (await get(`${url}/past`)).text,
        'TypeError: "/past" is not below "/chat/": ask matches(request) first',
      );
      for (const path of ["chat", "/", "/chat/", "/chat?a", "/a/../b", ""]) {
        const { text } = await get(`${url}/mount?path=${encodeURIComponent(path)}`);
        assert.equal(text, `TypeError: mount("${path}"): give a path such as "/chat"`);
      }
    });
  });
});

describe("a project in TypeScript", () => {
  const WORKER = `import rooms, { mount, Room } from "edgeroom";
import type { Bindings, Context } from "edgeroom";
import { connect, type Receipt, RoomError } from "edgeroom/client";

export { Room };
const chat = mount("/chat");
export default {
  fetch(request: Request, env: Bindings, ctx: Context): Promise<Response> {
    return chat.matches(request) ? chat.fetch(request, env, ctx) : rooms.fetch(request, env, ctx);
  },
};

export async function say(): Promise<Receipt | RoomError> {
  const room = connect("lobby", { url: "https://example.com/chat", user: "ana" });
  room.on("record", (record) => {
    const seq: number = record.seq;
    if (record.type === "new_message") console.log(seq, record.content);
    // @ts-expect-error: no record has that
    console.log(record.sequence);
  });
  // @ts-expect-error: not an event of a room
  room.on("recrod", () => {});
  return room.publish({ text: "hello" });
}

// @ts-expect-error: ROOMS is missing
rooms.fetch(new Request("http://x"), {}, { waitUntil() {} });
// @ts-expect-error: a path is text
mount(7);
`;
  const PLATFORM = `import rooms, { Room } from "edgeroom";

interface Env {
  ROOMS: DurableObjectNamespace<Room>;
  RATE_LIMIT: KVNamespace;
  ASSETS: Fetcher;
  ANALYTICS: AnalyticsEngineDataset;
  AUTH: "off";
}

export class ChatRoom extends Room {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, { ...env, HISTORY_SIZE: "7" });
  }
}

export default { fetch: (request, env, ctx) => rooms.fetch(request, env, ctx) } satisfies ExportedHandler<Env>;
`;
  // Declarations of packages are checked as well.
  const COMPILER = { strict: true, noEmit: true, module: "esnext", moduleResolution: "bundler" };
  const BROWSER = { ...COMPILER, target: "es2022", lib: ["es2022", "dom"], types: [] };
  const WORKERS = {
    ...COMPILER,
    target: "es2024",
    lib: ["es2024"],
    types: ["@cloudflare/workers-types"],
  };

  /** @param {string} name @param {Record<string, string>} files @param {object} compilerOptions */
  async function compile(name, files, compilerOptions) {
    const typed = await project.beside(name);
    await typed.write({
      ...files,
      "tsconfig.json": JSON.stringify({ compilerOptions, include: ["*.ts", "*.mts"] }),
    });
    const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
    succeeded(await typed.run("node", tsc, "--pretty", "false"));
  }

  before(async () => {
    const types = "@cloudflare/workers-types";
    await symlink(join(ROOT, "node_modules", types), join(project.folder, "node_modules", types));
  });

  test("needs no types of the platform", () => compile("typed", { "index.ts": WORKER }, BROWSER));

  test("fits with @cloudflare/workers-types", () =>
    compile("typed-workers", { "index.ts": WORKER, "platform.ts": PLATFORM }, WORKERS));

  test("fits for Node.js' resolution of modules", () =>
    compile(
      "typed-node",
      { "index.mts": WORKER },
      { ...BROWSER, module: "nodenext", moduleResolution: "nodenext" },
    ));
});
