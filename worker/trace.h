// Who asks, in logs and in the requests that follow from a request.
#pragma once

#include <string>
#include <string_view>

#include "base/random.h"

namespace edgeroom {

// W3C Trace Context, section 3.2: "00-" and the trace's id, "-" and the parent's, "-" and flags; of
// later versions what version 00 has of it. All hexadecimal, in small letters, and no id all zeros.
bool is_traceparent(std::string_view text);

// A new trace, sampled.
std::string make_traceparent(Random& random);

// The trace-id of one that is a traceparent.
std::string_view trace_id_of(std::string_view traceparent);

// What a request is called in logs: the platform's name for it (CF-Ray) where there is one, else 16
// random digits.
std::string request_id(std::string_view ray, Random& random);

}  // namespace edgeroom
