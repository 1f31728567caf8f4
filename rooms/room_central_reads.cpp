// What only the central API still has: pages of history that are older than what the room holds,
// and messages to be deleted there.

#include <algorithm>
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
  read.names = asked_;
  if (!central_reads_.add(read)) central_failed(read, effects);
}

// Nobody waits longer than kCentralReadTimeoutMs, his turn included. An answer without the central
// API may need a load: then the rest goes on after it.
void Room::begin_central_reads(EffectList& effects) {
  while (!load_) {
    const auto begun = central_reads_.begin();
    if (!begun) return;
    const double left_ms = begun->read->asked_ms + kCentralReadTimeoutMs - now_ms_;
    if (left_ms > 0 && is_awaited(*begun->read)) {
      const CentralRead& read = *begun->read;
      effects.fetch(begun->number, central_page_path(log_.room(), read.epoch, read.query), left_ms,
                    forwarder_.clock_offset_ms());
      continue;
    }
    auto read = central_reads_.end(begun->number);
    if (is_awaited(*read)) central_failed(*read, effects);
  }
}

bool Room::is_awaited(const CentralRead& read) {
  const auto* ask = std::get_if<HistoryAsk>(&read.purpose);
  return ask == nullptr || ask->is_request || connections_.find(ask->asker) != nullptr;
}

std::optional<RoomStatus> Room::fetched(const Event& event, EffectList& effects) {
  auto read = central_reads_.end(event.target);
  if (!read) return std::nullopt;  // an answer that nobody waits for
  asked_ = read->names;
  std::optional<CentralPage> page;
  if (event.number == kStatusOk) {
    page = parse_central_page(event.payload, log_.room(), read->epoch, read->query);
  }
  const auto* history = std::get_if<HistoryAsk>(&read->purpose);
  const bool is_own = history == nullptr || history->epoch.empty();
  if (is_own && read->epoch != log_.epoch()) {
    // Asked before the epoch began: what is told would be taken for the new one's.
    central_failed(*read, effects);
  } else if (!page) {
    log_line(LogThreshold::kWarn, "central_read",
             "the central API gave no page: status " + std::to_string(event.number), effects);
    central_failed(*read, effects);
  } else if (auto* ask = std::get_if<HistoryAsk>(&read->purpose)) {
    central_answered(std::move(*ask), *read, *page, effects);
  } else {
    central_answered(std::get<DeletionReader>(read->purpose), *page, effects);
  }
  forget_deletions();
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
  const bool is_own = ask.epoch.empty();
  const uint64_t oldest = is_own ? log_.oldest_held_seq() : UINT64_MAX;
  CentralPart part;
  part.boundary = read.boundary;
  part.more = page.more;
  for (const CentralMessage& message : page.messages) {
    // From there on the room holds them itself.
    if (message.seq >= oldest) {
      part.boundary = std::max(part.boundary, oldest);
      if (ask.query.forwards()) part.more = false;
      break;
    }
    const std::string* by = is_own ? deletions_.find(message.seq) : nullptr;
    part.messages.push_back(by == nullptr ? std::string(message.json) : deleted_json(message, *by));
  }
  read_history(std::move(ask), std::move(part), effects);
}

// What the central API has confirmed as deleted may still stand in a page that is on its way.
void Room::forget_deletions() {
  if (central_reads_.any_under_way()) return;
  deletions_.confirmed(forwarder_.confirmed(), dead_letters_);
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
