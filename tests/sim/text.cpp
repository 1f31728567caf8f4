#include "tests/sim/text.h"

#include <array>
#include <cstdio>

namespace edgeroom::sim {

std::string text_of(double value, int digits) {
  std::array<char, 64> text{};
  const int size = std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  std::string out(text.data(), static_cast<size_t>(size));
  if (out.find('.') == std::string::npos) return out;
  out.erase(out.find_last_not_of('0') + 1);
  if (out.back() == '.') out.pop_back();
  return out;
}

}  // namespace edgeroom::sim
