#include "worker/trace.h"

#include <algorithm>

#include "base/hex.h"
#include "worker/limits.h"

namespace edgeroom {

namespace {

// Places of the parts in version 00.
constexpr size_t kTraceAt = 3;
constexpr size_t kTraceDigits = 32;
constexpr size_t kParentAt = kTraceAt + kTraceDigits + 1;
constexpr size_t kParentDigits = 16;
constexpr size_t kFlagsAt = kParentAt + kParentDigits + 1;
constexpr size_t kSize = kFlagsAt + 2;

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_id(std::string_view text) {
  return is_hex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

bool is_ray(std::string_view text) {
  return !text.empty() && text.size() <= kRayBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c == '-';
         });
}

// No id may be 0.
uint64_t id_part(Random& random) { return random.next() | 1U; }

}  // namespace

bool is_traceparent(std::string_view text) {
  if (text.size() < kSize) return false;
  const std::string_view version = text.substr(0, 2);
  if (!is_hex(version) || version == "ff") return false;
  if (version == "00" ? text.size() != kSize : text.size() > kSize && text[kSize] != '-') {
    return false;
  }
  return text[2] == '-' && text[kParentAt - 1] == '-' && text[kFlagsAt - 1] == '-' &&
         is_id(text.substr(kTraceAt, kTraceDigits)) &&
         is_id(text.substr(kParentAt, kParentDigits)) && is_hex(text.substr(kFlagsAt, 2));
}

std::string make_traceparent(Random& random) {
  std::string out = "00-................................-................-01";
  put_hex_u64(&out[kTraceAt], id_part(random));
  put_hex_u64(&out[kTraceAt + kTraceDigits / 2], random.next());
  put_hex_u64(&out[kParentAt], id_part(random));
  return out;
}

std::string_view trace_id_of(std::string_view traceparent) {
  return traceparent.substr(kTraceAt, kTraceDigits);
}

std::string request_id(std::string_view ray, Random& random) {
  return is_ray(ray) ? std::string(ray) : hex_u64(random.next());
}

}  // namespace edgeroom
