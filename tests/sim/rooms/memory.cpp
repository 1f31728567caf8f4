#include "tests/sim/rooms/memory.h"

#include <cstdint>
#include <cstdlib>
#include <new>

namespace edgeroom::roomsim {

namespace {

bool is_at_work = false;
size_t bytes = 0;

// Stands before each block; keeps its alignment.
struct alignas(alignof(std::max_align_t)) Header {
  size_t size;
  bool is_rooms;
};

void* take(size_t size) {
  void* block = std::malloc(sizeof(Header) + size);
  if (block == nullptr) std::abort();
  auto* header = new (block) Header{size, is_at_work};
  if (is_at_work) bytes += size;
  return header + 1;
}

void give(void* place) {
  if (place == nullptr) return;
  Header* header = static_cast<Header*>(place) - 1;
  if (header->is_rooms) bytes -= header->size;
  std::free(header);
}

}  // namespace

RoomAtWork::RoomAtWork() { is_at_work = true; }
RoomAtWork::~RoomAtWork() { is_at_work = false; }
size_t room_bytes() { return bytes; }

}  // namespace edgeroom::roomsim

void* operator new(size_t size) { return edgeroom::roomsim::take(size); }
void* operator new[](size_t size) { return edgeroom::roomsim::take(size); }
void operator delete(void* place) noexcept { edgeroom::roomsim::give(place); }
void operator delete[](void* place) noexcept { edgeroom::roomsim::give(place); }
void operator delete(void* place, size_t /*size*/) noexcept { edgeroom::roomsim::give(place); }
void operator delete[](void* place, size_t /*size*/) noexcept { edgeroom::roomsim::give(place); }
