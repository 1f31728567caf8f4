// What the central API answers: to a room that waits for what became of its records, and for a page
// of them. The first byte is the status; whatever the body says, the room confirms only what the
// body says is stored or rejected.
#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "rooms/central_page.h"
#include "rooms/central_result.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/peer_json.h"
#include "tests/unit/room_harness.h"

namespace edgeroom::fuzz {
namespace {

using nlohmann::json;
using test::quiet_settings;
using test::RoomHarness;

constexpr uint64_t kRecords = 3;

const json::object_t& counts_of(const json& state) {
  return state["outbox"].get_ref<const json::object_t&>();
}

// Of an answer of status 200: what it says became of a record.
bool is_settled(const std::vector<RecordResult>& results, uint64_t seq) {
  return std::any_of(results.begin(), results.end(), [seq](const RecordResult& result) {
    return result.seq == seq && result.outcome != RecordOutcome::kRetry;
  });
}

void check_results(const std::string& body, const std::string& epoch) {
  const auto results = parse_central_results(body, "lobby", epoch);
  const bool is_refusal = is_central_refusal(body);
  if (results || is_refusal) CHECK(is_json_elsewhere(body));
  if (!results) return;
  CHECK(is_refusal);
  for (const RecordResult& result : *results) CHECK(result.seq > 0);
}

void check_page(const std::string& body, const std::string& epoch) {
  const HistoryQuery query = {.after = 1, .before = std::nullopt, .limit = 10};
  const auto page = parse_central_page(body, "lobby", epoch, query);
  if (!page) return;
  CHECK(is_json_elsewhere(body));
  CHECK(page->messages.size() <= query.limit);
  uint64_t before = 1;
  for (const CentralMessage& message : page->messages) {
    CHECK(message.seq > before);
    before = message.seq;
    if (!json::accept(message.json)) continue;  // a number that no double holds
    const json own = json::parse(message.json);
    CHECK(own["seq"] == message.seq);
    CHECK(own.contains("content") != message.deleted);
  }
}

// A room whose three messages are on their way.
void check_room(uint32_t status, std::string body) {
  RoomHarness room(quiet_settings());
  const uint32_t ana = room.join();
  for (uint64_t seq = 1; seq <= kRecords; seq++) room.publish(ana, "\"text\"");
  room.until_attempt();
  const std::string epoch = room.epoch();
  // The input was made for a room of another epoch.
  const size_t at = body.find("EPOCH");
  if (at != std::string::npos) body.replace(at, 5, epoch);
  check_results(body, epoch);
  check_page(body, epoch);

  room.answer(status, body);
  room.turn();
  const json state = json::parse(room.request(R"({"op":"state"})").body);
  const uint64_t confirmed = state["confirmed"];
  const auto& counts = counts_of(state);
  CHECK(state["seq"] == kRecords);
  CHECK(confirmed <= kRecords);
  CHECK(counts.at("dead") <= kRecords);
  CHECK(counts.at("pending") >= kRecords - confirmed);
  const auto results = status == 200 ? parse_central_results(body, "lobby", epoch) : std::nullopt;
  for (uint64_t seq = 1; seq <= confirmed; seq++) {
    // A batch that is refused as a whole is tried in parts before anything of it is given up.
    CHECK(results);
    CHECK(is_settled(*results, seq));
  }
  // What is not settled is tried again, and settles. A refused record of a batch that is not may be
  // tried again with it, and then it is stored after all.
  room.wake();
  room.confirm_all();
  const json after = json::parse(room.request(R"({"op":"state"})").body);
  CHECK(after["confirmed"] == after["seq"]);
  CHECK(counts_of(after).at("dead") <= counts.at("dead"));
}

}  // namespace
}  // namespace edgeroom::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr uint32_t kStatuses[] = {200, 0, 400, 403, 413, 429, 500, 503};
  if (size == 0) return 0;
  const uint32_t status = kStatuses[data[0] % std::size(kStatuses)];
  const std::string_view body = edgeroom::fuzz::text_of(data + 1, size - 1);
  edgeroom::fuzz::check_room(status, std::string(body));
  return 0;
}
