// Rooms in workerd: those in JavaScript (bench/peers/rooms), and edgeroom's own bundle. All of them in
// the same Miniflare, started in the same way.

import { join, resolve } from "node:path";
import { build, stop } from "esbuild";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { PEERS } from "./packages.js";

/** One JavaScript room of bench/peers/rooms. @param {string} name */
export async function startRoom(name) {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, "rooms", `${name}.js`)],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    nodePaths: [join(PEERS, "node_modules")],
  });
  // Its process is none of the server's.
  await stop();
  const mf = new Miniflare(
    convertV4MiniflareOptions({
      name,
      modules: [{ type: "ESModule", path: "index.js", contents: outputFiles[0].text }],
      compatibilityDate: "2026-11-17",
      host: "127.0.0.1",
      port: 0,
      durableObjects: { ROOMS: { className: "Room", useSQLite: true } },
    }),
  );
  const url = await mf.ready;
  return { port: Number(url.port), target: "/rooms/{room}" };
}

/**
 * edgeroom, whole: its settings are the usual ones but for limits that let this load pass.
 * @param {string} bundle @param {string} sinkUrl @param {Record<string, string>} vars
 */
export async function startEdgeroom(bundle, sinkUrl, vars) {
  process.env.EDGEROOM_BUNDLE = resolve(bundle);
  const { startEdge } = await import("../../tests/edge/harness.js");
  const edge = await startEdge({
    centralUrl: sinkUrl,
    // As the other rooms have none.
    withoutPages: true,
    vars: {
      RATE_LIMITS: '[{"name":"ip","key":"ip","limit":1000000,"window_s":60}]',
      MESSAGE_LIMITS:
        '{"connection":{"rate":5000,"burst":5000,"bytes":67108864,"bytes_burst":67108864}}',
      ...vars,
    },
  });
  return {
    port: Number(new URL(edge.url).port),
    target: "/rooms/{room}?user=u{n}",
    logs: edge.logs,
  };
}
