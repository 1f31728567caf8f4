// What a WebAssembly build needs of the C++ run-time so that the modules import nothing.
//
// Where libc++ gives up (a container out of bounds, no memory), it would print through stdio, and
// stdio would import WASI calls: a program error traps instead, as CHECK does. Emscripten's
// allocator would tell the host about memory growth: the host compares `memory.buffer` instead.
#ifdef __wasm__

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <version>

extern "C" {

#ifdef __EMSCRIPTEN__
void emscripten_notify_memory_growth(size_t memory_index) { (void)memory_index; }
// What Emscripten's own abort() ends in.
__attribute__((noreturn)) void __wasi_proc_exit(uint32_t code) {
  (void)code;
  __builtin_trap();
}
#else
__attribute__((noreturn)) void abort() { __builtin_trap(); }
#endif

// wasi-libc's own would bring stdio along, which imports WASI calls. Nothing here formats numbers
// with it; nlohmann-json words an error with it that nobody reads.
__attribute__((format(printf, 3, 4))) int snprintf(char* out, size_t size, const char* format,
                                                   ...) {
  (void)format;
  if (size > 0) *out = '\0';
  return 0;
}

// The last words of libc++abi, of std::terminate among others.
__attribute__((noreturn, format(printf, 1, 2))) void abort_message(const char* format, ...) {
  (void)format;
  __builtin_trap();
}

}  // extern "C"

// libc++ calls it where it would throw in a build without exceptions; before 15 it was abort().
// The names are libc++'s.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
#if _LIBCPP_VERSION >= 15000
#ifndef _LIBCPP_VERBOSE_ABORT_NOEXCEPT
#define _LIBCPP_VERBOSE_ABORT_NOEXCEPT
#endif
_LIBCPP_BEGIN_NAMESPACE_STD
__attribute__((noreturn, format(printf, 1, 2))) void __libcpp_verbose_abort(const char* format, ...)
    _LIBCPP_VERBOSE_ABORT_NOEXCEPT {
  (void)format;
  __builtin_trap();
}
_LIBCPP_END_NAMESPACE_STD
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
#endif

#endif  // __wasm__
