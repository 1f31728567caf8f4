// Client frames: one that is taken says the same when it is written again; one that is refused is
// told what is wrong and where.
#include <string>

#include "base/json_scanner.h"
#include "base/json_writer.h"
#include "base/utf8.h"
#include "base/valid_utf8.h"
#include "rooms/frame.h"
#include "rooms/limits.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/peer_json.h"

namespace edgeroom {
namespace {

using Parse = std::optional<FrameError> (*)(std::string_view, ClientFrame&);

std::string_view type_name(FrameType type) {
  switch (type) {
    case FrameType::kMessage: return "message";
    case FrameType::kEvent: return "event";
    case FrameType::kHistory: return "history";
    case FrameType::kPresence: return "presence";
    case FrameType::kDelete: return "delete";
    case FrameType::kModeration: return "moderation";
    case FrameType::kToken: return "token";
    case FrameType::kPing: return "ping";
  }
  return "";
}

std::string written(const ClientFrame& frame) {
  std::string out;
  JsonObjectWriter object(out);
  const auto text = [&object](std::string_view key, std::string_view value) {
    if (!value.empty()) object.string(key, value);
  };
  const auto number = [&object](std::string_view key, const std::optional<uint64_t>& value) {
    if (value) object.integer(key, *value);
  };
  object.string("type", type_name(frame.type));
  if (!frame.content.empty()) object.raw("content", frame.content);
  text("id", frame.id);
  text("ref", frame.ref);
  text("name", frame.name);
  number("before", frame.before);
  number("after", frame.after);
  number("limit", frame.limit);
  number("seq", frame.seq);
  if (frame.type == FrameType::kModeration) {
    object.string("action", moderation_action_name(frame.action));
    text("user", frame.user);
    number("for_s", frame.for_s);
    text("reason", frame.reason);
  }
  if (frame.type == FrameType::kToken) text("token", frame.token);
  object.close();
  return out;
}

// "… at byte 17", within the text.
void check_place(const FrameError& error, std::string_view text) {
  constexpr std::string_view kAt = " at byte ";
  const size_t at = error.detail.rfind(kAt);
  CHECK(at != std::string::npos);
  CHECK(std::stoull(error.detail.substr(at + kAt.size())) <= text.size());
}

void check_refused(const FrameError& error, std::string_view text) {
  CHECK(!error.detail.empty());
  CHECK(error.detail.size() <= 200);
  CHECK(is_valid_utf8(error.detail));
  switch (error.code) {
    case ErrorCode::kBadJson: return check_place(error, text);
    case ErrorCode::kBadFrame:
    case ErrorCode::kUnknownType: CHECK(fuzz::is_json_elsewhere(text)); return;
    default: CHECK(false);  // the others are the room's
  }
}

void check_limits(const ClientFrame& frame) {
  CHECK(utf8_characters(frame.id) <= kIdCharactersMax);
  CHECK(utf8_characters(frame.ref) <= kRefCharactersMax);
  CHECK(utf8_characters(frame.name) <= kEventNameCharactersMax);
  CHECK(frame.type != FrameType::kMessage || is_json(frame.content));
  if (frame.type == FrameType::kHistory) CHECK(frame.limit.value_or(1) <= kHistoryLimitMax);
  if (frame.type != FrameType::kModeration) return;
  CHECK(!frame.user.empty());
  CHECK(utf8_characters(frame.reason) <= kReasonCharactersMax);
  CHECK(frame.for_s.value_or(1) <= kModerationSecondsMax);
}

void check(Parse parse, std::string_view text) {
  ClientFrame frame;
  if (const auto error = parse(text, frame)) return check_refused(*error, text);
  CHECK(fuzz::is_json_elsewhere(text));
  check_limits(frame);
  const std::string once = written(frame);
  ClientFrame again;
  CHECK(!parse_frame(once, again));
  CHECK(written(again) == once);
}

}  // namespace
}  // namespace edgeroom

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = edgeroom::fuzz::text_of(data, size);
  edgeroom::check(edgeroom::parse_frame, text);
  edgeroom::check(edgeroom::parse_moderation, text);
  return 0;
}
