// The names that a request has in logs, at the end of the operation that a room is asked to do.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "worker/answer.h"
#include "worker/trace.h"

namespace edgeroom {

// The operation without these names, which must be those of the request.
inline std::string without_names(const Answer& answer) {
  const std::string names = ",\"request\":\"" + answer.request_id + "\",\"trace\":\"" +
                            std::string(trace_id_of(answer.traceparent)) + "\"}";
  const std::string& body = answer.body;
  REQUIRE(body.size() > names.size());
  const size_t end = body.size() - names.size();
  REQUIRE(body.substr(end) == names);
  return body.substr(0, end) + "}";
}

}  // namespace edgeroom
