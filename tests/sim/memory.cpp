#include "tests/sim/memory.h"

#include <cstdlib>
#include <new>

namespace {

size_t live = 0;

// Each block begins with its size, in as much room as keeps the rest aligned.
constexpr size_t kHeadBytes = alignof(std::max_align_t);

void* take(size_t size) {
  void* block = std::malloc(size + kHeadBytes);
  if (block == nullptr) std::abort();
  *static_cast<size_t*>(block) = size;
  live += size;
  return static_cast<char*>(block) + kHeadBytes;
}

void give_back(void* memory) {
  if (memory == nullptr) return;
  void* block = static_cast<char*>(memory) - kHeadBytes;
  live -= *static_cast<size_t*>(block);
  std::free(block);
}

}  // namespace

void* operator new(size_t size) { return take(size); }
void* operator new[](size_t size) { return take(size); }
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete[](void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, size_t /*size*/) noexcept { give_back(memory); }
void operator delete[](void* memory, size_t /*size*/) noexcept { give_back(memory); }

namespace edgeroom::sim {

size_t live_bytes() { return live; }

}  // namespace edgeroom::sim
