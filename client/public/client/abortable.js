// @ts-check

/**
 * A promise that an AbortSignal may end before its time. However it ends, the signal is let go.
 *
 * @template T
 * @param {AbortSignal | undefined} signal
 * @param {(resolve: (value: T) => void, reject: (error: unknown) => void) => () => void} start
 *   returns how to forget what it has started
 * @returns {Promise<T>} rejects with the signal's reason
 */
export function abortable(signal, start) {
  /** @type {() => void} */
  let abort;
  return /** @type {Promise<T>} */ (
    new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const forget = start(resolve, reject);
      abort = () => {
        forget();
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", abort);
    })
  ).finally(() => signal?.removeEventListener("abort", abort));
}
