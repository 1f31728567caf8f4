#include "tests/sim/rooms/rules.h"

#include <string_view>

namespace edgeroom::roomsim {

namespace {

std::string limit_text(uint32_t rate, uint32_t burst, uint32_t bytes, uint32_t bytes_burst) {
  std::string out = "{\"rate\":" + std::to_string(rate) + ",\"burst\":" + std::to_string(burst);
  if (bytes > 0) {
    out +=
        ",\"bytes\":" + std::to_string(bytes) + ",\"bytes_burst\":" + std::to_string(bytes_burst);
  }
  return out + "}";
}

}  // namespace

Rules Rules::some(test::Dice& dice) {
  Rules rules;
  rules.history = static_cast<uint32_t>(dice.between(1, dice.one_in(2) ? 8 : 40));
  rules.dedup = static_cast<uint32_t>(dice.between(3, dice.one_in(3)   ? 100
                                                      : dice.one_in(2) ? 10
                                                                       : 30));
  rules.presence = static_cast<uint32_t>(dice.below(6));
  rules.connections = static_cast<uint32_t>(dice.between(2, 8));
  if (dice.one_in(3)) {
    rules.rate = static_cast<uint32_t>(dice.between(2, 20));
    rules.burst = static_cast<uint32_t>(dice.between(5, 30));
  }
  if (dice.one_in(5)) {
    rules.user_rate = static_cast<uint32_t>(dice.between(2, 20));
    rules.user_burst = static_cast<uint32_t>(dice.between(5, 30));
  }
  if (dice.one_in(4)) rules.outbox = dice.between(3, 30);
  if (dice.one_in(6)) rules.outbox_bytes = dice.between(500, 5000);
  rules.has_ledger = dice.one_in(2);
  // Then much waits for whoever reads slowly.
  if (dice.one_in(8)) rules.message_bytes = 60'000;
  if (rules.message_bytes < 10'000 && dice.one_in(6)) {
    rules.bytes = static_cast<uint32_t>(dice.between(500, 5000));
    rules.bytes_burst = static_cast<uint32_t>(dice.between(3000, 20'000));
  }
  rules.has_tokens = dice.one_in(3);
  return rules;
}

std::string Rules::text() const {
  std::string out = "{\"LEDGER\":\"";
  out += has_ledger ? "on" : "off";
  const auto add = [&out](std::string_view name, uint64_t value) {
    out += "\",\"";
    out += name;
    out += "\":\"" + std::to_string(value);
  };
  add("HISTORY_SIZE", history);
  add("DEDUP_MAX", dedup);
  add("PRESENCE_MAX", presence);
  add("ROOM_CONNECTIONS_MAX", connections);
  add("MESSAGE_BYTES_MAX", message_bytes);
  add("OUTBOX_RECORDS_MAX", outbox);
  add("OUTBOX_BYTES_MAX", outbox_bytes);
  out += R"(","LOG_LEVEL":"error","MESSAGE_LIMITS":{"connection":)" +
         limit_text(rate, burst, bytes, bytes_burst);
  if (user_rate > 0) out += ",\"user\":" + limit_text(user_rate, user_burst, 0, 0);
  return out + (has_tokens ? R"(},"AUTH":"jwt"})" : "}}");
}

}  // namespace edgeroom::roomsim
