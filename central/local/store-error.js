/** Why the local endpoint cannot go on, in words for the person who runs it. */
export class StoreError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = "StoreError";
  }
}
