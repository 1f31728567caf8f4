// @ts-check
/**
 * Logs as rooms export them (rooms/log_text.h), made line by line: as large as wanted, or wrong in
 * one place and with sums that fit.
 */

const MASK = (1n << 64n) - 1n;

/** @param {bigint} value @param {bigint} bits */
function rotated(value, bits) {
  return ((value << bits) | (value >> (64n - bits))) & MASK;
}

/** SipHash-2-4 with the key 0, as 16 hexadecimal digits. @param {Uint8Array} bytes */
function siphash(bytes) {
  let v0 = 0x736f6d6570736575n;
  let v1 = 0x646f72616e646f6dn;
  let v2 = 0x6c7967656e657261n;
  let v3 = 0x7465646279746573n;
  const round = () => {
    v0 = (v0 + v1) & MASK;
    v1 = rotated(v1, 13n) ^ v0;
    v0 = rotated(v0, 32n);
    v2 = (v2 + v3) & MASK;
    v3 = rotated(v3, 16n) ^ v2;
    v0 = (v0 + v3) & MASK;
    v3 = rotated(v3, 21n) ^ v0;
    v2 = (v2 + v1) & MASK;
    v1 = rotated(v1, 17n) ^ v2;
    v2 = rotated(v2, 32n);
  };
  const padded = new Uint8Array((bytes.length + 8) & ~7);
  padded.set(bytes);
  padded[padded.length - 1] = bytes.length & 255;
  const words = new DataView(padded.buffer);
  for (let at = 0; at < padded.length; at += 8) {
    const word = words.getBigUint64(at, true);
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
  v2 ^= 0xffn;
  for (let i = 0; i < 4; i++) round();
  return (v0 ^ v1 ^ v2 ^ v3).toString(16).padStart(16, "0");
}

/** A line with its sum. @param {Record<string, unknown>} members */
export function sealed(members) {
  return sealedText(JSON.stringify(members));
}

/** The same of an object's text. @param {string} json */
export function sealedText(json) {
  const text = json.slice(0, -1);
  return `${text},"sum":"${siphash(new TextEncoder().encode(text))}"}`;
}

/** The members of a line, without its sum. @param {string} line */
export function opened(line) {
  const { sum, ...members } = JSON.parse(line);
  return members;
}

/** The state's digest of a room of chat where nobody was ever banned or muted. */
const EMPTY_STATE = "5d6b12917339b9e0";

/**
 * A log of as many messages, one each 20 ms.
 *
 * @param {number} records
 * @param {(seq: number) => unknown} [content]
 */
export function longLog(records, content = (seq) => `message ${seq}`) {
  const lines = [
    sealed({
      type: "log",
      v: 1,
      room: "long",
      epoch: "01M7ZC1GBYRWAKD4S7AXD98NG7",
      first: 1,
      last: records,
      confirmed: records,
      kind: "chat",
      snapshot: { through: 0, state: "" },
      state: EMPTY_STATE,
    }),
  ];
  const users = ["ana", "bo", "cy", "dee"];
  for (let seq = 1; seq <= records; seq++) {
    const ts = 1_800_000_000_000 + seq * 20;
    const user = users[seq % users.length];
    lines.push(sealed({ seq, type: "message", ts, user, content: content(seq) }));
  }
  lines.push(sealed({ type: "end", records }));
  return `${lines.join("\n")}\n`;
}
