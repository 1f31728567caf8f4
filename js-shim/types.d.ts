// What the package gives a Worker, in terms that need no other package: `wrangler types` and
// @cloudflare/workers-types fit into them. edgeroom.js is checked against this.

/** What the platform binds to a Worker with rooms. The settings, which stand beside them, are in the package's wrangler.toml. */
export interface Bindings {
  /** The rooms: a Durable Object namespace of the class Room. */
  ROOMS: { getByName(name: string): unknown };
  /** A KV namespace, through which isolates tell each other what they admitted; only RATE_LIMITS=[] does without. */
  RATE_LIMIT?: object;
  /** Pages. Without them, only rooms and the API are answered. */
  ASSETS?: { fetch(request: Request): Promise<Response> };
  /** A dataset of Analytics Engine, for how the rooms do. */
  ANALYTICS?: object;
}

/** What a Worker is given beside a request. */
export interface Context {
  waitUntil(promise: Promise<unknown>): void;
}

/** The rooms as a Worker's handler. */
export interface Rooms {
  fetch(request: Request, env: Bindings, ctx: Context): Promise<Response>;
}

/** The rooms behind a path of a Worker that does more. */
export interface MountedRooms extends Rooms {
  /** Whether a request is for the rooms: below the path, which itself may be a page of yours. */
  matches(request: Request): boolean;
}

declare const rooms: Rooms;
export default rooms;

/**
 * What the service answers to `/rooms/lobby`, it answers here to `/chat/rooms/lobby`, and so on. It
 * has no pages.
 *
 * @param path such as `/chat`
 */
export declare function mount(path: string): MountedRooms;

/** The Durable Object of a room. A Worker exports it under the class_name of its binding. */
export declare class Room {
  /** What makes it a class for `DurableObjectNamespace<Room>`. */
  readonly __DURABLE_OBJECT_BRAND: never;
  /** `env` holds the settings. A class that extends this one may take them from other names. */
  constructor(ctx: object, env: object);
  fetch(request: Request): Promise<Response>;
}
