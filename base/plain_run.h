// How far text goes on as it is: the inner loop of reading and writing JSON strings.
#pragma once

#include <cstddef>
#include <string_view>

namespace edgeroom {

// The bytes at the start of `text` that stand for themselves in a JSON string and are ASCII: up to
// the first quote, backslash, control character or byte of another character.
size_t plain_run(std::string_view text);

// The same, but bytes beyond ASCII go on, too: up to the first quote, backslash or control
// character.
size_t unescaped_run(std::string_view text);

// The same two byte by byte: what the others are tested against.
size_t plain_run_by_bytes(std::string_view text);
size_t unescaped_run_by_bytes(std::string_view text);

}  // namespace edgeroom
