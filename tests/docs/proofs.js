// How each command of the documents is known to work. A command that is not named here fails the
// suite, and so does one that no document has any more.

/**
 * One of:
 * - `run`: it is run as it stands, against a room of a running scripts/dev. Words that stand for
 *   something are replaced first: `[word, text][]`. `says` is in what it prints.
 * - `suite`: a suite of scripts/test is this command, or does it.
 * - `test`: a test file runs it, and has the words `has`.
 * - `bench`: scripts/bench runs it, since it takes long and needs an idle machine.
 * - `account`: it needs an account, and nobody has one here. Why it is believed is said.
 *
 * @typedef {{ run: [string, string][], says: RegExp }
 *   | { suite: string }
 *   | { test: string, has: string }
 *   | { bench: string }
 *   | { account: string }} Proof
 */

/** From an empty folder to rooms. @type {Record<string, Proof>} */
const FROM_NPM = {
  "npm init -y": { test: "tests/package/packed.js", has: '"npm", "init", "-y"' },
  "npm install edgeroom-0.1.0.tgz wrangler": {
    test: "tests/package/packed.js",
    has: '"npm", "install"',
  },
  "npx edgeroom init": { test: "tests/package/start.test.js", has: '"npx", "edgeroom", "init"' },
  "npx wrangler dev": { test: "tests/package/start.test.js", has: "withWorker(project," },
};

/** @type {Record<string, Record<string, Proof>>} */
export const PROOFS = {
  "README.md": {
    "git clone <this repository> edgeroom && cd edgeroom": {
      run: [
        ["<this repository>", '"$ROOT"'],
        ["edgeroom", '"$TEMPORARY/edgeroom"'],
      ],
      says: /Cloning into/,
    },
    "scripts/dev": { test: "tests/e2e/dev.test.js", has: "new RunningDev(" },
    "scripts/test": { suite: "unit" },
    "scripts/deploy staging --dry-run": { run: [], says: /dry run/i },
    ...FROM_NPM,
  },
  "bench/README.md": {
    "scripts/bench [--quick] [--only SCENARIO,...] [--systems SYSTEM,...] [--write-docs]": {
      bench: "all of it",
    },
    "build/native-release/bench/load/edgeroom_load rate --port PORT --target '/rooms/{room}?user=u{n}' --dialect edgeroom --sockets 100 --rate 1000 --seconds 5":
      { bench: "each fixed rate" },
    "node bench/many-rooms.js [ROOMS]": { run: [["[ROOMS]", "4"]], says: /rooms/ },
    "node bench/compression.js [RECEIVERS]": { bench: "by hand: decision 9 has what came of it" },
    "node bench/forwarding.js sustain [SECONDS] [RATE] [RTT_MS]": {
      run: [
        ["[SECONDS]", "2"],
        ["[RATE]", "50"],
        ["[RTT_MS]", "20"],
      ],
      says: /accepted/,
    },
    "node bench/forwarding.js drain [RECORDS] [RTT_MS] [WINDOW]": {
      run: [
        ["[RECORDS]", "200"],
        ["[RTT_MS]", "20"],
        [" [WINDOW]", ""],
      ],
      says: /"run":"drain","records":200/,
    },
    "node bench/rate-limit-client.js URL [--rate N] [--seconds N] [--address A] [--bearer TOKEN] [--never]":
      {
        run: [
          ["URL", '"$EDGE/api/rooms/lobby"'],
          ["[--rate N]", "--rate 5"],
          ["[--seconds N]", "--seconds 2"],
          [" [--address A] [--bearer TOKEN] [--never]", ""],
        ],
        says: /admitted/,
      },
    "node bench/core/run.js [--rounds N]": { bench: "the section on the core" },
    "node bench/start.js [--quick]": { bench: "the section on the start" },
    "node bench/rows.js [--quick]": { bench: "the section on rows" },
    "scripts/test guard": { suite: "guard" },
    "node bench/edge-decision.js": { bench: "by hand: bench/README.md has what came of it" },
  },
  "central/README.md": {
    "AWS_REGION=eu-central-1 AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=secret node central/local.js":
      { test: "tests/central/local.test.js", has: "central/local.js" },
    'node --test "tests/central/*.test.js"': { suite: "central" },
    "npm ci && node central/build.js": {
      test: "tests/central/template.test.js",
      has: "../../central/build.js",
    },
    "sam deploy --guided --template-file central/template.yaml --capabilities CAPABILITY_IAM": {
      account: "tests/central/template.test.js checks the template",
    },
    "aws iam create-access-key --user-name NAME": { account: "AWS's own command" },
    "npx wrangler secret put AWS_ACCESS_KEY_ID": { account: "Wrangler's own command" },
  },
  "docs/BEHAVIOUR.md": {
    "EDGEROOM_BEHAVIOUR=examples/poll/poll.cpp scripts/dev --var 'POLL_QUESTION:Which colour?' --var 'POLL_OPTIONS:[\"red\",\"blue\"]'":
      { test: "tests/e2e/behaviour.test.js", has: "examples/poll/poll.cpp" },
    "scripts/build native && build/native/tests/poll_tests": {
      run: [],
      says: /Status: SUCCESS/,
    },
    "EDGEROOM_BEHAVIOUR=examples/poll/poll.cpp scripts/build --bundle": {
      test: "tests/e2e/behaviour.test.js",
      has: "EDGEROOM_BEHAVIOUR",
    },
    "EDGEROOM_BEHAVIOUR=examples/poll/poll.cpp npx wrangler deploy": {
      account: "scripts/deploy staging --dry-run makes the same bundle",
    },
  },
  "docs/OPERATIONS.md": {
    "scripts/deploy staging --dry-run": { run: [], says: /dry run/i },
    'printf \'{"AWS_ACCESS_KEY_ID":"…","AWS_SECRET_ACCESS_KEY":"…","MODERATOR_TOKENS":"%s"}\' "$(openssl rand -hex 24)" >../secrets.json':
      {
        run: [["../secrets.json", '"$TEMPORARY/secrets.json" && cat "$TEMPORARY/secrets.json"']],
        says: /"MODERATOR_TOKENS":"[0-9a-f]{48}"/,
      },
    "scripts/deploy staging --secrets ../secrets.json": {
      test: "tests/deploy/deploy.test.js",
      has: '"--secrets"',
    },
    "version=\"$(scripts/deploy production --percent 10 | sed -n 's/^version //p')\"": {
      test: "tests/deploy/deploy.test.js",
      has: '"--percent", "10"',
    },
    'scripts/deploy production --check --version "$version" --url https://chat.… --minutes 15': {
      test: "tests/deploy/deploy.test.js",
      has: '"--check"',
    },
    'scripts/deploy production --percent 100 --version "$version"': {
      test: "tests/deploy/deploy.test.js",
      has: '"--percent", "100"',
    },
    "scripts/deploy production --rollback": {
      test: "tests/deploy/deploy.test.js",
      has: '"--rollback"',
    },
    "scripts/deploy production --rollback --version ID": {
      test: "tests/deploy/deploy.test.js",
      has: '"--rollback"',
    },
    "scripts/dead-letters https://… lobby --replay": {
      run: [["https://…", '"$EDGE"']],
      says: /lobby: 0 dead letters/,
    },
    'curl -H "authorization: Bearer $MODERATOR_TOKEN" https://…/api/rooms/lobby/dead-letters': {
      run: [["https://…", '"$EDGE"']],
      says: /"dead":\[\]/,
    },
    'curl -X POST -H "authorization: Bearer $MODERATOR_TOKEN" https://…/api/rooms/lobby/dead-letters/replay':
      { run: [["https://…", '"$EDGE"']], says: /"replaying":0/ },
  },
  "docs/PACKAGE.md": {
    ...FROM_NPM,
    "npx edgeroom central": { test: "tests/package/start.test.js", has: '"edgeroom", ["central"]' },
    "npx wrangler secret put AWS_ACCESS_KEY_ID": { account: "Wrangler's own command" },
    "npx wrangler deploy": {
      test: "tests/package/start.test.js",
      has: '"deploy", "--dry-run"',
    },
    "WRANGLER_BUILD_CONDITIONS=workerd,worker,browser,emscripten npx wrangler dev": {
      test: "tests/package/mount.test.js",
      has: '"workerd,worker,browser,emscripten"',
    },
  },
  "docs/RATE_LIMITING.md": {
    "scripts/test sim": { suite: "sim" },
  },
  "docs/RELIABILITY.md": {
    "scripts/reliability --update": {
      run: [["--update", "--short sim"]],
      says: /rooms simulated \| [\d,]+ seeds/,
    },
    "scripts/faults": { suite: "faults" },
    "scripts/faults --short flush disk": { suite: "faults" },
    "scripts/test faults": { suite: "faults" },
    "scripts/coverage": { suite: "coverage" },
    "scripts/coverage --html": { suite: "coverage" },
    "scripts/test coverage": { suite: "coverage" },
    "scripts/sim --minutes 10": { run: [["10", "0.05"]], says: /seeds a minute/ },
    "scripts/sim --seed N --trace": { run: [["N", "1"]], says: /the faults stop/ },
    "scripts/sim --mutants": {
      run: [["--mutants", '--mutants "recovered over a gap"']],
      says: /1 of 1 found/,
    },
    "scripts/test sim": { suite: "sim" },
  },
  "docs/REPLAY.md": {
    'curl -fsS -H "Authorization: Bearer $TOKEN" "$EDGE/api/rooms/lobby/log" >room.ndjson': {
      run: [["room.ndjson", '"$TEMPORARY/room.ndjson" && tail -n 1 "$TEMPORARY/room.ndjson"']],
      says: /^\{/m,
    },
    "scripts/replay room.ndjson": {
      run: [["room.ndjson", '"$TEMPORARY/room.ndjson"']],
      says: /as recorded/,
    },
  },
  "tests/transcripts/README.md": {
    "scripts/test transcripts": { suite: "transcripts" },
    "node tests/transcripts/run.js [FILE...]": { suite: "transcripts" },
    "node tests/transcripts/run.js --update [FILE...]": { suite: "transcripts" },
  },
};
