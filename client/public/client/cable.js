// @ts-check
/**
 * The page's cable: it holds the sockets that the client makes, and can pull them out.
 *
 *     const cable = new Cable();
 *     const room = connect("lobby", { WebSocket: cable.WebSocket });
 *     cable.drop();
 */

/** What the client sees of a connection that nobody closed in an orderly way. */
const CLOSE_ABNORMAL = 1006;

const EVENTS = /** @type {const} */ (["open", "message", "error", "close"]);

export class Cable {
  /** @type {Set<WebSocket>} */ #sockets = new Set();
  /** @type {PromiseWithResolvers<void> | null} */ #cut = null;

  /** For the option of connect(). @type {new (url: URL, protocols: string[]) => WebSocket} */
  WebSocket;

  constructor() {
    const make = (/** @type {URL} */ url, /** @type {string[]} */ protocols) =>
      this.#make(url, protocols);
    // A constructor may give another object than its own.
    this.WebSocket = /** @type {any} */ (
      function Socket(/** @type {URL} */ url, /** @type {string[]} */ protocols) {
        return make(url, protocols);
      }
    );
  }

  get isCut() {
    return this.#cut !== null;
  }

  /** Every connection is gone at once, and nobody says why. */
  drop() {
    for (const socket of [...this.#sockets]) {
      this.#sockets.delete(socket);
      socket.dispatchEvent(new CloseEvent("close", { code: CLOSE_ABNORMAL }));
      socket.close();
    }
  }

  /** As drop(), and no new connection comes about before mend(). */
  cut() {
    this.#cut ??= Promise.withResolvers();
    this.drop();
  }

  mend() {
    this.#cut?.resolve();
    this.#cut = null;
  }

  /**
   * @param {URL} url
   * @param {string[]} protocols
   */
  #make(url, protocols) {
    const open = () => this.#open(url, protocols);
    return this.#cut === null ? open() : new LateSocket(this.#cut.promise, open);
  }

  /**
   * @param {URL} url
   * @param {string[]} protocols
   */
  #open(url, protocols) {
    const socket = new WebSocket(url, protocols);
    this.#sockets.add(socket);
    socket.addEventListener("close", () => this.#sockets.delete(socket));
    return socket;
  }
}

/** A socket whose connection is not made before the cable is mended. The client sets handlers. */
class LateSocket {
  /** @type {WebSocket | null} */ #socket = null;
  #isClosed = false;
  /** @type {((event: any) => void) | null} */ onopen = null;
  /** @type {((event: any) => void) | null} */ onmessage = null;
  /** @type {((event: any) => void) | null} */ onerror = null;
  /** @type {((event: any) => void) | null} */ onclose = null;

  /**
   * @param {Promise<void>} back
   * @param {() => WebSocket} open
   */
  constructor(back, open) {
    back.then(() => {
      if (!this.#isClosed) this.#join(open());
    });
  }

  get readyState() {
    return this.#socket?.readyState ?? WebSocket.CONNECTING;
  }

  send(/** @type {string} */ data) {
    this.#socket?.send(data);
  }

  /**
   * @param {number} [code]
   * @param {string} [reason]
   */
  close(code, reason) {
    this.#isClosed = true;
    this.#socket?.close(code, reason);
  }

  #join(/** @type {WebSocket} */ socket) {
    this.#socket = socket;
    for (const type of EVENTS) socket.addEventListener(type, (event) => this[`on${type}`]?.(event));
  }
}
