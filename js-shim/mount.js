// The rooms behind a path of a Worker that does more than rooms.

import service from "./index.js";

/** @import { Bindings } from "./index.js" */

/**
 * What the service answers to `/rooms/lobby`, it answers here to `/chat/rooms/lobby`: the path is
 * taken off before anything is decided. There are no pages: those are the Worker's own.
 * @param {string} path such as `/chat`
 */
export function mount(path) {
  const isPath = path.startsWith("/") && new URL(path, "http://x").pathname === path;
  if (!isPath || path.endsWith("/")) {
    throw new TypeError(`mount(${JSON.stringify(path)}): give a path such as "/chat"`);
  }
  const start = `${path}/`;
  return {
    /** Whether it is below the path; the path itself may be a page. @param {Request} request */
    matches(request) {
      return new URL(request.url).pathname.startsWith(start);
    },

    /** @param {Request} request @param {Bindings} env @param {ExecutionContext} ctx */
    async fetch(request, env, ctx) {
      const url = new URL(request.url);
      if (!url.pathname.startsWith(start)) {
        const asked = JSON.stringify(url.pathname);
        throw new TypeError(`${asked} is not below "${start}": ask matches(request) first`);
      }
      url.pathname = url.pathname.slice(path.length);
      return service.fetch(new Request(url, request), { ...env, ASSETS: undefined }, ctx);
    },
  };
}
