import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { openDatabase } from "../../central/local/database.js";
import { listen } from "../../central/local/server.js";
import { startCentral } from "../../central/local.js";
import {
  batchText,
  CREDENTIALS,
  deletion,
  EPOCH,
  fileScope,
  json,
  memoryLogger,
  message,
  signedClient,
  temporaryDirectory,
} from "./support.js";

const LOCAL = fileURLToPath(new URL("../../central/local.js", import.meta.url));

/**
 * The endpoint as a process of its own.
 *
 * @param {Record<string, string>} environment
 */
function run(environment) {
  const env = {
    CENTRAL_PORT: "0",
    AWS_REGION: CREDENTIALS.region,
    AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    ...environment,
  };
  const child = spawn(process.execPath, [LOCAL], { env, stdio: ["ignore", "pipe", "pipe"] });
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk) => (output.stdout += chunk));
  child.stderr.on("data", (chunk) => (output.stderr += chunk));
  const closed = once(child, "close");
  const ready = async () => {
    while (!output.stdout.includes("\n")) {
      const over = await Promise.race([once(child.stdout, "data"), closed.then(() => "over")]);
      assert.notEqual(over, "over", `ended before it was ready: ${output.stderr}`);
    }
    const match = /^central: listening on (http:\/\/127\.0\.0\.1:[0-9]+)\n$/.exec(output.stdout);
    assert.ok(match, `unexpected output: ${output.stdout}`);
    return match[1];
  };
  return { child, output, closed, ready };
}

describe("in this process", () => {
  /** @type {import("../../central/local.js").Central} */
  let central;
  /** @type {ReturnType<typeof signedClient>} */
  let client;
  const logger = memoryLogger();
  const scope = fileScope();

  before(async () => {
    const stateDir = temporaryDirectory(scope);
    central = await startCentral({ ...CREDENTIALS, port: 0, stateDir, logger });
    scope.after(central.close);
    client = signedClient(central.url);
  });
  after(scope.close);

  test("a signed batch is stored and read back", async () => {
    const posted = await client.post(batchText("lobby", [message(1, "1e400")]));
    assert.equal(posted.status, 200);
    assert.deepEqual((await json(posted)).results, [{ seq: 1, status: "stored" }]);
    const read = await client.get(`/v1/rooms/lobby/messages?epoch=${EPOCH}&after=0&limit=10`);
    assert.equal(read.status, 200);
    assert.match(await read.text(), /"content":1e400\}\],"more":false\}$/);
  });

  test("bytes that are not declared as text go to the handler as base64", async () => {
    /** @type {Record<string, string>[]} */
    const variants = [{}, { "content-type": "application/octet-stream" }];
    for (const [index, headers] of variants.entries()) {
      const body = new TextEncoder().encode(batchText(`bytes-${index}`, [message(1, '"é"')]));
      const posted = await client.post(body, headers);
      assert.deepEqual((await json(posted)).results, [{ seq: 1, status: "stored" }]);
    }
    const notUtf8 = Buffer.from(batchText("bytes-2", [message(1, '"?"')]));
    notUtf8[notUtf8.indexOf("?")] = 0xff;
    const refused = await client.post(notUtf8);
    assert.equal(refused.status, 400);
    assert.equal((await json(refused)).field, "body");
  });

  test("health needs no signature, everything else does", async () => {
    assert.equal((await fetch(`${central.url}/health`)).status, 200);
    const body = batchText("unsigned", [message(1)]);
    const requests = [
      fetch(`${central.url}/v1/batches`, { method: "POST", body }),
      fetch(`${central.url}/v1/rooms/lobby/messages`),
      fetch(`${central.url}/health`, { method: "POST" }),
      fetch(`${central.url}/healthy`),
      fetch(`${central.url}/`),
    ];
    for (const answer of await Promise.all(requests)) {
      assert.equal(answer.status, 403, answer.url);
      assert.equal(await answer.text(), '{"message":"Forbidden"}');
      assert.ok(Math.abs(Date.parse(answer.headers.get("date") ?? "") - Date.now()) < 5_000);
    }
  });

  test("what is signed with another secret or changed on the way is refused", async () => {
    const body = batchText("tampered", [message(1)]);
    const wrong = signedClient(central.url, { secretAccessKey: "wrong" });
    assert.equal((await wrong.post(body)).status, 403);
    const url = `${central.url}/v1/batches`;
    const signed = await client.aws.sign(url, { method: "POST", body });
    const { headers } = signed;
    const send = (/** @type {string} */ to, /** @type {string} */ changed) =>
      fetch(to, { method: "POST", headers, body: changed });
    assert.equal((await send(url, body.replace("ana", "eve"))).status, 403);
    assert.equal((await send(`${url}?x=1`, body)).status, 403);
    assert.equal((await send(`${central.url}/v1/batchez`, body)).status, 403);
    const before = await client.get("/v1/rooms/tampered/messages");
    assert.deepEqual((await json(before)).messages, []);
    assert.equal((await send(url, body)).status, 200);
  });

  test("it can be told to stop answering, and what waits is served when it may again", async () => {
    const answering = `${central.url}/api/local-central/answering`;
    const choose = (/** @type {string} */ body, headers = { "content-type": "application/json" }) =>
      fetch(answering, { method: "PUT", headers, body });
    assert.deepEqual(await json(await fetch(answering)), { answering: true });
    // What a form of any page could send.
    const plain = await choose('{"answering":false}', { "content-type": "text/plain" });
    assert.equal(plain.status, 415);
    for (const body of ["", "{}", "null", '{"answering":0}']) {
      assert.equal((await choose(body)).status, 400, body);
    }
    assert.equal((await fetch(answering, { method: "POST" })).status, 405);
    assert.deepEqual(await json(await fetch(answering)), { answering: true });

    const body = batchText("outage", [message(1)]);
    assert.deepEqual(await json(await choose('{"answering":false}')), { answering: false });
    const refused = await client.post(body);
    assert.equal(refused.status, 503);
    assert.equal(refused.headers.get("retry-after"), "1");
    assert.equal((await fetch(`${central.url}/v1/batches`)).status, 403, "unsigned all the same");
    assert.equal((await fetch(`${central.url}/health`)).status, 200);

    const signed = await client.aws.sign(`${central.url}/v1/batches`, { method: "POST", body });
    const waiting = fetch(signed);
    // The endpoint has it when it answers another request that came later.
    await fetch(`${central.url}/health`);
    assert.deepEqual(await json(await choose('{"answering":true}')), { answering: true });
    assert.deepEqual((await json(await waiting)).results, [{ seq: 1, status: "stored" }]);
  });

  test("an old date is refused", async () => {
    const datetime = new Date(Date.now() - 6 * 60_000).toISOString().replace(/[:-]|\.\d{3}/g, "");
    const url = `${central.url}/v1/rooms/lobby/messages`;
    const request = await client.aws.sign(url, { aws: { datetime } });
    assert.equal((await fetch(request)).status, 403);
    assert.match(String(logger.lines.at(-1)?.fields?.reason), /ms off/);
  });

  test("a body above 1 MiB is refused with 413, its length declared or not", async () => {
    const chunk = new Uint8Array(64 * 1024);
    const pieces = 40;
    const declared = await client.post(new Uint8Array(chunk.length * pieces));
    assert.equal(declared.status, 413);
    const streamed = await fetch(`${central.url}/v1/batches`, {
      method: "POST",
      body: ReadableStream.from(Array(pieces).fill(chunk)),
      duplex: "half",
    });
    assert.equal(streamed.status, 413);
    assert.equal((await fetch(`${central.url}/health`)).status, 200);
  });

  test("what is left of a body that is too large is read over, and the connection goes on", async () => {
    const { port } = new URL(central.url);
    const socket = connect(Number(port), "127.0.0.1");
    const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
    socket.write("POST /v1/batches HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n");
    socket.write(`${chunk.repeat(40)}0\r\n\r\n`);
    socket.write("GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    const answers = (await text(socket)).match(/HTTP\/1\.1 [0-9]+/g);
    assert.deepEqual(answers, ["HTTP/1.1 413", "HTTP/1.1 200"]);
  });

  test("a client that goes away in mid-request harms nobody", async (t) => {
    const directory = temporaryDirectory(t);
    const database = await openDatabase({ directory, tableName: "test" });
    t.after(database.close);
    for (const url of [`${central.url}/health`, database.endpoint]) {
      const socket = connect(Number(new URL(url).port), "127.0.0.1");
      await once(socket, "connect");
      socket.write("POST /v1/batches HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nabc");
      // The server has seen the request when it answers another one that came later.
      assert.equal((await fetch(url)).status, 200);
      socket.resetAndDestroy();
      await once(socket, "close");
      assert.equal((await fetch(url)).status, 200);
    }
  });

  test("the same state directory cannot be opened twice", async () => {
    const stateDir = temporaryDirectory(scope);
    const first = await startCentral({ ...CREDENTIALS, port: 0, stateDir, logger });
    const second = startCentral({ ...CREDENTIALS, port: 0, stateDir, logger });
    await assert.rejects(second, /state directory .* is in use by another process/);
    await first.close();
    await (await startCentral({ ...CREDENTIALS, port: 0, stateDir, logger })).close();
  });

  test("a table that a killed process left half made is made anew", async () => {
    const stateDir = temporaryDirectory(scope);
    await (await startCentral({ ...CREDENTIALS, port: 0, stateDir, logger })).close();
    const { Level } = createRequire(import.meta.resolve("dynalite"))("level");
    const files = new Level(join(stateDir, "central"), { valueEncoding: "json" });
    const table = await files.get("table~edgeroom");
    assert.equal(table.TableStatus, "ACTIVE");
    await files.put("table~edgeroom", { ...table, TableStatus: "CREATING" });
    await files.close();
    const healed = await startCentral({ ...CREDENTIALS, port: 0, stateDir, logger });
    const posted = await signedClient(healed.url).post(batchText("lobby", [message(1)]));
    assert.deepEqual((await json(posted)).results, [{ seq: 1, status: "stored" }]);
    await healed.close();
  });
});

describe("as a process", () => {
  test("what was answered as stored is there after SIGKILL", async (t) => {
    const environment = { STATE_DIR: temporaryDirectory(t) };
    const first = run(environment);
    t.after(() => first.child.kill("SIGKILL"));
    const client = signedClient(await first.ready());
    /** @type {Set<number>} */
    const stored = new Set();
    await client.post(batchText("lobby", [message(1), deletion(2, 1)]));
    let running = true;
    const sender = async (/** @type {number} */ from) => {
      for (let seq = from; running && seq < from + 1_000; seq += 2) {
        const posted = await client.post(batchText("lobby", [message(seq), message(seq + 1)]));
        for (const result of (await json(posted)).results) stored.add(result.seq);
        if (stored.size >= 40) first.child.kill("SIGKILL");
      }
    };
    const senders = [1_001, 2_001, 3_001, 4_001].map(sender);
    for (const outcome of await Promise.allSettled(senders)) {
      assert.equal(outcome.status, "rejected", "a sender outlived the server");
      running = false;
    }
    await first.closed;

    const second = run(environment);
    t.after(() => second.child.kill("SIGKILL"));
    const again = signedClient(await second.ready());
    const found = new Map();
    let page = { more: true, messages: [{ seq: 0 }] };
    while (page.more) {
      const after = page.messages.at(-1)?.seq;
      const path = `/v1/rooms/lobby/messages?epoch=${EPOCH}&after=${after}&limit=100`;
      page = await json(await again.get(path));
      for (const item of page.messages) found.set(item.seq, item);
    }
    assert.equal(found.get(1).deleted, true);
    for (const seq of stored) assert.equal(found.get(seq)?.content, `content ${seq}`, `seq ${seq}`);
    const posted = await again.post(batchText("lobby", [message(1_001), message(1_002, "0")]));
    assert.deepEqual((await json(posted)).results, [
      { seq: 1_001, status: "duplicate" },
      { seq: 1_002, status: "rejected", code: "CONFLICT" },
    ]);
    second.child.kill("SIGTERM");
    assert.deepEqual(await second.closed, [0, null], second.output.stderr);
  });

  for (const signal of /** @type {const} */ (["SIGTERM", "SIGINT"])) {
    test(`${signal} ends it with code 0, an idle connection open or not`, async (t) => {
      const { child, output, closed, ready } = run({ STATE_DIR: temporaryDirectory(t) });
      t.after(() => child.kill("SIGKILL"));
      const url = await ready();
      await (await fetch(`${url}/health`)).text();
      child.kill(signal);
      assert.deepEqual(await closed, [0, null], output.stderr);
      assert.equal(output.stderr, "");
    });
  }

  /** @param {Record<string, string>} environment @param {RegExp} message */
  async function assertRefuses(environment, message) {
    const { output, closed } = run(environment);
    assert.deepEqual(await closed, [1, null], output.stderr);
    assert.match(output.stderr, message);
    assert.equal(output.stderr.trim().split("\n").length, 1, output.stderr);
    assert.equal(output.stdout, "");
  }

  test("a setting that is missing or malformed is named", async (t) => {
    const STATE_DIR = temporaryDirectory(t);
    const refusals = [
      assertRefuses({ STATE_DIR, AWS_REGION: "" }, /^central: not set: AWS_REGION\n/),
      assertRefuses(
        { STATE_DIR, AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" },
        /AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY/,
      ),
      assertRefuses({ STATE_DIR, PERSIST_AUTH: "none" }, /PERSIST_AUTH must be .*"none"/),
      assertRefuses({ STATE_DIR, PERSIST_AUTH: "hmac" }, /not set: PERSIST_SECRET\n/),
      assertRefuses({ STATE_DIR, CENTRAL_PORT: "65536" }, /CENTRAL_PORT .*"65536"/),
      assertRefuses({ STATE_DIR, CENTRAL_PORT: "http" }, /CENTRAL_PORT .*"http"/),
    ];
    await Promise.all(refusals);
  });

  test("a port in use is named", async (t) => {
    const occupant = createServer();
    const port = await listen(occupant, 0);
    t.after(() => occupant.close());
    const environment = { STATE_DIR: temporaryDirectory(t), CENTRAL_PORT: String(port) };
    await assertRefuses(environment, new RegExp(`port ${port} is in use.*CENTRAL_PORT`));
  });

  test("a state directory that cannot be written is named", async (t) => {
    const directory = temporaryDirectory(t);
    const file = join(directory, "file");
    writeFileSync(file, "");
    await assertRefuses({ STATE_DIR: file }, /state directory .*file\/central is not writable/);
  });
});
