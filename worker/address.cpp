#include "worker/address.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "base/json_writer.h"

namespace edgeroom {

namespace {

using Ipv4 = std::array<uint8_t, 4>;
using Ipv6 = std::array<uint8_t, 16>;

std::optional<Ipv4> parse_ipv4(std::string_view text) {
  Ipv4 out{};
  for (size_t part = 0; part < out.size(); part++) {
    const size_t end = part + 1 < out.size() ? text.find('.') : text.size();
    if (end == std::string_view::npos || end < 1 || end > 3) return std::nullopt;
    unsigned value = 0;
    for (const char c : text.substr(0, end)) {
      if (c < '0' || c > '9') return std::nullopt;
      value = value * 10 + static_cast<unsigned>(c - '0');
    }
    if (value > 255) return std::nullopt;
    out[part] = static_cast<uint8_t>(value);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<unsigned> parse_group(std::string_view text) {
  if (text.empty() || text.size() > 4) return std::nullopt;
  unsigned value = 0;
  for (const char c : text) {
    if (hex_value(c) < 0) return std::nullopt;
    value = value * 16 + static_cast<unsigned>(hex_value(c));
  }
  return value;
}

// Groups separated by single colons, the last of which may be a dotted IPv4 address, written from
// the start of `out`. Returns how many bytes they are.
std::optional<size_t> parse_groups(std::string_view text, Ipv6& out) {
  size_t size = 0;
  while (!text.empty()) {
    const size_t end = text.find(':');
    const std::string_view group = text.substr(0, end);
    if (end == std::string_view::npos && group.find('.') != std::string_view::npos) {
      const auto ipv4 = parse_ipv4(group);
      if (!ipv4 || size + ipv4->size() > out.size()) return std::nullopt;
      std::copy(ipv4->begin(), ipv4->end(), out.begin() + static_cast<std::ptrdiff_t>(size));
      return size + ipv4->size();
    }
    const auto value = parse_group(group);
    if (!value || size + 2 > out.size()) return std::nullopt;
    out[size++] = static_cast<uint8_t>(*value >> 8U);
    out[size++] = static_cast<uint8_t>(*value & 0xffU);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
    if (text.empty()) return std::nullopt;  // a colon at the end
  }
  return size;
}

std::optional<Ipv6> parse_ipv6(std::string_view text) {
  Ipv6 out{};
  const size_t gap = text.find("::");
  if (gap == std::string_view::npos) {
    const auto size = parse_groups(text, out);
    if (!size || *size != out.size()) return std::nullopt;
    return out;
  }
  Ipv6 tail{};
  const std::string_view head_text = text.substr(0, gap);
  const auto head_size = parse_groups(head_text, out);
  const auto tail_size = parse_groups(text.substr(gap + 2), tail);
  if (!head_size || !tail_size || *head_size + *tail_size > out.size() - 2) return std::nullopt;
  // A dotted address stands at the end only.
  if (head_text.find('.') != std::string_view::npos) return std::nullopt;
  std::copy(tail.begin(), tail.begin() + static_cast<std::ptrdiff_t>(*tail_size),
            out.end() - static_cast<std::ptrdiff_t>(*tail_size));
  return out;
}

std::string ipv4_text(const uint8_t* bytes) {
  std::string out;
  for (size_t i = 0; i < 4; i++) {
    if (i > 0) out.push_back('.');
    append_json_integer(out, bytes[i]);
  }
  return out;
}

bool starts_with(const Ipv6& address, const std::array<uint8_t, 12>& prefix) {
  return std::equal(prefix.begin(), prefix.end(), address.begin());
}

}  // namespace

std::string address_key(std::string_view address) {
  constexpr std::array<uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  constexpr std::array<uint8_t, 12> kNat64 = {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0};
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  if (const auto ipv4 = parse_ipv4(address)) return ipv4_text(ipv4->data());
  const auto ipv6 = parse_ipv6(address);
  if (!ipv6) return std::string(kUnknownAddress);
  if (starts_with(*ipv6, kMapped) || starts_with(*ipv6, kNat64)) {
    return ipv4_text(ipv6->data() + 12);
  }
  std::string out;
  for (size_t i = 0; i < 8; i++) {
    out.push_back(kHexDigits[(*ipv6)[i] >> 4U]);
    out.push_back(kHexDigits[(*ipv6)[i] & 15U]);
  }
  return out;
}

}  // namespace edgeroom
