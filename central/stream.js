/**
 * The second Lambda function: what the table's stream tells of becomes events on an EventBridge bus,
 * for whoever wants to know (examples/subscribers/).
 *
 *     source edgeroom.central, detail-type RecordPersisted, detail
 *     {"v":1,"room":"lobby","epoch":"…","record":{"seq":41,"type":"message","ts":…,"user":"ana",
 *      "id":"c-1","content_json":"{\"text\":\"hi\"}"}}
 *
 * - `record` is as in a batch, but for the content: `content_json` is its JSON text, in a string,
 *   because EventBridge parses events and would change numbers such as 12345678901234567890. When it
 *   is too long for an event, `content_omitted` stands there instead, and the API has it.
 * - A message that loses its content is told of again, with `deleted` and, where known, `by`.
 * - At least once: the same record may be told of twice. In order of arrival within one partition key,
 *   so not within a room: a subscriber goes by (room, epoch, seq), and a `deleted` one wins.
 */

import { EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { EVENT_BYTES_MAX, EVENTS_BYTES_MAX, EVENTS_MAX } from "./limits.js";
import { createLogger } from "./logger.js";
import { cloudWatchSink, Meter } from "./meter.js";
import { roomOfPartition } from "./table.js";

/**
 * @typedef {Record<string, { S?: string, N?: string, BOOL?: boolean }>} Image
 * @typedef {{ eventName: string, dynamodb: { SequenceNumber: string, NewImage?: Image,
 *   OldImage?: Image } }} StreamRecord  only what is looked at
 * @typedef {import("@aws-sdk/client-eventbridge").PutEventsRequestEntry} Entry
 * @typedef {{ sequenceNumber: string, entry: Entry, bytes: number }} Announcement
 * @typedef {{ batchItemFailures: { itemIdentifier: string }[] }} StreamAnswer
 */

const SOURCE = "edgeroom.central";
const DETAIL_TYPE = "RecordPersisted";

/** Attributes that are the table's own, or told otherwise. */
const NOT_TOLD = new Set(["pk", "sk", "t", "h", "rcv", "ttl", "dseq", "epoch", "content"]);

/** @type {{ client: EventBridgeClient, busName: string, logger: import("./logger.js").Logger,
 *   metrics: import("./meter.js").Sink } | undefined} */
let parts;

/**
 * What AWS Lambda calls. EVENT_BUS_NAME names the bus. What is answered makes Lambda deliver again from
 * the first record that has failed, and give it to the dead-letter queue in the end.
 *
 * @param {{ Records: StreamRecord[] }} event
 * @returns {Promise<StreamAnswer>}
 */
export async function handler(event) {
  parts ??= partsFromEnvironment();
  const { client, busName, logger, metrics } = parts;
  const meter = new Meter(metrics);
  const announcements = event.Records.flatMap((record) => announcement(record, busName) ?? []);
  let told = 0;
  try {
    for (const group of groups(announcements)) {
      const failedAt = await put(client, group);
      if (failedAt === undefined) {
        told += group.length;
        continue;
      }
      const { index, reason } = failedAt;
      told += index;
      const { sequenceNumber } = group[index];
      logger.error("events not taken, to be tried again", { sequenceNumber, reason });
      meter.count("EventsFailed");
      return { batchItemFailures: [{ itemIdentifier: sequenceNumber }] };
    }
    return { batchItemFailures: [] };
  } finally {
    if (told > 0) meter.count("EventsTold", told);
    meter.publish();
  }
}

function partsFromEnvironment() {
  const busName = process.env.EVENT_BUS_NAME;
  if (!busName) throw new Error("EVENT_BUS_NAME is not set");
  const metrics = cloudWatchSink();
  return { client: new EventBridgeClient({}), busName, logger: createLogger(), metrics };
}

/**
 * @param {StreamRecord} record
 * @param {string} busName
 * @returns {Announcement | undefined} undefined: nothing that anybody wants to know
 */
function announcement({ eventName, dynamodb }, busName) {
  const { SequenceNumber, NewImage, OldImage } = dynamodb;
  if (eventName === "REMOVE" || NewImage?.t === undefined) return undefined;
  // A stub: a deletion that came before its message, which nobody knows yet.
  if (NewImage.t.S === "message" && NewImage.ts === undefined) return undefined;
  if (eventName === "MODIFY" && !isNews(/** @type {Image} */ (OldImage), NewImage))
    return undefined;
  const detail = detailText(NewImage);
  return {
    sequenceNumber: SequenceNumber,
    entry: { EventBusName: busName, Source: SOURCE, DetailType: DETAIL_TYPE, Detail: detail },
    bytes: Buffer.byteLength(detail) + SOURCE.length + DETAIL_TYPE.length,
  };
}

/**
 * @param {Image} before
 * @param {Image} now
 * @returns {boolean} the message has arrived, is deleted, or is known to be deleted by somebody else
 */
function isNews(before, now) {
  return (
    before.ts === undefined ||
    Boolean(before.deleted) !== Boolean(now.deleted) ||
    before.by?.S !== now.by?.S
  );
}

/** @param {Image} image @returns {string} */
function detailText(image) {
  const told = Object.entries(image).filter(([name]) => !NOT_TOLD.has(name));
  const fields = Object.fromEntries(told.map(([name, value]) => [name, plain(value)]));
  const content = image.content?.S;
  const text = (/** @type {object} */ more) =>
    JSON.stringify({
      v: 1,
      room: roomOfPartition(String(image.pk.S)),
      epoch: image.epoch.S,
      record: { type: image.t.S, ...fields, ...more },
    });
  if (content === undefined) return text({});
  const whole = text({ content_json: content });
  return Buffer.byteLength(whole) <= EVENT_BYTES_MAX ? whole : text({ content_omitted: true });
}

/** @param {Image[string]} value */
function plain({ S, N, BOOL }) {
  return N === undefined ? (S ?? BOOL) : Number(N);
}

/**
 * As many as one request may hold.
 *
 * @param {Announcement[]} announcements
 * @returns {Announcement[][]}
 */
function groups(announcements) {
  /** @type {Announcement[][]} */
  const found = [];
  let bytes = 0;
  for (const next of announcements) {
    const last = found.at(-1);
    if (last && last.length < EVENTS_MAX && bytes + next.bytes <= EVENTS_BYTES_MAX) {
      last.push(next);
      bytes += next.bytes;
    } else {
      found.push([next]);
      bytes = next.bytes;
    }
  }
  return found;
}

/**
 * @param {EventBridgeClient} client
 * @param {Announcement[]} group
 * @returns {Promise<{ index: number, reason: string } | undefined>} the first that was not taken
 */
async function put(client, group) {
  try {
    const Entries = group.map(({ entry }) => entry);
    const { FailedEntryCount, Entries: answers = [] } = await client.send(
      new PutEventsCommand({ Entries }),
    );
    if (!FailedEntryCount) return undefined;
    const index = answers.findIndex(({ ErrorCode }) => ErrorCode !== undefined);
    return { index: Math.max(index, 0), reason: answers[index]?.ErrorCode ?? "unknown" };
  } catch (error) {
    return { index: 0, reason: error instanceof Error ? error.name : "unknown" };
  }
}
