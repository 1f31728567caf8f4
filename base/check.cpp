#include "base/check.h"

#ifndef __wasm__
#include <cstdio>
#include <cstdlib>
#endif

namespace edgeroom {

void check_failed(const char* expression, const char* file, int line) {
#ifdef __wasm__
  // No import may carry a message out; the host sees a RuntimeError with the wasm stack.
  (void)expression;
  (void)file;
  (void)line;
  __builtin_trap();
#else
  std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, expression);
  std::abort();
#endif
}

}  // namespace edgeroom
