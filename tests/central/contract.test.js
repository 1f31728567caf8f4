/** The central side of the examples in tests/contract, which the edge's tests read as well. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { createHandler } from "../../central/handler.js";
import { httpEvent } from "../../central/local/event.js";
import { startCentral } from "../../central/local.js";
import { CREDENTIALS, memoryLogger, openStore, temporaryDirectory } from "./support.js";

/**
 * @typedef {{ method: string, path: string, body: string, signed?: boolean }} Request
 * @typedef {{ status: number, headers: Record<string, string>, body: string }} Answer
 * @typedef {{ kind: "throttle", seqs: number[] } | { kind: "down" }} CaseFault
 * @typedef {{ name: string, request: Request, response: Answer, edge: string, fill?: number,
 *   fault?: CaseFault }} Case
 */

/** Items above it are too large, so that a case need not bring 400 KB. */
const ITEM_KILOBYTES_MAX = 8;

const folder = new URL("../contract/", import.meta.url);
const meanings = new Set(
  [
    ...readFileSync(new URL("README.md", folder), "utf8")
      .split("| `edge` | |")[1]
      .matchAll(/^\| `(\w+)` \| /gm),
  ].map((match) => match[1]),
);

/** @param {Case} example */
function bodyOf({ request: { body }, fill }) {
  if (fill === undefined) return body;
  assert.equal(body.split("@FILL@").length, 2);
  return body.replace("@FILL@", "x".repeat(fill));
}

/** @param {CaseFault | undefined} fault @returns {import("./support.js").Fault} */
function faultOf(fault) {
  if (fault === undefined) return () => undefined;
  if (fault.kind === "down") return () => "error";
  return ({ body }) => (fault.seqs.includes(Number(body.Item?.seq?.N)) ? "throttle" : undefined);
}

/** What an error says to people is not part of the contract. @param {string} body */
function withoutDetail(body) {
  const { detail, ...rest } = JSON.parse(body);
  return JSON.stringify(rest);
}

for (const file of ["batches.json", "pages.json"]) {
  describe(file, async () => {
    /** @type {{ cases: Case[] }} */
    const { cases } = JSON.parse(readFileSync(new URL(file, folder), "utf8"));

    test("each name stands there once, and each meaning is explained", () => {
      assert.equal(new Set(cases.map(({ name }) => name)).size, cases.length);
      for (const { name, edge } of cases) assert.ok(meanings.has(edge), `${name}: ${edge}`);
    });

    test("the central API answers as the examples say", async (t) => {
      const { proxy, ...parts } = await openStore(t, { itemKilobytesMax: ITEM_KILOBYTES_MAX });
      const handler = createHandler(parts);
      for (const example of cases) {
        const { request, response, fault, name } = example;
        if (request.signed === false) continue;
        proxy.fault = faultOf(fault);
        const { method, path: url } = request;
        const headers = { "content-type": "application/json", host: "central.example" };
        const body = Buffer.from(bodyOf(example));
        const answer = await handler(httpEvent({ method, url, headers, body }, ""));
        assert.equal(answer.statusCode, response.status, `${name}: ${answer.body}`);
        const text = response.status === 200 ? answer.body : withoutDetail(answer.body);
        assert.equal(text, response.body, name);
        for (const [header, value] of Object.entries(response.headers)) {
          assert.equal(answer.headers[header], value, `${name}: ${header}`);
        }
      }
    });

    test("what is not signed does not come through", async (t) => {
      const settings = { port: 0, stateDir: temporaryDirectory(t), logger: memoryLogger() };
      const central = await startCentral({ ...CREDENTIALS, ...settings });
      t.after(central.close);
      const unsigned = cases.filter(({ request }) => request.signed === false);
      assert.ok(unsigned.length > 0);
      for (const { request, response } of unsigned) {
        const { method, path, body } = request;
        const answer = await fetch(central.url + path, { method, body: body || undefined });
        assert.equal(answer.status, response.status);
        assert.equal(await answer.text(), response.body);
      }
    });
  });
}
