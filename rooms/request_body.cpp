#include "rooms/request_body.h"

#include <string>

namespace edgeroom {

std::optional<Error> body_error(const JsonObjectReader& reader) {
  if (reader.wrong_root()) return Error{"the body must be one JSON object"};
  const auto fault = reader.fault();
  if (!fault) return std::nullopt;
  return Error{"the body is not JSON: " + std::string(fault->what) + " at byte " +
               std::to_string(fault->offset)};
}

}  // namespace edgeroom
