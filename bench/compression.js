// Compression of WebSocket messages (WEBSOCKET_COMPRESSION): what it costs workerd, and what it saves
// on the wire, with receivers that offer it as browsers do.
//
//   node bench/compression.js [RECEIVERS]
//
// Prints one JSON object a case: off and on by turns in one run, so that the ratios hold on a machine
// whose speed does not.

import { newRoom, startEdge } from "../tests/edge/harness.js";
import { cpuSeconds } from "./workerd.js";

const RECEIVERS = 100;
const ROUNDS = 3;

/** Messages in one turn, so in one frame, and frames. */
const CASES = [
  { name: "one message of 120 bytes a frame", messages: 1, frames: 300 },
  { name: "30 messages of 120 bytes a frame", messages: 30, frames: 100 },
];

const WORDS =
  `we could meet at the station tomorrow because nobody knows when that train will come and
  she said it was late again but there is always another one so let me know what you think about the
  plan for Friday then I will ask the others too`.split(/\s+/);

/** Something like what people write; the same in every run. @param {number} seed */
function sentence(seed) {
  let state = seed + 1;
  let text = "";
  while (text.length < 120) {
    state = (state * 48_271) % 2_147_483_647;
    text += `${WORDS[state % WORDS.length]} `;
  }
  return text;
}

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */

/** @param {import("../tests/edge/harness.js").Client} client */
function bytesRead(client) {
  return /** @type {any} */ (client.socket)._socket.bytesRead;
}

/** @param {"on" | "off"} setting @param {{messages: number, frames: number}} load @param {number} count */
async function measure(setting, { messages, frames }, count) {
  const vars = {
    WEBSOCKET_COMPRESSION: setting,
    MESSAGE_LIMITS: '{"connection":{"rate":100000,"burst":100000}}',
    PRESENCE_MAX: "0",
  };
  const edge = await startEdge({ vars });
  try {
    const room = newRoom();
    const sender = await edge.join(room, { user: "ana" });
    const receivers = [];
    for (let i = 0; i < count; i++) {
      receivers.push(await edge.join(room, { user: `r${i}` }, { compress: true }));
    }
    const wireBefore = receivers.reduce((sum, client) => sum + bytesRead(client), 0);
    const cpuBefore = cpuSeconds();
    let seq = 0;
    for (let frame = 0; frame < frames; frame++) {
      for (let i = 0; i < messages; i++) sender.send({ type: "message", content: sentence(seq++) });
      const last = seq;
      await Promise.all(
        receivers.map((client) => client.next("new_message", (o) => o.seq === last)),
      );
    }
    const deliveries = receivers.reduce((sum, client) => sum + client.frames.length, 0);
    const wire = receivers.reduce((sum, client) => sum + bytesRead(client), 0) - wireBefore;
    return { cpu: cpuSeconds() - cpuBefore, deliveries, wire };
  } finally {
    await edge.close();
  }
}

const count = Number(process.argv[2] ?? RECEIVERS);
for (const load of CASES) {
  const sums = { off: { cpu: 0, deliveries: 0, wire: 0 }, on: { cpu: 0, deliveries: 0, wire: 0 } };
  for (let round = 0; round < ROUNDS; round++) {
    for (const setting of /** @type {const} */ (["off", "on"])) {
      const measured = await measure(setting, load, count);
      for (const key of /** @type {const} */ (["cpu", "deliveries", "wire"])) {
        sums[setting][key] += measured[key];
      }
    }
  }
  const each = (/** @type {{cpu: number, deliveries: number, wire: number}} */ of) => ({
    cpu_us: Math.round((of.cpu / of.deliveries) * 1e6),
    wire_bytes: Math.round(of.wire / of.deliveries),
  });
  const [off, on] = [each(sums.off), each(sums.on)];
  process.stdout.write(
    `${JSON.stringify({
      case: load.name,
      receivers: count,
      off,
      on,
      cpu_ratio: Number((on.cpu_us / off.cpu_us).toFixed(2)),
      wire_ratio: Number((on.wire_bytes / off.wire_bytes).toFixed(2)),
    })}\n`,
  );
}
