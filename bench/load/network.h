// Sockets that do not block, on this machine, and the time.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace edgeroom::load {

constexpr uint64_t kNsPerUs = 1000;
constexpr uint64_t kNsPerMs = 1'000'000;
constexpr uint64_t kNsPerS = 1'000'000'000;

// The monotonic clock.
uint64_t now_ns();

class Poller {
 public:
  Poller();
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  void add(int socket, uint32_t key, bool writable);
  void change(int socket, uint32_t key, bool writable);

  // What has happened, after at most so long; valid until the next call.
  std::span<const epoll_event> wait(uint64_t patience_ns);

 private:
  void control(int operation, int socket, uint32_t key, bool writable) const;

  static constexpr size_t kEventsMax = 64;

  int handle_;
  std::array<epoll_event, kEventsMax> events_{};
};

// A socket that is on its way to a port of this machine, or -1.
int connect_to(uint16_t port);

// What connecting has come to: 0, or the errno.
int connect_fault(int socket);

// Closes without a trace, so that no port stays taken.
void drop(int socket);

}  // namespace edgeroom::load
