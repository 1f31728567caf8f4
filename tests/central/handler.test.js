import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createHandler, handler as lambdaHandler } from "../../central/handler.js";
import { BATCH_BYTES_MAX } from "../../central/limits.js";
import { batchText, EPOCH, fileScope, message, openStore } from "./support.js";

/** @type {Awaited<ReturnType<typeof openStore>>} */
let opened;
/** @type {import("../../central/handler.js").Handler} */
let handler;
const scope = fileScope();

before(async () => {
  opened = await openStore(scope);
  handler = createHandler(opened);
});
after(scope.close);

/** @param {string} method @param {string} rawPath @param {object} [more] */
async function call(method, rawPath, more = {}) {
  const requestContext = { http: { method }, stage: "$default" };
  const { statusCode, headers, body } = await handler({ rawPath, requestContext, ...more });
  assert.equal(headers["content-type"], "application/json");
  return { statusCode, headers, body, json: JSON.parse(body) };
}

/** @param {string} body @param {object} [more] */
const post = (body, more) => call("POST", "/v1/batches", { body, ...more });

describe("routes", () => {
  test("health", async () => {
    const { statusCode, json } = await call("GET", "/health");
    assert.equal(statusCode, 200);
    assert.deepEqual(json, { v: 1, status: "ok" });
  });

  /** @type {[string, string, number, string?][]} */
  const others = [
    ["POST", "/health", 405, "GET"],
    ["GET", "/v1/batches", 405, "POST"],
    ["DELETE", "/v1/rooms/lobby/messages", 405, "GET"],
    ["GET", "/", 404],
    ["GET", "/v1/rooms/lobby", 404],
    ["GET", "/v1/rooms/a/b/messages", 404],
    ["POST", "/v1/batches/", 404],
    ["POST", "//v1/batches", 404],
    ["GET", "/v1/rooms//messages", 400],
    ["GET", "/v1/rooms/../messages", 400],
    ["GET", "/v1/rooms/%zz/messages", 400],
    ["GET", "/v1/rooms/a%20b/messages", 400],
  ];
  for (const [method, path, status, allow] of others) {
    test(`${method} ${path}: ${status}`, async () => {
      const { statusCode, headers } = await call(method, path);
      assert.equal(statusCode, status);
      assert.equal(headers.allow, allow);
    });
  }

  test("a stage before the path", async () => {
    const requestContext = { http: { method: "GET" }, stage: "live" };
    for (const rawPath of ["/live/health", "/health"]) {
      assert.equal((await call("GET", rawPath, { requestContext })).statusCode, 200, rawPath);
    }
  });

  test("an escaped room name is the room", async () => {
    await post(batchText("a~b", [message(1)]));
    const { json } = await call("GET", "/v1/rooms/a%7Eb/messages");
    assert.equal(json.room, "a~b");
    assert.equal(json.messages.length, 1);
  });
});

describe("POST /v1/batches", () => {
  test("answers with version, room, epoch and a result for each record", async () => {
    const body = batchText("shape", [message(1), message(2)]);
    const first = await post(body);
    assert.equal(first.statusCode, 200);
    assert.deepEqual(first.json, {
      v: 1,
      room: "shape",
      epoch: EPOCH,
      results: [
        { seq: 1, status: "stored" },
        { seq: 2, status: "stored" },
      ],
    });
    const second = await post(batchText("shape", [message(1), message(2, "0")]));
    assert.deepEqual(second.json.results, [
      { seq: 1, status: "duplicate" },
      { seq: 2, status: "rejected", code: "CONFLICT" },
    ]);
  });

  test("a base64 body is the same batch", async () => {
    const body = batchText("base64", [message(1, '"é\u{1F600}"')]);
    const base64 = Buffer.from(body).toString("base64");
    const { json } = await post(base64, { isBase64Encoded: true });
    assert.deepEqual(json.results, [{ seq: 1, status: "stored" }]);
    assert.deepEqual((await post(body)).json.results, [{ seq: 1, status: "duplicate" }]);
  });

  test("a bad batch is refused as a whole, naming the field", async () => {
    const good = batchText("refused", [message(1), message(2)]);
    const { statusCode, json } = await post(good.replace('"seq":2', '"seq":"2"'));
    assert.equal(statusCode, 400);
    const { detail, ...rest } = json;
    assert.deepEqual(rest, { v: 1, error: "BAD_BATCH", field: "records[1].seq" });
    assert.match(detail, /integer/);
    assert.deepEqual((await call("GET", "/v1/rooms/refused/messages")).json.messages, []);
  });

  test("no body, and bytes that are not UTF-8", async () => {
    const cases = { "": false, [Buffer.from([0x7b, 0xff, 0x7d]).toString("base64")]: true };
    for (const [body, isBase64Encoded] of Object.entries(cases)) {
      const { statusCode, json } = await post(body, { isBase64Encoded });
      assert.equal(statusCode, 400);
      assert.equal(json.field, "body");
    }
    const { statusCode } = await call("POST", "/v1/batches");
    assert.equal(statusCode, 400);
  });

  test("256 KiB are taken, a byte more is not", async () => {
    const empty = Buffer.byteLength(batchText("large", [message(1, '""')]));
    // Two-byte characters, so that bytes and characters differ.
    const filler = (/** @type {number} */ bytes) =>
      `"${"é".repeat(bytes >> 1)}${"x".repeat(bytes & 1)}"`;
    const exact = batchText("large", [message(1, filler(BATCH_BYTES_MAX - empty))]);
    assert.equal(Buffer.byteLength(exact), BATCH_BYTES_MAX);
    assert.equal((await post(exact)).statusCode, 200);
    const over = batchText("large", [message(1, filler(BATCH_BYTES_MAX - empty + 1))]);
    const { statusCode, json } = await post(over);
    assert.equal(statusCode, 413);
    assert.equal(json.error, "TOO_LARGE");
    const { body } = await call("GET", "/v1/rooms/large/messages");
    assert.ok(body.includes(filler(BATCH_BYTES_MAX - empty)));
  });

  test("nothing can be stored: 503 with Retry-After", async (t) => {
    const { store, proxy, logger } = await openStore(t);
    const failing = createHandler({ store, logger });
    proxy.fault = () => "error";
    const requestContext = { http: { method: "POST" } };
    const body = batchText("r", [message(1), message(2)]);
    const posted = await failing({ rawPath: "/v1/batches", requestContext, body });
    assert.equal(posted.statusCode, 503);
    assert.match(posted.headers["retry-after"], /^[1-9][0-9]*$/);
    const read = await failing({
      rawPath: "/v1/rooms/r/messages",
      requestContext: { http: { method: "GET" } },
    });
    assert.equal(read.statusCode, 503);
    assert.match(read.headers["retry-after"], /^[1-9][0-9]*$/);
  });

  test("a fault of our own is 500, without a trace in the answer and with one in the log", async () => {
    const logger = opened.logger;
    const broken = /** @type {any} */ ({ storeBatch: () => assert.fail("broken on purpose") });
    const body = batchText("r", [message(1)]);
    const requestContext = { http: { method: "POST" } };
    const answer = await createHandler({ store: broken, logger })({
      rawPath: "/v1/batches",
      requestContext,
      body,
    });
    assert.equal(answer.statusCode, 500);
    assert.equal(answer.body, '{"message":"Internal Server Error"}');
    assert.match(String(logger.lines.at(-1)?.fields?.error), /broken on purpose[\s\S]*\n *at /);
  });

  test("as a Lambda function it says which setting is missing", async () => {
    assert.equal(process.env.TABLE_NAME, undefined);
    const requestContext = { http: { method: "GET" } };
    await assert.rejects(lambdaHandler({ rawPath: "/health", requestContext }), /TABLE_NAME/);
  });
});

describe("GET /v1/rooms/{room}/messages", () => {
  test("contents come back as the texts they were, in order", async () => {
    const contents = [
      "12345678901234567890",
      "1e400",
      "-0.0",
      '{"b":1,"a":2,"b":{"z":[ 1.10 ]}}',
      '"\\u0041\\/\\ud83d\\ude00\\u2028"',
      '"é\u{1F600}\u2028\u0085"',
      "null",
      '""',
      "{ }",
      "[".repeat(64) + "]".repeat(64),
    ];
    const records = contents.map((content, i) => message(i + 1, content, { id: `c-${i}` }));
    assert.equal((await post(batchText("exact", records))).statusCode, 200);
    const { body } = await call("GET", "/v1/rooms/exact/messages", {
      queryStringParameters: { epoch: EPOCH },
    });
    const texts = records.map(({ seq, ts, user, id, content }) => {
      const head = JSON.stringify({ seq, ts, user, id }).slice(0, -1);
      return `${head},"content":${content}}`;
    });
    assert.equal(
      body,
      `{"v":1,"room":"exact","epoch":"${EPOCH}","messages":[${texts.join(",")}],"more":false}`,
    );
    const again = await post(batchText("exact", records));
    for (const { status } of again.json.results) assert.equal(status, "duplicate");
  });

  /** @type {[Record<string, string>, string][]} */
  const bad = [
    [{ limit: "0" }, "limit"],
    [{ limit: "101" }, "limit"],
    [{ limit: "1.5" }, "limit"],
    [{ limit: "" }, "limit"],
    [{ limit: "1,2" }, "limit"],
    [{ limit: "ten" }, "limit"],
    [{ after: "-1" }, "after"],
    [{ after: "" }, "after"],
    [{ after: "1e3" }, "after"],
    [{ before: "1000000000000000" }, "before"],
    [{ before: "x" }, "before"],
    [{ after: "1", before: "5" }, "before"],
    [{ epoch: "" }, "epoch"],
    [{ epoch: "a#b" }, "epoch"],
  ];
  for (const [queryStringParameters, field] of bad) {
    test(`refused: ${JSON.stringify(queryStringParameters)}`, async () => {
      const { statusCode, json } = await call("GET", "/v1/rooms/lobby/messages", {
        queryStringParameters,
      });
      assert.equal(statusCode, 400);
      assert.equal(json.v, 1);
      assert.equal(json.error, "BAD_REQUEST");
      assert.equal(json.field, field);
      assert.ok(json.detail);
    });
  }
});
