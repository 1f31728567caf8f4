// Inbound frames of the protocol, version 1: from bytes to something the room understands, or to
// the error that the client is told. docs/PROTOCOL.md has the table.
#pragma once

#include <cstdint>
#include <forward_list>
#include <optional>
#include <string>
#include <string_view>

#include "rooms/record.h"

namespace edgeroom {

enum class FrameType : uint8_t {
  kMessage,
  kEvent,
  kHistory,
  kPresence,
  kDelete,
  kModeration,
  kToken,
  kPing,
};

// The views point into the frame's text, or into `unescaped`.
struct ClientFrame {
  ClientFrame() = default;
  ClientFrame(ClientFrame&&) = default;
  ClientFrame& operator=(ClientFrame&&) = default;
  ClientFrame(const ClientFrame&) = delete;
  ClientFrame& operator=(const ClientFrame&) = delete;
  ~ClientFrame() = default;

  FrameType type = FrameType::kPing;
  std::string_view content;  // JSON text; empty when the frame has none
  std::string_view id;
  std::string_view ref;
  std::string_view name;
  std::optional<uint64_t> before;
  std::optional<uint64_t> after;
  std::optional<uint64_t> limit;
  std::optional<uint64_t> seq;
  // Of a moderation.
  ModerationAction action = ModerationAction::kKick;
  std::string_view user;
  std::optional<uint64_t> for_s;
  std::string_view reason;
  // Of a token.
  std::string_view token;
  // Members that were written with escapes, without them.
  std::forward_list<std::string> unescaped;
};

// An error code of the contract.
enum class ErrorCode : uint8_t {
  kBadJson,
  kBadFrame,
  kUnknownType,
  kTooLarge,
  kRateLimited,
  kMuted,
  kContentRefused,
  kForbidden,
  kOutboxFull,
  kNotFound,
  kInternal,
};

std::string_view error_code_name(ErrorCode code);

struct FrameError {
  ErrorCode code = ErrorCode::kBadFrame;
  std::string detail;
  uint64_t until_ms = 0;  // when it no longer holds; 0: that is not known, or never
};

// Parses a text frame. On an error `frame` holds the id and the ref, if they could be read, so
// that the answer can carry them.
std::optional<FrameError> parse_frame(std::string_view text, ClientFrame& frame);

// The same for the body of a moderation over HTTP, which has no "type".
std::optional<FrameError> parse_moderation(std::string_view text, ClientFrame& frame);

}  // namespace edgeroom
