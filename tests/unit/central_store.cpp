#include "tests/unit/central_store.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <vector>

namespace edgeroom::test {

namespace {

using nlohmann::ordered_json;

std::string parameter(const std::string& path, const std::string& name) {
  for (const char* before : {"?", "&"}) {
    const size_t at = path.find(before + name + "=");
    if (at == std::string::npos) continue;
    const size_t start = at + name.size() + 2;
    return path.substr(start, path.find('&', start) - start);
  }
  return "";
}

}  // namespace

void CentralStore::take(const std::string& batch) {
  const ordered_json body = ordered_json::parse(batch);
  for (const ordered_json& record : body["records"]) {
    if (record["type"] == "delete") {
      const auto target = messages.find(record["target"].get<uint64_t>());
      if (target == messages.end()) continue;
      target->second.erase("content");
      target->second.erase("id");
      target->second["deleted"] = true;
      target->second["by"] = record["by"];
    }
    if (record["type"] != "message") continue;
    ordered_json message = record;
    message.erase("type");
    messages.emplace(record["seq"].get<uint64_t>(), message);
  }
}

std::string CentralStore::page(const std::string& path) const {
  const std::string after = parameter(path, "after");
  const std::string before = parameter(path, "before");
  const size_t limit = std::stoul(parameter(path, "limit"));
  std::vector<std::string> found;
  for (const auto& [seq, message] : messages) {
    if (!after.empty() && seq <= std::stoull(after)) continue;
    if (!before.empty() && seq >= std::stoull(before)) continue;
    found.push_back(message.dump());
  }
  const bool more = found.size() > limit;
  const auto excess = static_cast<std::ptrdiff_t>(more ? found.size() - limit : 0);
  if (after.empty()) {
    found.erase(found.begin(), found.begin() + excess);
  } else {
    found.erase(found.end() - excess, found.end());
  }
  std::string out =
      R"({"v":1,"room":"lobby","epoch":")" + parameter(path, "epoch") + R"(","messages":[)";
  for (size_t i = 0; i < found.size(); i++) out += (i == 0 ? "" : ",") + found[i];
  return out + "],\"more\":" + (more ? "true}" : "false}");
}

void CentralStore::confirm_all(RoomHarness& room) {
  for (int i = 0; i < 1000; i++) {
    room.turn();
    const std::string state = room.request("{\"op\":\"state\"}").body;
    if (state.find("\"pending\":0,") != std::string::npos) return;
    room.until_attempt();
    while (!room.attempts.empty()) {
      take(room.attempts.front().body);
      room.store_all();
    }
  }
  FAIL("the outbox does not become empty");
}

std::string CentralStore::answer_read(RoomHarness& room) {
  REQUIRE_FALSE(room.fetches.empty());
  return room.fetched(200, page(room.fetches.front().body));
}

void CentralStore::answer_read(RoomHarness& room, const std::string& path) {
  const auto found = std::find_if(room.fetches.begin(), room.fetches.end(),
                                  [&path](const Attempt& fetch) { return fetch.body == path; });
  REQUIRE(found != room.fetches.end());
  std::rotate(room.fetches.begin(), found, std::next(found));
  answer_read(room);
}

}  // namespace edgeroom::test
