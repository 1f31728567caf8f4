// A room whose storage and attachments may hold anything, driven as the shim does. What it reads
// back may be refused; then the instance is thrown away, as the shim does too.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rooms/instance.h"

namespace edgeroom::fuzz {

struct StoredRoom {
  std::map<uint32_t, std::string> state;
  std::map<uint32_t, std::pair<std::string, std::string>> segments;  // head, data
  std::map<uint32_t, std::string> attachments;

  // In which there are messages with and without ids, a deleted one, a ban, a dead letter, records
  // that wait, and two connections.
  static const StoredRoom& lived_in();
};

class Host {
 public:
  explicit Host(StoredRoom stored) : stored_(std::move(stored)) {}

  // Restores an instance. False when what is stored is refused.
  bool wake();
  // False when the instance could not read what it needed, and is gone. Any other refusal of these
  // well-formed events is a mistake.
  bool event(EventType type, uint32_t target, uint32_t number, std::string_view payload);
  // The end of the turn.
  bool flush();
  // The whole answer, whose parts are asked for; empty when there was none.
  std::string request(std::string_view operation);
  // Answers the oldest batch under way, if there is one.
  bool answer(uint32_t status, std::string_view body);
  // The digest of the room's state; empty for a room that was never used, and for one that is gone.
  std::string digest();

  [[nodiscard]] const StoredRoom& stored() const { return stored_; }
  [[nodiscard]] bool has_batch() const { return !batches_.empty(); }

 private:
  struct Batch {
    uint32_t number = 0;
    std::string body;
  };

  bool give(EventType type, uint32_t target, uint32_t number, std::string_view payload);
  void apply();
  bool load(const std::vector<uint32_t>& slots);

  StoredRoom stored_;
  std::unique_ptr<RoomInstance> instance_;
  double now_ms_ = 1'800'000'000'000.0;
  bool flush_scheduled_ = false;
  std::optional<std::vector<uint32_t>> wanted_;  // slots that kLoad has asked for
  std::vector<Batch> batches_;
  std::map<uint32_t, std::string> answers_;
  std::map<uint32_t, std::string> next_parts_;
  uint32_t next_request_ = 1;
};

}  // namespace edgeroom::fuzz
