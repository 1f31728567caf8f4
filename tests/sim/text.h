// Numbers as they are printed.
#pragma once

#include <string>

namespace edgeroom::sim {

// With so many digits after the point at most, and no zeros at the end.
std::string text_of(double value, int digits);

}  // namespace edgeroom::sim
