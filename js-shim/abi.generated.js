// Made by scripts/gen-abi.js from base/token_limits.h, rooms/abi.h, worker/abi.h. Do not edit.

export const TOKEN_SKEW_SECONDS = 30;

export const TOKEN_BYTES_MAX = 8192;

export const ROOM_ABI_VERSION = 3;

export const EventType = Object.freeze({
  start: 1,
  restoreState: 2,
  restoreSegment: 3,
  restoreConnection: 4,
  restored: 5,
  connect: 6,
  frame: 7,
  closed: 8,
  flush: 9,
  timer: 10,
  alarm: 11,
  request: 12,
  loaded: 13,
  loadEnd: 14,
  attemptResult: 15,
  trapped: 16,
  fetched: 17,
  import: 18,
  record: 19,
  verified: 20,
  held: 21,
  measured: 22,
});

export const FrameKind = Object.freeze({
  text: 0,
  binary: 1,
  oversize: 2,
});

export const EffectType = Object.freeze({
  send: 1,
  broadcast: 2,
  close: 3,
  accept: 4,
  putSegment: 5,
  putState: 6,
  load: 7,
  scheduleFlush: 8,
  timer: 9,
  alarm: 10,
  forward: 11,
  respond: 12,
  log: 13,
  keepFrame: 14,
  respondPart: 15,
  fetch: 16,
  verifyToken: 17,
  attach: 18,
  measure: 19,
  rebuild: 20,
  dropSegment: 21,
  forwardingState: 22,
});

export const LogLevel = Object.freeze({
  debug: 0,
  info: 1,
  warn: 2,
  error: 3,
});

export const RoomStatus = Object.freeze({
  notStarted: -1,
  unknownEvent: -2,
  badPayload: -3,
  outOfOrder: -4,
  corrupt: -5,
});

/** Offsets of the fields, and the record's size, in bytes. */
export const Effect = Object.freeze({
  type: 0,
  target: 4,
  data: 8,
  dataSize: 12,
  extra: 16,
  extraSize: 20,
  value: 24,
  SIZE: 32,
});

/** Offsets of the fields, and the record's size, in bytes. */
export const Output = Object.freeze({
  effects: 0,
  data: 4,
  count: 8,
  workingSeq: 12,
  SIZE: 16,
});

export const EDGE_ABI_VERSION = 2;

export const EDGE_INPUT_BYTES_MAX = 1048576;

export const EdgeStatus = Object.freeze({
  notConfigured: -1,
  badInput: -2,
  unknownOperation: -3,
});

export const EdgeRequestLine = Object.freeze({
  method: 0,
  url: 1,
  clientAddress: 2,
  origin: 3,
  upgrade: 4,
  protocols: 5,
  authorization: 6,
  corsMethod: 7,
  corsHeaders: 8,
  verified: 9,
  traceparent: 10,
  ray: 11,
});

export const EDGE_REQUEST_LINES = 12;

export const EdgeAction = Object.freeze({
  respond: 1,
  joinRoom: 2,
  askRoom: 3,
  page: 4,
  verifyToken: 5,
  api: 6,
  assets: 7,
});

export const EdgeLogLevel = Object.freeze({
  none: 0,
  debug: 1,
  info: 2,
  warn: 3,
  error: 4,
});

/** Offsets of the fields, and the record's size, in bytes. */
export const EdgeOutput = Object.freeze({
  records: 0,
  data: 4,
  count: 8,
  SIZE: 12,
});

/** Offsets of the fields, and the record's size, in bytes. */
export const EdgeDecision = Object.freeze({
  action: 0,
  status: 4,
  headers: 8,
  headersSize: 12,
  body: 16,
  bodySize: 20,
  room: 24,
  roomSize: 28,
  protocol: 32,
  protocolSize: 36,
  log: 40,
  logSize: 44,
  logLevel: 48,
  kvDue: 52,
  url: 56,
  urlSize: 60,
  cacheKey: 64,
  cacheKeySize: 68,
  onward: 72,
  onwardSize: 76,
  timeoutMs: 80,
  requestId: 84,
  requestIdSize: 88,
  traceparent: 92,
  traceparentSize: 96,
  route: 100,
  routeSize: 104,
  policy: 108,
  policySize: 112,
  SIZE: 116,
});

export const EdgeHeaderSet = Object.freeze({
  apiRequest: 1,
  apiAnswer: 2,
  assetRequest: 3,
  assetAnswer: 4,
});

/** Offsets of the fields, and the record's size, in bytes. */
export const EdgePassedHeaders = Object.freeze({
  headers: 0,
  headersSize: 4,
  status: 8,
  body: 12,
  bodySize: 16,
  cacheable: 20,
  SIZE: 24,
});

/** Offsets of the fields, and the record's size, in bytes. */
export const EdgeConfiguration = Object.freeze({
  ready: 0,
  secret: 4,
  secretSize: 8,
  log: 12,
  logSize: 16,
  logLevel: 20,
  logThreshold: 24,
  location: 28,
  locationSize: 32,
  jurisdiction: 36,
  jurisdictionSize: 40,
  SIZE: 44,
});

export const EdgeKvOperationType = Object.freeze({
  hash: 1,
  get: 2,
  put: 3,
});

export const KV_PATIENCE_MS = 5000;

export const EdgeKvOutcome = Object.freeze({
  done: 0,
  missing: 1,
  failed: 2,
});

/** Offsets of the fields, and the record's size, in bytes. */
export const EdgeKvOperation = Object.freeze({
  type: 0,
  id: 4,
  name: 8,
  nameSize: 12,
  value: 16,
  valueSize: 20,
  ttlS: 24,
  SIZE: 28,
});
