import assert from "node:assert/strict";
import { test } from "node:test";
import { arrayElements, objectMembers, skipSpace } from "../../central/json-text.js";

/** @param {string} text */
function membersOf(text) {
  return objectMembers(text, skipSpace(text, 0)).map(({ key, start, end }) => [
    key,
    text.slice(start, end),
  ]);
}

test("members are found with the text they have", () => {
  const cases = [
    ["{}", []],
    [" { } ", []],
    ['{"a":1}', [["a", "1"]]],
    [
      '\n{\t"a" : 1e400\r,"b":-0.0 }',
      [
        ["a", "1e400"],
        ["b", "-0.0"],
      ],
    ],
    ['{"a":12345678901234567890}', [["a", "12345678901234567890"]]],
    [
      '{"a":{"b":[1,{"c":"}]"}]},"d":null}',
      [
        ["a", '{"b":[1,{"c":"}]"}]}'],
        ["d", "null"],
      ],
    ],
    [
      '{"a":"x\\"}","b":"\\\\","c":"\\\\\\""}',
      [
        ["a", '"x\\"}"'],
        ["b", '"\\\\"'],
        ["c", '"\\\\\\""'],
      ],
    ],
    [
      '{"\\u0061":1,"a\\"b":2,"":3}',
      [
        ["a", "1"],
        ['a"b', "2"],
        ["", "3"],
      ],
    ],
    [
      '{"a":1,"a":2}',
      [
        ["a", "1"],
        ["a", "2"],
      ],
    ],
    [
      '{"a": [ ] ,"b": { } }',
      [
        ["a", "[ ]"],
        ["b", "{ }"],
      ],
    ],
    [
      '{"a":true,"b":false}',
      [
        ["a", "true"],
        ["b", "false"],
      ],
    ],
    ['{"__proto__":{"x":1}}', [["__proto__", '{"x":1}']]],
    ['{"\u{1F600}":"\u2028é\u{1F600}"}', [["\u{1F600}", '"\u2028é\u{1F600}"']]],
  ];
  for (const [text, expected] of cases) {
    JSON.parse(String(text));
    assert.deepEqual(membersOf(String(text)), expected, `members of ${text}`);
  }
});

test("elements are found with the text they have", () => {
  const text = ' [1 , "a,]" ,[2,[3]],{"x":[4]} , null ] ';
  const found = arrayElements(text, skipSpace(text, 0));
  assert.deepEqual(
    found.map(({ start, end }) => text.slice(start, end)),
    ["1", '"a,]"', "[2,[3]]", '{"x":[4]}', "null"],
  );
  assert.deepEqual(arrayElements("[]", 0), []);
  assert.deepEqual(arrayElements("[ ]", 0), []);
});

test("nesting costs no stack", () => {
  const depth = 120_000;
  const nested = "[".repeat(depth) + "]".repeat(depth);
  const text = `{"a":${nested},"b":1}`;
  JSON.parse(text);
  assert.deepEqual(membersOf(text), [
    ["a", nested],
    ["b", "1"],
  ]);
});

/** A small generator with a seed, so that a failure can be repeated. @param {number} seed */
function randomSource(seed) {
  let state = seed;
  return (/** @type {number} */ below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const SPACES = ["", "", "", " ", "\n", "\t\r ", "  "];
const STRINGS = [
  "",
  "a",
  'q"q',
  "back\\slash\\",
  "}],{[",
  "\u0000\u001f",
  "é\u{1F600}\u2028",
  ":,",
];
const LITERALS = ["0", "-1.5e+10", "1e400", "true", "false", "null", "12345678901234567890"];

/**
 * @param {ReturnType<typeof randomSource>} random
 * @param {number} depth
 * @returns {string}
 */
function randomJson(random, depth) {
  const space = () => SPACES[random(SPACES.length)];
  const string = () => JSON.stringify(STRINGS[random(STRINGS.length)]);
  const kind = random(depth > 0 ? 4 : 2);
  if (kind === 0) return LITERALS[random(LITERALS.length)];
  if (kind === 1) return string();
  const parts = Array.from({ length: random(4) }, () => {
    const value = space() + randomJson(random, depth - 1) + space();
    return kind === 2 ? value : `${space()}${string()}${space()}:${value}`;
  });
  const inside = parts.length > 0 ? parts.join(",") : space();
  return kind === 2 ? `[${inside}]` : `{${inside}}`;
}

test("random documents: putting the spans together gives the document again", () => {
  for (let seed = 1; seed <= 2_000; seed += 1) {
    const text = randomJson(randomSource(seed), 5);
    const value = JSON.parse(text);
    if (typeof value !== "object" || value === null) continue;
    const spans = Array.isArray(value) ? arrayElements(text, 0) : objectMembers(text, 0);
    const rebuilt = Array.isArray(value)
      ? `[${spans.map(({ start, end }) => text.slice(start, end)).join(",")}]`
      : `{${membersOf(text)
          .map(([key, part]) => `${JSON.stringify(key)}:${part}`)
          .join(",")}}`;
    assert.deepEqual(JSON.parse(rebuilt), value, `seed ${seed}: ${text}`);
    for (const { start, end } of spans) {
      const part = text.slice(start, end);
      assert.equal(part, part.trim(), `seed ${seed}: a span with white space around it`);
    }
  }
});
