// Bodies of requests: one JSON object each.
#pragma once

#include <optional>

#include "base/json_scanner.h"
#include "base/result.h"

namespace edgeroom {

// Why the text that `reader` has read to its end is no JSON object; nothing when it is one.
std::optional<Error> body_error(const JsonObjectReader& reader);

}  // namespace edgeroom
