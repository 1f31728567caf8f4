#include "bench/guard/guard_room.h"

#include <utility>

#include "base/bytes.h"
#include "base/check.h"

namespace edgeroom::guard {

namespace {

constexpr double kBeginMs = 1'800'000'000'000;
constexpr uint32_t kStatusOk = 200;

// Limits that never speak, but are asked.
constexpr std::string_view kStart =
    "lobby\n"
    R"({"PERSIST_URL":"https://api.example","PERSIST_AUTH":"none","PRESENCE_MAX":"0",)"
    R"("MESSAGE_LIMITS":"{\"connection\":{\"rate\":1000000,\"burst\":1000000,)"
    R"(\"bytes\":1073741824,\"bytes_burst\":1073741824}}"})";

// What stands between `before` and the next quote; `at` is moved behind it.
std::string_view text_after(std::string_view text, std::string_view before, size_t& at) {
  at = text.find(before, at);
  if (at == std::string_view::npos) return {};
  at += before.size();
  const size_t end = text.find_first_of(",\"}", at);
  return text.substr(at, end - at);
}

}  // namespace

GuardRoom::GuardRoom() : now_ms_(kBeginMs) { start(); }

void GuardRoom::start() {
  event(EventType::kStart, 1, 2, kStart);
  for (const auto& [id, data] : state_) event(EventType::kRestoreState, id, 0, data);
  for (const auto& [slot, segment] : segments_) {
    event(EventType::kRestoreSegment, slot, 0, segment.head);
  }
  for (const auto& [handle, attachment] : attachments_) {
    event(EventType::kRestoreConnection, handle, 0, attachment);
  }
  event(EventType::kRestored, 0, 0, {});
}

void GuardRoom::wake() {
  room_ = RoomInstance();
  load_.clear();
  batches_.clear();
  start();
}

void GuardRoom::join(uint32_t handle, std::string_view more_members) {
  std::string operation = R"({"op":"connect","room":"lobby","user":"user-)";
  operation += std::to_string(handle);
  operation += '"';
  operation += more_members;
  operation += '}';
  event(EventType::kConnect, handle, 0, operation);
}

void GuardRoom::frame(uint32_t handle, std::string_view text) {
  event(EventType::kFrame, handle, static_cast<uint32_t>(FrameKind::kText), text);
}

void GuardRoom::flush() { event(EventType::kFlush, 0, 0, {}); }

void GuardRoom::pass(double ms) {
  now_ms_ += ms;
  event(EventType::kTimer, 0, 0, {});
  serve();
}

void GuardRoom::serve() {
  for (;;) {
    if (!load_.empty()) {
      const std::vector<uint32_t> slots = std::exchange(load_, {});
      for (const uint32_t slot : slots) {
        event(EventType::kLoaded, slot, 0, segments_[slot].data);
      }
      event(EventType::kLoadEnd, 0, 0, {});
    } else if (!batches_.empty()) {
      const Batch batch = std::move(batches_.front());
      batches_.pop_front();
      answer(batch);
    } else {
      return;
    }
  }
}

void GuardRoom::event(EventType type, uint32_t target, uint32_t number, std::string_view payload) {
  const int32_t count = room_.event(static_cast<uint32_t>(type), target, number, now_ms_, payload);
  CHECK(count >= 0);
  for (const Effect& effect : room_.effects().records()) apply(effect);
}

void GuardRoom::apply(const Effect& effect) {
  const std::string_view data = room_.effects().data(effect);
  switch (static_cast<EffectType>(effect.type)) {
    case EffectType::kAccept: attachments_[effect.target] = data; break;
    case EffectType::kSend: sent_bytes_ += data.size(); break;
    case EffectType::kBroadcast: broadcast_bytes_ += data.size(); break;
    case EffectType::kPutState: state_[effect.target] = data; break;
    case EffectType::kPutSegment:
      segments_[effect.target] = {std::string(data), std::string(room_.effects().extra(effect))};
      break;
    case EffectType::kDropSegment: segments_.erase(effect.target); break;
    case EffectType::kForward: batches_.push_back({effect.target, std::string(data)}); break;
    case EffectType::kLoad: {
      ByteReader reader(data);
      while (!reader.at_end()) load_.push_back(reader.u32());
      break;
    }
    default: break;
  }
}

// All of it is stored.
void GuardRoom::answer(const Batch& batch) {
  size_t at = 0;
  epoch_ = text_after(batch.body, "\"epoch\":\"", at);
  std::string body = R"({"v":1,"room":"lobby","epoch":")" + epoch_ + R"(","results":[)";
  for (;;) {
    const std::string_view seq = text_after(batch.body, "{\"seq\":", at);
    if (seq.empty()) break;
    if (body.back() != '[') body += ',';
    body += "{\"seq\":";
    body += seq;
    body += ",\"status\":\"stored\"}";
    confirmed_++;
  }
  body += "]}";
  event(EventType::kAttemptResult, batch.attempt, kStatusOk, "\n\n" + body);
}

}  // namespace edgeroom::guard
