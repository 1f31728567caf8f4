// Every maximum and every duration of the room that is no setting, with its reason. Settings are
// in base/settings.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/user_limits.h"

namespace edgeroom {

// One inbound WebSocket message. Beyond it the socket is closed with 1009.
inline constexpr size_t kInboundFrameBytesMax = 1U << 20U;

// What room_input gives at most: an inbound frame as UTF-16 code units of three bytes each, a
// request's operation and its body, a page of the central API, or a stored row (2 MB is the
// platform's limit for one).
inline constexpr size_t kInputBytesMax = 3 * kInboundFrameBytesMax + 4096;

// Stored segments. Waking has to read the heads of all of them: with twice as many it was seen to
// run out of memory. A room that has so many which the central API has not confirmed takes no more
// messages; else it lets go of the oldest, though HISTORY_SIZE or DEDUP_MAX would keep it.
inline constexpr size_t kSegmentsMax = 100'000;

// Segments that are stored and that nobody needs any more are kept up to so many in all, to be
// written over: every waking reads their heads, which are some tens of kilobytes, and a room that
// is busy now and then does not delete its rows in between. Of more than that each flush drops
// some: few enough not to be felt, and an outage's ten thousand are gone within a thousand flushes.
inline constexpr size_t kRingSegments = 1024;
inline constexpr size_t kDroppedAtOnceMax = 16;

// One outgoing frame and one stored segment; more is split. A row holds 2 MB at most, and a frame
// should fit into what a phone takes at once.
inline constexpr size_t kOutboundFrameBytesMax = 1U << 20U;
inline constexpr size_t kSegmentBytesMax = 1U << 20U;

// A turn that follows another closely is longer, so that its flush has more to tell: a flush costs
// some 45 us for each connection (bench/README.md), whatever it holds, and so takes at most a
// quarter of the time. Measured from flush to flush: after a quiet while a turn ends at once. In
// larger rooms a flush takes longer than the maximum, and what comes meanwhile is the next turn.
inline constexpr double kFlushIntervalMs = 0.2;  // for each connection
inline constexpr double kFlushIntervalMaxMs = 20;
// So long after a flush its frames may still be on their way to the sockets, and those that came
// meanwhile on their way to the room: the turn ends one step later, when these have been given too.
inline constexpr double kFlushBusyMs = 1;  // for each connection

// What waits for the end of the turn. Beyond it the room flushes at once, so that a turn with many
// large messages is bounded by this and not by the host's queue. With the message that passes it,
// it still makes one frame and one segment.
inline constexpr size_t kPendingBytesMax = 896U << 10U;

// What one reconnecting client is sent at once. Recovery of more says false, and the client reads
// the history page by page.
inline constexpr size_t kRecoveryBytesMax = 8U << 20U;

// A frame of replayed records: large enough to be few, small enough to be parsed without a pause.
inline constexpr size_t kReplayFrameBytes = 64U << 10U;

// Messages answered to one request for history (contract).
inline constexpr uint32_t kHistoryLimitMax = 100;
inline constexpr uint32_t kHistoryLimitDefault = 50;
// And bytes of them: a page is one frame. A page that is cut says that there is more.
inline constexpr size_t kHistoryBytesMax = 896U << 10U;

// Reads from the central API: two under way leave the other four of an object's six outgoing
// connections to forwarding; beyond the second number the answer is that it can't be reached.
inline constexpr size_t kCentralReadsUnderWayMax = 2;
inline constexpr size_t kCentralReadsMax = 64;
// A person waits for the answer, and does not care whose turn it is: from the question on.
inline constexpr double kCentralReadTimeoutMs = 5000;
// The room may let go of more than the page has an overlap for while it is read; then it is read
// again, this often.
inline constexpr uint32_t kCentralReadAttemptsMax = 3;

// A part of an exported log, in bytes of stored segments: small beside the memory of a room.
inline constexpr size_t kLogPartBytes = 256U << 10U;

// A segment whose messages are deleted one by one may grow by the names of those who did it, up to
// this; a row holds 2 MB.
inline constexpr size_t kRewrittenSegmentBytesMax = 1536U << 10U;

// What waking may have to read again to build the room's state: beyond either, a snapshot is
// written. A row for every 32 flushes is little beside the 32 rows of those, and a quarter of a
// mebibyte is read and applied within some milliseconds.
inline constexpr uint32_t kReplaySegmentsMax = 32;
inline constexpr uint64_t kReplayBytesMax = 256U << 10U;

// The parts of a snapshot. Together with the row's other fields they stay below the 2 MB of a row.
inline constexpr size_t kBehaviourBytesMax = 512U << 10U;
inline constexpr size_t kModerationBytesMax = 1U << 20U;

// A ban or mute with an end: at most ten years, in seconds.
inline constexpr uint64_t kModerationSecondsMax = 10ULL * 365 * 24 * 3600;
inline constexpr size_t kReasonCharactersMax = 200;

// Deletions that the central API has not confirmed are held in memory (rooms/room_state.h).
inline constexpr size_t kUnconfirmedDeletionsMax = 10'000;

// Records by which deletions and moderation may pass the outbox's limit: a moderator must be able
// to act while the central API is away, and his acts must not fill the store either.
inline constexpr uint64_t kModeratorRecordsMax = 10'000;
// One of them, stored: two names, a reason and the rest.
inline constexpr uint64_t kModeratorRecordBytesMax = 2048;

// Between two calls of a behaviour's timer that has passed and was not moved.
inline constexpr double kBehaviourTimerMinMs = 1000;

// Client-chosen strings, in UTF-8 bytes; characters of the contract are Unicode code points, of
// at most four bytes each.
inline constexpr size_t kIdCharactersMax = 64;
inline constexpr size_t kRefCharactersMax = 64;
inline constexpr size_t kEventNameCharactersMax = 64;
inline constexpr size_t kEpochBytesMax = 64;

// How long an id is remembered when its message is no longer among the newest HISTORY_SIZE
// (contract): longer than any client waits before it gives up on an answer.
inline constexpr double kDedupMs = 5 * 60 * 1000.0;

// A confirmation rides in the next frame that there is anyhow. A frame of its own, which costs some
// 45 us for each connection (bench/README.md), it gets only when none has told of one for so long:
// so these take about a tenth of the room's time at most, and small rooms are told at once.
inline constexpr size_t kConfirmationConnections = 50;
inline constexpr double kConfirmationIntervalMs = 20;  // for each so many connections
inline constexpr double kConfirmationIntervalMaxMs = 1000;

// room_count is sent at once and then at most once in this time (contract).
inline constexpr double kRoomCountIntervalMs = 1000;

// How long a socket stays open after `reconnect`: enough to send what is under way.
inline constexpr double kDrainMs = 1000;

// Tokens of silent connections are looked at so often: each look may cost an alarm.
inline constexpr double kExpiryCheckMs = 60'000;
// When to come again with a token while another is being verified.
inline constexpr double kRenewalRetryMs = 1000;

// Refused frames a connection may send before it is closed with 4029. A client that honours
// retry_after_ms never comes near.
inline constexpr uint32_t kFloodWarningsMax = 100;

// Users who have left with some of their limit used up are remembered until that has come back,
// looked at so often when somebody joins, and so many of them: about 200 bytes each.
inline constexpr double kRestedUsersMs = 1000;
inline constexpr size_t kGoneUsersMax = 10'000;

// Slow readers (rooms/room_readers.cpp). After so many bytes sent it is looked what waits for whom:
// few looks beside the frames, and little can wait unseen.
inline constexpr size_t kMeasureBytes = 256U << 10U;
// A reader for whom this much waits is slow. It is a large frame, or what a phone takes in a second
// or two.
inline constexpr uint32_t kBacklogSlowBytes = 1U << 20U;
// Whoever is slow for so long is closed, looked at every…
inline constexpr double kBacklogSlowMs = 10'000;
inline constexpr double kBacklogCheckMs = 2000;
// …and at once whoever has more waiting than recovery gives at once, and as much again.
inline constexpr uint32_t kBacklogBytesMax = 2 * static_cast<uint32_t>(kRecoveryBytesMax);
// All slow readers of a room together: an isolate has 128 MB for all that is in it.
inline constexpr uint64_t kBacklogTotalBytesMax = 48U << 20U;
// Where the platform does not tell what waits: broadcast since the last sign of life. At a mebibyte
// a second, twice what a client needs that pings every 30 s.
inline constexpr uint64_t kUnheardBytesMax = 64U << 20U;

// Forwarding. A batch is at most this (contract, section 5); its envelope is counted too.
inline constexpr uint32_t kBatchRecordsMax = 100;
inline constexpr size_t kBatchBytesMax = 256U << 10U;

// How long a record waits for others to share its batch. Short beside a round trip to a region
// far away, long beside the gap between the flushes of a busy room.
inline constexpr double kBatchLingerMs = 100;

// Batches on their way at once: six outgoing connections is the platform's limit for an object.
inline constexpr uint32_t kBatchesInFlightMax = 4;

// An attempt without an answer for this long counts as unknown and is made again.
inline constexpr double kAttemptTimeoutMs = 10'000;

// Backoff between attempts: the base doubles up to the cap, and a random part of it is waited, but
// never less than the floor.
inline constexpr double kBackoffBaseMs = 1000;
// The cap and a time-out together stay below the 60 s within which a failing endpoint is tried
// again (contract).
inline constexpr double kBackoffCapMs = 45'000;
inline constexpr double kBackoffFloorMs = 250;

// So many records given up in a row, with none stored between, and no more are: a bad release of
// the central API must not turn the outbox into dead letters.
inline constexpr uint32_t kDeadInRowMax = 3;

// Dead letters are kept with their content until they are stored after all. A store that has
// refused so many is not asked to refuse more: the room counts as blocked. Waking reads their
// heads, a welcome names them.
inline constexpr size_t kDeadLettersMax = 1000;
// Why, in the central API's word: more than any code of the contract.
inline constexpr size_t kDeadLetterCodeBytesMax = 64;

// Records between the watermark and the newest that was sent: behind a hole the forwarder goes on
// for so long. A byte each, and as many are sent again after a restart.
inline constexpr uint64_t kUnsettledRecordsMax = 10'000;

// An epoch that was begun because of the central store is kept for so long at least: a store that
// is set back is an accident, and not one for every ten minutes.
inline constexpr double kEpochAgeMinMs = 600'000;

// Signatures are refused for a clock that is five minutes off; a clock that is nearly right is not
// what they are refused for.
inline constexpr double kClockSkewMinMs = 60'000;

// The longest Retry-After that is obeyed (contract).
inline constexpr double kRetryAfterMaxMs = 300'000;

// The watermark rides in the next segment. When none has come for this long after it moved, it gets
// a row of its own: longer than the gap between the messages of a room that is in use, so that it
// does not cost a row a message; short enough to be done before the room sleeps, and for a long
// drain of the outbox to make lasting progress.
inline constexpr double kCursorDelayMs = 2000;

// The safety alarm, set when the outbox becomes non-empty: after this time whatever is not
// confirmed is tried again, even if the object was gone in between. Below the 10 s after which an
// idle room sleeps, so that a quiet room is not woken for it.
inline constexpr double kSafetyAlarmMs = 8000;

// A room that could not be restored (rooms/room_held.h) tries again at the first event after this:
// long beside what a restore costs, so that those who ask again and again cost no more than it…
inline constexpr double kHeldRetryMs = 60'000;
// … and by an alarm after this, when something waits to be forwarded: a record that was accepted is
// not to be forgotten because nobody comes.
inline constexpr double kHeldAlarmMs = 300'000;
// Records that are left out of the room's state because it could not be made of them. A snapshot
// empties the list; so many at once are no accident of a few records any more.
inline constexpr size_t kSkippedRecordsMax = 100;

// So many traps on frames of one connection in so long, and it is closed: each costs the others a
// restore.
inline constexpr uint32_t kTrapsMax = 5;
inline constexpr double kTrapWindowMs = 60'000;
// What nobody asked for (a timer, an answer of the central API) is left alone for so long after a
// trap in it: a restored room would do the same at once, and again. Below the 60 s within which a
// failing endpoint is tried again (contract).
inline constexpr double kTrapPauseMs = 30'000;

// Timers keep a room awake, alarms do not: a wait longer than this uses the alarm.
inline constexpr double kTimerDelayMaxMs = 8000;

}  // namespace edgeroom
