// Who may do what, by tokens: every refusal over real sockets and real requests.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { central, newRoom, startEdge, until } from "./harness.js";
import {
  encoded,
  KeyServer,
  makeSigner,
  publicJwk,
  SECRET,
  seconds,
  signedByKey,
  signedBySecret,
} from "./identity.js";
import { refusal } from "./refusal.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */

const BY_SECRET = { AUTH: "jwt", JWT_ALGORITHMS: "HS256", JWT_SECRET: SECRET };
const MODERATOR = "test-moderator";
const FORGED = /signature verification failed/;

/** @param {string} token */
const bearer = (token) => ({ authorization: `Bearer ${token}` });

/** @param {Edge} edge @param {string} room @param {string} [query] */
const socketOf = (edge, room, query = "") =>
  `${edge.url.replace("http", "ws")}/rooms/${room}${query}`;

/** Joins with a token. @param {Edge} edge @param {string} room @param {string} token @param {Record<string, string | number>} [query] */
const join = (edge, room, token, query = {}) =>
  edge.join(room, query, { protocols: ["edgeroom.v1", `bearer.${token}`] });

/**
 * What a token that is refused is answered, however it comes: the same everywhere.
 * @param {Edge} edge @param {string} token @param {number} status @param {RegExp} why
 * @param {string} [room]
 */
async function refused(edge, token, status, why, room = newRoom()) {
  const answers = [
    await edge.json(`/api/rooms/${room}`, { headers: bearer(token) }),
    await edge.json(`/api/rooms/${room}/messages`, { headers: bearer(token) }),
    ...(await Promise.all(
      [{ headers: bearer(token) }, { protocols: ["edgeroom.v1", `bearer.${token}`] }].map(
        async (how) => {
          const { status, headers, body } = await refusal(socketOf(edge, room), how);
          return {
            status,
            headers: new Headers(/** @type {any} */ (headers)),
            body: JSON.parse(body),
          };
        },
      ),
    )),
  ];
  for (const answer of answers) {
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    assert.equal(answer.headers.get("content-type"), "application/problem+json");
    assert.match(answer.body.detail, why);
    const challenge = answer.headers.get("www-authenticate");
    assert.equal(challenge, status === 401 ? 'Bearer error="invalid_token"' : null);
    assert.ok(!JSON.stringify(answer.body).includes(token.slice(-20)), "the token stands in it");
  }
}

/** @param {Edge} edge @param {string} token */
async function taken(edge, token) {
  const room = newRoom();
  const client = await join(edge, room, token);
  const { status } = await edge.fetch(`/api/rooms/${room}`, { headers: bearer(token) });
  assert.equal(status, 200);
  await client.close();
}

describe("a token by a secret", { concurrency: true }, () => {
  /** @type {Edge} */
  let edge;
  before(async () => {
    const vars = { ...BY_SECRET, JWT_ISSUER: "https://login.example/", JWT_AUDIENCE: "edgeroom" };
    edge = await startEdge({ vars });
  });
  after(() => edge.close());

  const CLAIMS = { sub: "ana", iss: "https://login.example/", aud: "edgeroom" };

  it("is needed for rooms and for the API, and for nothing else", async () => {
    const room = newRoom();
    for (const path of [
      `/api/rooms/${room}`,
      `/api/rooms/${room}/messages`,
      `/api/rooms/${room}/nothing`,
      `/rooms/${room}`,
      "/api/rooms",
      "/api/shop/cart",
    ]) {
      for (const headers of [{}, { authorization: "Basic YTpi" }, { authorization: "Bearer " }]) {
        const answer = await edge.json(path, { headers: /** @type {any} */ (headers) });
        assert.equal(answer.status, 401, path);
        assert.equal(answer.headers.get("www-authenticate"), "Bearer");
        assert.equal(answer.body.title, "Unauthorized");
      }
    }
    for (const protocols of [[], ["edgeroom.v1"]]) {
      const { status, headers } = await refusal(socketOf(edge, room), { protocols });
      assert.equal(status, 401);
      assert.equal(headers["www-authenticate"], "Bearer");
    }
    for (const path of ["/", "/health", "/client/edgeroom.js"]) {
      assert.equal((await edge.fetch(path)).status, 200, path);
    }
  });

  it("names the user, whatever the query says", async () => {
    const room = newRoom();
    const token = signedBySecret(CLAIMS);
    const ana = await join(edge, room, token, { user: "eve" });
    const [welcome] = ana.told;
    assert.equal(welcome.user, "ana");
    assert.equal(welcome.role, undefined);
    assert.equal(welcome.expires, JSON.parse(atob(token.split(".")[1])).exp * 1000);
    assert.equal(ana.socket.protocol, "edgeroom.v1");
    const bob = await edge.join(
      room,
      {},
      { headers: bearer(signedBySecret({ ...CLAIMS, sub: "bob" })) },
    );
    assert.equal(bob.told[0].user, "bob");
    ana.send({ type: "message", content: 1 });
    assert.equal((await bob.next("new_message")).user, "ana");
  });

  it("may be of many audiences, and begin and end a little wrong", async () => {
    for (const claims of [
      { aud: ["other", "edgeroom"] },
      { exp: seconds(-15) },
      { nbf: seconds(15) },
      { iat: seconds(600) },
      { nbf: seconds(-600), exp: seconds(600), more: { things: [1, null] } },
    ]) {
      await taken(edge, signedBySecret({ ...CLAIMS, ...claims }));
    }
  });

  /** @type {[string, () => string, RegExp][]} */
  const refusals = [
    ["made with another secret", () => signedBySecret(CLAIMS, {}, `${SECRET}.`), FORGED],
    ["made with an empty secret", () => signedBySecret(CLAIMS, {}, ""), FORGED],
    ["by an algorithm that is not ours", () => signedBySecret(CLAIMS, { alg: "HS512" }), /"alg"/],
    ["by an algorithm in other letters", () => signedBySecret(CLAIMS, { alg: "hs256" }), /"alg"/],
    ["by none", () => `${encoded({ alg: "none" })}.${encoded(CLAIMS)}.`, /"alg"/],
    ["by None, with a signature", () => signedBySecret(CLAIMS, { alg: "None" }), /"alg"/],
    [
      "by a key of its own",
      () => {
        const signer = makeSigner("ES256", "mine");
        return signedByKey(signer, CLAIMS, { jwk: publicJwk(signer) });
      },
      /"alg"/,
    ],
    [
      "with an extension that nobody knows",
      () => signedBySecret(CLAIMS, { crit: ["x"], x: 1 }),
      /"x"/,
    ],
    [
      "with a payload that is not encoded",
      () => signedBySecret(CLAIMS, { b64: false, crit: ["b64"] }),
      /./,
    ],
    [
      "whose claims were changed",
      () => {
        const [header, , signature] = signedBySecret(CLAIMS).split(".");
        return `${header}.${encoded({ ...CLAIMS, exp: seconds(60), role: "moderator" })}.${signature}`;
      },
      FORGED,
    ],
    ["whose signature is cut", () => signedBySecret(CLAIMS).slice(0, -4), FORGED],
    ["without a signature", () => signedBySecret(CLAIMS).replace(/[^.]*$/, ""), FORGED],
    [
      "in two parts",
      () => signedBySecret(CLAIMS).split(".").slice(0, 2).join("."),
      /Invalid Compact JWS/,
    ],
    ["in five parts", () => `${signedBySecret(CLAIMS)}.a.b`, /Invalid Compact JWS/],
    ["that is none", () => "nonsense", /Invalid Compact JWS/],
    ["of dots", () => "..", /./],
    ["whose header is no JSON", () => `${encoded("{")}.${encoded(CLAIMS)}.x`, /./],
    [
      "of others' making",
      () => signedBySecret({ ...CLAIMS, iss: "https://evil.example/" }),
      /"iss"/,
    ],
    ["that names no maker", () => signedBySecret({ ...CLAIMS, iss: undefined }), /"iss"/],
    ["for others", () => signedBySecret({ ...CLAIMS, aud: "other" }), /"aud"/],
    ["for nobody", () => signedBySecret({ ...CLAIMS, aud: undefined }), /"aud"/],
    ["that has ended", () => signedBySecret({ ...CLAIMS, exp: seconds(-45) }), /"exp"/],
    ["that has not begun", () => signedBySecret({ ...CLAIMS, nbf: seconds(45) }), /"nbf"/],
    ["without an end", () => signedBySecret({ ...CLAIMS, exp: undefined }), /"exp"/],
    ["whose end is a word", () => signedBySecret({ ...CLAIMS, exp: "never" }), /"exp"/],
    ["whose end is no time", () => signedBySecret({ ...CLAIMS, exp: 1e300 }), /exp: must be/],
    ["whose beginning is a word", () => signedBySecret({ ...CLAIMS, nbf: "now" }), /"nbf"/],
    ["without a user", () => signedBySecret({ ...CLAIMS, sub: undefined }), /"sub"/],
    ["whose user has no name", () => signedBySecret({ ...CLAIMS, sub: "" }), /sub: must have/],
    [
      "whose user has a long name",
      () => signedBySecret({ ...CLAIMS, sub: "x".repeat(129) }),
      /sub: must have/,
    ],
    [
      "whose user is a number",
      () => signedBySecret({ ...CLAIMS, sub: 7 }),
      /sub: must be a string|"sub"/,
    ],
    [
      "whose user has a line feed",
      () => signedBySecret({ ...CLAIMS, sub: "a\nb" }),
      /sub: must have/,
    ],
    [
      "whose user has half a character",
      () => signedBySecret({ ...CLAIMS, sub: "\ud800" }),
      /payload/,
    ],
    [
      "with a role that is none",
      () => signedBySecret({ ...CLAIMS, role: "admin" }),
      /role: must be/,
    ],
    [
      "with rooms that are none",
      () => signedBySecret({ ...CLAIMS, rooms: "lobby" }),
      /rooms: must be/,
    ],
    [
      "that is huge",
      () => signedBySecret({ ...CLAIMS, more: "x".repeat(8192) }),
      /longer than 8192/,
    ],
  ];
  for (const [name, make, why] of refusals) {
    it(`${name} is refused`, async () => refused(edge, make(), 401, why));
  }

  it("that is just short enough is taken", async () => {
    const size = signedBySecret({ ...CLAIMS, more: "" }).length;
    const more = "x".repeat(Math.floor(((8192 - size) * 3) / 4) - 2);
    const token = signedBySecret({ ...CLAIMS, more });
    assert.ok(token.length <= 8192 && token.length > 8180, String(token.length));
    await taken(edge, token);
  });

  it("is offered beside edgeroom.v1, and only one", async () => {
    const room = newRoom();
    const token = signedBySecret(CLAIMS);
    const other = signedBySecret({ ...CLAIMS, sub: "bob" });
    for (const [offered, why] of [
      [`bearer.${token}`, /never alone/],
      [`bearer.${token}, chat`, /edgeroom\.v1/],
      [`edgeroom.v1, bearer.${token}, bearer.${other}`, /more than one/],
    ]) {
      const headers = { "sec-websocket-protocol": String(offered) };
      const { status, body } = await refusal(socketOf(edge, room), { headers });
      assert.equal(status, 400, body);
      assert.match(JSON.parse(body).detail, /** @type {RegExp} */ (why));
      assert.ok(!body.includes(token.slice(-20)));
    }
    // What clients of the browser kind do not let happen: everything twice.
    const twice = `edgeroom.v1, bearer.${token}, edgeroom.v1, bearer.${token}`;
    assert.equal(await rawUpgrade(edge, room, twice), "edgeroom.v1");
  });

  it("in the query is not taken unless somebody says so, and that is said", async () => {
    const token = signedBySecret(CLAIMS);
    const { status, body } = await edge.json(`/api/rooms/${newRoom()}?token=${token}`);
    assert.equal(status, 401);
    assert.match(body.detail, /AUTH_QUERY/);
    const socket = await refusal(socketOf(edge, newRoom(), `?token=${token}`));
    assert.equal(socket.status, 401);
    assert.match(JSON.parse(socket.body).detail, /AUTH_QUERY/);
  });
});

/**
 * The subprotocol that an upgrade is answered with, asked for as nobody's library would.
 * @param {Edge} edge @param {string} room @param {string} protocols
 */
async function rawUpgrade(edge, room, protocols) {
  const { request } = await import("node:http");
  const asked = request(`${edge.url}/rooms/${room}`, {
    headers: {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      "sec-websocket-version": "13",
      "sec-websocket-protocol": protocols,
    },
  });
  asked.end();
  return new Promise((answered, failed) => {
    asked.on("upgrade", (response, socket) => {
      socket.destroy();
      answered(response.headers["sec-websocket-protocol"]);
    });
    asked.on("response", (response) => failed(new Error(`it was refused: ${response.statusCode}`)));
    asked.on("error", failed);
  });
}

describe("a token in the query, where AUTH_QUERY is on", () => {
  it("is taken, and one in a header counts more", async () => {
    const edge = await startEdge({ vars: { ...BY_SECRET, AUTH_QUERY: "on" } });
    try {
      const token = signedBySecret({ sub: "ana" });
      const room = newRoom();
      assert.equal((await edge.join(room, { token })).told[0].user, "ana");
      assert.equal((await edge.fetch(`/api/rooms/${room}?token=${token}`)).status, 200);
      const headers = bearer(signedBySecret({ sub: "bob" }));
      assert.equal((await edge.join(room, { token }, { headers })).told[0].user, "bob");
      assert.equal((await refusal(socketOf(edge, room, "?token=nonsense"))).status, 401);
      assert.equal((await refusal(socketOf(edge, room, "?token="))).status, 401);
    } finally {
      await edge.close();
    }
  });
});

describe("a token by a key", { concurrency: true }, () => {
  const rsa = makeSigner("RS256", "rsa");
  const ec = makeSigner("ES256", "ec");
  const ed = makeSigner("EdDSA", "ed");
  const CLAIMS = { sub: "ana" };
  /** @type {KeyServer} */
  let server;
  /** @type {Edge} */
  let edge;
  before(async () => {
    server = await KeyServer.start([rsa, ec, ed].map((signer) => publicJwk(signer)));
    edge = await startEdge({
      vars: { AUTH: "jwt", JWT_ALGORITHMS: "RS256,ES256,EdDSA", JWKS_URL: server.url },
    });
  });
  after(async () => {
    await edge.close();
    await server.close();
  });

  for (const signer of [rsa, ec, ed]) {
    it(`of ${signer.alg} is taken`, async () => {
      await taken(edge, signedByKey(signer, CLAIMS));
      // There is one key of the kind, so it need not be named.
      await taken(edge, signedByKey(signer, CLAIMS, { kid: undefined }));
    });

    it(`of ${signer.alg} is refused when another has made it, or it was changed`, async () => {
      const other = makeSigner(/** @type {any} */ (signer.alg), signer.kid);
      await refused(edge, signedByKey(other, CLAIMS), 401, FORGED);
      const [header, , signature] = signedByKey(signer, CLAIMS).split(".");
      const claims = encoded({ exp: seconds(60), sub: "eve" });
      await refused(edge, `${header}.${claims}.${signature}`, 401, FORGED);
      await refused(
        edge,
        signedByKey(signer, CLAIMS, { kid: "unknown" }),
        401,
        /no applicable key/,
      );
      await refused(edge, signedByKey(signer, { sub: "ana", exp: seconds(-45) }), 401, /"exp"/);
    });
  }

  it("is never one by a secret, least of all when the secret is the public key", async () => {
    const pem = String(rsa.publicKey.export({ type: "spki", format: "pem" }));
    const jwk = JSON.stringify(publicJwk(rsa));
    for (const secret of [pem, pem.trim(), jwk, SECRET, ""]) {
      for (const alg of ["HS256", "HS512"]) {
        const token = signedBySecret(CLAIMS, { alg, kid: "rsa" }, secret);
        await refused(edge, token, 401, /"alg"/);
      }
      // The algorithm of the key, the signature of a secret.
      const lie = signedBySecret(CLAIMS, { alg: "RS256", kid: "rsa" }, secret);
      await refused(edge, lie, 401, FORGED);
    }
  });

  it("is none without a signature, or of one kind with the key of another", async () => {
    await refused(
      edge,
      `${encoded({ alg: "none", kid: "rsa" })}.${encoded(CLAIMS)}.`,
      401,
      /"alg"/,
    );
    await refused(edge, signedByKey(rsa, CLAIMS, { kid: "ec" }), 401, /no applicable key/);
    await refused(edge, signedByKey(ec, CLAIMS, { alg: "RS256", kid: "rsa" }), 401, FORGED);
    await refused(edge, signedByKey(rsa, CLAIMS, { alg: "PS256" }), 401, /"alg"/);
    await refused(edge, signedByKey(rsa, CLAIMS, { alg: "RS512" }), 401, /"alg"/);
  });

  it("does not say itself where its key is", async () => {
    const mine = makeSigner("ES256", "mine");
    const place = await KeyServer.start([publicJwk(mine)]);
    try {
      for (const header of [{ jku: place.url }, { jwk: publicJwk(mine) }, { x5u: place.url }]) {
        const token = signedByKey(mine, CLAIMS, { ...header, kid: "ec" });
        await refused(edge, token, 401, FORGED);
      }
      assert.equal(place.requests, 0);
    } finally {
      await place.close();
    }
  });
});

describe("a key set", { concurrency: true }, () => {
  const old = makeSigner("ES256", "old");
  const young = makeSigner("ES256", "young");
  const CLAIMS = { sub: "ana" };

  /** @param {object[]} keys @param {(server: KeyServer, edge: Edge) => Promise<void>} test */
  async function withKeys(keys, test) {
    const server = await KeyServer.start(keys);
    const vars = { AUTH: "jwt", JWT_ALGORITHMS: "ES256", JWKS_URL: server.url };
    const edge = await startEdge({ vars });
    try {
      await test(server, edge);
    } finally {
      await edge.close();
      await server.close();
    }
  }

  it("is fetched once, and by no token that is none", () =>
    withKeys([publicJwk(old)], async (server, edge) => {
      await refused(edge, "nonsense", 401, /Compact JWS/);
      await refused(edge, signedBySecret(CLAIMS), 401, /"alg"/);
      assert.equal(server.requests, 0);
      for (let i = 0; i < 10; i++) await taken(edge, signedByKey(old, CLAIMS));
      assert.equal(server.requests, 1);
      // Nor do those who make up names of keys have it fetched again and again.
      for (let i = 0; i < 10; i++) {
        await refused(edge, signedByKey(young, CLAIMS, { kid: `${i}` }), 401, /no applicable key/);
      }
      assert.equal(server.requests, 1);
    }));

  it("is fetched again for a new key, and the old one is good no longer when it is gone", () =>
    withKeys([publicJwk(old)], async (server, edge) => {
      await taken(edge, signedByKey(old, CLAIMS));
      server.keys = [publicJwk(young)];
      const state = async (/** @type {string} */ token) =>
        (await edge.fetch(`/api/rooms/${newRoom()}`, { headers: bearer(token) })).status;
      await until(
        () => state(signedByKey(young, CLAIMS)),
        (status) => status === 200,
      );
      assert.equal(server.requests, 2);
      await refused(edge, signedByKey(old, CLAIMS), 401, /no applicable key/);
      await taken(edge, signedByKey(young, CLAIMS));
      assert.equal(server.requests, 2);
    }));

  it("may have two keys while they change, named by the token or not", () =>
    withKeys([publicJwk(old, false), publicJwk(young, false)], async (server, edge) => {
      for (const signer of [old, young]) {
        await taken(edge, signedByKey(signer, CLAIMS, { kid: undefined }));
      }
      const other = makeSigner("ES256", "other");
      await refused(edge, signedByKey(other, CLAIMS, { kid: undefined }), 401, FORGED);
      const late = signedByKey(young, { ...CLAIMS, exp: seconds(-45) }, { kid: undefined });
      await refused(edge, late, 401, /"exp"/);
      assert.equal(server.requests, 1);
    }));

  /** @type {[string, (response: import("node:http").ServerResponse) => void][]} */
  const faults = [
    ["is cut off", (response) => response.destroy()],
    ["is an error", (response) => response.writeHead(500).end()],
    ["is no JSON", (response) => response.end("<html>")],
    ["is no key set", (response) => response.end('{"keys":7}')],
    ["has moved", (response) => response.writeHead(302, { location: "/elsewhere" }).end()],
    ["does not come", () => {}],
  ];
  for (const [name, answer] of faults) {
    it(`that ${name} lets nobody in, and everybody as soon as it is there`, () =>
      withKeys([publicJwk(old)], async (server, edge) => {
        server.answer = answer;
        const token = signedByKey(old, CLAIMS);
        const began = Date.now();
        const response = await edge.json(`/api/rooms/${newRoom()}`, { headers: bearer(token) });
        assert.ok(Date.now() - began < 12_000, "it took too long");
        assert.equal(response.status, 503);
        assert.equal(response.headers.get("retry-after"), "5");
        assert.match(response.body.detail, /cannot be verified now/);
        // Whoever has just failed is not asked for each request; a second later he is.
        await until(
          async () => {
            const asked = server.requests;
            const sockets = Array.from({ length: 5 }, () =>
              refusal(socketOf(edge, newRoom()), { headers: bearer(token) }),
            );
            for (const { status } of await Promise.all(sockets)) assert.equal(status, 503);
            return server.requests - asked;
          },
          (requests) => requests === 0,
        );
        server.answer = null;
        await until(
          async () =>
            (await edge.fetch(`/api/rooms/${newRoom()}`, { headers: bearer(token) })).status,
          (status) => status === 200,
        );
        await taken(edge, token);
        const line = edge.logs.find((each) => each.includes("keys_failed"));
        assert.ok(line, "nothing was logged");
        assert.ok(!edge.logs.join().includes(token.slice(-20)));
      }));
  }

  it("that cannot be had any more is good for its own, whoever asks for other keys", () =>
    withKeys([publicJwk(old)], async (server, edge) => {
      await taken(edge, signedByKey(old, CLAIMS));
      server.answer = (response) => response.destroy();
      const state = async (/** @type {string} */ token) =>
        (await edge.fetch(`/api/rooms/${newRoom()}`, { headers: bearer(token) })).status;
      // Asked for again, when it may be: in vain.
      await until(
        () => state(signedByKey(young, CLAIMS)),
        (status) => status === 503,
      );
      for (let i = 0; i < 5; i++) {
        assert.equal(await state(signedByKey(old, CLAIMS)), 200);
        assert.equal(await state(signedByKey(young, CLAIMS)), 503);
      }
    }));

  it("that cannot be had is told as such to whoever brings another token", () =>
    withKeys([publicJwk(old)], async (server, edge) => {
      server.answer = (response) => response.destroy();
      const member = await join(edge, newRoom(), MODERATOR);
      member.send({ type: "token", token: signedByKey(old, CLAIMS), ref: "r" });
      const error = await member.next("error");
      assert.deepEqual([error.code, error.ref], ["internal", "r"]);
      assert.match(error.detail, /cannot be verified now/);
    }));
});

describe("what a token allows", { concurrency: true }, () => {
  /** @type {Edge} */
  let edge;
  /** @type {Awaited<ReturnType<typeof central>>} */
  let store;
  before(async () => {
    store = await central();
    const vars = { ...BY_SECRET, MODERATOR_TOKENS: `${MODERATOR},second-moderator` };
    edge = await startEdge({ vars, centralUrl: store.url });
  });
  after(async () => {
    await edge.close();
    await store.close();
  });

  /** @param {string} user @param {object} [claims] */
  const token = (user, claims = {}) => signedBySecret({ sub: user, ...claims });

  it("is rooms by name and by prefix, for sockets and over HTTP alike", async () => {
    const room = newRoom();
    for (const rooms of [[room], ["other", `${room.slice(0, 8)}*`], { [room]: "reader" }, ["*"]]) {
      await (await join(edge, room, token("ana", { rooms }))).close();
      const headers = bearer(token("ana", { rooms }));
      assert.equal((await edge.fetch(`/api/rooms/${room}`, { headers })).status, 200);
      assert.equal((await edge.fetch(`/api/rooms/${room}/messages`, { headers })).status, 200);
    }
    for (const rooms of [
      [],
      ["other"],
      [`${room}x`],
      [room.slice(0, -1)],
      [`x${room.slice(1)}*`],
      {},
    ]) {
      await refused(edge, token("ana", { rooms }), 403, /not good for this room/, room);
    }
  });

  it("is to read and not to write, for a reader", async () => {
    const room = newRoom();
    const ana = await join(edge, room, token("ana"));
    const rita = await join(edge, room, token("rita", { role: "reader" }));
    assert.equal(rita.told[0].role, "reader");
    ana.send({ type: "message", content: "hi" });
    await rita.next("new_message");
    /** @type {[object, string][]} */
    const frames = [
      [{ type: "message", content: 1, id: "i", ref: "m" }, "m"],
      [{ type: "event", name: "typing", ref: "e" }, "e"],
      [{ type: "delete", seq: 1, ref: "d" }, "d"],
      [{ type: "moderation", action: "kick", user: "ana", ref: "k" }, "k"],
    ];
    for (const [frame, ref] of frames) {
      rita.send(frame);
      const error = await rita.next("error", (told) => told.ref === ref);
      assert.equal(error.code, "forbidden", ref);
    }
    rita.send({ type: "history" });
    assert.equal((await rita.next("history")).messages.length, 1);
    rita.send({ type: "presence" });
    assert.equal((await rita.next("presence")).count, 2);
    assert.equal(ana.all("new_message").length, 1);
    assert.equal(ana.all("event").length, 0);
    // Nor does waking make more of it.
    await edge.evict(room);
    rita.send({ type: "message", content: 1, ref: "again" });
    assert.equal((await rita.next("error", (told) => told.ref === "again")).code, "forbidden");
  });

  it("is to delete what the same user has sent, over any connection", async () => {
    const room = newRoom();
    const first = await join(edge, room, token("ana"));
    first.send({ type: "message", content: "mine" });
    await first.next("new_message");
    await first.close();
    const bob = await join(edge, room, token("bob"));
    bob.send({ type: "delete", seq: 1 });
    assert.equal((await bob.next("error")).code, "forbidden");
    const again = await join(edge, room, token("ana"));
    again.send({ type: "delete", seq: 1 });
    const deleted = await again.next("message_deleted");
    assert.deepEqual([deleted.target, deleted.by], [1, "ana"]);
  });

  it("is to moderate where its role is moderator, under its own name", async () => {
    const room = newRoom();
    const other = newRoom();
    const mia = token("mia", { rooms: { [room]: "moderator", "*": "member" } });
    const headers = { ...bearer(mia), "content-type": "application/json" };
    const post = (/** @type {string} */ path, /** @type {object} */ body) =>
      edge.json(path, { method: "POST", headers, body: JSON.stringify(body) });
    const published = await post(`/api/rooms/${room}/messages`, { content: "by hand" });
    assert.equal(published.status, 201);
    const kick = { action: "kick", user: "nobody" };
    assert.equal((await post(`/api/rooms/${room}/moderation`, kick)).status, 200);
    const remove = { method: "DELETE", headers };
    assert.equal((await edge.fetch(`/api/rooms/${room}/messages/1`, remove)).status, 200);
    const log = await (await edge.fetch(`/api/rooms/${room}/log`, { headers })).text();
    const records = log
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
      .slice(1, -1);
    assert.deepEqual(
      records.map(({ user, by }) => by ?? user),
      ["mia", "mia", "mia"],
    );
    // In another room she is a member, and members are forbidden what is for moderators.
    for (const [path, init] of /** @type {[string, RequestInit][]} */ ([
      [`/api/rooms/${other}/messages`, { method: "POST", headers, body: '{"content":1}' }],
      [`/api/rooms/${other}/messages/1`, { method: "DELETE", headers }],
      [`/api/rooms/${other}/moderation`, { method: "POST", headers, body: "{}" }],
      [`/api/rooms/${other}/drain`, { method: "POST", headers }],
      [`/api/rooms/${other}/log`, { headers }],
    ])) {
      const { status, body } = await edge.json(path, init);
      assert.equal(status, 403, path);
      assert.match(body.detail, /moderator/);
    }
    const socket = await join(edge, room, mia);
    assert.equal(socket.told[0].role, "moderator");
    socket.send({ type: "moderation", action: "mute", user: "eve" });
    assert.equal((await socket.next("moderation")).by, "mia");
  });

  it("is everything, for either of the moderators' tokens, and for nothing like them", async () => {
    for (const moderator of [MODERATOR, "second-moderator"]) {
      const room = newRoom();
      const member = await join(edge, room, moderator, { user: "eve" });
      assert.deepEqual([member.told[0].user, member.told[0].role], ["moderator", "moderator"]);
      assert.equal(member.told[0].expires, undefined);
      const init = { method: "POST", headers: bearer(moderator), body: '{"content":1}' };
      assert.equal((await edge.fetch(`/api/rooms/${room}/messages`, init)).status, 201);
      assert.equal((await member.next("new_message")).user, "moderator");
    }
    for (const guess of [`${MODERATOR}x`, MODERATOR.slice(1), `${MODERATOR},second-moderator`]) {
      const init = { method: "POST", headers: bearer(guess), body: '{"content":1}' };
      assert.equal((await edge.fetch(`/api/rooms/${newRoom()}/messages`, init)).status, 401, guess);
    }
  });

  it("is nothing for whom the room has banned, and he is told why", async () => {
    const room = newRoom();
    const headers = { ...bearer(MODERATOR), "content-type": "application/json" };
    const body = JSON.stringify({ action: "ban", user: "eve" });
    const ban = { method: "POST", headers, body };
    assert.equal((await edge.fetch(`/api/rooms/${room}/moderation`, ban)).status, 200);
    const eve = bearer(token("eve"));
    const socket = await refusal(socketOf(edge, room, "?user=ana"), { headers: eve });
    assert.equal(socket.status, 403);
    for (const path of [`/api/rooms/${room}?user=ana`, `/api/rooms/${room}/messages`]) {
      const answer = await edge.json(path, { headers: eve });
      assert.equal(answer.status, 403);
      assert.match(answer.body.detail, /banned/);
    }
    const ana = { headers: bearer(token("ana")) };
    assert.equal((await edge.fetch(`/api/rooms/${room}?user=eve`, ana)).status, 200);
    assert.equal((await edge.fetch(`/api/rooms/${room}`, { headers })).status, 200);
  });
});

describe("a ban, where anybody names himself", () => {
  it("is told to whoever asks with the name", async () => {
    const edge = await startEdge();
    try {
      const room = newRoom();
      const body = JSON.stringify({ action: "ban", user: "eve" });
      const ban = { method: "POST", headers: bearer(MODERATOR), body };
      assert.equal((await edge.fetch(`/api/rooms/${room}/moderation`, ban)).status, 200);
      const { status, body: problem } = await edge.json(`/api/rooms/${room}?user=eve`);
      assert.equal(status, 403);
      assert.match(problem.detail, /banned/);
      assert.equal((await edge.fetch(`/api/rooms/${room}?user=ana`)).status, 200);
      assert.equal((await edge.fetch(`/api/rooms/${room}`)).status, 200);
      assert.equal((await edge.fetch(`/api/rooms/${room}?user=`)).status, 400);
    } finally {
      await edge.close();
    }
  });
});

describe("guessing", () => {
  for (const [auth, vars] of Object.entries({ off: { AUTH: "off" }, jwt: BY_SECRET })) {
    it(`is over after as many guesses as a policy allows, with AUTH=${auth}`, async () => {
      const policies = [{ name: "guesses", key: "ip", limit: 5, window_s: 60 }];
      const edge = await startEdge({ vars: { ...vars, RATE_LIMITS: JSON.stringify(policies) } });
      try {
        const room = newRoom();
        /** @param {string} guess */
        const ask = async (guess) => {
          const init = { method: "POST", headers: bearer(guess), body: '{"content":1}' };
          return edge.json(`/api/rooms/${room}/messages`, init);
        };
        for (let i = 0; i < 5; i++) assert.equal((await ask(`guess-${i}`)).status, 401);
        // From now on not even the right one is looked at.
        const denied = await ask(MODERATOR);
        assert.equal(denied.status, 429);
        assert.equal(denied.body.policy, "guesses");
        assert.ok(Number(denied.headers.get("retry-after")) > 0);
        assert.equal(
          (await refusal(socketOf(edge, room), { headers: bearer(MODERATOR) })).status,
          429,
        );
      } finally {
        await edge.close();
      }
    });
  }
});

describe("a connection whose token ends", { concurrency: true }, () => {
  /** @type {Edge} */
  let edge;
  before(async () => {
    edge = await startEdge({ vars: { ...BY_SECRET, LOG_LEVEL: "debug" } });
  });
  after(() => edge.close());

  /** @param {number} lifetime in seconds @param {string} [user] @param {object} [claims] */
  const short = (lifetime, user = "ana", claims = {}) =>
    signedBySecret({ sub: user, exp: seconds(lifetime), ...claims });

  /** When a member's connection ends, by what he was told. @param {import("./harness.js").Client} member */
  const endOf = (member) => member.told[0].expires;

  it("is closed with 4001, though it says nothing", async () => {
    const room = newRoom();
    const bob = await join(edge, room, signedBySecret({ sub: "bob" }));
    const ana = await join(edge, room, short(3));
    const { code, reason } = await ana.closed;
    assert.equal(code, 4001);
    assert.match(reason, /expired/);
    const late = Date.now() - endOf(ana);
    assert.ok(late >= 0 && late < 5000, `${late} ms after its end`);
    // The others hear of it as of any who go.
    assert.equal((await bob.next("leave")).user, "ana");
    bob.send({ type: "message", content: "still here" });
    await bob.next("new_message");
  });

  it("is closed by an alarm when the room sleeps, and the room is woken for nothing else", async () => {
    const room = newRoom();
    // Longer than a room waits awake for anything.
    const ana = await join(edge, room, short(15));
    const bob = await join(edge, room, signedBySecret({ sub: "bob", exp: seconds(600) }));
    await edge.evict(room);
    const wakes = () =>
      edge.logs.filter((line) => line.includes('"restored"') && line.includes(room)).length;
    const before = wakes();
    assert.equal((await ana.closed).code, 4001);
    const late = Date.now() - endOf(ana);
    assert.ok(late >= 0 && late < 5000, `${late} ms after its end`);
    assert.equal((await bob.next("leave")).user, "ana");
    assert.equal(wakes(), before + 1);
  });

  it("is closed at the first frame after that, and the frame is not taken", async () => {
    const room = newRoom();
    const dan = await join(edge, room, signedBySecret({ sub: "dan" }));
    const ana = await join(edge, room, short(2, "ana"));
    const bob = await join(edge, room, short(4, "bob"));
    // Her end is looked for; with his there is time, for one that says nothing costs nothing.
    assert.equal((await ana.closed).code, 4001);
    await until(
      async () => Date.now(),
      (now) => now > endOf(bob) + 500,
    );
    assert.equal(
      bob.socket.readyState,
      bob.socket.OPEN,
      "the minute between two looks is not over",
    );
    bob.send({ type: "message", content: "too late" });
    bob.send({ type: "token", token: signedBySecret({ sub: "bob" }) });
    assert.equal((await bob.closed).code, 4001);
    dan.send({ type: "message", content: "after" });
    assert.equal((await dan.next("new_message")).content, "after");
  });

  it("goes on with another token of the same user, also over a sleep", async () => {
    const room = newRoom();
    const ana = await join(edge, room, short(4));
    const end = seconds(3600);
    ana.send({ type: "token", token: signedBySecret({ sub: "ana", exp: end }), ref: "r" });
    const { expires, ref } = await ana.next("token");
    assert.deepEqual([expires, ref], [end * 1000, "r"]);
    await edge.evict(room);
    await until(
      async () => Date.now(),
      (now) => now > endOf(ana) + 1500,
    );
    ana.send({ type: "message", content: "here" });
    await ana.next("new_message");
    assert.equal(ana.socket.readyState, ana.socket.OPEN);
  });

  it("has what the newer token allows from then on, no more and no less", async () => {
    const room = newRoom();
    const ana = await join(edge, room, short(60, "ana", { role: "reader" }));
    const bob = await join(edge, room, short(60, "bob"));
    const says = async (/** @type {object} */ claims) => {
      ana.send({ type: "token", token: signedBySecret({ sub: "ana", ...claims }) });
      await ana.next("token");
    };
    const mute = async (/** @type {string} */ ref) => {
      ana.send({ type: "moderation", action: "mute", user: "eve", ref });
      return ana.next("error", (told) => told.ref === ref);
    };
    await says({ role: "member" });
    ana.send({ type: "message", content: 1 });
    await bob.next("new_message");
    assert.equal((await mute("1")).code, "forbidden");
    await says({ role: "moderator" });
    await edge.evict(room);
    ana.send({ type: "moderation", action: "mute", user: "eve" });
    assert.equal((await bob.next("moderation")).by, "ana");
    await says({ role: "moderator", rooms: { [room]: "reader" } });
    assert.equal((await mute("2")).code, "forbidden");
    ana.send({ type: "message", content: 2, ref: "m" });
    assert.equal((await ana.next("error", (told) => told.ref === "m")).code, "forbidden");
  });

  it("goes on as it was after a token that does not renew it", async () => {
    const room = newRoom();
    const ana = await join(edge, room, short(60));
    /** @type {[string, string, RegExp][]} */
    const refusals = [
      ["another user's", signedBySecret({ sub: "eve" }), /another user/],
      [
        "of other rooms",
        signedBySecret({ sub: "ana", rooms: ["other"] }),
        /not good for this room/,
      ],
      ["old", signedBySecret({ sub: "ana", exp: seconds(-45) }), /"exp"/],
      ["forged", signedBySecret({ sub: "ana" }, {}, `${SECRET}x`), FORGED],
      ["none", "nonsense", /Compact JWS/],
      ["a moderator's", MODERATOR, /Compact JWS/],
      ["without a user", signedBySecret({}), /"sub"/],
      ["huge", "x".repeat(8193), /longer than 8192/],
    ];
    for (const [ref, token, why] of refusals) {
      ana.send({ type: "token", token, ref });
      const error = await ana.next("error", (told) => told.ref === ref);
      assert.equal(error.code, "forbidden", ref);
      assert.match(error.detail, why);
    }
    for (const frame of [
      '{"type":"token"}',
      '{"type":"token","token":7}',
      '{"type":"token","token":""}',
    ]) {
      ana.send(frame);
      assert.equal((await ana.next("error")).code, "bad_frame", frame);
    }
    ana.send({ type: "message", content: 1 });
    await ana.next("new_message");
    assert.equal(ana.all("token").length, 0);
  });

  it("brings many tokens at once, of which one is looked at", async () => {
    const ana = await join(edge, newRoom(), short(60));
    for (let i = 0; i < 20; i++) {
      ana.send({ type: "token", token: signedBySecret({ sub: "ana" }), ref: `${i}` });
    }
    ana.send({ type: "ping", ref: "last" });
    await ana.next("token");
    await until(
      async () => ana.all("token").length + ana.all("error").length,
      (answers) => answers === 20,
    );
    for (const error of ana.all("error")) {
      assert.equal(error.code, "rate_limited");
      assert.ok(error.retry_after_ms > 0);
    }
  });

  it("may begin with a token just past its end, for as long as is granted", async () => {
    const token = signedBySecret({ sub: "ana", exp: seconds(-5) });
    const ana = await join(edge, newRoom(), token);
    const left = endOf(ana) - Date.now();
    assert.ok(left > 15_000 && left < 27_000, `${left} ms`);
    ana.send({ type: "message", content: 1 });
    await ana.next("new_message");
  });
});

describe("a token", () => {
  it("stands in no log, and in nothing that a room's object is asked", async () => {
    // Tells what each room's object is asked, with all that is asked beside.
    const entry = `
      import worker, { Room as Inner } from "./index.js";
      export default worker;
      export class Room extends Inner {
        fetch(request) {
          console.log("asked " + request.url + " " + JSON.stringify([...request.headers]));
          return super.fetch(request);
        }
      }`;
    const vars = { ...BY_SECRET, AUTH_QUERY: "on", LOG_LEVEL: "debug" };
    const edge = await startEdge({ vars, entry });
    const room = newRoom();
    /** @type {string[]} */
    const tokens = [];
    const made = (/** @type {object} */ claims = {}, secret = SECRET) => {
      tokens.push(signedBySecret({ sub: "ana", jti: crypto.randomUUID(), ...claims }, {}, secret));
      return /** @type {string} */ (tokens.at(-1));
    };
    try {
      const ana = await join(edge, room, made());
      ana.send({ type: "token", token: made() });
      await ana.next("token");
      ana.send({ type: "token", token: made({ sub: "eve" }) });
      ana.send({ type: "token", token: made({}, "wrong") });
      ana.send(`{"type":"token","token":"${made()}`);
      await ana.next("error", (told) => told.code === "bad_json");
      await edge.join(room, { token: made() });
      await edge.join(room, {}, { headers: bearer(made()) });
      await edge.join(room, {}, { headers: bearer(MODERATOR) });
      await edge.fetch(`/api/rooms/${room}?token=${made()}`);
      await edge.fetch(`/api/rooms/${room}/messages`, { headers: bearer(made()) });
      await edge.fetch(`/api/rooms/${room}/log`, { headers: bearer(MODERATOR) });
      const init = { method: "POST", headers: bearer(MODERATOR), body: '{"content":1}' };
      await edge.fetch(`/api/rooms/${room}/messages`, init);
      await refusal(socketOf(edge, room, `?token=${made({}, "wrong")}`));
      await refusal(socketOf(edge, room), { headers: bearer(made({ exp: 1 })) });
      await edge.evict(room);
      ana.send({ type: "presence" });
      await ana.next("presence");
      const asked = edge.logs.filter((line) => line.startsWith("asked "));
      assert.ok(asked.length >= 6, edge.logs.join("\n"));
      assert.ok(edge.logs.some((line) => line.includes('"restored"')));
      for (const line of asked) assert.match(line, /^asked http:\/\/room\/ /);
      const logs = edge.logs.join("\n");
      for (const token of [...tokens, MODERATOR, SECRET]) {
        for (const part of token.split(".").slice(-2)) {
          assert.ok(!logs.includes(part), `${part} of a token stands in a log`);
        }
      }
    } finally {
      await edge.close();
    }
  });
});
