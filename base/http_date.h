// Dates in HTTP headers.
#pragma once

#include <optional>
#include <string_view>

namespace edgeroom {

// An IMF-fixdate ("Sun, 06 Nov 1994 08:49:37 GMT", RFC 9110, section 5.6.7) as ms since 1970;
// nothing for any other text. The two obsolete forms, which nobody has sent for decades, are read
// as no date. The name of the day is not compared with the date.
std::optional<double> parse_http_date(std::string_view text);

}  // namespace edgeroom
