// What the Worker answers, or does instead of answering: EdgeDecision with its texts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "worker/abi.h"

namespace edgeroom {

struct Answer {
  EdgeAction action = EdgeAction::kRespond;
  uint32_t status = 0;
  std::string headers;  // lines `name: value`, each ended by a line feed
  std::string body;
  std::string room;
  std::string_view protocol;  // static
  std::string log;
  EdgeLogLevel log_level = EdgeLogLevel::kNone;
  bool kv_due = false;
  std::string url;
  std::string cache_key;
  std::string onward;  // lines as in `headers`
  uint32_t timeout_ms = 0;
  std::string request_id;
  std::string traceparent;
  std::string_view route;  // static
  std::string policy;

  // `value` must hold no line feed.
  void add_header(std::string_view name, std::string_view value);
};

// An error as application/problem+json (RFC 9457). No detail may hold a secret or an address.
Answer problem_answer(uint32_t status, std::string_view detail);

// 401: a token is needed, and there is none; `whose` says which, as in "a token".
Answer unauthorized_answer(std::string_view whose);

// 405, with the methods that there are: "GET, HEAD".
Answer method_not_allowed(std::string_view allowed);

}  // namespace edgeroom
