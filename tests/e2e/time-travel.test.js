// @ts-check
/**
 * Time travel in a real browser: the log of a conversation in the running edgeroom at EDGEROOM_URL,
 * beside what scripts/replay says of the same log. With EDGEROOM_SCREENSHOTS pictures are written
 * into that folder.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { longLog, opened, sealed } from "./exported-log.js";
import { launchBrowser, PHONE, Visitor } from "./visitor.js";

/** @import { Browser, BrowserContextOptions } from "playwright-core" */

const BASE_URL = process.env.EDGEROOM_URL ?? "";
const SCREENSHOTS = process.env.EDGEROOM_SCREENSHOTS;
const ROOT = resolve(import.meta.dirname, "../..");
const MODULE = join(ROOT, "client/public/client/replay.wasm");
/** What scripts/dev takes for a moderator. */
const TOKEN = "dev-moderator";
const limits = { timeout: 120_000 };
/** The options that the page gives its replay. */
const OPTIONS = ["--json", "--state=changes", "--width=160"];
const MARKUP =
  "<img src=x onerror=\"window.hit=1\"><script>window.hit=1</script><b id='bold'>&amp;";

if (BASE_URL === "") {
  throw new Error("EDGEROOM_URL is not set: give the base URL of a running edgeroom");
}

/** @type {Browser} */
let browser;
/** @type {string} */
let folder;
/** The room's name, its log, and what scripts/replay says of it. */
const room = `release-${Date.now().toString(36).slice(-5)}`;
/** @type {string} */
let log;
/** @type {Native} */
let native;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgeroom-time-travel-"));
  await converse();
  const response = await api("GET", "log");
  log = await response.text();
  native = await replayNatively(log);
  assert.equal(native.code, 0, native.errors);
  browser = await launchBrowser();
}, limits);

after(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

// --- a conversation ---

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 */
async function api(method, path, body) {
  const response = await fetch(`${BASE_URL}/api/rooms/${room}/${path}`, {
    method,
    headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  assert.ok(response.ok, `${method} ${path} answers ${response.status}`);
  return response;
}

/** Somebody in the room, by a WebSocket of their own. */
class Member {
  /** @type {any[]} */ #seen = [];
  /** @type {(() => void)[]} */ #waiting = [];

  /** @param {string} user */
  constructor(user) {
    this.user = user;
    const url = `${BASE_URL.replace(/^http/, "ws")}/rooms/${room}?user=${user}`;
    this.socket = new WebSocket(url, "edgeroom.v1");
    this.socket.addEventListener("message", ({ data }) => {
      this.#seen.push(...JSON.parse(data));
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  /** The first frame that fits, of now or later. @param {(frame: any) => boolean} fits */
  async sees(fits) {
    for (;;) {
      const frame = this.#seen.find(fits);
      if (frame !== undefined) return frame;
      await new Promise((resolve) => this.#waiting.push(() => resolve(undefined)));
    }
  }

  /** Says something, and waits until it is stored. @param {unknown} content @returns {Promise<number>} */
  async say(content) {
    const id = crypto.randomUUID();
    this.socket.send(JSON.stringify({ type: "message", content, id }));
    const { seq } = await this.sees((frame) => frame.type === "new_message" && frame.id === id);
    return seq;
  }

  /** Until the central API has this record. @param {number} seq */
  async confirmed(seq) {
    await this.sees(({ type, through }) => type === "message_confirmed" && through >= seq);
  }

  /** @param {number} target */
  async delete(target) {
    this.socket.send(JSON.stringify({ type: "delete", seq: target }));
    await this.sees((frame) => frame.type === "message_deleted" && frame.target === target);
  }
}

/** @param {object} action */
const moderate = (action) => api("POST", "moderation", action);

async function converse() {
  const [ana, bo, eve] = ["ana", "bo", "eve"].map((user) => new Member(user));
  assert.ok(ana && bo && eve);
  await Promise.all([ana, bo, eve].map((one) => one.sees(({ type }) => type === "welcome")));
  await ana.say("Morning! The release goes out at ten.");
  await bo.say("I am on call. What do I look at first?");
  await ana.say({ dashboard: "edge", panels: ["p99", "confirmed"], limit: 250 });
  const slip = await bo.say("the staging password is hunter2");
  await eve.say("BUY CHEAP WATCHES");
  await eve.say("BUY CHEAP WATCHES!!");
  await moderate({ action: "mute", user: "eve", for_s: 600, reason: "spam" });
  await bo.delete(slip);
  await bo.say("Deleted that. Thanks for nothing, eve.");
  await moderate({ action: "ban", user: "eve", for_s: 3600, reason: "spam, again" });
  const { seq: ban } = await bo.sees(({ action }) => action === "ban");
  await bo.confirmed(ban);
  await ana.say(MARKUP);
  await bo.say("right to left: \u202eevil\u202c, and \u05e9\u05dc\u05d5\u05dd");
  await moderate({ action: "ban", user: "mallory" });
  await moderate({ action: "unban", user: "eve" });
  // In one turn of the room: one segment, one frame.
  for (let i = 1; i <= 12; i++) {
    const content = `check ${i} of 12: ok`;
    ana.socket.send(JSON.stringify({ type: "message", content }));
  }
  await ana.sees((frame) => frame.content === "check 12 of 12: ok");
  const last = await bo.say("All green. Shipping.");
  await bo.confirmed(last);
  for (const { socket } of [ana, bo, eve]) socket.close();
}

// --- scripts/replay ---

/** @typedef {{ code: number | null, lines: string[], output: string, errors: string }} Native */

/**
 * @param {string} text of a log
 * @returns {Promise<Native>}
 */
async function replayNatively(text) {
  const file = join(folder, "room.ndjson");
  await writeFile(file, text);
  const child = spawn(join(ROOT, "scripts/replay"), [...OPTIONS, file], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (part) => {
    output += part;
  });
  child.stderr.setEncoding("utf8").on("data", (part) => {
    errors += part;
  });
  const code = await new Promise((ended, failed) => {
    child.once("error", failed).once("close", ended);
  });
  return { code, output, errors, lines: output.trimEnd().split("\n") };
}

/** The reason why scripts/replay refuses a log, for a file of this name. */
async function nativeRefusal(/** @type {string} */ text) {
  const { code, errors } = await replayNatively(text);
  assert.equal(code, 2);
  const [, reason] = /^error: (.*)$/m.exec(errors) ?? [];
  return (reason ?? "").replace(join(folder, "room.ndjson"), "room.ndjson");
}

/** What scripts/replay says of each record: its line, and those that come of it. */
function nativeSteps() {
  /** @type {any[][]} */
  const steps = [];
  for (const line of native.lines) {
    const event = JSON.parse(line);
    if (event.event === "record") steps.push([]);
    if (event.event !== "end") steps.at(-1)?.push(event);
  }
  return steps;
}

// --- the page ---

class Traveller extends Visitor {
  /** @param {BrowserContextOptions} [options] */
  static async arrive(options, path = "/client/time-travel") {
    const { page } = await Visitor.open(browser, BASE_URL, { timezoneId: "UTC", ...options });
    const traveller = new Traveller(page, BASE_URL);
    await page.goto(`${BASE_URL}${path}`);
    return traveller;
  }

  /** @param {string} text */
  async give(text, name = "room.ndjson") {
    const file = { name, mimeType: "application/x-ndjson", buffer: Buffer.from(text) };
    await this.page.getByTestId("file-input").setInputFiles(file);
  }

  /** @param {string} text */
  async open(text) {
    await this.give(text);
    await this.verdict.waitFor();
  }

  get verdict() {
    return this.page.getByTestId("verdict");
  }

  get slider() {
    return this.page.getByTestId("slider");
  }

  get error() {
    return this.page.getByTestId("error");
  }

  /** The record that is shown, when all of it is. @param {number} seq */
  at(seq) {
    return this.page.locator(`[data-testid=step][data-seq="${seq}"]:not([aria-busy])`).waitFor();
  }

  /** What is shown of a record. */
  shown() {
    return this.page.evaluate(() => {
      const text = (/** @type {Element | null} */ item) => item?.textContent ?? "";
      const all = (/** @type {string} */ name) => [
        ...document.querySelectorAll(`[data-testid=${name}]`),
      ];
      return {
        title: text(document.querySelector("[data-testid=step-title]")),
        record: text(document.querySelector("#record pre")),
        state: all("diff-row").map((row) => ({
          change: /** @type {HTMLElement} */ (row).dataset.change,
          about: text(row.querySelector("th")).replace(/, (added|removed|changed)/, ""),
          before: text(row.querySelectorAll("td")[0] ?? null),
          after: text(row.querySelectorAll("td")[1] ?? null),
        })),
        effects: all("effect").map((item) => [
          text(item.querySelector(".effect-label")),
          text(item.querySelector(".effect-text")),
        ]),
      };
    });
  }

  async take(/** @type {string} */ name) {
    if (!SCREENSHOTS) return;
    await mkdir(SCREENSHOTS, { recursive: true });
    // Without the ring around what has the keyboard.
    await this.page.evaluate("document.activeElement.blur()");
    await this.page.screenshot({ path: join(SCREENSHOTS, `time-travel-${name}.png`) });
  }
}

/**
 * @param {string} name
 * @param {(traveller: Traveller) => Promise<void>} body
 * @param {BrowserContextOptions} [options]
 */
function travel(name, body, options) {
  test(name, limits, async () => {
    const traveller = await Traveller.arrive(options);
    try {
      await body(traveller);
      assert.deepEqual(traveller.problems, []);
    } finally {
      await traveller.leave();
    }
  });
}

/** The seq of the first record of this kind. @param {string} text that its line holds */
function seqOf(text) {
  const line = log.split("\n").find((each) => each.includes(text));
  return Number(opened(line ?? "{}").seq);
}

// --- what is shown ---

travel("the module in the browser says the very bytes that scripts/replay says", async (t) => {
  const lines = await t.page.evaluate(
    async ([text, ...options]) => {
      const url = "/client/replay/module.js";
      const { fetchModule, Replay } = await import(url);
      const replay = new Replay(await fetchModule("/client/replay.wasm"));
      const decoder = new TextDecoder();
      let said = decoder.decode(await replay.begin(new Blob([text ?? ""]), options));
      for (let goesOn = true; goesOn; ) {
        const result = replay.run(5);
        said += decoder.decode(result.lines);
        goesOn = result.goesOn;
      }
      return said;
    },
    [log, ...OPTIONS, "room.ndjson"],
  );
  assert.equal(lines, native.output);
});

travel("a log is fetched from its room, and is as recorded", async (t) => {
  await t.page.getByTestId("room-input").fill(room);
  await t.page.getByTestId("token-input").fill(TOKEN);
  await t.page.getByTestId("fetch-button").click();
  await t.page.getByText("As recorded").waitFor();
  const { room: name, epoch, records, last } = JSON.parse(native.lines[0] ?? "");
  assert.equal(await t.page.getByRole("heading", { level: 1 }).textContent(), name);
  const facts = (await t.page.getByTestId("facts").textContent()) ?? "";
  for (const fact of ["chat", epoch, `${records}, seqs 1–${last}`]) {
    assert.ok(facts.includes(fact), `${fact} is told`);
  }
  await t.at(1);
});

travel("a log is dropped onto the page, wherever it is", async (t) => {
  const drop = (/** @type {string} */ text) =>
    t.page.evaluate((content) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([content], "dropped.ndjson"));
      for (const type of ["dragover", "drop"]) {
        const event = new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true });
        document.body.dispatchEvent(event);
      }
    }, text);
  await drop(log);
  await t.at(1);
  await drop("no log");
  await t.error.getByText(/^Dropped\.ndjson: line 1: not JSON/).waitFor();
});

travel("every record is shown with its state and effects as scripts/replay has them", async (t) => {
  await t.open(log);
  const begin = native.lines.find((line) => line.startsWith('{"event":"begin"'));
  let { state } = JSON.parse(begin ?? "");
  for (const [index, step] of nativeSteps().entries()) {
    const { seq, words, record, ...rest } = step[0];
    await t.at(seq);
    const shown = await t.shown();
    assert.equal(shown.title, `seq ${seq}${words[1]}by ${words[0]}`);
    assert.deepEqual(JSON.parse(shown.record), record);
    const effects = step.flatMap((event) => event.effects ?? []);
    const said = effects.flatMap((effect) => (effect.words ? [effect.words] : []));
    assert.deepEqual(shown.effects, said, `effects of seq ${seq}`);
    const after = rest.state ?? state;
    assert.deepEqual(
      shown.state.filter(({ about }) => about.endsWith("digest")),
      [
        {
          change: state.digest === after.digest ? "same" : "changed",
          about: state.digest === after.digest ? "digest" : "±digest",
          before: state.digest,
          after: after.digest,
        },
      ],
    );
    assert.deepEqual(shownUntil(shown.state, "banned"), untilWords(state.banned, after.banned));
    assert.deepEqual(shownUntil(shown.state, "muted"), untilWords(state.muted, after.muted));
    state = after;
    if (index < nativeSteps().length - 1) await t.page.keyboard.press("ArrowRight");
  }
  assert.equal(Object.keys(state.banned).join(), "mallory");
});

/**
 * @param {{ about: string, before: string, after: string }[]} rows
 * @param {string} name
 */
function shownUntil(rows, name) {
  return Object.fromEntries(
    rows
      .map(({ about, ...rest }) => ({ ...rest, about: about.replace(/^[+−±]/, "") }))
      .filter(({ about }) => about.startsWith(`${name} `))
      .map(({ about, before, after }) => [about.slice(name.length + 1), [before, after]]),
  );
}

/**
 * @param {Record<string, number | null>} before
 * @param {Record<string, number | null>} after
 */
function untilWords(before, after) {
  const words = (/** @type {number | null | undefined} */ until) => {
    if (until === undefined) return "—";
    if (until === null) return "for good";
    return `until ${new Date(until).toISOString().replace("T", " ").replace("Z", "")}`;
  };
  const users = new Set([...Object.keys(before), ...Object.keys(after)]);
  return Object.fromEntries(
    [...users].map((user) => [user, [words(before[user]), words(after[user])]]),
  );
}

travel("records of one turn lead to the record that ended it", async (t) => {
  await t.open(log);
  const steps = nativeSteps();
  const isShared = (/** @type {any[]} */ step) => !step.some(({ event }) => event === "flush");
  const shared = steps.findIndex(isShared);
  assert.ok(shared >= 0, "some records shared a turn");
  const end = steps.findIndex((step, index) => index > shared && !isShared(step));
  await t.page.goto(`${t.page.url().replace(/#.*/, "")}#seq=${steps[shared]?.[0].seq}`);
  await t.at(steps[shared]?.[0].seq);
  await t.page.getByTestId("effects-note").getByRole("button").click();
  await t.at(steps[end]?.[0].seq);
});

// --- ways through it ---

travel("keys, buttons, the mouse and the address lead through the log", async (t) => {
  await t.open(log);
  const last = nativeSteps().length;
  await t.at(1);
  assert.equal(await t.slider.evaluate((slider) => slider === document.activeElement), true);
  /** @type {[string, number][]} */
  const keys = [
    ["ArrowRight", 2],
    ["ArrowLeft", 1],
    ["PageUp", 21],
    ["PageDown", 1],
    ["End", last],
    ["Home", 1],
  ];
  for (const [key, seq] of keys) {
    await t.page.keyboard.press(key);
    await t.at(seq);
  }
  assert.match((await t.slider.getAttribute("aria-valuetext")) ?? "", /^seq 1, message by ana, /);
  const box = await t.slider.boundingBox();
  assert.ok(box !== null);
  await t.page.mouse.click(box.x + box.width - 2, box.y + box.height / 2);
  await t.at(last);
  await t.page.mouse.click(box.x + 2, box.y + box.height / 2);
  await t.at(1);
  await t.page.getByRole("button", { name: "Next record" }).click();
  await t.at(2);
  await t.page.getByRole("button", { name: "Last record" }).click();
  await t.at(last);
  await t.page.waitForURL(`**#seq=${last}`);

  await t.page
    .getByTestId("row")
    .filter({ hasText: "I am on call" })
    .waitFor({ state: "detached" });
  await t.page.getByTestId("list").focus();
  await t.page.keyboard.press("Home");
  await t.at(1);
  await t.page.keyboard.press("ArrowDown");
  await t.at(2);
  const active = await t.page.getByTestId("list").getAttribute("aria-activedescendant");
  assert.equal(active, "record-2");
  await t.page.getByTestId("row").filter({ hasText: "dashboard" }).click();
  await t.at(3);

  await t.page.evaluate("location.hash = '#seq=7'");
  await t.at(7);
  await t.page.evaluate("location.hash = '#seq=9999'");
  await t.page.getByText(`The log does not hold seq 9999: it has 1 to ${last}.`).waitFor();
});

travel(
  "playing goes on to the end and stops there, and stands still when told to",
  async (t) => {
    await t.open(log);
    const last = nativeSteps().length;
    await t.page.evaluate(`location.hash = '#seq=${last - 2}'`);
    await t.at(last - 2);
    await t.page.getByRole("button", { name: "Play" }).click();
    await t.page.getByRole("button", { name: "Pause" }).waitFor();
    await t.at(last);
    await t.page.getByRole("button", { name: "Play" }).click();
    await t.at(2);
    await t.page.getByRole("button", { name: "Pause" }).click();
    await t.page.getByRole("button", { name: "Play" }).waitFor();
  },
  { reducedMotion: "reduce" },
);

travel("records are found by user, words and kind", async (t) => {
  await t.open(log);
  const rows = t.page.getByTestId("row");
  const found = async (/** @type {number} */ count) => {
    const all = nativeSteps().length;
    await t.page.getByText(`${count} of ${all} records`, { exact: true }).waitFor();
    assert.equal(await rows.count(), count);
  };
  await t.page.getByTestId("search").fill("WATCHES");
  await found(2);
  await t.page.getByTestId("search").fill("");
  await t.page.getByTestId("kind").selectOption("moderation");
  await found(4);
  await t.page.getByTestId("kind").selectOption("changes");
  await found(4);
  await t.page.getByTestId("kind").selectOption("delete");
  await found(1);
  await rows.first().click();
  await t.at(seqOf('"type":"delete"'));
  await t.page.getByTestId("search").fill("nobody says this");
  await found(0);
});

// --- what must not be believed ---

travel("markup in a message stays text", async (t) => {
  await t.open(log);
  const seq = seqOf("onerror");
  await t.page.evaluate(`location.hash = '#seq=${seq}'`);
  await t.at(seq);
  const { record } = await t.shown();
  assert.equal(JSON.parse(record).content, MARKUP);
  assert.equal(await t.page.locator("img, #bold, main script").count(), 0);
  assert.equal(await t.page.evaluate("window.hit"), undefined);
  // What would turn the line round is shown as what it is, and is still the same JSON.
  await t.page.keyboard.press("ArrowRight");
  await t.at(seq + 1);
  const next = (await t.shown()).record;
  assert.ok(next.includes("\\u202eevil\\u202c"));
  assert.equal(next.includes("\u202e"), false);
});

travel("a log that was changed is refused, with the line named", async (t) => {
  const lines = log.split("\n");
  const changed = log.replace("hunter2", "hunter3").replace("on call", "on Call");
  /** @type {[string, RegExp][]} */
  const logs = [
    [changed, /line 3: "sum" does not fit: the line was changed after it was exported/],
    [lines.toSpliced(4, 1).join("\n"), /line 5: "seq" is 5 where 4 must come/],
    ["", /the file is empty/],
    ["<html>\n", /line 1: not JSON/],
    ['{"status":401,"detail":"no token"}\n', /line 1: no log but an error, 401: no token/],
    [
      lines.with(0, sealed({ ...opened(lines[0] ?? ""), kind: "dice" })).join("\n"),
      /"kind" is dice/,
    ],
  ];
  for (const [text, pattern] of logs) {
    await t.give(text);
    const reason = await nativeRefusal(text);
    assert.match(reason, pattern);
    const words = `${reason.charAt(0).toUpperCase()}${reason.slice(1)}`;
    await t.error.getByText(words, { exact: true }).waitFor();
    assert.equal(await t.verdict.isVisible(), false);
  }
  // And a whole one is taken afterwards.
  await t.open(log);
  await t.page.getByText("As recorded").waitFor();
});

travel("a log that was cut short is replayed as far as it goes, and said to be", async (t) => {
  const cut = `${log.split("\n").slice(0, 6).join("\n")}\n${(log.split("\n")[6] ?? "").slice(0, 30)}`;
  await t.open(cut);
  await t.page.getByText("Cut short", { exact: true }).waitFor();
  const { cut: how, replayed } = JSON.parse((await replayNatively(cut)).lines.at(-1) ?? "");
  const findings = (await t.page.getByTestId("findings").textContent()) ?? "";
  assert.ok(findings.includes(how), findings);
  assert.match(how, /after seq 5 of \d+, inside line 7$/);
  await t.page.keyboard.press("End");
  await t.at(replayed);
});

travel("a room that comes out otherwise is said to differ", async (t) => {
  const lines = log.split("\n");
  const header = sealed({ ...opened(lines[0] ?? ""), state: "0123456789abcdef" });
  await t.open(lines.with(0, header).join("\n"));
  await t.page.getByText("1 difference", { exact: true }).waitFor();
  const findings = (await t.page.getByTestId("findings").textContent()) ?? "";
  assert.match(findings, /The state\.\s*recorded {2}0123456789abcdef\s+replayed {2}[0-9a-f]{16}/);
});

travel("the room can be run with other settings, and wrong ones are named", async (t) => {
  await t.page.getByText("Other settings than the usual ones").click();
  const variables = t.page.getByTestId("variables-input");
  await variables.fill("HISTORY_SIZE:many");
  await t.page.getByText("Other settings than the usual ones").click();
  await t.give(log);
  await t.error.getByText(/^--var: HISTORY_SIZE/).waitFor();
  assert.equal(await variables.isVisible(), true);
  await variables.fill("HISTORY_SIZE");
  await t.give(log);
  await t.error.getByText("--var takes NAME:VALUE, not 'HISTORY_SIZE'", { exact: true }).waitFor();
  await variables.fill("HISTORY_SIZE:5\n\n  OUTBOX_RECORDS_MAX:50\n");
  await t.open(log);
  await t.page.getByText("As recorded").waitFor();
});

travel("a log without records is one", async (t) => {
  const lines = log.split("\n");
  const { first, last, ...header } = opened(lines[0] ?? "");
  const empty = [
    sealed({ ...header, first: 1, last: 0, confirmed: 0 }),
    sealed({ type: "end", records: 0 }),
  ];
  await t.open(`${empty.join("\n")}\n`);
  assert.match((await t.page.getByTestId("facts").textContent()) ?? "", /Recordsnone/);
  assert.equal(await t.slider.isVisible(), false);
});

test("what the room or the service refuses is told", limits, async () => {
  const t = await Traveller.arrive(undefined, `/client/time-travel?room=${room}`);
  try {
    await t.page.getByTestId("token-input").fill("not-a-token");
    await t.page.getByTestId("fetch-button").click();
    await t.error.getByText(/^The room does not give its log \(40[13]\): /).waitFor();
    await t.page.route("**/replay.wasm", (route) => route.fulfill({ status: 404 }));
    await t.give(log);
    await t.error.getByText(/^Replay\.wasm, .* is not built: scripts\/build puts it/).waitFor();
    assert.deepEqual(t.problemsButRefusal, []);
  } finally {
    await t.leave();
  }
});

// --- size and force ---

travel(
  "ten thousand records are stepped through, and the page builds what can be seen",
  async (t) => {
    await t.open(longLog(10_000));
    await t.page.getByText("As recorded").waitFor();
    await t.page.keyboard.press("End");
    await t.at(10_000);
    assert.ok((await t.page.getByTestId("row").count()) < 100);
    await t.page.getByTestId("search").fill("message 5000");
    await t.page.getByText("1 of 10,000 records", { exact: true }).waitFor();
    await t.page.getByTestId("row").click();
    await t.at(5_000);
  },
);

/** A number of the binary format (LEB128). @param {Uint8Array} bytes @param {number} at */
function numberAt(bytes, at) {
  let value = 0;
  let end = at;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[end++] ?? 0;
    value |= (byte & 127) << shift;
    if (byte < 128) return { value, end };
  }
}

/**
 * The module with less memory than it needs: a real core that really stops.
 *
 * @param {number} pages of 64 KiB, for the maximum in its memory section
 */
async function starvedModule(pages) {
  const MEMORY_SECTION = 5;
  const bytes = await readFile(MODULE);
  let at = 8;
  while (bytes[at] !== MEMORY_SECTION) {
    const { value, end } = numberAt(bytes, at + 1);
    at = end + value;
  }
  // One memory, with a maximum: 01 01 initial maximum.
  const { end } = numberAt(bytes, numberAt(bytes, at + 1).end + 2);
  const maximum = numberAt(bytes, end);
  assert.equal(maximum.value, 8192);
  assert.ok(pages < 128);
  // In as many bytes.
  bytes.set([pages | 0x80, 0x00], end);
  return bytes;
}

travel("a core that stops is said to have stopped, and where", async (t) => {
  const contentType = "application/wasm";
  let body = await starvedModule(16);
  await t.page.context().route("**/replay.wasm", (route) => route.fulfill({ body, contentType }));
  await t.give(longLog(20_000));
  await t.error.getByText(/^The core stopped: unreachable/).waitFor();
  // What was replayed until then is there. The room needs a message several times over.
  body = await starvedModule(72);
  await t.give(longLog(300, (seq) => (seq === 280 ? "long ".repeat(200_000) : `message ${seq}`)));
  await t.page.getByText("Stopped", { exact: true }).waitFor();
  const findings = (await t.page.getByTestId("findings").textContent()) ?? "";
  const [, count] =
    /^The core stopped after record (\d+) of 300 \(unreachable\)/.exec(findings) ?? [];
  assert.ok(Number(count) > 0 && Number(count) < 280, findings);
  await t.page.keyboard.press("End");
  await t.at(Number(count));
});

// --- looks ---

for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
  travel(
    `it looks right in the ${colorScheme}`,
    async (t) => {
      await t.take(`open-${colorScheme}`);
      await t.open(log);
      const seq = seqOf('"action":"ban"');
      await t.page.evaluate(`location.hash = '#seq=${seq}'`);
      await t.at(seq);
      await t.take(`ban-${colorScheme}`);
      await t.give(log.split("\n").slice(0, 6).join("\n"));
      await t.page.getByText("Cut short", { exact: true }).waitFor();
      await t.take(`cut-${colorScheme}`);
    },
    { colorScheme, deviceScaleFactor: 2, viewport: { width: 1280, height: 800 } },
  );
  travel(
    `and on a phone in the ${colorScheme}`,
    async (t) => {
      await t.take(`open-phone-${colorScheme}`);
      await t.open(log);
      const seq = seqOf('"action":"ban"');
      await t.page.evaluate(`location.hash = '#seq=${seq}'`);
      await t.at(seq);
      const overflow =
        "document.documentElement.scrollWidth - document.documentElement.clientWidth";
      assert.equal(await t.page.evaluate(overflow), 0, "nothing is wider than the phone");
      await t.take(`ban-phone-${colorScheme}`);
    },
    { ...PHONE, colorScheme },
  );
}
