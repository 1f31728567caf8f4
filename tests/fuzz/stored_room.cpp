#include "tests/fuzz/stored_room.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/json_scanner.h"
#include "base/valid_utf8.h"
#include "rooms/limits.h"

namespace edgeroom::fuzz {

namespace {

constexpr auto kCorrupt = static_cast<int32_t>(RoomStatus::kCorrupt);
constexpr auto kBadPayload = static_cast<int32_t>(RoomStatus::kBadPayload);

// Of these the payload comes out of storage.
bool is_restoring(EventType type) {
  return type == EventType::kRestoreState || type == EventType::kRestoreSegment ||
         type == EventType::kRestoreConnection || type == EventType::kRestored ||
         type == EventType::kImport || type == EventType::kRecord;
}

StoredRoom make_lived_in() {
  Host host({});
  CHECK(host.wake());
  CHECK(host.event(EventType::kConnect, 1, 0, R"({"op":"connect","room":"lobby","user":"ana"})"));
  CHECK(host.event(EventType::kConnect, 2, 0,
                   R"({"op":"connect","room":"lobby","user":"mo","role":"moderator"})"));
  const char* const frames[] = {
      R"({"type":"message","content":"one","id":"c-1"})",
      R"({"type":"message","content":{"two":[1e400,"\u00e9"]}})",
      R"({"type":"message","content":"three","id":"c-3"})",
      R"({"type":"delete","seq":2})",
      R"({"type":"moderation","action":"ban","user":"eve","for_s":600,"reason":"spam"})",
  };
  uint32_t sender = 1;
  for (const char* const frame : frames) {
    CHECK(host.event(EventType::kFrame, sender, 0, frame));
    CHECK(host.flush());
    sender = 3 - sender;
  }
  for (int i = 0; i < 20 && !host.has_batch(); i++) CHECK(host.event(EventType::kTimer, 0, 0, ""));
  CHECK(host.has_batch());
  const std::string state = host.request(R"({"op":"state","room":"lobby"})");
  const std::string epoch = state.substr(state.find("\"epoch\":\"") + 9, 26);
  CHECK(host.answer(200, R"({"v":1,"room":"lobby","epoch":")" + epoch +
                             R"(","results":[{"seq":1,"status":"stored"},)"
                             R"({"seq":2,"status":"stored"},)"
                             R"({"seq":3,"status":"rejected","code":"INVALID"}]})"));
  CHECK(host.flush());
  CHECK(host.event(EventType::kFrame, 1, 0, R"({"type":"message","content":"last"})"));
  CHECK(host.flush());
  CHECK(host.stored().segments.size() >= 4);
  return host.stored();
}

}  // namespace

const StoredRoom& StoredRoom::lived_in() {
  static const StoredRoom kRoom = make_lived_in();
  return kRoom;
}

bool Host::wake() {
  instance_ = std::make_unique<RoomInstance>();
  batches_.clear();
  flush_scheduled_ = false;
  now_ms_ += 60'000;
  if (!event(EventType::kStart, 7, 0, "lobby\n{\"HISTORY_SIZE\":\"20\"}")) return false;
  // Copies: what is restored may at once be written anew.
  const StoredRoom rows = stored_;
  for (const auto& [id, data] : rows.state) {
    if (!event(EventType::kRestoreState, id, 0, data)) return false;
  }
  for (const auto& [slot, segment] : rows.segments) {
    if (!event(EventType::kRestoreSegment, slot, 0, segment.first)) return false;
  }
  for (const auto& [handle, attachment] : rows.attachments) {
    if (!event(EventType::kRestoreConnection, handle, 0, attachment)) return false;
  }
  return event(EventType::kRestored, 0, 0, "");
}

bool Host::event(EventType type, uint32_t target, uint32_t number, std::string_view payload) {
  if (instance_ == nullptr) return false;
  now_ms_ += 1000;
  wanted_.reset();
  bool is_taken = give(type, target, number, payload);
  // What is loaded may ask for more.
  while (is_taken && wanted_) is_taken = load(*std::exchange(wanted_, std::nullopt));
  if (!is_taken) instance_.reset();
  return is_taken;
}

bool Host::give(EventType type, uint32_t target, uint32_t number, std::string_view payload) {
  const int32_t result =
      instance_->event(static_cast<uint32_t>(type), target, number, now_ms_, payload);
  if (result >= 0) {
    apply();
    return true;
  }
  CHECK(result == kCorrupt || (result == kBadPayload && is_restoring(type)));
  return false;
}

bool Host::flush() {
  if (!std::exchange(flush_scheduled_, false)) return instance_ != nullptr;
  return event(EventType::kFlush, 0, 0, "");
}

std::string Host::request(std::string_view operation) {
  const uint32_t number = next_request_++;
  if (!event(EventType::kRequest, number, 0, operation)) return "";
  if (!flush()) return "";
  for (auto part = next_parts_.find(number); part != next_parts_.end();
       part = next_parts_.find(number)) {
    const std::string next = part->second;
    next_parts_.erase(part);
    if (!event(EventType::kRequest, number, 0, next)) return "";
  }
  return answers_[number];
}

bool Host::answer(uint32_t status, std::string_view body) {
  if (batches_.empty()) return instance_ != nullptr;
  const Batch batch = batches_.front();
  batches_.erase(batches_.begin());
  return event(EventType::kAttemptResult, batch.number, status, "\n\n" + std::string(body));
}

std::string Host::digest() {
  const std::string log = request(R"({"op":"log","room":"lobby"})");
  const size_t at = log.find("\"state\":\"", log.find("},"));
  return at == std::string::npos ? "" : log.substr(at, 9 + 16);
}

void Host::apply() {
  const EffectList& effects = instance_->effects();
  for (const Effect& effect : effects.records()) {
    const std::string data(effects.data(effect));
    const std::string extra(effects.extra(effect));
    switch (static_cast<EffectType>(effect.type)) {
      case EffectType::kSend:
      case EffectType::kBroadcast: CHECK(data.size() <= kOutboundFrameBytesMax); break;
      case EffectType::kAccept:
      case EffectType::kAttach: stored_.attachments[effect.target] = data; break;
      case EffectType::kClose: stored_.attachments.erase(effect.target); break;
      case EffectType::kPutSegment: stored_.segments[effect.target] = {data, extra}; break;
      case EffectType::kDropSegment: stored_.segments.erase(effect.target); break;
      case EffectType::kPutState: stored_.state[effect.target] = data; break;
      case EffectType::kScheduleFlush: flush_scheduled_ = true; break;
      case EffectType::kForward: batches_.push_back({effect.target, data}); break;
      case EffectType::kRespondPart:
        answers_[effect.target] += data;
        next_parts_[effect.target] = extra;
        break;
      case EffectType::kRespond: answers_[effect.target] += data; break;
      // JSON, as far as names that were stored are still texts.
      case EffectType::kLog: CHECK(is_json(data) || !is_valid_utf8(data)); break;
      case EffectType::kLoad: {
        ByteReader reader(data);
        std::vector<uint32_t>& slots = wanted_.emplace(effect.target);
        for (uint32_t& slot : slots) slot = reader.u32();
        break;
      }
      default: break;  // timers, alarms and what is asked of others
    }
  }
}

bool Host::load(const std::vector<uint32_t>& slots) {
  for (const uint32_t slot : slots) {
    const auto row = stored_.segments.find(slot);
    CHECK(row != stored_.segments.end());
    if (!give(EventType::kLoaded, slot, 0, row->second.second)) return false;
  }
  return give(EventType::kLoadEnd, 0, 0, "");
}

}  // namespace edgeroom::fuzz
