/**
 * Defences that are taken away, one at a time, to see that the test which SECURITY.md names for the
 * attack fails then: `scripts/attacks --without-defence`.
 *
 * Each is one place of one file, which must stand there exactly once. A change of that place needs a
 * change here.
 *
 * @typedef {object} Defence
 * @property {string} name
 * @property {string} file
 * @property {string} from
 * @property {string} to
 * @property {import("../../scripts/attack-list.js").NamedTest} test
 */

/** @param {string} file */
const testOf = (file) => (/** @type {string} */ title) => ({ file, title });

const auth = testOf("tests/edge/auth.test.js");
const requests = testOf("tests/edge/edge-requests.test.js");
const proxy = testOf("tests/edge/proxy.test.js");
const assets = testOf("tests/edge/assets.test.js");
const attacks = testOf("tests/edge/attacks.test.js");
const visitor = testOf("tests/unit/worker_visitor_test.cpp");
const workerEdge = testOf("tests/unit/worker_edge_test.cpp");
const failedTokens = testOf("tests/unit/worker_failed_tokens_test.cpp");
const headers = testOf("tests/unit/worker_origin_headers_test.cpp");
const dedup = testOf("tests/unit/dedup_test.cpp");
const budget = testOf("tests/unit/frame_budget_test.cpp");
const scanner = testOf("tests/unit/json_scanner_test.cpp");
const limiter = testOf("tests/unit/worker_limiter_test.cpp");
const sharing = testOf("tests/unit/worker_sharing_test.cpp");

/** @type {Defence[]} */
const OF_TOKENS = [
  {
    name: "sockets of any origin",
    file: "worker/edge.cpp",
    from: "  } else if (!is_allowed_origin(request.origin, target.url)) {",
    to: "  } else if (!is_allowed_origin(request.origin, target.url) && request.upgrade.empty()) {",
    test: requests("lets only its own page and ALLOWED_ORIGINS in"),
  },
  {
    name: "the token names its algorithm",
    file: "js-shim/token.js",
    from: "    algorithms,\n",
    to: "",
    test: auth("by an algorithm that is not ours is refused"),
  },
  {
    name: "a key takes algorithms that it is not for",
    file: "js-shim/token.js",
    from: "    return await jwtVerify(token, isResting ? keysAtHand(set) : set.keys, options);",
    to: "    return await jwtVerify(token, set.keys, { ...options, algorithms: undefined });",
    test: auth("is none without a signature, or of one kind with the key of another"),
  },
  {
    name: "a key for any algorithm",
    file: "js-shim/token.js",
    from: "    return await jwtVerify(token, isResting ? keysAtHand(set) : set.keys, options);",
    to: '    if (atob(token.split(".")[0]).includes("none")) return { payload: JSON.parse(atob(token.split(".")[1])) };\n    return await jwtVerify(token, set.keys, options);',
    test: auth("is none without a signature, or of one kind with the key of another"),
  },
  {
    name: "the token brings its key",
    file: "js-shim/token.js",
    from: "    return await jwtVerify(token, isResting ? keysAtHand(set) : set.keys, options);",
    to: '    const given = async (header, input) => header.jwk ? (await import("jose")).importJWK(header.jwk, header.alg) : set.keys(header, input);\n    return await jwtVerify(token, given, options);',
    test: auth("does not say itself where its key is"),
  },
  {
    name: "any audience",
    file: "js-shim/token.js",
    from: "    audience: env.JWT_AUDIENCE || undefined,\n",
    to: "",
    test: auth("for others is refused"),
  },
  {
    name: "any issuer",
    file: "js-shim/token.js",
    from: "    issuer: env.JWT_ISSUER || undefined,\n",
    to: "",
    test: auth("of others' making is refused"),
  },
  {
    name: "tokens that have ended",
    file: "js-shim/token.js",
    from: "    clockTolerance: TOKEN_SKEW_SECONDS,",
    to: "    clockTolerance: 1e6,",
    test: auth("that has ended is refused"),
  },
  {
    name: "huge tokens",
    file: "worker/visitor.cpp",
    from: "  if (tokens.front().size() > kTokenBytesMax) {",
    to: "  if (tokens.front().size() > 1000 * kTokenBytesMax) {",
    test: visitor("tokens: a huge one is refused before anybody verifies it"),
  },
  {
    name: "keys are fetched for each unknown name",
    file: "js-shim/token.js",
    from: "    cooldownDuration: JWKS_COOLDOWN_MS,",
    to: "    cooldownDuration: 0,",
    test: auth("is fetched once, and by no token that is none"),
  },
  {
    name: "unknown keys keep others out",
    file: "js-shim/token.js",
    from: "  const held = keys.fresh ? keys.jwks() : undefined;",
    to: "  const held = keys.fresh ? undefined : undefined;",
    test: auth("that cannot be had any more is good for its own, whoever asks for other keys"),
  },
  {
    name: "guesses without end",
    file: "worker/visitor.cpp",
    from: "    if (wait_ms > 0) return too_many_tokens_answer(wait_ms);",
    to: "    if (wait_ms > 1e12) return too_many_tokens_answer(wait_ms);",
    test: failedTokens(
      "whoever guesses at a moderator's token too often is not listened to for a while",
    ),
  },
  {
    name: "guessers without end",
    file: "worker/failed_tokens.cpp",
    from: "    if (by_address_.size() == kFailedTokenAddressesMax) {",
    to: "    if (by_address_.size() == 100 * kFailedTokenAddressesMax) {",
    test: failedTokens("of addresses that guessed no more is kept than is bounded, the latest"),
  },
  {
    name: "the first wrong byte ends the comparison",
    file: "worker/moderator.cpp",
    from: "  for (size_t i = 0; i < a.size(); i++) {",
    to: "  for (size_t i = 0; i < a.size() && difference == 0; i++) {",
    test: { file: "scripts/suites/guard.js", title: "token-wrong-first" },
  },
  {
    name: "tokens go on to rooms",
    file: "js-shim/index.js",
    from: "  const headers = new Headers({ [OPERATION_HEADER]: encodeURIComponent(decision.body) });",
    to: "  const headers = new Headers(request.headers);\n  headers.set(OPERATION_HEADER, encodeURIComponent(decision.body));",
    test: auth("stands in no log, and in nothing that a room's object is asked"),
  },
  {
    name: "clients speak to rooms as the Worker does",
    file: "js-shim/index.js",
    from: "  if (decision.action === EdgeAction.joinRoom) headers.set",
    to: "  const given = request.headers.get(OPERATION_HEADER);\n  if (given) headers.set(OPERATION_HEADER, given);\n  if (decision.action === EdgeAction.joinRoom) headers.set",
    test: attacks("is taken from no client"),
  },
  {
    name: "moderators' tokens that look like others",
    file: "worker/settings.cpp",
    from: " || looks_like_jwt(token) ||",
    to: " ||",
    test: testOf("tests/unit/worker_settings_test.cpp")(
      "each wrong setting is named, and no value is repeated",
    ),
  },
  {
    name: "requests are logged with their queries",
    file: "js-shim/index.js",
    from: '{ event: "room_failed", room, reason }',
    to: '{ event: "room_failed", room, reason, url: request.url }',
    test: attacks("tells nothing of its insides, and its log nothing of what was asked"),
  },
];

/** @type {Defence[]} */
const OF_NAMES = [
  {
    name: "the query names the user",
    file: "worker/room_request.cpp",
    from: "  const auto user = visitor.user.empty() ? reader.user() : std::optional(visitor.user);\n  const auto epoch",
    to: "  auto user = reader.user();\n  if (!user) user = visitor.user;\n  const auto epoch",
    test: auth("names the user, whatever the query says"),
  },
  {
    name: "X-User passes",
    file: "worker/origin_headers.cpp",
    from: '"host", "x-user", "forwarded"',
    to: '"host", "forwarded"',
    test: headers("nobody but the Worker says who a client is, however it is spelled"),
  },
  {
    name: "X_User passes",
    file: "worker/origin_headers.cpp",
    from: "    if (c == '_') c = '-';",
    to: "",
    test: headers("nobody but the Worker says who a client is, however it is spelled"),
  },
  {
    name: "ids without their users",
    file: "rooms/dedup.cpp",
    from: "    const size_t size = write_varint(key.data(), user.size());\n    char* end = std::copy(user.begin(), user.end(), key.data() + size);",
    to: "    char* end = key.data();",
    test: dedup("an id belongs to its user"),
  },
  {
    name: "everybody moderates by frames",
    file: "rooms/room_moderation.cpp",
    from: "  if (!connection.is_moderator()) {",
    to: "  if (connection.access < Access::kPublish) {",
    test: testOf("tests/edge/protocol-moderation.test.js")(
      "is for moderators: others are forbidden, whatever they try",
    ),
  },
  {
    name: "everybody moderates over HTTP",
    file: "worker/edge.cpp",
    from: "  if (method->is_for_moderators && visitor.access != Access::kModerate) {",
    to: "  if (method->is_for_moderators && visitor.access == Access::kNone) {",
    test: workerEdge("no method of a route that is for moderators goes without a token"),
  },
  {
    name: "rooms of any name",
    file: "worker/route.cpp",
    from: 'name == "." || name == ".."',
    to: 'name == "."',
    test: workerEdge("routes and refusals"),
  },
  {
    name: "names of rooms with escapes",
    file: "worker/route.cpp",
    from: "c == '_' || c == '~' || c == '-';",
    to: "c == '_' || c == '~' || c == '-' || c == '%';",
    test: requests("take only the names that rooms may have, in any spelling"),
  },
  {
    name: "paths in several spellings",
    file: "worker/edge.cpp",
    from: "    target.path = normalize_path(url->path);",
    to: "    target.path = std::string(url->path);",
    test: workerEdge("routes and refusals"),
  },
  {
    name: "policies see a path as it was written",
    file: "worker/policy.cpp",
    from: "  const std::string resolved = resolve_path(path);",
    to: "  const std::string resolved(path);",
    test: testOf("tests/edge/rate-headers.test.js")(
      "is given to whoever writes a path in another way",
    ),
  },
  {
    name: "names of headers as they came",
    file: "worker/edge.cpp",
    from: "  return !list.empty() && list.size() <= kCorsHeadersBytesMax &&\n         std::all_of(",
    to: "  return !list.empty() && list.size() <= kCorsHeadersBytesMax &&\n         std::any_of(",
    test: workerEdge("preflights are answered from memory and cost nothing"),
  },
];

/** @type {Defence[]} */
const OF_ORIGINS = [
  {
    name: "hidden dot segments",
    file: "worker/edge.cpp",
    from: "const Visitor& visitor) const {\n  if (has_hidden_dot_segment(target.path)) return dot_segment_answer();\n",
    to: "const Visitor& visitor) const {\n",
    test: proxy("lets no path reach another server, or the rooms"),
  },
  {
    name: "redirects are followed",
    file: "js-shim/origins.js",
    from: '      redirect: "manual",',
    to: '      redirect: "follow",',
    test: proxy("answers HEAD, 204, 304 and redirects as the origin does"),
  },
  {
    name: "the central API sends its callers on",
    file: "js-shim/central.js",
    from: 'redirect: "manual"',
    to: 'redirect: "follow"',
    test: attacks("nobody goes, with signature and messages or without"),
  },
  {
    name: "the page in anybody's frame",
    file: "worker/edge.cpp",
    from: "; form-action 'none'; frame-ancestors 'none'\"",
    to: "; form-action 'none'\"",
    test: attacks("shows nothing, and no other script or address gets into it"),
  },
  {
    name: "the moderator's token goes on in its header",
    file: "worker/edge.cpp",
    from: '    send("authorization", "");',
    to: "",
    test: workerEdge("a moderator's token never leaves"),
  },
  {
    name: "the moderator's token goes on in a query, encoded",
    file: "worker/moderator.cpp",
    from: "  if (is_moderator_token(text, moderator_tokens)) return true;\n  for (const bool plus_is_space : {false, true}) {",
    to: "  if (is_moderator_token(text, moderator_tokens)) return true;\n  for (const bool plus_is_space : {true}) {",
    test: workerEdge("a moderator's token never leaves, however a query is read"),
  },
  {
    name: "files that vary are kept",
    file: "worker/origin_headers.cpp",
    from: "  out.is_cacheable = status == 200 && !is_private && !varies;",
    to: "  out.is_cacheable = status == 200 && !is_private;",
    test: assets("lets no client choose what others get"),
  },
  {
    name: "clients choose the file",
    file: "worker/origin_headers.cpp",
    from: '      "range", "if-range", "if-match",',
    to: '      "accept", "range", "if-range", "if-match",',
    test: assets("lets no client choose what others get"),
  },
  {
    name: "private files are kept",
    file: "worker/origin_headers.cpp",
    from: 'says("private") || says("no-store") || says("no-cache")',
    to: 'says("no-store")',
    test: assets("keeps nothing that the store does not want to be kept"),
  },
  {
    name: "the store sets cookies",
    file: "worker/origin_headers.cpp",
    from: '"etag",          "expires",',
    to: '"etag",          "set-cookie", "expires",',
    test: assets("carries nothing private, in neither direction"),
  },
  {
    name: "an origin says who may read",
    file: "worker/origin_headers.cpp",
    from: "    if (is_about_origins || is_of_one_hop(header.key, named)) continue;",
    to: "    if ((is_about_origins && named.size() > 100) || is_of_one_hop(header.key, named)) continue;",
    test: proxy("answers for the origin who may read, and lets it show what it has"),
  },
];

/** @type {Defence[]} */
const OF_FRAMES = [
  {
    name: "frames of any size",
    file: "rooms/room_frames.cpp",
    from: "      event.payload.size() > kInboundFrameBytesMax) {",
    to: "      event.payload.size() > 64 * kInboundFrameBytesMax) {",
    test: testOf("tests/edge/room.test.js")("a frame over 1 MiB closes the connection with 1009"),
  },
  {
    name: "frames of any depth",
    file: "base/json_scanner.cpp",
    from: '      if (depth == depth_max) return fail("nested too deeply");',
    to: '      if (depth == 1000 * depth_max) return fail("nested too deeply");',
    test: scanner("a very long text nested too deeply is refused at once"),
  },
  {
    name: "surrogates in UTF-8",
    file: "base/valid_utf8.cpp",
    from: " | never | overlong | surrogate | beyond;",
    to: " | never | overlong | beyond | (surrogate & overlong);",
    test: scanner("every code point but the surrogates is taken"),
  },
  {
    name: "overlong UTF-8",
    file: "base/valid_utf8.cpp",
    from: " | never | overlong | surrogate | beyond;",
    to: " | never | surrogate | beyond | (surrogate & overlong);",
    test: scanner("UTF-8 is checked at every place of the blocks, and at the end"),
  },
  {
    name: "floods go on",
    file: "rooms/room_frames.cpp",
    from: "  if (++connection.flood_warnings > kFloodWarningsMax) {",
    to: "  if (++connection.flood_warnings > 100 * kFloodWarningsMax) {",
    test: testOf("tests/edge/protocol-frames.test.js")(
      "close the connection with 4029 after a hundred warnings, and no other's",
    ),
  },
  {
    name: "a user's connections count apart",
    file: "rooms/room_frames.cpp",
    from: "    if (user_budget != nullptr) user_budget->spend_frame(now_ms_, bytes);\n",
    to: "",
    test: budget("a user's limit holds over all of his connections, also those that come anew"),
  },
  {
    name: "users who come back begin anew",
    file: "rooms/connection.cpp",
    from: "  if (user->second.budget.full(now_ms) || gone_users_ >= kGoneUsersMax) {",
    to: "  if (now_ms > 0 || gone_users_ >= kGoneUsersMax) {",
    test: budget("a user's limit holds over all of his connections, also those that come anew"),
  },
  {
    name: "answers are free",
    file: "rooms/room_readers.cpp",
    from: "      connection->budget.spend_answer(now_ms_, effect.data_size);",
    to: "",
    test: budget(
      "a connection's bytes are limited, those that it sends and those that it asks for",
    ),
  },
  {
    name: "readers may be as slow as they like",
    file: "rooms/room_readers.cpp",
    from: "    if (bytes > kBacklogBytesMax || now_ms_ - connection.slow_since_ms >= kBacklogSlowMs) {",
    to: "    if (now_ms_ - connection.slow_since_ms >= kBacklogSlowMs) {",
    test: testOf("tests/edge/slow-readers.test.js")(
      "is closed at once when far too much waits for it",
    ),
  },
  {
    name: "who was sent away comes back when the room wakes",
    file: "js-shim/effects.js",
    from: "  socket?.serializeAttachment(null);\n",
    to: "",
    test: attacks("says nothing any more, also not to a room that it wakes"),
  },
  {
    name: "frames that trap again and again",
    file: "rooms/room_traps.cpp",
    from: "  if (recent_traps(event.payload, now_ms_) >= kTrapsMax) {",
    to: "  if (recent_traps(event.payload, now_ms_) >= 1000 * kTrapsMax) {",
    test: testOf("tests/edge/trap.test.js")(
      "closes a connection whose frames trap again and again, and no other",
    ),
  },
  {
    name: "the trap's turn is lost",
    file: "js-shim/room-runtime.js",
    from: "    let again = this.#turn.filter((kept) => !dropped.includes(kept));",
    to: "    let again = this.#turn.filter(() => false);",
    test: testOf("tests/edge/trap.test.js")(
      "tells the sender, keeps what the others sent in that turn, and goes on",
    ),
  },
];

/** @type {Defence[]} */
const OF_MEMORY = [
  {
    name: "every room hashes alike",
    file: "rooms/log.cpp",
    from: "  dedup_key_ = {random.next(), random.next()};\n  start_dedup();\n  save_state(",
    to: "  start_dedup();\n  save_state(",
    test: testOf("tests/unit/room_log_test.cpp")("no two rooms hash an id alike"),
  },
  {
    name: "half a hash key",
    file: "base/siphash.cpp",
    from: "  SipState state{key.k0 ^ 0x736f6d6570736575ULL, key.k1 ^ 0x646f72616e646f6dULL,\n                 key.k0 ^ 0x6c7967656e657261ULL, key.k1 ^ 0x7465646279746573ULL};",
    to: "  SipState state{key.k0 ^ 0x736f6d6570736575ULL, 0x646f72616e646f6dULL,\n                 key.k0 ^ 0x6c7967656e657261ULL, 0x7465646279746573ULL};",
    test: testOf("tests/unit/siphash_test.cpp")("SipHash depends on both halves of its key"),
  },
  {
    name: "ids without end",
    file: "rooms/dedup.cpp",
    from: "  if (size_ == entries_max_) drop_oldest();\n",
    to: "",
    test: dedup("a full window remembers exactly as many ids as it may"),
  },
  {
    name: "gone users without end",
    file: "rooms/connection.cpp",
    from: "|| gone_users_ >= kGoneUsersMax) {",
    to: "|| gone_users_ >= 100 * kGoneUsersMax) {",
    test: budget("of users who are gone no more is kept than is bounded"),
  },
  {
    name: "connections without end",
    file: "rooms/room_connections.cpp",
    from: "  if (connections_.size() >= settings_.connections_max) {",
    to: "  if (connections_.size() >= 1000 + settings_.connections_max) {",
    test: testOf("tests/edge/protocol-frames.test.js")(
      "lets nobody more in, says so before the upgrade, and has room again",
    ),
  },
  {
    name: "crowds are told by name",
    file: "rooms/room_connections.cpp",
    from: "  const bool small = connections_.size() <= settings_.presence_max;",
    to: "  const bool small = connections_.size() <= 1000 * settings_.presence_max;",
    test: testOf("tests/edge/presence.test.js")(
      "tells little of a crowd that comes and goes at once",
    ),
  },
  {
    name: "turns without end",
    file: "rooms/room_frames.cpp",
    from: "  if (log_.pending_bytes() > kPendingBytesMax) flush(effects);",
    to: "",
    test: testOf("tests/edge/memory.test.js")("stays small after a burst, and large messages"),
  },
  {
    name: "turns of events without end",
    file: "rooms/room_frames.cpp",
    from: "  if (verdict.is_handled() && waits) effects.keep_frame();\n  flush_if_full(effects);",
    to: "  if (verdict.is_handled() && waits) effects.keep_frame();",
    test: attacks("costs the room no memory that it keeps"),
  },
  {
    name: "keys in KV without end",
    file: "worker/limit_keys.cpp",
    from: "  if (shared_.size() >= kSharedKeysMax && !make_room_to_share(now_ms)) return false;",
    to: "  if (shared_.size() >= 100 * kSharedKeysMax && !make_room_to_share(now_ms)) return false;",
    test: limiter("more busy keys than can be shared: deciding goes on"),
  },
  {
    name: "bans without end",
    file: "rooms/room_moderation.cpp",
    from: "  if (adds && state_.moderation().full(now_ms_)) {",
    to: "  if (adds && state_.moderation().full(1e300)) {",
    test: testOf("tests/edge/bans.test.js")(
      "says so when it can ban nobody more, and can again when somebody was let in",
    ),
  },
  {
    name: "addresses without end",
    file: "worker/limiter.cpp",
    from: "  keys_.trim();\n",
    to: "",
    test: limiter("a million addresses: memory is bounded, and the busy one is not forgotten"),
  },
  {
    name: "limits are washed away",
    file: "worker/limit_keys.cpp",
    from: "    if (candidate->sharing == nullptr) {",
    to: "    if (candidate == oldest) {",
    test: limiter("a flood of addresses does not wash away one that is being limited"),
  },
  {
    name: "KV is believed",
    file: "worker/shared_counts.cpp",
    from: "    const uint32_t units = std::min(report.units[i], units_max);",
    to: "    const uint32_t units = report.units[i] + 0 * units_max;",
    test: sharing("counts of others: lower bounds that repetition, disorder and lies do not raise"),
  },
  {
    name: "debts without end",
    file: "worker/shared_counts.cpp",
    from: "  return std::min(arrival_ms, debt_end_ms);",
    to: "  return arrival_ms;",
    test: sharing("counts of others: however many lie, it is over after some windows"),
  },
  {
    name: "X-Forwarded-For is believed",
    file: "js-shim/edge-core.js",
    from: '    for (const [name, line] of HEADER_LINES) lines[line] = request.headers.get(name) ?? "";',
    to: '    for (const [name, line] of HEADER_LINES) lines[line] = request.headers.get(name) ?? "";\n    lines[EdgeRequestLine.clientAddress] = request.headers.get("x-forwarded-for") ?? lines[EdgeRequestLine.clientAddress];',
    test: testOf("tests/edge/edge-limits.test.js")(
      "goes by CF-Connecting-IP alone, and by the IPv4 in an IPv6",
    ),
  },
  {
    name: "addresses in KV",
    file: "js-shim/kv-counters.js",
    from: '    return [await crypto.subtle.sign("HMAC", this.#hashKey, encoder.encode(name))];',
    to: "    return [encoder.encode(name.padEnd(64)).buffer];",
    test: testOf("tests/edge/rate-kv-names.test.js")(
      "is counts under names that hold no address and no user, in any encoding",
    ),
  },
];

/** @type {Defence[]} */
const OF_WORDS = [
  {
    name: "problems with what failed inside",
    file: "js-shim/origins.js",
    from: 'problem(502, "Bad Gateway", "the origin cannot be reached")',
    to: 'problem(502, "Bad Gateway", String(error.stack))',
    test: attacks("is what is wrong, and nothing of the insides"),
  },
  {
    name: "problems with what failed in a room",
    file: "js-shim/index.js",
    from: 'problem(503, "Service Unavailable", "the room did not answer; try again")',
    to: 'problem(503, "Service Unavailable", error.stack)',
    test: attacks("tells nothing of its insides, and its log nothing of what was asked"),
  },
  {
    name: "settings with their values",
    file: "worker/settings.cpp",
    from: 'return Error{"JWT_SECRET must have at least "',
    to: 'return Error{std::string(text_of(settings, "JWT_SECRET")) + "JWT_SECRET must have at least "',
    test: testOf("tests/unit/worker_settings_test.cpp")(
      "each wrong setting is named, and no value is repeated",
    ),
  },
  {
    name: "claims with their values",
    file: "base/claims.cpp",
    from: '      fail("sub: must have 1 to 128 characters and no control characters");',
    to: '      fail("sub: must have 1 to 128 characters and no control characters: " + claims_.user);',
    test: testOf("tests/unit/claims_test.cpp")(
      "claims: each that is wrong is named, and no value is repeated",
    ),
  },
  {
    name: "answers of any length",
    file: "js-shim/bounded-body.js",
    from: "    if (size > bytesMax) return null;\n",
    to: "",
    test: testOf("tests/edge/room.test.js")(
      "stays up when what answers for the central API talks too much",
    ),
  },
  {
    name: "results of records that nobody sent",
    file: "rooms/central_result.cpp",
    from: "answer.room != room || answer.epoch != epoch ||",
    to: "answer.room != room || epoch.empty() ||",
    test: testOf("tests/unit/central_result_test.cpp")(
      "an answer for another room, epoch or version is none",
    ),
  },
];

/** @type {Defence[]} */
export const DEFENCES = [
  ...OF_TOKENS,
  ...OF_NAMES,
  ...OF_ORIGINS,
  ...OF_FRAMES,
  ...OF_MEMORY,
  ...OF_WORDS,
];
