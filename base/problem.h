// Problem details (RFC 9457), the body of every HTTP error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace edgeroom {

// `title` says in general, `detail` in particular what is wrong. No detail may hold a secret, an
// address or a stack trace.
std::string problem_json(uint32_t status, std::string_view title, std::string_view detail);

}  // namespace edgeroom
