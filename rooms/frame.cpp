#include "rooms/frame.h"

#include <array>

#include "base/json_scanner.h"
#include "base/plain_run.h"
#include "base/utf8.h"
#include "rooms/limits.h"

namespace edgeroom {

namespace {

struct TypeName {
  std::string_view name;
  FrameType type;
};

constexpr std::array<TypeName, 8> kTypeNames = {{
    {"message", FrameType::kMessage},
    {"event", FrameType::kEvent},
    {"history", FrameType::kHistory},
    {"presence", FrameType::kPresence},
    {"delete", FrameType::kDelete},
    {"moderation", FrameType::kModeration},
    {"token", FrameType::kToken},
    {"ping", FrameType::kPing},
}};

// The members that any frame may have. Others are ignored, so that a newer client can talk to an
// older room.
enum class Member : uint8_t {
  kType,
  kContent,
  kId,
  kRef,
  kName,
  kBefore,
  kAfter,
  kLimit,
  kSeq,
  kAction,
  kUser,
  kForS,
  kReason,
  kToken,
};

struct MemberName {
  std::string_view name;
  Member member;
};

constexpr std::array<MemberName, 14> kMemberNames = {{
    {"type", Member::kType},
    {"content", Member::kContent},
    {"id", Member::kId},
    {"ref", Member::kRef},
    {"name", Member::kName},
    {"before", Member::kBefore},
    {"after", Member::kAfter},
    {"limit", Member::kLimit},
    {"seq", Member::kSeq},
    {"action", Member::kAction},
    {"user", Member::kUser},
    {"for_s", Member::kForS},
    {"reason", Member::kReason},
    {"token", Member::kToken},
}};

FrameError bad_frame(std::string detail) { return {ErrorCode::kBadFrame, std::move(detail)}; }

// Collects the members of one frame and the first thing that is wrong with them.
class FrameParser {
 public:
  // `type` is the one of a text that does not name it.
  explicit FrameParser(ClientFrame& frame, std::optional<FrameType> type = std::nullopt)
      : frame_(frame), given_type_(type) {}

  void member(const JsonMember& member) {
    for (const MemberName& known : kMemberNames) {
      if (member.key == known.name) {
        take(known, member);
        return;
      }
    }
  }

  std::optional<FrameError> finish() {
    if (!given_type_ && !has(Member::kType)) return bad_frame("\"type\" is missing");
    if (error_) return error_;
    if (given_type_) {
      frame_.type = *given_type_;
    } else if (!resolve_type()) {
      return FrameError{ErrorCode::kUnknownType, "unknown type \"" + shown(type_) + "\""};
    }
    return check_members();
  }

 private:
  [[nodiscard]] bool has(Member member) const {
    return (seen_ & (1U << static_cast<unsigned>(member))) != 0;
  }

  // What only moderation and token frames have is wrong in those alone.
  void fail(const MemberName& known, std::string detail) {
    auto& error = known.member >= Member::kAction ? rare_error_ : error_;
    if (!error) error = bad_frame("\"" + std::string(known.name) + "\" " + std::move(detail));
  }

  // Long names of strangers are cut before they are told back.
  static std::string shown(std::string_view text) {
    constexpr size_t kShownBytesMax = 64;
    if (text.size() <= kShownBytesMax) return std::string(text);
    size_t end = kShownBytesMax;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) end--;
    return std::string(text.substr(0, end)) + "…";
  }

  void take(const MemberName& known, const JsonMember& member) {
    if (has(known.member)) {
      fail(known, "is given twice");
      return;
    }
    seen_ |= 1U << static_cast<unsigned>(known.member);
    switch (known.member) {
      case Member::kType: text(known, member, 1, SIZE_MAX, type_); break;
      case Member::kContent: frame_.content = member.value; break;
      case Member::kId: text(known, member, 1, kIdCharactersMax, frame_.id); break;
      case Member::kRef: text(known, member, 0, kRefCharactersMax, frame_.ref); break;
      case Member::kName: text(known, member, 1, kEventNameCharactersMax, frame_.name); break;
      case Member::kBefore: number(known, member, frame_.before); break;
      case Member::kAfter: number(known, member, frame_.after); break;
      case Member::kLimit: number(known, member, frame_.limit); break;
      case Member::kSeq: number(known, member, frame_.seq); break;
      case Member::kAction: text(known, member, 1, SIZE_MAX, action_); break;
      case Member::kUser: text(known, member, 1, kUserCharactersMax, frame_.user); break;
      case Member::kForS: number(known, member, frame_.for_s); break;
      case Member::kReason: text(known, member, 0, kReasonCharactersMax, frame_.reason); break;
      case Member::kToken: text(known, member, 1, SIZE_MAX, frame_.token); break;
    }
  }

  void text(const MemberName& known, const JsonMember& member, size_t characters_min,
            size_t characters_max, std::string_view& out) {
    if (member.kind != JsonKind::kString) {
      fail(known, "must be a string");
      return;
    }
    std::string_view value = member.value.substr(1, member.value.size() - 2);
    if (member.has_escapes) value = frame_.unescaped.emplace_front(json_unescape(member.value));
    const bool is_plain = plain_run(value) == value.size();
    const size_t characters = is_plain ? value.size() : utf8_characters(value);
    if (characters < characters_min) {
      fail(known, "must not be empty");
    } else if (characters > characters_max) {
      fail(known, "has " + std::to_string(characters) + " characters; the most is " +
                      std::to_string(characters_max));
    } else {
      out = value;
    }
  }

  void number(const MemberName& known, const JsonMember& member, std::optional<uint64_t>& out) {
    if (member.kind == JsonKind::kNumber) out = json_integer(member.value);
    if (!out) fail(known, "must be a whole number from 0 to 2^53-1");
  }

  bool resolve_type() {
    for (const TypeName& known : kTypeNames) {
      if (type_ == known.name) {
        frame_.type = known.type;
        return true;
      }
    }
    return false;
  }

  std::optional<FrameError> check_members() {
    switch (frame_.type) {
      case FrameType::kMessage:
        if (!has(Member::kContent)) return bad_frame("\"content\" is missing");
        break;
      case FrameType::kEvent:
        if (!has(Member::kName)) return bad_frame("\"name\" is missing");
        break;
      case FrameType::kHistory:
        if (frame_.before && frame_.after) {
          return bad_frame("\"before\" and \"after\" exclude each other");
        }
        if (frame_.limit && (*frame_.limit < 1 || *frame_.limit > kHistoryLimitMax)) {
          return bad_frame("\"limit\" must be from 1 to " + std::to_string(kHistoryLimitMax));
        }
        break;
      case FrameType::kDelete:
        if (!has(Member::kSeq)) return bad_frame("\"seq\" is missing");
        break;
      case FrameType::kModeration: return check_moderation();
      case FrameType::kToken:
        if (rare_error_) return rare_error_;
        if (!has(Member::kToken)) return bad_frame("\"token\" is missing");
        break;
      case FrameType::kPresence:
      case FrameType::kPing: break;
    }
    return std::nullopt;
  }

  std::optional<FrameError> check_moderation() {
    if (rare_error_) return rare_error_;
    if (!has(Member::kAction)) return bad_frame("\"action\" is missing");
    const auto action = parse_moderation_action(action_);
    if (!action) return bad_frame("\"action\" must be kick, ban, unban, mute or unmute");
    frame_.action = *action;
    if (!has(Member::kUser)) return bad_frame("\"user\" is missing");
    if (!frame_.for_s) return std::nullopt;
    if (*action != ModerationAction::kBan && *action != ModerationAction::kMute) {
      return bad_frame("\"for_s\" goes with ban and mute only");
    }
    if (*frame_.for_s < 1 || *frame_.for_s > kModerationSecondsMax) {
      return bad_frame("\"for_s\" must be from 1 to " + std::to_string(kModerationSecondsMax));
    }
    return std::nullopt;
  }

  ClientFrame& frame_;
  std::optional<FrameType> given_type_;
  std::string_view type_;
  std::string_view action_;
  uint32_t seen_ = 0;
  std::optional<FrameError> error_;
  std::optional<FrameError> rare_error_;
};

}  // namespace

std::string_view error_code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kBadJson: return "bad_json";
    case ErrorCode::kBadFrame: return "bad_frame";
    case ErrorCode::kUnknownType: return "unknown_type";
    case ErrorCode::kTooLarge: return "too_large";
    case ErrorCode::kRateLimited: return "rate_limited";
    case ErrorCode::kMuted: return "muted";
    case ErrorCode::kContentRefused: return "content_refused";
    case ErrorCode::kForbidden: return "forbidden";
    case ErrorCode::kNotFound: return "not_found";
    case ErrorCode::kOutboxFull: return "outbox_full";
    case ErrorCode::kInternal: return "internal";
  }
  return "internal";
}

namespace {

std::optional<FrameError> parse(std::string_view text, FrameParser parser, std::string_view what) {
  JsonObjectReader reader(text);
  JsonMember member;
  while (reader.next(member)) parser.member(member);
  if (reader.wrong_root()) return bad_frame(std::string(what) + " must be one JSON object");
  if (const auto fault = reader.fault()) {
    return FrameError{ErrorCode::kBadJson,
                      std::string(fault->what) + " at byte " + std::to_string(fault->offset)};
  }
  return parser.finish();
}

}  // namespace

std::optional<FrameError> parse_frame(std::string_view text, ClientFrame& frame) {
  return parse(text, FrameParser(frame), "a frame");
}

std::optional<FrameError> parse_moderation(std::string_view text, ClientFrame& frame) {
  return parse(text, FrameParser(frame, FrameType::kModeration), "the body");
}

}  // namespace edgeroom
