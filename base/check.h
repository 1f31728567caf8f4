// CHECK: an assertion on the program itself that stays on in every build.
//
// Bad input is never a CHECK; it is an Error (result.h). A CHECK that fails means that the
// program is wrong, and that its state can no longer be trusted. In WebAssembly it traps, the
// host throws the instance away and rebuilds it from storage; natively it names the place and
// aborts, so that a sanitizer, a fuzzer or a debugger stops there.
#pragma once

namespace edgeroom {

// Never returns. `expression` and `file` must have static lifetime.
[[noreturn]] void check_failed(const char* expression, const char* file, int line);

}  // namespace edgeroom

#define EDGEROOM_CHECK(condition)                               \
  do {                                                          \
    if (!(condition)) [[unlikely]] {                            \
      ::edgeroom::check_failed(#condition, __FILE__, __LINE__); \
    }                                                           \
  } while (false)

// The short name is for source files. Headers use the long one, because test files that include
// them have a CHECK of their own, doctest's, and define EDGEROOM_NO_SHORT_CHECK.
#ifndef EDGEROOM_NO_SHORT_CHECK
#define CHECK EDGEROOM_CHECK
#endif
