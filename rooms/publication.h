// The body of a message that is published over HTTP: {"content":ANY,"id":"…"?,"user":"…"?}.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace edgeroom {

struct Publication {
  std::string_view content;  // JSON text, a view of the body
  std::string id;            // empty: none was given
  std::string user;          // empty: none was given
};

// The error names the member that is wrong. Members that are not known are ignored.
Result<Publication> parse_publication(std::string_view body);

}  // namespace edgeroom
