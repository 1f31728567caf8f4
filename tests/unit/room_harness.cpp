#include "tests/unit/room_harness.h"

#include <doctest/doctest.h>

#include <cstring>
#include <utility>

#include "base/bytes.h"

namespace edgeroom::test {

RoomSettings quiet_settings(uint32_t history_size) {
  RoomSettings settings;
  settings.history_size = history_size;
  settings.presence_max = 0;
  settings.connection_limit = {1e6, 1e6, 0, 0};
  return settings;
}

std::unique_ptr<Behaviour> RoomHarness::chat() {
  auto behaviour = make_behaviour(SettingMap::parse("{}").value());
  REQUIRE(behaviour.ok());
  return std::move(behaviour.value());
}

void RoomHarness::wake() { REQUIRE_FALSE(try_wake()); }

void RoomHarness::wake_as(MakeBehaviour make_behaviour) {
  make_behaviour_ = std::move(make_behaviour);
  wake();
}

std::optional<RoomStatus> RoomHarness::try_wake() {
  room_.reset();
  room_.emplace("lobby", settings_, make_behaviour_(), seed_++);
  attempts.clear();
  fetches.clear();
  timer_delay_ms.reset();
  alarm_at_ms.reset();
  flush_scheduled = false;
  for (const auto& [id, data] : storage.state) {
    if (const auto refusal = event(EventType::kRestoreState, id, 0, data)) return refusal;
  }
  for (const auto& [slot, segment] : storage.segments) {
    if (const auto refusal = event(EventType::kRestoreSegment, slot, 0, segment.first)) {
      return refusal;
    }
  }
  for (const auto& [handle, attachment] : attachments_) {
    REQUIRE_FALSE(event(EventType::kRestoreConnection, handle, 0, attachment));
  }
  return event(EventType::kRestored);
}

std::optional<RoomStatus> RoomHarness::event(EventType type, uint32_t target, uint32_t number,
                                             std::string_view payload) {
  order.clear();
  EffectList effects;
  const auto refusal = room_->handle({type, target, number, now_ms, payload}, effects);
  if (refusal) CHECK(effects.records().empty());
  apply(effects);
  return refusal;
}

void RoomHarness::apply(const EffectList& effects) {
  for (const Effect& effect : effects.records()) {
    const std::string data(effects.data(effect));
    switch (static_cast<EffectType>(effect.type)) {
      case EffectType::kSend:
        order.emplace_back("send");
        inbox_[effect.target].push_back(data);
        break;
      case EffectType::kBroadcast:
        order.emplace_back("broadcast");
        for (const auto& [handle, unused] : attachments_) inbox_[handle].push_back(data);
        break;
      case EffectType::kClose:
        order.emplace_back("close");
        closed[effect.target] = static_cast<uint32_t>(effect.value);
        attachments_.erase(effect.target);
        break;
      case EffectType::kAccept: attachments_[effect.target] = data; break;
      case EffectType::kPutSegment:
        order.emplace_back("put");
        storage.segments[effect.target] = {data, std::string(effects.extra(effect))};
        storage.rows_written++;
        break;
      case EffectType::kForwardingState: forwarding.push_back(data); break;
      case EffectType::kDropSegment:
        order.emplace_back("drop");
        storage.segments.erase(effect.target);
        storage.rows_written++;
        break;
      case EffectType::kPutState:
        order.emplace_back("state");
        storage.state[effect.target] = data;
        storage.rows_written++;
        break;
      case EffectType::kLoad: load(effects, effect); break;
      case EffectType::kScheduleFlush:
        flush_scheduled = true;
        scheduled_flush = {.looks = effect.target, .after_ms = effect.value};
        break;
      case EffectType::kTimer:
        timer_delay_ms = effect.value < 0 ? std::nullopt : std::optional(effect.value);
        break;
      case EffectType::kAlarm:
        alarm_at_ms = effect.value;
        storage.rows_written++;
        break;
      case EffectType::kForward:
        attempts.push_back({effect.target, data, std::string(effects.extra(effect))});
        break;
      case EffectType::kRespond:
        answers_[effect.target].status = static_cast<uint32_t>(effect.value);
        answers_[effect.target].body += data;
        answers_[effect.target].next.clear();
        break;
      case EffectType::kRespondPart:
        answers_[effect.target].body += data;
        answers_[effect.target].next = effects.extra(effect);
        break;
      case EffectType::kFetch:
        fetches.push_back({effect.target, data, std::string(effects.extra(effect))});
        break;
      case EffectType::kVerifyToken: verifications.emplace_back(effect.target, data); break;
      case EffectType::kAttach: attachments_[effect.target] = data; break;
      case EffectType::kKeepFrame: order.emplace_back("keep"); break;
      case EffectType::kMeasure: measures.push_back(static_cast<uint32_t>(effect.value)); break;
      case EffectType::kLog: logs.push_back(data); break;
      case EffectType::kRebuild: break;  // of rooms that are held
    }
  }
}

void RoomHarness::load(const EffectList& effects, const Effect& effect) {
  ByteReader reader(effects.data(effect));
  std::vector<uint32_t> slots;
  for (uint32_t i = 0; i < effect.target; i++) slots.push_back(reader.u32());
  REQUIRE(reader.ok());
  for (const uint32_t slot : slots) {
    REQUIRE(storage.segments.count(slot) == 1);
    segments_loaded++;
    REQUIRE_FALSE(event(EventType::kLoaded, slot, 0, storage.segments[slot].second));
  }
  REQUIRE_FALSE(event(EventType::kLoadEnd));
}

uint32_t RoomHarness::join(std::string_view members) {
  const uint32_t handle = next_handle_++;
  const std::string operation =
      "{\"op\":\"connect\",\"room\":\"lobby\"" + std::string(members) + "}";
  REQUIRE_FALSE(event(EventType::kConnect, handle, 0, operation));
  return handle;
}

void RoomHarness::frame(uint32_t handle, std::string_view text) {
  REQUIRE_FALSE(event(EventType::kFrame, handle, 0, text));
}

void RoomHarness::leave(uint32_t handle) {
  attachments_.erase(handle);
  REQUIRE_FALSE(event(EventType::kClosed, handle, 1000));
}

void RoomHarness::publish(uint32_t handle, std::string_view content, std::string_view id) {
  std::string text = "{\"type\":\"message\",\"content\":" + std::string(content);
  if (!id.empty()) text += ",\"id\":\"" + std::string(id) + "\"";
  frame(handle, text + "}");
  turn();
}

void RoomHarness::turn() {
  if (std::exchange(flush_scheduled, false)) REQUIRE_FALSE(event(EventType::kFlush));
}

void RoomHarness::timer() {
  REQUIRE(timer_delay_ms);
  now_ms += *timer_delay_ms;
  timer_delay_ms.reset();
  REQUIRE_FALSE(event(EventType::kTimer));
}

void RoomHarness::alarm() {
  REQUIRE(alarm_at_ms);
  now_ms = std::max(now_ms, *alarm_at_ms);
  alarm_at_ms.reset();
  REQUIRE_FALSE(event(EventType::kAlarm));
}

void RoomHarness::until_attempt() {
  for (int i = 0; i < 100 && attempts.empty(); i++) {
    REQUIRE((timer_delay_ms || alarm_at_ms));
    if (alarm_at_ms && (!timer_delay_ms || *alarm_at_ms <= now_ms + *timer_delay_ms)) {
      alarm();
    } else {
      timer();
    }
    turn();
  }
  REQUIRE_FALSE(attempts.empty());
}

Answer RoomHarness::request(std::string_view operation) {
  const uint32_t number = next_request_++;
  REQUIRE_FALSE(event(EventType::kRequest, number, 0, operation));
  REQUIRE(answers_.count(number) == 1);
  return answers_[number];
}

Answer RoomHarness::request_and_turn(std::string_view operation) {
  const uint32_t number = next_request_++;
  REQUIRE_FALSE(event(EventType::kRequest, number, 0, operation));
  turn();
  REQUIRE(answers_.count(number) == 1);
  return answers_[number];
}

Answer RoomHarness::whole(std::string_view operation) {
  const uint32_t number = next_request_++;
  REQUIRE_FALSE(event(EventType::kRequest, number, 0, operation));
  while (!answers_[number].next.empty()) {
    const std::string next = answers_[number].next;
    REQUIRE_FALSE(event(EventType::kRequest, number, 0, next));
  }
  return answers_[number];
}

uint32_t RoomHarness::begin_request(std::string_view operation) {
  const uint32_t number = next_request_++;
  REQUIRE_FALSE(event(EventType::kRequest, number, 0, operation));
  return number;
}

Answer RoomHarness::answer_of(uint32_t request) { return answers_[request]; }

std::string RoomHarness::fetched(uint32_t status, std::string_view body) {
  REQUIRE_FALSE(fetches.empty());
  const Attempt fetch = fetches.front();
  fetches.erase(fetches.begin());
  REQUIRE_FALSE(event(EventType::kFetched, fetch.number, status, body));
  return fetch.body;
}

void RoomHarness::answer(uint32_t status, std::string_view body, std::string_view retry_after) {
  REQUIRE_FALSE(attempts.empty());
  const Attempt attempt = attempts.front();
  attempts.erase(attempts.begin());
  const std::string payload = std::string(retry_after) + "\n\n" + std::string(body);
  REQUIRE_FALSE(event(EventType::kAttemptResult, attempt.number, status, payload));
}

void RoomHarness::store_all() {
  REQUIRE_FALSE(attempts.empty());
  const std::string& body = attempts.front().body;
  // {"v":1,"room":…,"epoch":…,"records":[{"seq":1,…}]}
  const size_t records = body.find(",\"records\":[");
  REQUIRE(records != std::string::npos);
  std::string results = body.substr(0, records) + ",\"results\":[";
  bool first = true;
  for (size_t at = body.find("{\"seq\":", records); at != std::string::npos;
       at = body.find("{\"seq\":", at + 1)) {
    const size_t digits = at + std::strlen("{\"seq\":");
    if (!first) results += ',';
    first = false;
    results += "{\"seq\":" + body.substr(digits, body.find(',', digits) - digits) +
               ",\"status\":\"stored\"}";
  }
  answer(200, results + "]}");
}

void RoomHarness::confirm_all() {
  for (int i = 0; i < 1000; i++) {
    turn();
    if (request("{\"op\":\"state\"}").body.find("\"pending\":0,") != std::string::npos) return;
    until_attempt();
    while (!attempts.empty()) store_all();
  }
  FAIL("the outbox does not become empty");
}

std::string RoomHarness::epoch() {
  const std::string state = request("{\"op\":\"state\"}").body;
  constexpr std::string_view kKey = "\"epoch\":\"";
  const size_t start = state.find(kKey);
  if (start == std::string::npos) return "";
  const size_t end = state.find('"', start + kKey.size());
  return state.substr(start + kKey.size(), end - start - kKey.size());
}

std::vector<std::string> RoomHarness::take(uint32_t handle) {
  return std::exchange(inbox_[handle], {});
}

std::string RoomHarness::text(uint32_t handle) {
  std::string all;
  for (const std::string& frame : take(handle)) all += frame;
  return all;
}

}  // namespace edgeroom::test
