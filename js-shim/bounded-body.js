// Bodies, read no further than they may be long.

/**
 * A body's bytes, or null when it has more than it may have.
 * @param {ReadableStream<Uint8Array> | null} body
 * @param {number} bytesMax
 * @returns {Promise<Uint8Array | null>}
 */
export async function boundedBytes(body, bytesMax) {
  /** @type {Uint8Array[]} */
  const chunks = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.byteLength;
    if (size > bytesMax) return null;
    chunks.push(chunk);
  }
  return joined(chunks);
}

/** @param {Uint8Array[]} chunks */
export function joined(chunks) {
  const bytes = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.byteLength, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}
