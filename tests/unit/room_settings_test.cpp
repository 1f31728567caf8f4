// The settings that only rooms read, and how a wrong one is named.

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/claims.h"
#include "base/json_array.h"
#include "base/settings.h"

using edgeroom::FrameLimit;
using edgeroom::json_elements;
using edgeroom::json_strings;
using edgeroom::JsonKind;
using edgeroom::JsonMember;
using edgeroom::parse_claims;
using edgeroom::parse_room_settings;
using edgeroom::RoomSettings;

namespace {

std::string error_of(std::string_view json) {
  const auto settings = parse_room_settings(json);
  REQUIRE_FALSE(settings.ok());
  return settings.error().detail;
}

RoomSettings settings_of(std::string_view json) {
  auto settings = parse_room_settings(json);
  REQUIRE(settings.ok());
  return std::move(settings.value());
}

}  // namespace

TEST_CASE("content rules and compression are the room's") {
  CHECK_FALSE(settings_of("{}").content_rules.refuse(R"("spam")"));
  CHECK(settings_of(R"({"CONTENT_RULES":{"words":["spam"]}})").content_rules.refuse(R"("spam")"));
  CHECK_FALSE(settings_of("{}").may_compress);
  CHECK(settings_of(R"({"WEBSOCKET_COMPRESSION":"on"})").may_compress);
  CHECK_FALSE(settings_of(R"({"WEBSOCKET_COMPRESSION":"off"})").may_compress);
}

TEST_CASE("a wrong setting of a room is named") {
  CHECK(error_of("[]") == "the settings are not one JSON object");
  CHECK(error_of(R"({"CONTENT_RULES":"spam"})").find("CONTENT_RULES") == 0);
  CHECK(error_of(R"({"WEBSOCKET_COMPRESSION":"yes"})") ==
        "WEBSOCKET_COMPRESSION must be on or off");
  CHECK(error_of(R"({"LOG_LEVEL":"loud"})").find("LOG_LEVEL") == 0);
  for (const char* value : {"true", "[5]", "\"five\"", "5.5", "-5", "0", "100001", "\"5 6\""}) {
    CAPTURE(value);
    CHECK(error_of(std::string(R"({"HISTORY_SIZE":)") + value + "}") ==
          "HISTORY_SIZE must be a whole number from 1 to 100000");
  }
  // Of several the first is told.
  CHECK(error_of(R"({"DEDUP_MAX":0,"HISTORY_SIZE":0})").find("HISTORY_SIZE") == 0);
}

TEST_CASE("a wrong limit of frames is named") {
  const auto limit_error = [](const std::string& limit) {
    return error_of(R"({"MESSAGE_LIMITS":{"user":)" + limit + "}}");
  };
  const std::string needs = "MESSAGE_LIMITS: user needs both rate and burst";
  CHECK(limit_error(R"({"rate":5})") == needs);
  CHECK(limit_error(R"({"burst":5})") == needs);
  CHECK(limit_error("5") == "MESSAGE_LIMITS: user must be an object");
  const std::string rate = "MESSAGE_LIMITS: user.rate must be a number above 0, at most 1000000";
  for (const char* value : {"0", "-1", "1000001", "\"5\"", "1e3"}) {
    CAPTURE(value);
    CHECK(limit_error(std::string(R"({"burst":5,"rate":)") + value + "}") == rate);
  }
  const std::string burst = "MESSAGE_LIMITS: user.burst must be a whole number from 1 to 1000000";
  for (const char* value : {"0", "1.5", "1000001", "\"5\"", "null"}) {
    CAPTURE(value);
    CHECK(limit_error(std::string(R"({"rate":5,"burst":)") + value + "}") == burst);
  }
}

TEST_CASE("a limit may be of frames, of bytes, of both or of nothing") {
  CHECK_FALSE(FrameLimit{}.is_any());
  CHECK(FrameLimit{1, 1, 0, 0}.is_any());
  CHECK(FrameLimit{0, 0, 1, 1}.is_any());
}

TEST_CASE("an array is one array, whole, and nothing else") {
  REQUIRE(json_elements(" [1, \"b\" ,{}] "));
  CHECK(json_elements(" [1, \"b\" ,{}] ")->size() == 3);
  CHECK(json_elements("[]")->empty());
  for (const char* text : {"", "{}", "[1] 2", "[1,]", "[1 2]", "[1", "[,1]", "[nul]"}) {
    CAPTURE(text);
    CHECK_FALSE(json_elements(text));
  }
}

TEST_CASE("strings are one string or an array of them") {
  const auto strings = [](JsonKind kind, std::string_view value) {
    JsonMember member;
    member.kind = kind;
    member.value = value;
    return json_strings(member);
  };
  CHECK(strings(JsonKind::kString, R"("a\nb")") == std::vector<std::string>{"a\nb"});
  CHECK(strings(JsonKind::kArray, R"(["a","b"])") == std::vector<std::string>{"a", "b"});
  CHECK_FALSE(strings(JsonKind::kArray, R"(["a",1])"));
  CHECK_FALSE(strings(JsonKind::kArray, R"(["a")"));
  CHECK_FALSE(strings(JsonKind::kNumber, "1"));
  CHECK_FALSE(strings(JsonKind::kObject, "{}"));
}

TEST_CASE("claims that are no object are none") {
  for (const char* text : {"[]", "1", "\"sub\"", "null", "", "{"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_claims(text).ok());
  }
}
