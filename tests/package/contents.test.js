/** What is in the package, installed by itself into an empty folder, and its types. */

import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { access, mkdir, readFile, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { installed, packedFile, ROOT, succeeded } from "./packed.js";

/** @import { Project } from "./project.js" */

/** What is in it has grown by more than a tenth when it is larger. */
const PACKED_BYTES_MAX = 730_000;

/** @type {Project} */
let project;
let folder = "";

before(async () => {
  project = await installed("project");
  folder = join(project.folder, "node_modules/edgeroom");
});

after(() => project.remove());

describe("what is in it", () => {
  test("is the product, and nothing that only builds or tests it", async () => {
    const there = readdirSync(folder).sort();
    assert.deepEqual(there, [
      ".dev.vars.example",
      "CHANGELOG.md",
      "LICENSE",
      "README.md",
      "SECURITY.md",
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
    const place = join(project.folder, "node_modules", types);
    await mkdir(dirname(place), { recursive: true });
    await symlink(join(ROOT, "node_modules", types), place);
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
