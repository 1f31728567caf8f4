// The room's log as text: given out part by part, and taken in again by a replay.

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/json_writer.h"
#include "rooms/limits.h"
#include "rooms/room.h"

namespace edgeroom {

namespace {

constexpr uint32_t kStatusNotFound = 404;
constexpr uint32_t kStatusGone = 410;

}  // namespace

void Room::read_log(uint32_t request, const Operation& operation, EffectList& effects) {
  if (!log_.exists()) {
    refuse(request, kStatusNotFound, "Not Found", "the room was never used: it has no log",
           effects);
    return;
  }
  // The header tells the state after the newest record, so that one has to be stored. The rest of
  // an answer has its end already.
  if (!operation.through && log_.appended_seq() > log_.flushed_seq()) flush(effects);
  const uint64_t after = operation.after.value_or(0);
  std::string text;
  uint64_t through = log_.flushed_seq();
  uint64_t from = std::max(after, log_.oldest_held_seq() - 1);
  if (operation.through) {
    // The rest of an answer that has begun: it goes on where it was, or not at all.
    if (operation.epoch != log_.epoch() || after + 1 < log_.oldest_held_seq()) {
      refuse(request, kStatusGone, "Gone", "the room no longer holds the rest", effects);
      return;
    }
    from = after;
    through = *operation.through;
  } else {
    append_log_header(text, log_header(from));
  }
  LogReader reader(request, from, through, operation.records, std::move(text));
  std::vector<SegmentEntry> segments = reader.select(log_.segments());
  start_load(Load(std::move(segments), std::move(reader)), effects);
}

LogHeader Room::log_header(uint64_t after) const {
  LogHeader header;
  header.room = log_.room();
  header.epoch = log_.epoch();
  header.first = after + 1;
  header.last = std::max(after, log_.flushed_seq());
  header.confirmed = forwarder_.confirmed();
  header.kind = state_.behaviour().name();
  header.snapshot_through = log_.snapshot_through();
  header.snapshot = log_.snapshot();
  header.skipped = log_.skipped();
  header.state_digest = state_.digest();
  return header;
}

void Room::finish(LogReader& reader, EffectList& effects) {
  std::string& text = reader.text();
  if (reader.after() >= reader.through()) {
    append_log_end(text, reader.records());
    effects.respond_part(reader.request(), text, {});
    return;
  }
  std::string next;
  JsonObjectWriter object(next);
  object.string("op", "log");
  object.string("room", log_.room());
  object.string("epoch", log_.epoch());
  object.integer("after", reader.after());
  object.integer("through", reader.through());
  object.integer("records", reader.records());
  object.close();
  effects.respond_part(reader.request(), text, next);
}

std::optional<RoomStatus> Room::import(const Event& event, EffectList& effects) {
  if (log_.exists()) return RoomStatus::kOutOfOrder;
  const auto parsed = parse_log_header(event.payload);
  if (!parsed.ok()) return RoomStatus::kBadPayload;
  const LogHeader& header = parsed.value();
  if (header.kind != state_.behaviour().name()) return RoomStatus::kBadPayload;
  if (!header.snapshot.empty()) {
    const std::string before = state_.encode();
    bool other_kind = false;
    if (!state_.decode(header.snapshot, other_kind) || other_kind) {
      // Part of it may have been taken.
      CHECK(state_.decode(before, other_kind));
      return RoomStatus::kBadPayload;
    }
  }
  is_copy_ = true;
  const uint64_t before = header.first - 1;
  log_.import({header.epoch, before, header.snapshot_through, header.snapshot, header.skipped},
              random_, effects);
  forwarder_.restore(before, {}, now_ms_);
  forwarder_.appended(before, now_ms_);
  confirmation_stored_ = before;
  confirmation_sent_ = before;
  return std::nullopt;
}

std::optional<RoomStatus> Room::import_record(const Event& event, EffectList& effects) {
  if (!log_.exists()) return RoomStatus::kOutOfOrder;
  LogLine line;
  if (parse_log_line(event.payload, line)) return RoomStatus::kBadPayload;
  if (line.record.seq != log_.appended_seq() + 1) return RoomStatus::kBadPayload;
  append_record(line.record, static_cast<double>(line.record.ts));
  want_flush(effects);
  if (log_.pending_bytes() > kPendingBytesMax) flush(effects);
  return std::nullopt;
}

}  // namespace edgeroom
