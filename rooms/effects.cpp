#include "rooms/effects.h"

#include <cmath>
#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/check.h"

namespace edgeroom {

namespace {

// A buffer that one large event has grown beyond this is given back to the allocator.
constexpr size_t kBufferKeptBytes = 256U << 10U;

constexpr uint32_t kStatusOk = 200;
constexpr uint32_t kStatusFirstError = 400;

std::string offset_text(double ms) { return std::to_string(static_cast<int64_t>(ms)); }

}  // namespace

void EffectList::clear() {
  records_.clear();
  if (data_.capacity() > kBufferKeptBytes) {
    std::string().swap(data_);
  }
  data_.clear();
}

Effect& EffectList::add(EffectType type, uint32_t target, std::string_view data,
                        std::string_view extra, double value) {
  CHECK(records_.empty() || records_.back().type != static_cast<uint32_t>(EffectType::kLoad));
  Effect effect{};
  effect.type = static_cast<uint32_t>(type);
  effect.target = target;
  effect.data = static_cast<uint32_t>(data_.size());
  effect.data_size = static_cast<uint32_t>(data.size());
  if (!data.empty()) data_.append(data);
  effect.extra = static_cast<uint32_t>(data_.size());
  effect.extra_size = static_cast<uint32_t>(extra.size());
  if (!extra.empty()) data_.append(extra);
  effect.value = value;
  records_.push_back(effect);
  return records_.back();
}

void EffectList::send(uint32_t handle, std::string_view frame) {
  add(EffectType::kSend, handle, frame, {}, 0);
}

void EffectList::broadcast(std::string_view frame) { add(EffectType::kBroadcast, 0, frame, {}, 0); }

void EffectList::close(uint32_t handle, uint32_t code, std::string_view reason) {
  add(EffectType::kClose, handle, reason, {}, code);
}

void EffectList::accept(uint32_t handle, std::string_view attachment, bool may_compress) {
  add(EffectType::kAccept, handle, attachment, {}, may_compress ? 1 : 0);
}

void EffectList::put_segment(uint32_t slot, std::string_view head, std::string_view data,
                             bool holds_turn) {
  add(EffectType::kPutSegment, slot, head, data, holds_turn ? 1 : 0);
}

void EffectList::drop_segment(uint32_t slot) { add(EffectType::kDropSegment, slot, {}, {}, 0); }

void EffectList::put_state(uint32_t id, std::string_view data) {
  add(EffectType::kPutState, id, data, {}, 0);
}

void EffectList::load(const std::vector<uint32_t>& slots) {
  std::string encoded;
  ByteWriter writer(encoded);
  for (const uint32_t slot : slots) writer.u32(slot);
  add(EffectType::kLoad, static_cast<uint32_t>(slots.size()), encoded, {}, 0);
}

void EffectList::schedule_flush(double after_ms, uint32_t looks) {
  add(EffectType::kScheduleFlush, looks, {}, {}, after_ms);
}

void EffectList::measure(uint32_t bytes) { add(EffectType::kMeasure, 0, {}, {}, bytes); }

void EffectList::timer(double delay_ms) { add(EffectType::kTimer, 0, {}, {}, delay_ms); }

// Clocks show whole milliseconds: at a part of one an alarm would come before its time, and be set
// to it again.
void EffectList::alarm(double at_ms) { add(EffectType::kAlarm, 0, {}, {}, std::ceil(at_ms)); }

void EffectList::forward(uint32_t attempt, std::string_view body, std::string_view idempotency_key,
                         double timeout_ms, double clock_offset_ms) {
  std::string extra(idempotency_key);
  if (clock_offset_ms != 0) extra += "\n" + offset_text(clock_offset_ms);
  add(EffectType::kForward, attempt, body, extra, timeout_ms);
}

void EffectList::respond(uint32_t request, uint32_t status, std::string_view body,
                         uint32_t retry_after_s) {
  std::string headers =
      status >= kStatusFirstError ? "application/problem+json" : "application/json";
  if (retry_after_s > 0) headers += "\nretry-after: " + std::to_string(retry_after_s);
  add(EffectType::kRespond, request, body, headers, status);
}

void EffectList::respond_metrics(uint32_t request, std::string_view text) {
  add(EffectType::kRespond, request, text, "text/plain; version=0.0.4; charset=utf-8", kStatusOk);
}

void EffectList::respond_part(uint32_t request, std::string_view part, std::string_view next) {
  if (next.empty()) {
    add(EffectType::kRespond, request, part, "application/x-ndjson", kStatusOk);
  } else {
    add(EffectType::kRespondPart, request, part, next, kStatusOk);
  }
}

void EffectList::verify_token(uint32_t handle, std::string_view token) {
  add(EffectType::kVerifyToken, handle, token, {}, 0);
}

void EffectList::attach(uint32_t handle, std::string_view attachment) {
  add(EffectType::kAttach, handle, attachment, {}, 0);
}

void EffectList::fetch(uint32_t number, std::string_view path, double timeout_ms,
                       double clock_offset_ms) {
  const std::string extra = clock_offset_ms == 0 ? "" : offset_text(clock_offset_ms);
  add(EffectType::kFetch, number, path, extra, timeout_ms);
}

void EffectList::rebuild() { add(EffectType::kRebuild, 0, {}, {}, 0); }

void EffectList::keep_frame() { add(EffectType::kKeepFrame, 0, {}, {}, 0); }

void EffectList::log(LogLevel level, std::string_view fields) {
  add(EffectType::kLog, 0, fields, {}, static_cast<double>(level));
}

void EffectList::forwarding_state(std::string_view fields) {
  add(EffectType::kForwardingState, 0, fields, {}, 0);
}

}  // namespace edgeroom
