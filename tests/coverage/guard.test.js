// What the guard takes for covered, and what it says of what is not.

import assert from "node:assert/strict";
import { test } from "node:test";
import { readExport } from "./export.js";
import { gapsOf } from "./gaps.js";
import { judge, readExplanations, spelling } from "./unreached.js";

/**
 * @import { BranchRegion, Export, Segment } from "./export.js"
 * @import { Gap } from "./gaps.js"
 */

const FILE = "base/door.cpp";
const SOURCE = `int enter(bool is_open, bool is_known) {
  look();
  if (is_open && is_known) {
    greet();
    return 1;
  }
  return 0;
}
`;

/** @type {Segment[]} the body, and within it the block that did not run */
const SEGMENTS = [
  [1, 40, 3, true, true, false],
  [3, 28, 0, true, true, false],
  [6, 4, 3, true, false, false],
  [8, 2, 0, false, false, false],
];

/** @param {number} line @param {string} condition @param {number} trueCount @param {number} falseCount @returns {BranchRegion} */
function branch(line, condition, trueCount, falseCount) {
  const column = SOURCE.split("\n")[line - 1].lastIndexOf(condition) + 1;
  return [line, column, line, column + condition.length, trueCount, falseCount, 0, 0, 4];
}

/** @param {BranchRegion[][]} copies of the one function @returns {Export} */
function exported(...copies) {
  return {
    data: [
      {
        files: [
          { filename: `/r/${FILE}`, segments: SEGMENTS },
          { filename: "/usr/include/c++/12/vector", segments: SEGMENTS },
        ],
        functions: copies.map((branches) => ({ filenames: [`/r/${FILE}`], branches })),
      },
    ],
  };
}

/** @param {string} path */
const nameOf = (path) => (path.startsWith("/r/") ? path.slice(3) : undefined);

/** @param {BranchRegion[][]} copies */
function gaps(...copies) {
  const [coverage] = readExport(exported(...copies), nameOf);
  return gapsOf(coverage, SOURCE);
}

const CONDITION = branch(3, "is_known", 0, 2);

test("only files of the core count, by lines that have code", () => {
  const [coverage, ...others] = readExport(exported([]), nameOf);
  assert.deepEqual(others, []);
  assert.equal(coverage.file, FILE);
  const ran = [...coverage.lines].map(([line, hasRun]) => `${line}${hasRun ? "" : "!"}`);
  assert.deepEqual(ran, ["1", "2", "3", "4!", "5!", "6!", "7", "8"]);
});

test("lines and directions that did not run are named by their text", () => {
  const found = gaps([CONDITION]);
  assert.deepEqual(
    found.map((gap) => `${gap.line}: ${spelling(gap)}`),
    ["3: true  if (is_open && «is_known») {", "4: 3 lines  greet();"],
  );
});

test("a direction is taken when any copy of the text took it, and counts once", () => {
  const other = branch(3, "is_known", 1, 0);
  const [coverage] = readExport(exported([CONDITION], [other]), nameOf);
  assert.equal(coverage.branches.length, 1);
  assert.ok(coverage.branches[0].wasTrue && coverage.branches[0].wasFalse);
});

test("what was never asked in a line that ran lacks both ways", () => {
  const [gap] = gaps([branch(3, "is_known", 0, 0)]);
  assert.deepEqual([gap.kind, gap.directions], ["both", 2]);
});

const LIST = `# about the list
== The doors
They are closed
at night.

${FILE}
  true  if (is_open && «is_known») {
  3 lines  greet();
`;

test("what is explained by its very text is", () => {
  const { explained, unexplained, stale } = judge(readExplanations(LIST), gaps([CONDITION]), []);
  assert.deepEqual([...explained.values()], ["The doors", "The doors"]);
  assert.deepEqual([unexplained, stale], [[], []]);
  assert.deepEqual(readExplanations(LIST).reasons, [
    { name: "The doors", text: "They are closed at night." },
  ]);
});

test("an entry explains one place: the same text a second time needs a second one", () => {
  const [gap] = gaps([CONDITION]);
  const again = { ...gap, line: 30 };
  const { unexplained } = judge(readExplanations(LIST), [gap, again], []);
  assert.deepEqual(unexplained, [again]);
});

test("another direction, another file and a block of another length are not explained", () => {
  const [condition, block] = gaps([CONDITION]);
  /** @type {Gap[]} */
  const others = [
    { ...condition, kind: "both" },
    { ...condition, file: "base/window.cpp" },
    { ...block, lines: 2 },
  ];
  const { unexplained, stale } = judge(readExplanations(LIST), others, []);
  assert.deepEqual(unexplained, others);
  assert.equal(stale.length, 2);
});

test("what is explained and runs, or is gone, is stale", () => {
  const { stale } = judge(readExplanations(LIST), gaps([branch(3, "is_known", 1, 1)]), []);
  assert.deepEqual(stale, [{ line: 7, text: `${FILE}: true  if (is_open && «is_known») {` }]);
});

test("a source that no program has needs a reason, and only as long as none has it", () => {
  const absent = readExplanations("== Exports\nNot natively.\n\n  absent rooms/abi.cpp\n");
  assert.deepEqual(judge(absent, [], ["rooms/abi.cpp", "rooms/new.cpp"]).unbuilt, [
    "rooms/new.cpp",
  ]);
  assert.deepEqual(judge(absent, [], []).stale, [{ line: 4, text: "absent rooms/abi.cpp" }]);
});

test("a list that cannot be meant so is an error that names its line", () => {
  assert.throws(() => readExplanations("  true  x\n"), /line 1: a heading/);
  assert.throws(() => readExplanations("== A\nB.\n\n  true  x\n"), /line 4: of which file/);
  assert.throws(
    () => readExplanations(`== A\nB.\n\n${FILE}\ntrue  x\n`),
    /line 5: neither a file nor a place/,
  );
  assert.throws(() => readExplanations(`== A\n\n${FILE}\n  true  x\n`), /"A" gives no reason/);
});
