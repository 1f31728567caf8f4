/**
 * A body as text, or null when it has more bytes than it may have.
 * @param {ReadableStream | null} body
 * @param {number} bytesMax
 * @returns {Promise<string | null>}
 */
export async function boundedText(body, bytesMax) {
  if (!body) return "";
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) return null;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
