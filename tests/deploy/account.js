/**
 * As much of an account of Cloudflare as Wrangler asks for when it deploys, on this machine: nobody
 * here has a real one. What it answers follows the API's documentation and what Wrangler reads of it;
 * it judges nothing, and keeps no code. So what a test shows is which requests the real Wrangler
 * makes when scripts/deploy runs it, and what comes of its answers.
 */

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";

/**
 * @typedef {{ id: string, form: string }} Version with what was uploaded, as text
 * @typedef {{ version_id: string, percentage: number }} Share
 */

const WORKER = "edgeroom-production";

/** @type {[number, any]} */
const NO_WORKER = [404, { code: 10007, message: "This Worker does not exist on your account." }];

export class Account {
  /** @type {Version[]} newest last */
  versions = [];
  /** @type {Share[][]} newest last */
  deployments = [];
  /** @type {string[]} */
  secrets = [];
  /** The newest migration that has been applied. @type {string | undefined} */
  migration;
  /** Of the Worker, as the analytics have it. @type {{ requests: number, errors: number }} */
  traffic = { requests: 0, errors: 0 };
  /** Method and path of every request. @type {string[]} */
  requests = [];
  #server = createServer((request, response) => {
    this.#answer(request, response).catch((error) => {
      response.statusCode = 500;
      response.end(String(error.stack));
    });
  });

  static async start() {
    const account = new Account();
    await new Promise((listening) => {
      account.#server.listen(0, "127.0.0.1", () => listening(undefined));
    });
    return account;
  }

  async stop() {
    this.#server.closeAllConnections();
    await new Promise((closed) => {
      this.#server.close(closed);
    });
  }

  /** What makes Wrangler, and us, use it. */
  get env() {
    const address = /** @type {import("node:net").AddressInfo} */ (this.#server.address());
    return {
      CLOUDFLARE_API_BASE_URL: `http://127.0.0.1:${address.port}`,
      CLOUDFLARE_API_TOKEN: "a-token-of-nobody",
      CLOUDFLARE_ACCOUNT_ID: "00000000000000000000000000000001",
    };
  }

  /** A Worker that was deployed before. @param {string} migration */
  deployedBefore(migration) {
    this.migration = migration;
    this.#addVersion("");
    this.#giveAll(this.versions[0].id);
    return this.versions[0].id;
  }

  /** @param {string} form */
  #addVersion(form) {
    const version = { id: randomUUID(), form };
    this.versions.push(version);
    return version;
  }

  /** @param {string} version_id */
  #giveAll(version_id) {
    this.deployments.push([{ version_id, percentage: 100 }]);
  }

  /**
   * @param {import("node:http").IncomingMessage} request
   * @param {import("node:http").ServerResponse} response
   */
  async #answer(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString("latin1");
    const path = (request.url ?? "").replace(/\?.*/, "").replace(/^\/accounts\/\w+/, "");
    this.requests.push(`${request.method} ${path}`);
    const [status, result] = this.#result(`${request.method} ${path}`, body);
    response.statusCode = status;
    response.setHeader("content-type", "application/json");
    const errors = status === 200 ? [] : [result];
    const told = { success: status === 200, errors, messages: [], result };
    response.end(JSON.stringify(path === "/graphql" ? result : told));
  }

  /**
   * @param {string} asked method and path
   * @param {string} body
   * @returns {[number, any]} status, and result or error
   */
  #result(asked, body) {
    const [method, path] = asked.split(" ");
    if (path === "/graphql") {
      const accounts = [{ workersInvocationsAdaptive: [{ sum: this.traffic }] }];
      return [200, { data: { viewer: { accounts } } }];
    }
    if (path.startsWith("/storage/kv/namespaces")) {
      const { title } = JSON.parse(body || "{}");
      return [200, method === "POST" ? { id: "0123456789abcdef0123456789abcdef", title } : []];
    }
    const [, api, rest] = /^\/workers\/(scripts|services)\/[^/]+(.*)$/.exec(path) ?? [];
    if (api === "services") return this.#service();
    if (api === "scripts") return this.#script(method, rest, body);
    if (path.startsWith("/workers/workers/")) return [200, { subdomain: { enabled: true } }];
    if (path === "/workers/subdomain") return [200, { subdomain: "somebody" }];
    return [200, path === "/workers/scripts" ? this.#scripts() : []];
  }

  /** @returns {[number, any]} */
  #service() {
    const [script] = this.#scripts();
    if (script === undefined) return NO_WORKER;
    return [200, { id: "worker", default_environment: { environment: "production", script } }];
  }

  #scripts() {
    if (this.versions.length === 0) return [];
    const { migration: migration_tag } = this;
    return [{ id: WORKER, tag: "tag", tags: [], last_deployed_from: "wrangler", migration_tag }];
  }

  /** @param {string} method @param {string} rest @param {string} body @returns {[number, any]} */
  #script(method, rest, body) {
    if (method === "PUT" && rest === "") {
      const { id } = this.#addVersion(body);
      this.#giveAll(id);
      this.migration = /"new_tag":"(\w+)"/.exec(body)?.[1] ?? this.migration;
      return [200, { deployment_id: id, id: WORKER, startup_time_ms: 5 }];
    }
    if (rest === "/assets-upload-session") return [200, { jwt: "jwt", buckets: [] }];
    if (rest === "/subdomain") return [200, { enabled: true, previews_enabled: false }];
    if (this.versions.length === 0) return NO_WORKER;
    if (rest === "/secrets") {
      return [200, this.secrets.map((name) => ({ name, type: "secret_text" }))];
    }
    if (rest === "/deployments") return this.#deployment(method, body);
    if (rest === "/versions" && method === "POST") {
      const { id } = this.#addVersion(body);
      return [200, { id, startup_time_ms: 5, metadata: {}, resources: { script: { etag: "e" } } }];
    }
    const told = this.versions.map(({ id }, n) => describeVersion(id, n + 1));
    if (rest === "/versions") return [200, { items: told }];
    const one = told.find(({ id }) => rest === `/versions/${id}`);
    if (one !== undefined) return [200, one];
    // Settings, and whatever else there may be.
    return [200, { bindings: [], tags: [] }];
  }

  /** @param {string} method @param {string} body @returns {[number, any]} */
  #deployment(method, body) {
    if (method === "POST") {
      this.deployments.push(JSON.parse(body).versions);
      return [200, { id: randomUUID() }];
    }
    const deployments = this.deployments.map((versions, n) => ({
      id: `deployment-${n}`,
      strategy: "percentage",
      source: "wrangler",
      author_email: "nobody@example.com",
      created_on: new Date(n).toISOString(),
      annotations: {},
      versions,
    }));
    return [200, { deployments: deployments.reverse() }];
  }
}

/** @param {string} id @param {number} number */
function describeVersion(id, number) {
  const created_on = new Date(number).toISOString();
  return {
    id,
    number,
    annotations: {},
    metadata: {
      author_email: "nobody@example.com",
      source: "wrangler",
      created_on,
      modified_on: created_on,
    },
    resources: { bindings: [], script: { etag: "e", handlers: ["fetch"] }, script_runtime: {} },
  };
}
