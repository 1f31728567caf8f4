/** Why the local endpoint cannot start, in words for the person who started it. */
export class StartError extends Error {
  /**
   * @param {string} message
   * @param {unknown} [cause]  its own message is added
   */
  constructor(message, cause) {
    super(cause instanceof Error ? `${message}: ${cause.message}` : message, { cause });
    this.name = "StartError";
  }
}
