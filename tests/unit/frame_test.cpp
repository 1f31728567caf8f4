// Inbound frames: the hostile table, and what the room is to understand of the others.

#include "rooms/frame.h"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "tests/unit/dice.h"
#include "tests/unit/exact_text.h"

using edgeroom::ClientFrame;
using edgeroom::error_code_name;
using edgeroom::ErrorCode;
using edgeroom::FrameError;
using edgeroom::FrameType;
using edgeroom::ModerationAction;
using edgeroom::parse_frame;
using edgeroom::parse_moderation;
using edgeroom::test::Dice;
using edgeroom::test::ExactText;

namespace {

using namespace std::string_literals;

struct BadCase {
  std::string text;
  ErrorCode code;
  std::string detail;  // exactly
};

constexpr auto kJson = ErrorCode::kBadJson;
constexpr auto kFrame = ErrorCode::kBadFrame;
constexpr auto kUnknown = ErrorCode::kUnknownType;

std::string times(size_t count, const std::string& text) {
  std::string out;
  for (size_t i = 0; i < count; i++) out += text;
  return out;
}

std::string with_id(const std::string& id) {
  return "{\"type\":\"message\",\"content\":1,\"id\":\"" + id + "\"}";
}

void check_refused(const std::vector<BadCase>& cases) {
  for (const BadCase& c : cases) {
    CAPTURE(c.text);
    const ExactText exact(c.text);
    ClientFrame frame;
    const auto error = parse_frame(exact.view(), frame);
    REQUIRE(error);
    CHECK(error_code_name(error->code) == error_code_name(c.code));
    CHECK(error->detail == c.detail);
  }
}

// A frame that was taken, with the text that its content points into.
struct Taken : ClientFrame {
  std::unique_ptr<std::string> text;
};

Taken taken(const std::string& text) {
  CAPTURE(text);
  Taken frame;
  frame.text = std::make_unique<std::string>(text);
  const auto error = parse_frame(*frame.text, frame);
  CHECK_FALSE(error);
  if (error) MESSAGE(error->detail);
  return frame;
}

}  // namespace

TEST_CASE("text that is no JSON is bad_json, with the place") {
  check_refused({
      {"", kJson, "unexpected end at byte 0"},
      {" ", kJson, "unexpected end at byte 1"},
      {"\0"s, kJson, "expected a value at byte 0"},
      {"hello", kJson, "expected a value at byte 0"},
      {"{", kJson, "expected a member name in quotes at byte 1"},
      {"{\"type\":\"ping\"", kJson, "expected ',' or '}' at byte 14"},
      {"{\"type\":\"ping", kJson, "unterminated string at byte 13"},
      {"{\"type\":\"ping\"}}", kJson, "trailing bytes after the value at byte 15"},
      {"{\"type\":\"ping\"} {}", kJson, "trailing bytes after the value at byte 16"},
      {"{\"type\":\"ping\"}\0"s, kJson, "trailing bytes after the value at byte 15"},
      {"[1", kJson, "expected ',' or ']' at byte 2"},
      {"{'type':'ping'}", kJson, "expected a member name in quotes at byte 1"},
      {"{\"type\":\"ping\",}", kJson, "expected a member name in quotes at byte 15"},
      {"{\"type\":\"pi\nng\"}", kJson, "control character in a string at byte 11"},
      {"{\"type\":\"pi\0ng\"}"s, kJson, "control character in a string at byte 11"},
      {"{\"ty\x1fpe\":1}", kJson, "control character in a string at byte 4"},
      {"{\"type\":\"\xff\"}", kJson, "invalid UTF-8 at byte 9"},
      {"{\"type\":\"\\ud800\"}", kJson, "lone surrogate at byte 15"},
      {"{\"type\":\"message\",\"content\":01}", kJson, "a number may not start with 0 at byte 29"},
      {"{\"type\":\"message\",\"content\":NaN}", kJson, "expected a value at byte 28"},
      {"{\"type\":\"message\",\"content\":" + std::string(65, '[') + std::string(65, ']') + "}",
       kJson, "nested too deeply at byte 92"},
      {std::string(100'000, '['), kJson, "nested too deeply at byte 64"},
      {times(100'000, "{\"a\":"), kJson, "nested too deeply at byte 325"},
  });
}

TEST_CASE("another root than an object is bad_frame") {
  const std::string detail = "a frame must be one JSON object";
  check_refused({{"[]", kFrame, detail},
                 {"[{\"type\":\"ping\"}]", kFrame, detail},
                 {"\"ping\"", kFrame, detail},
                 {"null", kFrame, detail},
                 {"12", kFrame, detail}});
}

TEST_CASE("a frame without a usable type says so") {
  const std::string a64(64, 'a');
  check_refused({
      {"{}", kFrame, "\"type\" is missing"},
      {"{\"content\":1}", kFrame, "\"type\" is missing"},
      {"{\"Type\":\"ping\"}", kFrame, "\"type\" is missing"},
      {"{\"type\":1}", kFrame, "\"type\" must be a string"},
      {"{\"type\":null}", kFrame, "\"type\" must be a string"},
      {"{\"type\":[\"ping\"]}", kFrame, "\"type\" must be a string"},
      {"{\"type\":\"\"}", kFrame, "\"type\" must not be empty"},
      {"{\"type\":\"ping\",\"type\":\"ping\"}", kFrame, "\"type\" is given twice"},
      {"{\"type\":\"ping\",\"\\u0074ype\":\"message\"}", kFrame, "\"type\" is given twice"},
      {"{\"type\":\"nonsense\"}", kUnknown, "unknown type \"nonsense\""},
      {"{\"type\":\"PING\"}", kUnknown, "unknown type \"PING\""},
      {"{\"type\":\"ping \"}", kUnknown, "unknown type \"ping \""},
      {"{\"type\":\"new_message\"}", kUnknown, "unknown type \"new_message\""},
      {"{\"type\":\"" + a64 + "\"}", kUnknown, "unknown type \"" + a64 + "\""},
      {"{\"type\":\"" + a64 + "a\"}", kUnknown, "unknown type \"" + a64 + "…\""},
      {"{\"type\":\"a" + times(40, "é") + "\"}", kUnknown,
       "unknown type \"a" + times(31, "é") + "…\""},
  });
}

TEST_CASE("members that are missing, of a wrong type or given twice are named") {
  check_refused({
      {"{\"type\":\"message\"}", kFrame, "\"content\" is missing"},
      {"{\"type\":\"message\",\"id\":\"a\"}", kFrame, "\"content\" is missing"},
      {"{\"type\":\"message\",\"content\":1,\"content\":2}", kFrame, "\"content\" is given twice"},
      {"{\"type\":\"message\",\"content\":1,\"id\":7}", kFrame, "\"id\" must be a string"},
      {"{\"type\":\"message\",\"content\":1,\"id\":null}", kFrame, "\"id\" must be a string"},
      {"{\"type\":\"message\",\"content\":1,\"id\":\"a\",\"id\":\"b\"}", kFrame,
       "\"id\" is given twice"},
      {with_id(""), kFrame, "\"id\" must not be empty"},
      {"{\"type\":\"ping\",\"ref\":1}", kFrame, "\"ref\" must be a string"},
      {"{\"type\":\"ping\",\"ref\":{}}", kFrame, "\"ref\" must be a string"},
      {"{\"type\":\"event\"}", kFrame, "\"name\" is missing"},
      {"{\"type\":\"event\",\"name\":\"\"}", kFrame, "\"name\" must not be empty"},
      {"{\"type\":\"event\",\"name\":true}", kFrame, "\"name\" must be a string"},
      {"{\"type\":\"delete\"}", kFrame, "\"seq\" is missing"},
      {"{\"type\":\"delete\",\"target\":1}", kFrame, "\"seq\" is missing"},
      // The first fault is the one that is told.
      {"{\"id\":1,\"ref\":2,\"type\":\"message\"}", kFrame, "\"id\" must be a string"},
  });
}

TEST_CASE("strings are limited in characters, not in bytes") {
  const std::string a65(65, 'a');
  check_refused({
      {with_id(a65), kFrame, "\"id\" has 65 characters; the most is 64"},
      {with_id(times(65, "é")), kFrame, "\"id\" has 65 characters; the most is 64"},
      {with_id(times(65, "\\u00e9")), kFrame, "\"id\" has 65 characters; the most is 64"},
      {with_id(times(65, "\\ud83d\\ude00")), kFrame, "\"id\" has 65 characters; the most is 64"},
      {with_id(std::string(500'000, 'a')), kFrame, "\"id\" has 500000 characters; the most is 64"},
      {"{\"type\":\"ping\",\"ref\":\"" + a65 + "\"}", kFrame,
       "\"ref\" has 65 characters; the most is 64"},
      {"{\"type\":\"event\",\"name\":\"" + a65 + "\"}", kFrame,
       "\"name\" has 65 characters; the most is 64"},
  });
  for (const std::string& character : {"a"s, "é"s, "€"s, "😀"s}) {
    const Taken frame = taken(with_id(times(64, character)));
    CHECK(frame.id == times(64, character));
  }
  CHECK(taken(with_id(times(64, "\\ud83d\\ude00"))).id == times(64, "😀"));
  CHECK(taken(with_id(times(64, "\\u0000"))).id == std::string(64, '\0'));
}

TEST_CASE("bounds and limits are whole numbers in their range") {
  const std::string whole = " must be a whole number from 0 to 2^53-1";
  for (const std::string& name : {"before"s, "after"s, "limit"s, "seq"s}) {
    for (const char* value : {"-1", "-0", "1.5", "1.0", "1e2", "9007199254740992",
                              "18446744073709551616", "1e400", "\"5\"", "null", "true", "[]"}) {
      check_refused({{"{\"type\":\"delete\",\"" + name + "\":" + value + "}", kFrame,
                      "\"" + name + "\"" + whole}});
    }
    check_refused({{"{\"type\":\"history\",\"" + name + "\":1,\"" + name + "\":1}", kFrame,
                    "\"" + name + "\" is given twice"}});
  }
  const std::string both = "\"before\" and \"after\" exclude each other";
  check_refused({
      {"{\"type\":\"history\",\"before\":1,\"after\":1}", kFrame, both},
      {"{\"type\":\"history\",\"after\":0,\"before\":0}", kFrame, both},
      {"{\"type\":\"history\",\"limit\":0}", kFrame, "\"limit\" must be from 1 to 100"},
      {"{\"type\":\"history\",\"limit\":101}", kFrame, "\"limit\" must be from 1 to 100"},
      {"{\"type\":\"history\",\"limit\":9007199254740991}", kFrame,
       "\"limit\" must be from 1 to 100"},
  });
}

TEST_CASE("every type of frame is understood") {
  Taken frame = taken(
      R"( { "ref" : "r", "content" : { "a" : [ 1e400, "é" ] } , "id":"c-1","type":"message"} )");
  CHECK(frame.type == FrameType::kMessage);
  CHECK(frame.content == R"({ "a" : [ 1e400, "é" ] })");
  CHECK(frame.id == "c-1");
  CHECK(frame.ref == "r");

  frame = taken(R"({"type":"event","name":"typing"})");
  CHECK(frame.type == FrameType::kEvent);
  CHECK(frame.name == "typing");
  CHECK(frame.content.empty());
  CHECK(taken(R"({"type":"event","name":"x","content":null})").content == "null");

  frame = taken(R"({"type":"history"})");
  CHECK(frame.type == FrameType::kHistory);
  CHECK_FALSE(frame.before);
  CHECK_FALSE(frame.after);
  CHECK_FALSE(frame.limit);
  frame = taken(R"({"type":"history","before":9007199254740991,"limit":100})");
  CHECK(frame.before == 9007199254740991U);
  CHECK(frame.limit == 100U);
  frame = taken(R"({"type":"history","after":0,"limit":1})");
  CHECK(frame.after == 0U);
  CHECK(frame.limit == 1U);

  CHECK(taken(R"({"type":"presence","ref":""})").type == FrameType::kPresence);
  CHECK(taken(R"({"type":"ping"})").type == FrameType::kPing);
  frame = taken(R"({"type":"delete","seq":9007199254740991})");
  CHECK(frame.type == FrameType::kDelete);
  CHECK(frame.seq == 9007199254740991U);
}

TEST_CASE("a moderation is understood with all it may have") {
  const std::vector<std::pair<std::string, ModerationAction>> actions = {
      {"kick", ModerationAction::kKick},
      {"ban", ModerationAction::kBan},
      {"unban", ModerationAction::kUnban},
      {"mute", ModerationAction::kMute},
      {"unmute", ModerationAction::kUnmute}};
  for (const auto& [name, action] : actions) {
    const Taken frame =
        taken("{\"type\":\"moderation\",\"action\":\"" + name + "\",\"user\":\"eve\"}");
    CHECK(frame.type == FrameType::kModeration);
    CHECK(frame.action == action);
    CHECK(frame.user == "eve");
    CHECK_FALSE(frame.for_s);
    CHECK(frame.reason.empty());
  }
  Taken frame = taken(
      R"({"for_s":1,"reason":"\u0022spam\u0022","user":"\u0065ve","action":"b\u0061n","ref":"r",)"
      R"("type":"moderation"})");
  CHECK(frame.action == ModerationAction::kBan);
  CHECK(frame.user == "eve");
  CHECK(frame.for_s == 1U);
  CHECK(frame.reason == "\"spam\"");
  CHECK(frame.ref == "r");
  frame =
      taken(R"({"type":"moderation","action":"mute","user":"e","for_s":315360000,"reason":""})");
  CHECK(frame.for_s == 315360000U);
  CHECK(taken("{\"type\":\"moderation\",\"action\":\"kick\",\"user\":\"" + times(128, "😀") +
              "\",\"reason\":\"" + times(200, "😀") + "\"}")
            .user == times(128, "😀"));
}

TEST_CASE("a moderation over HTTP needs no type, and is refused as the frame is") {
  ClientFrame frame;
  CHECK_FALSE(parse_moderation(R"({"action":"mute","user":"eve","for_s":60})", frame));
  CHECK(frame.type == FrameType::kModeration);
  CHECK(frame.action == ModerationAction::kMute);
  CHECK(frame.user == "eve");
  CHECK(frame.for_s == 60U);
  // A type is passed over like any member that means nothing here.
  ClientFrame typed;
  CHECK_FALSE(parse_moderation(R"({"type":"message","action":"kick","user":"eve"})", typed));
  CHECK(typed.type == FrameType::kModeration);
  const std::string actions = "\"action\" must be kick, ban, unban, mute or unmute";
  const std::string only = "\"for_s\" goes with ban and mute only";
  const std::string range = "\"for_s\" must be from 1 to 315360000";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "\"action\" is missing"},
      {R"("user":"eve")", "\"action\" is missing"},
      {R"("action":"ban")", "\"user\" is missing"},
      {R"("action":"ban","user":7)", "\"user\" must be a string"},
      {R"("action":"","user":"eve")", "\"action\" must not be empty"},
      {R"("action":"Kick","user":"eve")", actions},
      {R"("action":"delete","user":"eve")", actions},
      {R"("action":"kick","user":"")", "\"user\" must not be empty"},
      {R"("action":"kick","user":")" + times(129, "é") + "\"",
       "\"user\" has 129 characters; the most is 128"},
      {R"("action":"ban","user":"e","reason":")" + times(201, "é") + "\"",
       "\"reason\" has 201 characters; the most is 200"},
      {R"("action":"kick","user":"e","for_s":1)", only},
      {R"("action":"unban","user":"e","for_s":1)", only},
      {R"("action":"unmute","user":"e","for_s":0)", only},
      {R"("action":"ban","user":"e","for_s":0)", range},
      {R"("action":"mute","user":"e","for_s":315360001)", range},
      {R"("action":"ban","user":"e","for_s":1.5)",
       "\"for_s\" must be a whole number from 0 to 2^53-1"},
      {R"("action":"ban","action":"kick","user":"e")", "\"action\" is given twice"},
      // The first fault is the one that is told.
      {R"("for_s":"x","user":7,"action":"ban")",
       "\"for_s\" must be a whole number from 0 to 2^53-1"},
  };
  for (const auto& [members, detail] : cases) {
    CAPTURE(members);
    const ExactText body("{" + members + "}");
    ClientFrame ask;
    const auto error = parse_moderation(body.view(), ask);
    REQUIRE(error);
    CHECK(error->code == kFrame);
    CHECK(error->detail == detail);
    const std::string separator = members.empty() ? "" : ",";
    check_refused({{"{\"type\":\"moderation\"" + separator + members + "}", kFrame, detail}});
  }
  const auto no_object = parse_moderation("[]", frame);
  REQUIRE(no_object);
  CHECK(no_object->detail == "the body must be one JSON object");
  const auto no_json = parse_moderation("{", frame);
  REQUIRE(no_json);
  CHECK(no_json->code == kJson);
}

TEST_CASE("a token is understood") {
  const Taken frame = taken(R"({"type":"token","token":"a.b.c","ref":"r"})");
  CHECK(frame.type == FrameType::kToken);
  CHECK(frame.token == "a.b.c");
  CHECK(taken("{\"type\":\"token\",\"token\":\"" + std::string(10'000, 'x') + "\"}").token.size() ==
        10'000);
  check_refused({
      {R"({"type":"token"})", kFrame, "\"token\" is missing"},
      {R"({"type":"token","token":""})", kFrame, "\"token\" must not be empty"},
      {R"({"type":"token","token":1})", kFrame, "\"token\" must be a string"},
      {R"({"type":"token","token":"a","token":"a"})", kFrame, "\"token\" is given twice"},
  });
}

TEST_CASE("what only moderation and tokens have is anything at all in other frames") {
  // Clients of before these frames may send such members of their own.
  for (const std::string& member :
       {R"("action":7)"s, R"("user":{})"s, R"("for_s":"x")"s, R"("reason":null)"s, R"("token":[])"s,
        R"("user":"a","user":"b")"s, "\"user\":\"" + times(500, "x") + "\""}) {
    CAPTURE(member);
    CHECK(taken("{\"type\":\"message\",\"content\":1," + member + "}").content == "1");
    CHECK(taken("{\"type\":\"ping\"," + member + "}").type == FrameType::kPing);
  }
}

TEST_CASE("escapes in keys and values mean what they say") {
  const Taken frame = taken(R"({"\u0074\u0079pe":"mess\u0061ge","c\u006fntent":"\u0061",)"
                            R"("\u0069d":"\u0078\n","ref":"\"\\"})");
  CHECK(frame.type == FrameType::kMessage);
  CHECK(frame.content == R"("\u0061")");  // as it was sent
  CHECK(frame.id == "x\n");
  CHECK(frame.ref == "\"\\");
}

TEST_CASE("members that nobody knows are passed over, whatever they hold") {
  const Taken frame = taken(
      R"({"x":{"type":"event"},"type":"ping","X":[],"x":1,"":null,"types":"message","typ":1})");
  CHECK(frame.type == FrameType::kPing);
}

TEST_CASE("content may nest 64 deep") {
  const std::string content = std::string(64, '[') + std::string(64, ']');
  CHECK(taken("{\"type\":\"message\",\"content\":" + content + "}").content == content);
}

TEST_CASE("an error keeps the id and the ref for the answer, where they could be read") {
  const std::vector<std::string> refused = {
      R"({"type":"nonsense","id":"i","ref":"r"})",
      R"({"id":"i","ref":"r"})",
      R"({"type":"message","id":"i","ref":"r"})",
      R"({"id":"i","ref":"r","type":"history","limit":0})",
      R"({"id":"i","ref":"r","type":"ping",,})",
      R"({"id":"i","id":"j","ref":"r","type":"ping"})",
  };
  for (const std::string& text : refused) {
    CAPTURE(text);
    ClientFrame frame;
    CHECK(parse_frame(text, frame));
    CHECK(frame.id == "i");
    CHECK(frame.ref == "r");
  }
  ClientFrame frame;
  CHECK(parse_frame(with_id(std::string(65, 'a')), frame));
  CHECK(frame.id.empty());
}

TEST_CASE("every error code has the contract's name") {
  CHECK(error_code_name(ErrorCode::kBadJson) == "bad_json");
  CHECK(error_code_name(ErrorCode::kBadFrame) == "bad_frame");
  CHECK(error_code_name(ErrorCode::kUnknownType) == "unknown_type");
  CHECK(error_code_name(ErrorCode::kTooLarge) == "too_large");
  CHECK(error_code_name(ErrorCode::kRateLimited) == "rate_limited");
  CHECK(error_code_name(ErrorCode::kMuted) == "muted");
  CHECK(error_code_name(ErrorCode::kContentRefused) == "content_refused");
  CHECK(error_code_name(ErrorCode::kForbidden) == "forbidden");
  CHECK(error_code_name(ErrorCode::kNotFound) == "not_found");
  CHECK(error_code_name(ErrorCode::kOutboxFull) == "outbox_full");
  CHECK(error_code_name(ErrorCode::kInternal) == "internal");
}

TEST_CASE("mutated frames are taken whole or refused with a detail, never half understood") {
  const std::vector<std::string> seeds = {
      R"({"type":"message","content":{"t":"\u00e9 ✓"},"id":"c-1","ref":"r"})",
      R"({"type":"history","before":12,"limit":50})",
      R"({"type":"event","name":"typing","content":[1,2]})",
      R"({"type":"moderation","action":"ban","user":"eve","for_s":60,"reason":"é"})",
      R"({"type":"token","token":"a.b.c"})",
  };
  Dice dice(5);
  size_t refused = 0;
  for (int i = 0; i < 20'000; i++) {
    std::string text = dice.pick(seeds);
    for (uint64_t n = dice.between(1, 3); n > 0; n--) {
      const size_t at = dice.index(text.size());
      if (dice.one_in(3)) {
        text.erase(at, 1 + dice.below(4));
      } else {
        text[at] = dice.one_in(2) ? "\"\\{}[],:0129-.eu \n"[dice.index(18)]
                                  : static_cast<char>(dice.below(256));
      }
    }
    const ExactText exact(text);
    ClientFrame frame;
    const auto error = parse_frame(exact.view(), frame);
    if (error) {
      refused++;
      if (error->detail.empty()) FAIL_CHECK("no detail: " << text);
      continue;
    }
    const bool has_content =
        frame.content.data() >= exact.view().data() &&
        frame.content.data() + frame.content.size() <= exact.view().data() + exact.view().size();
    if (frame.type == FrameType::kMessage && (frame.content.empty() || !has_content)) {
      FAIL_CHECK("content from nowhere: " << text);
    }
    if (edgeroom::utf8_characters(frame.id) > 64) FAIL_CHECK("long id: " << text);
    if (frame.type == FrameType::kModeration && frame.user.empty()) FAIL_CHECK("nobody: " << text);
    if (frame.type == FrameType::kToken && frame.token.empty()) FAIL_CHECK("no token: " << text);
  }
  CHECK(refused > 10'000);
  CHECK(refused < 20'000);
}
