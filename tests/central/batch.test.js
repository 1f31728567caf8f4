import assert from "node:assert/strict";
import { test } from "node:test";
import { parseBatch } from "../../central/batch.js";
import { InvalidInput } from "../../central/check.js";
import { recordHash } from "../../central/record.js";

const MESSAGE = '{"seq":1,"type":"message","ts":5,"user":"ana","content":"x"}';
const DELETE = '{"seq":2,"type":"delete","ts":5,"target":1,"by":"mod"}';
const MODERATION = '{"seq":3,"type":"moderation","ts":5,"action":"ban","user":"eve","by":"mod"}';

/** @param {string} records @param {string} [head] */
function batch(records, head = '"v":1,"room":"lobby","epoch":"e1"') {
  return `{${head},"records":[${records}]}`;
}

/** @param {string} text @param {string} from @param {string} to */
function changed(text, from, to) {
  assert.ok(text.includes(from), `${from} is not in ${text}`);
  return batch(text.replace(from, to));
}

test("a batch with every kind of record is read", () => {
  const full = MODERATION.replace("}", ',"until":99,"reason":"spam"}');
  assert.deepEqual(parseBatch(batch([MESSAGE, DELETE, full].join(" , "))), {
    room: "lobby",
    epoch: "e1",
    records: [
      { type: "message", seq: 1, ts: 5, user: "ana", content: '"x"' },
      { type: "delete", seq: 2, ts: 5, target: 1, by: "mod" },
      {
        type: "moderation",
        seq: 3,
        ts: 5,
        action: "ban",
        user: "eve",
        by: "mod",
        until: 99,
        reason: "spam",
      },
    ],
  });
});

test("content stays the text that it is", () => {
  const contents = [
    "12345678901234567890",
    "1e400",
    "-0.0",
    '{"b":1,"a":2,"b":3}',
    '{ "spaced" : [ 1 , 2 ] }',
    '"\\u0041\\/\\ud83d\\ude00"',
    '"é\u{1F600}\u2028"',
    "null",
    "false",
    '""',
    "[".repeat(5_000) + "]".repeat(5_000),
    '{"content":"inner","seq":9,"records":[]}',
  ];
  for (const content of contents) {
    const text = batch(
      `{"content" : ${content} ,"seq":1,"type":"message","ts":5,"user":"a","id":"c"}`,
    );
    const [record] = parseBatch(text).records;
    assert.equal(record.type === "message" && record.content, content);
  }
});

test("members that are not known are ignored", () => {
  const text = changed(MESSAGE, '"seq"', '"later":{"seq":7},"seq"');
  assert.equal(parseBatch(text).records[0].seq, 1);
});

test("the limits themselves are allowed", () => {
  const hundred = Array.from({ length: 100 }, (_, i) => MESSAGE.replace(":1,", `:${i + 1},`));
  assert.equal(parseBatch(batch(hundred.join(","))).records.length, 100);
  const id = "\u{1F600}".repeat(64);
  const withId = changed(MESSAGE, '"ts"', `"id":"${id}","ts"`);
  assert.equal(/** @type {any} */ (parseBatch(withId).records[0]).id, id);
  assert.equal(parseBatch(changed(MESSAGE, ":1,", ":999999999999999,")).records.length, 1);
  const room = "r".repeat(128);
  assert.equal(parseBatch(batch(MESSAGE, `"v":1,"room":"${room}","epoch":"e"`)).room, room);
});

/** @type {[string, string, string][]} what is wrong, the body, the field that must be named */
const BAD = [
  ["empty body", "", "body"],
  ["not JSON", "hello", "body"],
  ["cut JSON", batch(MESSAGE).slice(0, -1), "body"],
  ["text after the document", `${batch(MESSAGE)}x`, "body"],
  ["byte order mark", `\ufeff${batch(MESSAGE)}`, "body"],
  ["not an object", "[]", "body"],
  ["null", "null", "body"],
  ["version missing", batch(MESSAGE, '"room":"lobby","epoch":"e1"'), "v"],
  ["version 2", batch(MESSAGE, '"v":2,"room":"lobby","epoch":"e1"'), "v"],
  ["version as text", batch(MESSAGE, '"v":"1","room":"lobby","epoch":"e1"'), "v"],
  ["room missing", batch(MESSAGE, '"v":1,"epoch":"e1"'), "room"],
  ["room with a slash", batch(MESSAGE, '"v":1,"room":"a/b","epoch":"e1"'), "room"],
  ["room ..", batch(MESSAGE, '"v":1,"room":"..","epoch":"e1"'), "room"],
  ["room too long", batch(MESSAGE, `"v":1,"room":"${"r".repeat(129)}","epoch":"e1"`), "room"],
  ["room a number", batch(MESSAGE, '"v":1,"room":7,"epoch":"e1"'), "room"],
  ["room twice", batch(MESSAGE, '"v":1,"room":"a","room":"b","epoch":"e1"'), "room"],
  ["epoch missing", batch(MESSAGE, '"v":1,"room":"lobby"'), "epoch"],
  ["epoch null", batch(MESSAGE, '"v":1,"room":"lobby","epoch":null'), "epoch"],
  ["epoch with #", batch(MESSAGE, '"v":1,"room":"lobby","epoch":"a#b"'), "epoch"],
  ["epoch empty", batch(MESSAGE, '"v":1,"room":"lobby","epoch":""'), "epoch"],
  ["epoch too long", batch(MESSAGE, `"v":1,"room":"r","epoch":"${"e".repeat(65)}"`), "epoch"],
  ["records missing", '{"v":1,"room":"lobby","epoch":"e1"}', "records"],
  ["records an object", '{"v":1,"room":"lobby","epoch":"e1","records":{}}', "records"],
  ["no records", batch(""), "records"],
  [
    "101 records",
    batch(Array.from({ length: 101 }, (_, i) => MESSAGE.replace(":1,", `:${i + 1},`)).join(",")),
    "records",
  ],
  ["record null", batch(`${MESSAGE},null`), "records[1]"],
  ["record a list", batch("[]"), "records[0]"],
  ["seq missing", changed(MESSAGE, '"seq":1,', ""), "records[0].seq"],
  ["seq 0", changed(MESSAGE, ":1,", ":0,"), "records[0].seq"],
  ["seq negative", changed(MESSAGE, ":1,", ":-1,"), "records[0].seq"],
  ["seq a fraction", changed(MESSAGE, ":1,", ":1.5,"), "records[0].seq"],
  ["seq as text", changed(MESSAGE, ":1,", ':"1",'), "records[0].seq"],
  ["seq with 16 digits", changed(MESSAGE, ":1,", ":1000000000000000,"), "records[0].seq"],
  ["seq 1e400", changed(MESSAGE, ":1,", ":1e400,"), "records[0].seq"],
  ["seq twice", changed(MESSAGE, '"seq":1', '"seq":1,"\\u0073eq":2'), "records[0].seq"],
  ["seq repeated", batch(`${MESSAGE},${MESSAGE}`), "records[1].seq"],
  ["seq falling", batch(`${MODERATION},${DELETE}`), "records[1].seq"],
  [
    "a bad fourth record",
    batch([...[1, 2, 3].map((n) => MESSAGE.replace(":1,", `:${n},`)), DELETE].join(",")),
    "records[3].seq",
  ],
  ["type missing", changed(MESSAGE, '"type":"message",', ""), "records[0].type"],
  ["type not known", changed(MESSAGE, '"message"', '"event"'), "records[0].type"],
  ["ts missing", changed(MESSAGE, '"ts":5,', ""), "records[0].ts"],
  ["ts negative", changed(MESSAGE, '"ts":5', '"ts":-5'), "records[0].ts"],
  ["ts a fraction", changed(MESSAGE, '"ts":5', '"ts":5.5'), "records[0].ts"],
  ["user missing", changed(MESSAGE, '"user":"ana",', ""), "records[0].user"],
  ["user empty", changed(MESSAGE, '"ana"', '""'), "records[0].user"],
  ["user with a lone surrogate", changed(MESSAGE, '"ana"', '"\\ud800"'), "records[0].user"],
  ["user too long", changed(MESSAGE, "ana", "u".repeat(1_025)), "records[0].user"],
  ["id empty", changed(MESSAGE, '"ts"', '"id":"","ts"'), "records[0].id"],
  ["id null", changed(MESSAGE, '"ts"', '"id":null,"ts"'), "records[0].id"],
  ["id too long", changed(MESSAGE, '"ts"', `"id":"${"i".repeat(65)}","ts"`), "records[0].id"],
  ["content missing", changed(MESSAGE, ',"content":"x"', ""), "records[0].content"],
  [
    "content twice",
    changed(MESSAGE, '"content":"x"', '"content":"x","content":"y"'),
    "records[0].content",
  ],
  [
    "deleted with content",
    changed(MESSAGE, '"content"', '"deleted":true,"content"'),
    "records[0].content",
  ],
  [
    "deleted false",
    changed(MESSAGE, '"content"', '"deleted":false,"content"'),
    "records[0].deleted",
  ],
  ["target missing", changed(DELETE, '"target":1,', ""), "records[0].target"],
  ["target 0", changed(DELETE, '"target":1', '"target":0'), "records[0].target"],
  ["target itself", changed(DELETE, '"target":1', '"target":2'), "records[0].target"],
  ["by missing", changed(DELETE, ',"by":"mod"', ""), "records[0].by"],
  ["ts of a deletion", changed(DELETE, '"ts":5', '"ts":null'), "records[0].ts"],
  ["action not known", changed(MODERATION, '"ban"', '"slap"'), "records[0].action"],
  ["action missing", changed(MODERATION, '"action":"ban",', ""), "records[0].action"],
  ["user of a moderation", changed(MODERATION, '"eve"', "7"), "records[0].user"],
  ["by of a moderation", changed(MODERATION, '"mod"', '""'), "records[0].by"],
  ["until as text", changed(MODERATION, '"by"', '"until":"soon","by"'), "records[0].until"],
  ["reason a number", changed(MODERATION, '"by"', '"reason":1,"by"'), "records[0].reason"],
];

for (const [what, text, field] of BAD) {
  test(`refused: ${what} (${field})`, () => {
    assert.throws(
      () => parseBatch(text),
      (error) => {
        assert.ok(error instanceof InvalidInput, String(error));
        assert.equal(error.field, field);
        assert.ok(error.message.length > 0);
        return true;
      },
    );
  });
}

test("the hash tells every part of a record apart, and nothing else", () => {
  const base = '"seq":1,"type":"message","ts":5,"user":"ana","content":"x"';
  const variants = [
    base,
    base.replace("5", "6"),
    base.replace("ana", "anb"),
    base.replace('"x"', '"y"'),
    base.replace('"x"', ' "\\u0078"'),
    base.replace('"ts"', '"id":"c","ts"'),
    base.replace('"ts"', '"id":"d","ts"'),
  ];
  const hash = (/** @type {string} */ text) =>
    recordHash(parseBatch(batch(`{${text}}`)).records[0]);
  assert.equal(new Set(variants.map(hash)).size, variants.length);
  const reordered = ' "content": "x", "user":"ana" , "ts":5,"type":"message","seq":1 ';
  assert.equal(hash(reordered), hash(base));
});
