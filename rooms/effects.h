// The effects of one event, in the order in which the host must carry them out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rooms/abi.h"

namespace edgeroom {

// Records and their data, kept in two buffers that are reused from event to event. Every method
// copies what it is given.
class EffectList {
 public:
  void clear();

  void send(uint32_t handle, std::string_view frame);
  void broadcast(std::string_view frame);
  void close(uint32_t handle, uint32_t code, std::string_view reason);
  void accept(uint32_t handle, std::string_view attachment, bool may_compress);
  void put_segment(uint32_t slot, std::string_view head, std::string_view data, bool holds_turn);
  void drop_segment(uint32_t slot);
  void put_state(uint32_t id, std::string_view data);
  // Must be the last effect of the list.
  void load(const std::vector<uint32_t>& slots);
  void schedule_flush(double after_ms, uint32_t looks);
  void timer(double delay_ms);
  void alarm(double at_ms);
  void forward(uint32_t attempt, std::string_view body, std::string_view idempotency_key,
               double timeout_ms, double clock_offset_ms);
  // `retry_after_s`: 0 for no such header.
  void respond(uint32_t request, uint32_t status, std::string_view body,
               uint32_t retry_after_s = 0);
  // An answer of Prometheus' text format.
  void respond_metrics(uint32_t request, std::string_view text);
  // A part of an NDJSON answer; `next` is the operation that asks for the rest, empty for the last.
  void respond_part(uint32_t request, std::string_view part, std::string_view next);
  void verify_token(uint32_t handle, std::string_view token);
  void attach(uint32_t handle, std::string_view attachment);
  // `path` with its query.
  void fetch(uint32_t number, std::string_view path, double timeout_ms, double clock_offset_ms);
  void keep_frame();
  // Must be the last effect of the list.
  void rebuild();
  void measure(uint32_t bytes);
  // `fields` is a JSON object.
  void log(LogLevel level, std::string_view fields);
  // The same.
  void forwarding_state(std::string_view fields);

  [[nodiscard]] const std::vector<Effect>& records() const { return records_; }
  [[nodiscard]] std::string_view data(const Effect& effect) const {
    return std::string_view(data_).substr(effect.data, effect.data_size);
  }
  [[nodiscard]] std::string_view extra(const Effect& effect) const {
    return std::string_view(data_).substr(effect.extra, effect.extra_size);
  }
  // The buffer that the records' offsets count from.
  [[nodiscard]] const std::string& buffer() const { return data_; }

 private:
  Effect& add(EffectType type, uint32_t target, std::string_view data, std::string_view extra,
              double value);

  std::vector<Effect> records_;
  std::string data_;
};

}  // namespace edgeroom
