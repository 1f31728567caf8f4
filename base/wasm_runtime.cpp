// What a WebAssembly build needs of the C++ run-time so that the modules import nothing.
//
// libc++'s abort path would print through stdio, and stdio would import WASI calls: a program
// error traps instead, as CHECK does. Emscripten's allocator would tell the host about memory
// growth: the host compares `memory.buffer` instead.
#ifdef __wasm__

#include <cstddef>

extern "C" {

[[noreturn]] void abort() { __builtin_trap(); }

#ifdef __EMSCRIPTEN__
void emscripten_notify_memory_growth(size_t memory_index) { (void)memory_index; }
#endif

}  // extern "C"

namespace std {
inline namespace __1 {
// The hook that libc++ calls where it would throw in a build without exceptions.
[[noreturn]] __attribute__((__format__(__printf__, 1, 2))) void __libcpp_verbose_abort(
    const char* format, ...) {
  (void)format;
  __builtin_trap();
}
}  // namespace __1
}  // namespace std

#endif  // __wasm__
