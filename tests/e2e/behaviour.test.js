/** EDGEROOM_BEHAVIOUR: another kind of room in the Worker. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { ROOT, run } from "../../scripts/command.js";

const limits = { timeout: 600_000 };

// A tree that the running Worker does not get its modules from.
const flavour = `${process.env.EDGEROOM_TOOLCHAIN || "wasi"}-test`;
const POLL = "examples/poll/poll.cpp";

/** @param {string} name @param {string[]} args @param {string} [behaviour] */
function script(name, args, behaviour) {
  return run(join(ROOT, "scripts", name), args, {
    env: { EDGEROOM_BEHAVIOUR: behaviour },
    timeoutMs: limits.timeout,
  });
}

/** @param {string} module */
function built(module) {
  return readFile(join(ROOT, "build", flavour, module));
}

describe("EDGEROOM_BEHAVIOUR", limits, () => {
  after(async () => {
    const { ok, output } = await script("build", [flavour]);
    assert.ok(ok, output);
  });

  test("makes the rooms of a build polls, and nothing is left of it in the next one", async () => {
    for (const [behaviour, isPoll] of /** @type {[string | undefined, boolean][]} */ ([
      [undefined, false],
      [POLL, true],
      [join(ROOT, POLL), true],
      [undefined, false],
    ])) {
      const { ok, output } = await script("build", [flavour], behaviour);
      assert.ok(ok, output);
      const [room, poll] = [await built("rooms/room.wasm"), await built("examples/poll/poll.wasm")];
      assert.equal(room.equals(poll), isPoll, `with ${behaviour}`);
      // The Worker looks at the settings of its rooms.
      assert.equal((await built("worker/edge.wasm")).includes("POLL_QUESTION"), isPoll);
    }
  });

  test("a source that is not there is one clear error before anything is built", async () => {
    const missing = "examples/poll/pole.cpp";
    for (const behaviour of [missing, `${POLL};${missing}`, join(ROOT, missing), "examples/poll"]) {
      for (const [name, args] of /** @type {[string, string[]][]} */ ([
        ["dev", []],
        ["build", [flavour]],
      ])) {
        const { ok, output } = await script(name, args, behaviour);
        assert.ok(!ok);
        const expected = behaviour.includes(missing) ? missing : behaviour;
        assert.match(
          output,
          new RegExp(
            `^error: EDGEROOM_BEHAVIOUR names a source that is not there: ${ROOT}/${expected}\\n`,
          ),
        );
        assert.doesNotMatch(output, /^build /m);
      }
    }
  });
});
