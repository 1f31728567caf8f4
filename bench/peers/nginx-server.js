// (e) nchan in nginx, from Debian: one worker process, publishing and subscribing over its WebSocket.
// Its buffer of messages is long enough that nobody misses one.

import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** Where scripts/bench has unpacked the packages. */
export const NGINX = resolve(import.meta.dirname, "../../build/bench/nchan");
const PROGRAM = join(NGINX, "usr/sbin/nginx");
const MODULE = join(NGINX, "usr/lib/nginx/modules/ngx_nchan_module.so");

/** Why it cannot run here; nothing when it can. */
export function nginxMissing() {
  if ([PROGRAM, MODULE, "/var/lib/nginx"].every((path) => existsSync(path))) return undefined;
  return "Debian's packages nginx and libnginx-mod-nchan, or the folder /var/lib/nginx, could not be had";
}

async function freePort() {
  const server = createServer();
  await new Promise((listening) => server.listen(0, "127.0.0.1", () => listening(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  await new Promise((closed) => server.close(closed));
  return port;
}

/** @param {string} folder @param {number} port */
function configuration(folder, port) {
  return `load_module ${MODULE};
daemon off;
worker_processes 1;
worker_rlimit_nofile 65536;
pid ${folder}/pid;
error_log ${folder}/error.log warn;
events { worker_connections 32768; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  nchan_shared_memory_size 512M;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location ~ ^/rooms/(.+)$ {
      nchan_pubsub websocket;
      nchan_channel_id $1;
      nchan_subscriber_first_message newest;
      nchan_message_buffer_length 20000;
      nchan_message_timeout 30s;
    }
  }
}
`;
}

export async function startNginx() {
  const folder = await mkdtemp(join(tmpdir(), "edgeroom-nchan-"));
  const port = await freePort();
  await writeFile(join(folder, "nginx.conf"), configuration(folder, port));
  const nginx = spawn(PROGRAM, ["-c", join(folder, "nginx.conf"), "-p", folder], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const deadline = Date.now() + 10_000;
  // The process that does the work is a child of the first, which says who it is before it has one.
  const children = `/proc/${nginx.pid}/task/${nginx.pid}/children`;
  while (!existsSync(join(folder, "pid")) || readFileSync(children, "utf8") === "") {
    if (nginx.exitCode !== null || Date.now() > deadline) throw new Error("nginx does not start");
    await new Promise((again) => setTimeout(again, 20));
  }
  const stop = async () => {
    nginx.kill();
    await new Promise((ended) => nginx.once("exit", ended));
    await rm(folder, { recursive: true, force: true });
  };
  return { port, target: "/rooms/{room}", stop };
}
