// What the protocol's tables promise, row by row, and which tests show it through a real socket or
// request. A row that nobody shows is a fault here; so is one of docs/PROTOCOL.md that is not listed.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, it } from "node:test";

/**
 * Tests as `file: title`; "…" stands for what the source fills in.
 * @typedef {{row: string, shown: string[]}} Shown
 */
/** Who asks for what. @type {Shown[]} */
const CLIENT_FRAMES = [
  {
    row: "message",
    shown: [
      "room: welcomes, tells who is here, and carries a message to everybody and to the store",
      "content: is broadcast as it came",
      "room: keeps an id to one message, also over a sleep",
    ],
  },
  {
    row: "event",
    shown: [
      "room: passes events on and forgets them",
      "protocol-frames: of an event need no content, and it comes to its sender as to everybody",
    ],
  },
  {
    row: "history",
    shown: [
      "room: answers history by socket and by HTTP alike",
      "central-reads: is read as one, back and forth, by socket and over HTTP, as the text that was sent",
    ],
  },
  {
    row: "presence",
    shown: ["presence: counts somebody in several tabs once among the users, and each tab"],
  },
  {
    row: "delete",
    shown: [
      "room: deletes a message everywhere",
      "central-reads: is deleted from by a moderator's socket as well, and by nobody else",
    ],
  },
  {
    row: "moderation",
    shown: [
      "protocol-moderation: comes from a moderator's socket too, however it showed its token, also after a sleep",
      "protocol-moderation: is for moderators: others are forbidden, whatever they try",
      "protocol-moderation: names what is wrong in a frame and in a body, and does nothing then",
    ],
  },
  {
    row: "token",
    shown: [
      "protocol-frames: with a token are refused where nobody asks for one",
      "auth: goes on with another token of the same user, also over a sleep",
      "auth: has what the newer token allows from then on, no more and no less",
      "auth: goes on as it was after a token that does not renew it",
      "auth: brings many tokens at once, of which one is looked at",
    ],
  },
  {
    row: "ping",
    shown: [
      "room: answers ping, in exact form and otherwise",
      // Without waking a room that sleeps.
      "protocol-sleep: … sleeps",
    ],
  },
];

/** What a room tells. @type {Shown[]} */
const ROOM_OBJECTS = [
  {
    row: "welcome",
    shown: [
      "room: welcomes, tells who is here, and carries a message to everybody and to the store",
      "recovery: is promised where everything is there, and nowhere else, before and after a sleep",
      "protocol-frames: names what was refused for good: except, dead, and in the room's state",
    ],
  },
  {
    row: "new_message",
    shown: [
      "room: puts many messages of one turn into few frames, in order, without a gap",
      "recovery: tells what was deleted meanwhile without its content, in its place",
    ],
  },
  {
    row: "token",
    shown: ["auth: goes on with another token of the same user, also over a sleep"],
  },
  { row: "message_deleted", shown: ["room: deletes a message everywhere"] },
  {
    row: "moderation",
    shown: [
      "protocol-moderation: by a kick closes every tab of a user with 4003, and tells everybody why before",
      "protocol-moderation: ends by itself where it was given seconds, also in a room that sleeps",
      "protocol-moderation: is a record: in its place when somebody comes back, and stored centrally as it was told",
    ],
  },
  {
    row: "ack",
    shown: [
      "room: keeps an id to one message, also over a sleep",
      "protocol-frames: with an id that is in the same flush are answered by its message alone",
    ],
  },
  {
    row: "event",
    shown: [
      "protocol-frames: of an event need no content, and it comes to its sender as to everybody",
      // The room's own.
      "poll: tells newcomers what is asked, takes votes, and tells everybody the tally",
    ],
  },
  {
    row: "room_count",
    shown: ["presence: tells little of a crowd that comes and goes at once"],
  },
  {
    row: "join",
    shown: ["presence: tells little of a crowd that comes and goes at once"],
  },
  {
    row: "leave",
    shown: [
      "room: tells everybody when somebody leaves",
      "presence: tells little of a crowd that comes and goes at once",
    ],
  },
  { row: "presence", shown: ["room: sleeps and wakes with its connections as they were"] },
  {
    row: "history",
    shown: [
      "room: answers history by socket and by HTTP alike",
      "central-reads: because it …: the page is what the room holds, at once",
    ],
  },
  {
    row: "message_confirmed",
    shown: [
      "room: welcomes, tells who is here, and carries a message to everybody and to the store",
      "protocol-frames: names what was refused for good: except, dead, and in the room's state",
    ],
  },
  {
    row: "message_confirmed, what is stored after all",
    shown: [
      "dead-letters: are stored when they are replayed, everybody is told, and twice does no harm",
    ],
  },
  {
    row: "reconnect",
    shown: [
      "protocol-drain: lets everybody finish, closes with 1012, and everybody comes back to everything",
    ],
  },
  { row: "pong", shown: ["room: answers ping, in exact form and otherwise"] },
  {
    row: "error",
    shown: [
      "room: an error carries the id and the ref",
      "protocol-frames: are answered with the ref of the question, whatever the answer",
    ],
  },
];

/** @type {Shown[]} */
const HTTP_ROWS = [
  {
    row: "GET /rooms/{room}",
    shown: [
      "edge-requests: refuses with problem details that name what is wrong",
      "edge-requests: checks a join's query before there is a socket",
      "protocol-moderation: by a ban also keeps a user out, before the upgrade, until an unban",
      "protocol-frames: lets nobody more in, says so before the upgrade, and has room again",
    ],
  },
  {
    row: "GET /api/rooms/{room}",
    shown: ["edge-requests: tell a room's state, also of one that was never used"],
  },
  {
    row: "GET /api/rooms/{room}/messages",
    shown: [
      "edge-requests: page through messages",
      "edge-requests: say which parameter of a page is wrong",
      "central-reads: gives out old epochs, which only the central API has",
    ],
  },
  {
    row: "POST /api/rooms/{room}/messages",
    shown: [
      "edge-requests: publish what is whole, and say what is wrong with the rest",
      "durability: of what is published over HTTP is no success, and a retry publishes it once",
    ],
  },
  {
    row: "DELETE /api/rooms/{room}/messages/{seq}",
    shown: [
      "edge-requests: delete a message once",
      "central-reads: shows deletions of either part at once, before the central API knows of them",
    ],
  },
  {
    row: "POST /api/rooms/{room}/moderation",
    shown: [
      "protocol-moderation: by a kick closes every tab of a user with 4003, and tells everybody why before",
      "protocol-moderation: names what is wrong in a frame and in a body, and does nothing then",
      "protocol-moderation: may come before anybody was in the room",
    ],
  },
  {
    row: "GET /api/rooms/{room}/dead-letters",
    shown: [
      "dead-letters: are for moderators, and are asked for and replayed by the methods that there are",
      "dead-letters: are kept with their content when the room has let go of them, and after a sleep",
    ],
  },
  {
    row: "POST /api/rooms/{room}/dead-letters/replay",
    shown: [
      "dead-letters: are stored when they are replayed, everybody is told, and twice does no harm",
      "dead-letters: go on being replayed after a sleep",
    ],
  },
  {
    row: "GET /api/rooms/{room}/log",
    shown: [
      "protocol-log: tells each record in a line, with all that is kept of it, before and after a sleep",
      "protocol-log: is read by somebody slow as it is when he comes to it, and nobody is disturbed",
      "protocol-log: is cut, and does not look whole",
    ],
  },
  {
    row: "POST /api/rooms/{room}/skip",
    shown: [
      "trap-held: is held: closed, refused and explained, until a moderator skips the record",
    ],
  },
  {
    row: "POST /api/rooms/{room}/drain",
    shown: [
      "protocol-drain: lets everybody finish, closes with 1012, and everybody comes back to everything",
      "protocol-drain: may have nobody in it, and makes no room of one that was never used",
    ],
  },
  {
    row: "GET /api/rooms/{room}/metrics",
    shown: ["dead-letters: are among the room's metrics, for moderators alone"],
  },
  { row: "GET /health", shown: ["edge-requests: is healthy and says which build it is"] },
  {
    row: "what else is below /api/rooms",
    shown: [
      "edge-requests: say 404 for whatever else is below /api/rooms",
      "edge-requests: answer to their methods only",
    ],
  },
  {
    row: "moderators alone where it says so",
    shown: [
      "edge-requests: let nobody but moderators moderate",
      "protocol-log: is for moderators, and of rooms that were used",
      "protocol-drain: is drained by moderators alone",
    ],
  },
  {
    row: "401 and 403 of a token",
    shown: [
      "auth: is needed for rooms and for the API, and for nothing else",
      "auth: … is refused",
      "auth: is rooms by name and by prefix, for sockets and over HTTP alike",
      "auth: is to moderate where its role is moderator, under its own name",
      "auth: is nothing for whom the room has banned, and he is told why",
    ],
  },
];

/** @type {Shown[]} */
const ERROR_CODES = [
  { row: "bad_json", shown: ["room: not JSON: bad_json", "room: a lone surrogate: bad_json"] },
  {
    row: "bad_frame",
    shown: [
      "room: an empty id: bad_frame",
      "room: a binary frame: bad_frame",
      "protocol-frames: may hold members that nobody knows, and none twice that somebody does",
    ],
  },
  { row: "unknown_type", shown: ["room: an unknown type: unknown_type"] },
  { row: "too_large", shown: ["room: an event too large: too_large"] },
  {
    row: "rate_limited",
    shown: ["protocol-frames: are refused with the time to wait, and taken after it"],
  },
  {
    row: "muted",
    shown: [
      "protocol-moderation: by a mute refuses a user's messages and events in every tab, and nothing else",
      "durability: and who was banned or muted stays so, when the room has forgotten the record",
    ],
  },
  {
    row: "content_refused",
    shown: ["poll: refuses what is no vote, and tells its sender alone"],
  },
  {
    row: "content_refused by CONTENT_RULES",
    shown: [
      "content-rules: refuses messages and events with one of the words, and tells their sender alone",
      "content-rules: refuses a word in what is published over HTTP, too",
    ],
  },
  {
    row: "forbidden",
    shown: [
      "room: deletes a message everywhere",
      "protocol-moderation: is for moderators: others are forbidden, whatever they try",
    ],
  },
  {
    row: "outbox_full",
    shown: [
      "protocol-frames: has a limit to what waits: outbox_full, and nothing that was accepted is lost",
    ],
  },
  {
    row: "not_found",
    shown: ["central-reads: is deleted from by a moderator's socket as well, and by nobody else"],
  },
  {
    row: "internal",
    shown: [
      "trap: tells the sender, keeps what the others sent in that turn, and goes on",
      "central-reads: is deleted from by a moderator's socket as well, and by nobody else",
    ],
  },
];

/** @type {Shown[]} */
const CLOSE_CODES = [
  { row: "1009", shown: ["room: a frame over 1 MiB closes the connection with 1009"] },
  // A room that is reset takes its sockets with it; what clients see then is shown here.
  {
    row: "1011",
    shown: [
      "protocol-frames: closes its sockets with 1011, says why, and is the only one that does",
      "trap: closes a connection whose frames trap again and again, and no other",
      "trap-held: is held: closed, refused and explained, until a moderator skips the record",
    ],
  },
  {
    row: "1012",
    shown: [
      "protocol-drain: lets everybody finish, closes with 1012, and everybody comes back to everything",
    ],
  },
  {
    row: "4001",
    shown: [
      "auth: is closed with 4001, though it says nothing",
      "auth: is closed by an alarm when the room sleeps, and the room is woken for nothing else",
      "auth: is closed at the first frame after that, and the frame is not taken",
    ],
  },
  {
    row: "4003",
    shown: [
      "protocol-moderation: by a kick closes every tab of a user with 4003, and tells everybody why before",
      "protocol-moderation: by a ban also keeps a user out, before the upgrade, until an unban",
    ],
  },
  {
    row: "4008",
    shown: [
      "slow-readers: is closed with 4008 after a while, and misses nothing when it comes back",
      "slow-readers: is closed at once when far too much waits for it",
    ],
  },
  {
    row: "4029",
    shown: [
      "protocol-frames: close the connection with 4029 after a hundred warnings, and no other's",
    ],
  },
];

const TABLES = { CLIENT_FRAMES, ROOM_OBJECTS, HTTP_ROWS, ERROR_CODES, CLOSE_CODES };

const protocol = readFileSync(resolve(import.meta.dirname, "../../docs/PROTOCOL.md"), "utf8");

/** The first column of the table below a heading. @param {string} heading @returns {string[]} */
function documentedRows(heading) {
  const start = protocol.indexOf(`\n${heading}\n`);
  assert.ok(start >= 0, `docs/PROTOCOL.md has no ${heading}`);
  const [, , ...rows] = protocol.slice(start).split("\n").filter(isRowOfFirst());
  return rows.map((row) => row.split(" | ")[0].slice(2));
}

/** Whether a line is of the first table of a text. */
function isRowOfFirst() {
  let state = 0;
  return (/** @type {string} */ line) => {
    const isRow = line.startsWith("| ");
    if (isRow && state === 0) state = 1;
    if (!isRow && state === 1) state = 2;
    return isRow && state === 1;
  };
}

/** Which tables of docs/PROTOCOL.md are which of ours, and the names in a first column. @type {[string, Shown[], (cell: string) => string[]][]} */
const DOCUMENTED = [
  [
    "## Frames from the client",
    CLIENT_FRAMES,
    (cell) => [...cell.matchAll(/"type":"(\w+)"/g)].map(([, type]) => type),
  ],
  [
    "## Frames from the room",
    ROOM_OBJECTS,
    (cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, type]) => type),
  ],
  ["### Error codes", ERROR_CODES, (cell) => [cell.replaceAll("`", "")]],
  ["### Close codes", CLOSE_CODES, (cell) => [cell]],
  [
    "## HTTP",
    HTTP_ROWS,
    (cell) =>
      [...cell.matchAll(/`([A-Z]+ \/(?:api|rooms|health)[^`?]*)/g)].map(([, request]) => request),
  ],
];

/** Whether a file has a test of that title, or a table of which it makes one. @param {string} file @param {string} title */
function isTest(file, title) {
  const source = readFileSync(join(import.meta.dirname, `${file}.test.js`), "utf8");
  const pattern = title.replace(/[^\w\s…]/g, "\\$&").replaceAll("…", "\\$\\{\\w+\\}");
  if (new RegExp(`\\bit\\(["\`]${pattern}["\`], `).test(source)) return true;
  const [, name, code] = /^(.*): (\w+)$/.exec(title) ?? [];
  return new RegExp(`\\[\\s*"${name}",(?:(?!\\],)[^])*"${code}",?\\s*\\],`).test(source);
}

describe("the tables of the protocol", () => {
  for (const [table, rows] of Object.entries(TABLES)) {
    it(`have somebody who shows it for each of ${table}`, () => {
      const names = rows.map(({ row }) => row);
      assert.equal(new Set(names).size, names.length, "a row stands there twice");
      for (const each of rows) {
        assert.ok(each.shown.length > 0, `nobody shows ${each.row}`);
        for (const reference of each.shown) {
          const [, file, title] = /** @type {string[]} */ (/^([\w-]+): (.*)$/.exec(reference));
          assert.ok(isTest(file, title), `${each.row}: there is no test ${reference}`);
        }
      }
    });
  }

  it("are those of docs/PROTOCOL.md", () => {
    for (const [heading, rows, namesOf] of DOCUMENTED) {
      const documented = documentedRows(heading).flatMap(namesOf);
      assert.ok(documented.length > 0, `${heading} has no rows`);
      const listed = rows.map(({ row }) => row);
      for (const name of documented) assert.ok(listed.includes(name), `${name} is not listed`);
    }
  });
});
