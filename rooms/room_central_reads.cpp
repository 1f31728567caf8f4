// What only the central API still has: pages of history that are older than what the room holds,
// and messages to be deleted there.

#include <utility>

#include "base/check.h"
#include "base/json_writer.h"
#include "rooms/limits.h"
#include "rooms/room.h"

namespace edgeroom {

namespace {

constexpr uint32_t kStatusOk = 200;

// What the central API says of a message that was deleted in the room and not there yet.
std::string deleted_json(const CentralMessage& message, std::string_view by) {
  Record record;
  record.seq = message.seq;
  record.ts = message.ts;
  record.user = message.user;
  record.deleted = true;
  record.by = by;
  std::string json;
  append_history_json(json, record);
  return json;
}

}  // namespace

void Room::read_central(CentralRead read, EffectList& effects) {
  if (!central_reads_.add(read)) {
    central_failed(read, effects);
    return;
  }
  begin_central_reads(effects);
}

void Room::begin_central_reads(EffectList& effects) {
  while (const auto begun = central_reads_.begin()) {
    effects.fetch(begun->number, begun->read->path, kCentralReadTimeoutMs);
  }
}

std::optional<RoomStatus> Room::fetched(const Event& event, EffectList& effects) {
  auto read = central_reads_.end(event.target);
  if (!read) return std::nullopt;  // an answer that nobody waits for
  begin_central_reads(effects);
  std::optional<CentralPage> page;
  if (event.number == kStatusOk) page = parse_central_page(event.payload, log_.room(), read->epoch);
  if (!page) {
    log_line(LogThreshold::kWarn, "central_read",
             "the central API gave no page: status " + std::to_string(event.number), effects);
    central_failed(*read, effects);
  } else if (auto* ask = std::get_if<HistoryAsk>(&read->purpose)) {
    central_answered(std::move(*ask), *read, *page, effects);
  } else {
    central_answered(std::get<DeletionReader>(read->purpose), *page, effects);
  }
  return std::nullopt;
}

void Room::central_failed(CentralRead& read, EffectList& effects) {
  if (auto* ask = std::get_if<HistoryAsk>(&read.purpose)) {
    CentralPart part;
    part.failed = true;
    read_history(std::move(*ask), std::move(part), effects);
    return;
  }
  refuse_deletion(std::get<DeletionReader>(read.purpose), ErrorCode::kInternal,
                  "the room no longer holds this message, and the central API can't be reached",
                  effects);
}

void Room::central_answered(HistoryAsk ask, const CentralRead& read, const CentralPage& page,
                            EffectList& effects) {
  CentralPart part;
  part.boundary = read.boundary;
  part.more = page.more;
  for (const CentralMessage& message : page.messages) {
    if (message.seq >= read.boundary) {
      part.more = false;  // from there on the room holds them itself
      break;
    }
    const std::string* by = ask.epoch.empty() ? deletions_.find(message.seq) : nullptr;
    part.messages.push_back(by == nullptr ? std::string(message.json) : deleted_json(message, *by));
  }
  const bool is_own = ask.epoch.empty();
  const bool has_moved = is_own && read.boundary != log_.oldest_held_seq();
  if (has_moved && ask.attempts >= kCentralReadAttemptsMax) part.failed = true;
  read_history(std::move(ask), std::move(part), effects);
}

void Room::central_answered(DeletionReader& reader, const CentralPage& page, EffectList& effects) {
  const bool found = !page.messages.empty() && page.messages.front().seq == reader.target() &&
                     !page.messages.front().deleted && deletions_.find(reader.target()) == nullptr;
  if (!found) {
    refuse_deletion(reader, ErrorCode::kNotFound,
                    "no message has this seq, or it is deleted already", effects);
    return;
  }
  append_deletion(reader, effects);
}

}  // namespace edgeroom
