/** The example dashboards ask for nothing that edgeroom does not tell. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import {
  Effect,
  EffectType,
  EventType,
  FrameKind,
  Output,
  ROOM_ABI_VERSION,
} from "../../js-shim/abi.generated.js";
import { WasmHost } from "../../js-shim/wasm-host.js";
import { ROOT } from "./command.js";

const FOLDER = join(ROOT, "docs/dashboards");

/** @typedef {{ expr?: string, query?: string, datasource: { type: string } }} Target */
/** @typedef {{ id: number, title: string, type: string, gridPos: Record<string, number>, targets: Target[] }} Panel */
/** @typedef {{ uid: string, panels: Panel[], templating: { list: { name: string, query: any }[] } }} Dashboard */

/** @type {Record<string, Dashboard>} */
const dashboards = Object.fromEntries(
  readdirSync(FOLDER)
    .filter((file) => file.endsWith(".json"))
    .map((file) => [file, JSON.parse(readFileSync(join(FOLDER, file), "utf8"))]),
);
const OPERATIONS = readFileSync(join(ROOT, "docs/OPERATIONS.md"), "utf8");

/** What a room answers to GET …/metrics. */
function roomMetrics() {
  const toolchain = process.env.EDGEROOM_TOOLCHAIN || "wasi";
  const file = join(ROOT, "build/modules", toolchain, "room.wasm");
  const host = new WasmHost(new WebAssembly.Module(readFileSync(file)), "room", ROOM_ABI_VERSION);
  /** @type {string[]} */
  const answers = [];
  const event = (/** @type {number} */ type, target = 0, number = 0, payload = "") => {
    const size = host.write(payload);
    const count = host.call("room_event", type, target, number, 1_800_000_000_000, size);
    assert.ok(count >= 0, `the room refused event ${type}`);
    const output = host.call("room_output");
    host.refresh();
    const data = host.u32(output + Output.data);
    for (let i = 0; i < count; i++) {
      const at = host.u32(output + Output.effects) + i * Effect.SIZE;
      if (host.u32(at + Effect.type) !== EffectType.respond) continue;
      const text = data + host.u32(at + Effect.data);
      answers.push(host.text(text, host.u32(at + Effect.dataSize)));
    }
  };
  event(EventType.start, 1, 2, "lobby\n{}");
  event(EventType.restored);
  event(EventType.request, 1, FrameKind.text, '{"op":"metrics","room":"lobby"}\n');
  assert.equal(answers.length, 1, "the room has not answered");
  return answers[0];
}

/** The columns of the data points, by kind: what docs/OPERATIONS.md says of them. */
function documentedColumns() {
  const lines = OPERATIONS.split("\n");
  const head = lines.findIndex((line) => line.startsWith("| column |"));
  assert.ok(head > 0, "docs/OPERATIONS.md has lost its table of columns");
  const cells = (/** @type {string} */ line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim());
  const kinds = cells(lines[head])
    .slice(1)
    .map((kind) => kind.replaceAll("`", ""));
  /** @type {Record<string, Set<string>>} */
  const columns = Object.fromEntries(kinds.map((kind) => [kind, new Set()]));
  for (let n = head + 2; lines[n].startsWith("|"); n++) {
    const [column, ...meanings] = cells(lines[n]);
    for (const [k, meaning] of meanings.entries()) {
      if (meaning !== "") columns[kinds[k]].add(column.replaceAll("`", ""));
    }
  }
  return columns;
}

/** The columns of a request's data point, as the Worker writes it. */
async function requestColumns() {
  // Its types are those of the Workers, which the compiler does not look for here.
  const { countRequest } = await import(join(ROOT, "js-shim/analytics.js"));
  /** @type {any} */
  let point;
  const dataset = { writeDataPoint: (/** @type {object} */ one) => (point = one) };
  const decision = { route: "health", room: "lobby", policy: "ip" };
  countRequest(dataset, decision, 200);
  assert.equal(point.blobs[0], "request");
  return [
    ...point.indexes.map((/** @type {string} */ _, /** @type {number} */ n) => `index${n + 1}`),
    ...point.blobs.map((/** @type {string} */ _, /** @type {number} */ n) => `blob${n + 1}`),
    ...point.doubles.map((/** @type {number} */ _, /** @type {number} */ n) => `double${n + 1}`),
  ];
}

describe("the dashboards", () => {
  test("are two, and each panel has a place and a question of its own", () => {
    assert.deepEqual(Object.keys(dashboards).sort(), ["fleet.json", "rooms.json"]);
    for (const [file, { panels, templating }] of Object.entries(dashboards)) {
      assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length, file);
      const sources = new Set(templating.list.map(({ name }) => `$\{${name}}`));
      for (const { title, gridPos, targets } of panels) {
        assert.ok(gridPos.x + gridPos.w <= 24, title);
        assert.ok(targets.length > 0, title);
        for (const { datasource } of targets) {
          assert.ok(
            sources.has(/** @type {any} */ (datasource).uid),
            `${title}: which datasource?`,
          );
        }
      }
      for (const [n, a] of panels.entries()) {
        for (const b of panels.slice(n + 1)) assert.ok(!overlap(a.gridPos, b.gridPos), b.title);
      }
    }
  });

  test("of rooms shows every metric that a room has, and no other", () => {
    const told = new Set(
      [...roomMetrics().matchAll(/^(edgeroom_\w+)\{/gm)].map(([, name]) => name),
    );
    assert.ok(told.size > 5);
    const { panels } = dashboards["rooms.json"];
    const text = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)).join(" ");
    const shown = new Set([...text.matchAll(/edgeroom_\w+/g)].map(([name]) => name));
    assert.deepEqual([...shown].sort(), [...told].sort());
    const variables = JSON.stringify(dashboards["rooms.json"].templating);
    for (const [name] of variables.matchAll(/edgeroom_\w+/g)) assert.ok(told.has(name), name);
    for (const name of told) {
      const short = name.replace("edgeroom_", "");
      assert.ok(OPERATIONS.includes(short), `docs/OPERATIONS.md does not name ${name}`);
    }
  });

  test("of all rooms asks for columns that the data points have", async () => {
    const columns = documentedColumns();
    assert.deepEqual([...columns.request].sort(), (await requestColumns()).sort());
    for (const { title, targets } of dashboards["fleet.json"].panels) {
      for (const { query = "" } of targets) {
        const kind = /blob1 = '(\w+)'/.exec(query)?.[1] ?? "";
        assert.ok(kind in columns, `${title} asks for no kind of data point`);
        const asked = new Set(
          [...query.matchAll(/\b(?:blob|double|index)\d+/g)].map(([name]) => name),
        );
        assert.ok(asked.size > 1, title);
        for (const name of asked)
          assert.ok(columns[kind].has(name), `${title}: ${name} of ${kind}`);
        assert.match(query, /FROM \$dataset /, title);
        assert.match(query, /timestamp >= toDateTime\(\$from\)/, title);
      }
    }
  });
});

/** @param {Record<string, number>} a @param {Record<string, number>} b */
function overlap(a, b) {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}
