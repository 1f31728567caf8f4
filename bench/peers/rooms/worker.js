// The Worker before the JavaScript rooms: it looks at nothing, and passes every upgrade on.

/** @typedef {{ROOMS: DurableObjectNamespace}} Env */

export default {
  /** @param {Request} request @param {Env} env */
  fetch(request, env) {
    const name = new URL(request.url).pathname.slice("/rooms/".length);
    return env.ROOMS.get(env.ROOMS.idFromName(name)).fetch(request);
  },
};
