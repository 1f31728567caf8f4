// Whether bytes are UTF-8, found sixteen at a time.
#pragma once

#include <string_view>

namespace edgeroom {

// Unicode 15, table 3-7, "Well-Formed UTF-8 Byte Sequences". It does not say where it is wrong.
bool is_valid_utf8(std::string_view text);

}  // namespace edgeroom
