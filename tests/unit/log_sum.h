// The last member of every line of an exported log, which proves the others (rooms/log_text.h).
#pragma once

#include <string>
#include <string_view>

#include "base/hex.h"
#include "base/siphash.h"

namespace edgeroom::test {

// The JSON object with its sum.
inline std::string summed(std::string_view object) {
  const std::string_view members = object.substr(0, object.size() - 1);
  return std::string(members) + ",\"sum\":\"" + hex_u64(siphash({}, members)) + "\"}";
}

// The object without it.
inline std::string unsummed(std::string_view line) {
  constexpr size_t kSumBytes = sizeof(",\"sum\":\"0123456789abcdef\"}") - 1;
  return std::string(line.substr(0, line.size() - kSumBytes)) + "}";
}

}  // namespace edgeroom::test
