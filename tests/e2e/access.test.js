// @ts-check
/**
 * The demo page where a token is needed and requests are limited, on an edgeroom of its own, which
 * is built already.
 */
import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { freePort, RunningDev } from "../../scripts/running-dev.js";
import { launchBrowser, Visitor } from "./visitor.js";

/** @import { Browser } from "playwright-core" */

const limits = { timeout: 120_000 };
const SECRET = randomBytes(32).toString("hex");
const LIMIT = { name: "ip", key: "ip", limit: 12, window_s: 10 };
const VARS = {
  AUTH: "jwt",
  JWT_ALGORITHMS: "HS256",
  JWT_SECRET: SECRET,
  RATE_LIMITS: JSON.stringify([LIMIT]),
};

/**
 * @param {string} user
 * @param {number} lifetimeS
 */
function token(user, lifetimeS) {
  const encoded = (/** @type {object} */ part) =>
    Buffer.from(JSON.stringify(part)).toString("base64url");
  const exp = Math.floor(Date.now() / 1000) + lifetimeS;
  const signed = `${encoded({ alg: "HS256", typ: "JWT" })}.${encoded({ sub: user, exp })}`;
  return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
}

describe("with tokens and a rate limit", limits, () => {
  /** @type {RunningDev} */
  let dev;
  /** @type {Browser} */
  let browser;
  let stateDir = "";
  let url = "";

  before(async () => {
    stateDir = await mkdtemp(join(tmpdir(), "edgeroom-access-"));
    const args = Object.entries(VARS).flatMap(([name, value]) => ["--var", `${name}:${value}`]);
    dev = new RunningDev(args, {
      PORT: await freePort(),
      CENTRAL_PORT: await freePort(),
      STATE_DIR: stateDir,
    });
    const addresses = await dev.ready;
    assert.ok(addresses, dev.output);
    url = addresses.edge;
    browser = await launchBrowser();
  });

  after(async () => {
    await browser?.close();
    await dev?.stop();
    await rm(stateDir, { recursive: true, force: true });
  });

  /** Asks something that counts; tells how many more may be asked. */
  async function ask() {
    const headers = { Authorization: `Bearer ${token("script", 60)}` };
    const answer = await fetch(`${url}/api/rooms/nobody`, { headers });
    const [, left] = /;r=(\d+)/.exec(answer.headers.get("ratelimit") ?? "") ?? [];
    assert.ok(left !== undefined, "the edge tells what is left");
    return { status: answer.status, left: Number(left) };
  }

  /** Asks until so few are left, or none. */
  async function useUp(/** @type {number} */ left) {
    for (let told = await ask(); told.left > left && told.status !== 429; told = await ask());
  }

  /** What was asked before does not count any more. */
  async function untilAllIsAllowed() {
    while ((await ask()).left < LIMIT.limit - 1) {
      await new Promise((waited) => setTimeout(waited, LIMIT.window_s * 1000));
    }
  }

  test("who brings no token is asked for one, and the panel uses it", limits, async () => {
    const ana = await Visitor.open(browser, url);
    await ana.join("lobby", "somebody");
    await ana.page
      .getByTestId("error")
      .getByText(/^This room needs an access token/)
      .waitFor();
    await ana.page.getByTestId("token-input").fill(token("ana", 600));
    await untilAllIsAllowed();
    await ana.page.getByTestId("join-button").click();
    await ana.isLive();
    await ana.members.getByText("ana").waitFor();
    await ana.page.getByTestId("scenes-toggle").click();
    const headroom = ana.page.getByTestId("headroom");
    await headroom.getByText(/^\d+ of 12$/).waitFor();
    await ana.page.getByRole("img", { name: /^Requests left .*: \d+ of 12 now$/ }).waitFor();
    await ana.page.getByRole("button", { name: "Stop the central API" }).waitFor();
    // Before none is left it waits, so that the visitor can come back.
    await useUp(3);
    await ana.page.getByText(/^Few: this panel waits \d+ seconds\.$/).waitFor();
    assert.match((await headroom.textContent()) ?? "", /^[0-3] of 12$/);
    await ana.page.getByTestId("drop").click();
    await ana.page.getByTestId("fact-reconnections").getByText("1", { exact: true }).waitFor();
    assert.deepEqual(ana.problemsButRefusal, []);
    await ana.leave();
  });

  test("a refusal over too many requests is waited out", limits, async () => {
    await untilAllIsAllowed();
    await useUp(0);
    const ana = await Visitor.open(browser, url);
    await ana.join("lobby", "", token("ana", 600));
    await ana.page
      .getByTestId("error")
      .getByText(/^Too many connections for now/)
      .waitFor();
    await ana.page.getByText(/^Trying again in \d+ s$/).waitFor();
    await ana.isLive();
    assert.equal(await ana.page.getByTestId("error").isVisible(), false);
    assert.deepEqual(ana.problemsButRefusal, []);
    await ana.leave();
  });

  test(
    "who writes after the token has ended is told, and comes back with another",
    limits,
    async () => {
      await untilAllIsAllowed();
      const ana = await Visitor.open(browser, url);
      await ana.join("expiry", "", token("ana", 4));
      await ana.isLive();
      await ana.say("in time");
      await ana.withStatus("confirmed").waitFor();
      const closed = ana.state("closed");
      while (!(await closed.isVisible())) {
        await ana.page.getByTestId("message-input").pressSequentially("x", { delay: 500 });
        await ana.page.keyboard.press("Enter");
      }
      await ana.page
        .getByTestId("error")
        .getByText(/^Your access has expired/)
        .waitFor();
      await ana.page.getByTestId("state").getByText("Expired", { exact: true }).waitFor();
      assert.equal(await ana.page.getByTestId("message-input").isDisabled(), true);
      await ana.page.getByTestId("leave-button").click();
      await ana.page.getByTestId("token-input").fill(token("ana", 600));
      await untilAllIsAllowed();
      await ana.page.getByTestId("join-button").click();
      await ana.message("in time").waitFor();
      assert.deepEqual(ana.problemsButRefusal, []);
      await ana.leave();
    },
  );
});
