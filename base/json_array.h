// JSON arrays: of the operator's settings, of tokens and of exported logs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_scanner.h"

namespace edgeroom {

// The elements of a text that must be exactly one JSON array; nothing when it is not. The views
// point into `text`, the keys are empty.
std::optional<std::vector<JsonMember>> json_elements(std::string_view text);

// A setting that is one string or an array of strings, unescaped; nothing when it is neither.
std::optional<std::vector<std::string>> json_strings(const JsonMember& member);

}  // namespace edgeroom
