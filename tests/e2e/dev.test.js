/** scripts/dev: what it says, what it keeps, and that it leaves nothing behind. */

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { commandOf, signalProcess, startedProcesses } from "../../scripts/process-tree.js";
import { freePort, RunningDev } from "../../scripts/running-dev.js";

const limits = { timeout: 180_000 };

describe("scripts/dev", limits, () => {
  /** @type {{ PORT: string, CENTRAL_PORT: string, STATE_DIR: string }} */
  let env;

  before(async () => {
    env = {
      PORT: await freePort(),
      CENTRAL_PORT: await freePort(),
      STATE_DIR: await mkdtemp(join(tmpdir(), "edgeroom-dev-")),
    };
  });

  after(async () => {
    await rm(env.STATE_DIR, { recursive: true, force: true });
  });

  /** Starts it and waits until it is ready. @param {string[]} [args] */
  async function start(args = []) {
    const dev = new RunningDev(args, env);
    const addresses = await dev.ready;
    assert.ok(addresses, dev.output);
    return { dev, ...addresses };
  }

  /** Whether the central API answers; chooses so if told. @param {string} edge @param {boolean} [choice] */
  async function answering(edge, choice) {
    const body = JSON.stringify({ answering: choice });
    const headers = { "content-type": "application/json" };
    const init = choice === undefined ? {} : { method: "PUT", headers, body };
    const answer = await fetch(`${edge}/api/local-central/answering`, init);
    return answer.json();
  }

  /** Says something in a room. @param {string} edge @returns {Promise<number>} its seq */
  async function publish(edge) {
    const socket = new WebSocket(`${edge.replace("http", "ws")}/rooms/kept?user=ana`);
    try {
      return await new Promise((stored, failed) => {
        socket.onopen = () => socket.send(JSON.stringify({ type: "message", content: "hello" }));
        socket.onmessage = ({ data }) => {
          /** @type {{ type: string, seq: number }[]} */
          const objects = JSON.parse(data);
          const echo = objects.find(({ type }) => type === "new_message");
          if (echo) stored(echo.seq);
        };
        socket.onerror = failed;
        socket.onclose = failed;
      });
    } finally {
      socket.close();
    }
  }

  test("state outlives a stop, and no process does", async () => {
    const first = await start();
    assert.equal(first.edge, `http://127.0.0.1:${env.PORT}`);
    assert.equal(first.central, `http://127.0.0.1:${env.CENTRAL_PORT}`);
    assert.equal(await publish(first.edge), 1);
    // The page may stop the central API, and a new start ends that too.
    assert.deepEqual(await answering(first.edge, false), { answering: false });
    assert.equal(await first.dev.stop(), 0);
    assert.deepEqual(startedProcesses(), []);

    const second = await start();
    assert.equal(await publish(second.edge), 2);
    assert.deepEqual(await answering(second.edge), { answering: true });
    assert.equal(await second.dev.stop(), 0);
    assert.deepEqual(startedProcesses(), []);
  });

  test("an API_URL of one's own stands", async () => {
    const { dev, edge } = await start(["--var", `API_URL:{"/api/shop/":"http://127.0.0.1:1"}`]);
    const answer = await fetch(`${edge}/api/local-central/answering`);
    assert.equal(answer.status, 404);
    assert.match((await answer.json()).detail, /no prefix in API_URL/);
    assert.equal(await dev.stop(), 0);
  });

  test("a setting that the Worker refuses is one clear error", async () => {
    const dev = new RunningDev(["--var", "HISTORY_SIZE:many"], env);
    assert.equal(await dev.ended, 1, dev.output);
    assert.match(dev.output, /^error: edge answers 503: .*HISTORY_SIZE must be a whole number/m);
    assert.deepEqual(startedProcesses(), []);
  });

  test("a port in use is named before anything is started", async () => {
    for (const name of /** @type {const} */ (["PORT", "CENTRAL_PORT"])) {
      const squatter = createServer();
      await new Promise((listening) => {
        squatter.listen(Number(env[name]), "127.0.0.1", () => listening(undefined));
      });
      const dev = new RunningDev([], env);
      assert.equal(await dev.ended, 1, dev.output);
      const expected = `error: port ${env[name]} is in use by another program; set ${name}`;
      assert.ok(dev.output.includes(expected), dev.output);
      assert.ok(!dev.output.includes("dev: starting"), dev.output);
      await new Promise((closed) => {
        squatter.close(closed);
      });
    }
  });

  test("when one part ends, the other one is ended", async () => {
    for (const [name, script] of [
      ["central", "central/local.js"],
      ["edge", "wrangler/bin/wrangler.js"],
    ]) {
      const { dev } = await start();
      const pid = startedProcesses().find((each) => commandOf(each).includes(script));
      assert.ok(pid, `no process runs ${script}`);
      signalProcess(pid, "SIGKILL");
      assert.equal(await dev.ended, 1);
      assert.ok(dev.output.includes(`error: ${name} ended by itself (SIGKILL)\n`), dev.output);
      assert.deepEqual(startedProcesses(), []);
    }
  });

  test("arguments that make no sense", async () => {
    for (const args of [["--nonsense"], ["--var"], ["--var", "NAME"], ["--var", ":value"]]) {
      const dev = new RunningDev(args, env);
      assert.equal(await dev.ended, 2, dev.output);
      assert.match(dev.output, /^error: .*\nusage: scripts\/dev/);
    }
  });
});
