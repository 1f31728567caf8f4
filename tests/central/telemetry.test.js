/** What the Lambda function logs and measures, read from what it writes. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { METRIC_NAMESPACE, METRIC_SERVICE } from "../../central/meter.js";
import { batchText, deletion, message, moderation, openStore, startLambda } from "./support.js";

const TRACE = "0af7651916cd43dd8448eb211c80319c";

/** @param {string} body */
const post = (body) => ({
  rawPath: "/v1/batches",
  requestContext: { http: { method: "POST" }, stage: "$default" },
  headers: {
    authorization: "AWS4-HMAC-SHA256 Credential=token-in-a-header",
    "x-amz-security-token": "token-in-a-header",
    traceparent: `00-${TRACE}-b7ad6b7169203331-01`,
  },
  body,
});

/** @param {string} room @param {Record<string, string>} [query] */
const get = (room, query) => ({
  rawPath: `/v1/rooms/${room}/messages`,
  requestContext: { http: { method: "GET" }, stage: "$default" },
  headers: { authorization: "token-in-a-header" },
  queryStringParameters: query,
});

/** @param {string} output */
const lines = (output) =>
  output
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));

/** The sums of all metrics. @param {any[]} written */
function metricSums(written) {
  /** @type {Record<string, number>} */
  const sums = {};
  for (const line of written.filter(({ _aws }) => _aws)) {
    const [{ Namespace, Dimensions, Metrics }] = line._aws.CloudWatchMetrics;
    assert.equal(Namespace, METRIC_NAMESPACE);
    assert.deepEqual(Dimensions, [["service"]]);
    assert.equal(line.service, METRIC_SERVICE);
    for (const { Name } of Metrics) {
      for (const value of [line[Name]].flat()) sums[Name] = (sums[Name] ?? 0) + value;
    }
  }
  return sums;
}

test("metrics by outcome, whose sums are what the table holds", async (t) => {
  const { proxy, items } = await openStore(t);
  const environment = { TABLE_NAME: "test", AWS_ENDPOINT_URL_DYNAMODB: proxy.endpoint };
  const lambda = startLambda(t, "handler.js", environment);
  await lambda.invoke(post(batchText("r", [message(1), message(2), moderation(3)])));
  await lambda.invoke(post(batchText("r", [message(2), message(3), message(4)])));
  proxy.fault = ({ body }) => (body.Item?.sk.S.endsWith("6") ? "throttle" : undefined);
  await lambda.invoke(post(batchText("r", [message(5), message(6)])));
  await lambda.invoke(post("{}"));
  await lambda.invoke(post(`"${"x".repeat(256 * 1024)}"`));
  await lambda.invoke(get("r"));
  await lambda.end();
  const { BatchLatency, PageLatency, ...counts } = metricSums(lines(lambda.output.stdout));
  assert.ok(BatchLatency > 0 && PageLatency > 0);
  assert.deepEqual(counts, {
    Stored: 5,
    Duplicate: 1,
    RejectedConflict: 1,
    RetryThrottled: 1,
    BadBatch: 1,
    TooLargeBatch: 1,
  });
  assert.equal((await items()).filter(({ sk }) => sk !== "HEAD").length, counts.Stored);
});

test("a log line is JSON with the edge's trace, and holds no content, no id and no token", async (t) => {
  const { proxy } = await openStore(t);
  const environment = { TABLE_NAME: "test", AWS_ENDPOINT_URL_DYNAMODB: proxy.endpoint };
  const lambda = startLambda(t, "handler.js", { ...environment, POWERTOOLS_LOG_LEVEL: "DEBUG" });
  const secret = message(1, '{"text":"a secret of somebody"}', { id: "a-secret-id" });
  const good = batchText("r", [secret, deletion(2, 1)]);
  await lambda.invoke(post(good));
  await lambda.invoke(post(good.replace("a secret of", "another secret of")));
  await lambda.invoke(post(good.slice(0, -3)));
  await lambda.invoke(post(good.replace('"content":', '"content":1,"content":')));
  await lambda.invoke(post(good.replace('"ts":1', '"ts":"a secret"')));
  proxy.fault = () => "error";
  await lambda.invoke(post(good.replace('"seq":1', '"seq":0')));
  await lambda.invoke(post(batchText("r", [message(7, '"a secret"', { id: "a-secret-id" })])));
  await lambda.invoke(get("r", { epoch: "a secret" }));
  await lambda.invoke(get("r"));
  await lambda.end();
  const written = lambda.output.stdout + lambda.output.stderr;
  assert.doesNotMatch(written, /secret/);
  assert.doesNotMatch(written, /token-in-a-header/);
  const logged = lines(written).filter(({ message: text }) => text);
  const texts = new Set(logged.map(({ message: text }) => text));
  for (const text of ["batch", "bad batch", "records not stored, to be tried again"]) {
    assert.ok(texts.has(text), `no line says "${text}"`);
  }
  for (const line of logged) {
    assert.equal(line.service, "edgeroom-central");
    assert.ok(line.level && line.timestamp, JSON.stringify(line));
    if (line.message === "batch") assert.equal(line.trace, TRACE);
  }
});

test("as a Lambda function it names the setting that is missing or malformed", async (t) => {
  /** @type {[Record<string, string>, RegExp][]} */
  const cases = [
    [{}, /TABLE_NAME is not set/],
    [{ TABLE_NAME: "test", RETENTION_DAYS: "soon" }, /RETENTION_DAYS .*"soon"/],
  ];
  for (const [environment, expected] of cases) {
    const lambda = startLambda(t, "handler.js", environment);
    assert.equal(await lambda.invoke(get("r")), undefined);
    assert.match(lambda.output.stderr, expected);
  }
});
