// Bytes as hexadecimal text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace edgeroom {

// Two lower-case digits a byte.
std::string hex_encode(std::string_view bytes);
// Nothing when the text is not such pairs of digits.
std::optional<std::string> hex_decode(std::string_view text);

// 16 digits, the most significant first.
std::string hex_u64(uint64_t value);
// The same over the 16 characters from `at`.
void put_hex_u64(char* at, uint64_t value);

}  // namespace edgeroom
