#include "bench/load/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace edgeroom::load {

uint64_t now_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * kNsPerS + static_cast<uint64_t>(time.tv_nsec);
}

Poller::Poller() : handle_(epoll_create1(EPOLL_CLOEXEC)) {
  if (handle_ < 0) std::abort();
  // Waits end when they are asked to, and not 50 us later.
  prctl(PR_SET_TIMERSLACK, 1UL);
}

Poller::~Poller() { close(handle_); }

void Poller::control(int operation, int socket, uint32_t key, bool writable) const {
  epoll_event event{};
  event.events = writable ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.u32 = key;
  if (epoll_ctl(handle_, operation, socket, &event) != 0) std::abort();
}

void Poller::add(int socket, uint32_t key, bool writable) {
  control(EPOLL_CTL_ADD, socket, key, writable);
}

void Poller::change(int socket, uint32_t key, bool writable) {
  control(EPOLL_CTL_MOD, socket, key, writable);
}

std::span<const epoll_event> Poller::wait(uint64_t patience_ns) {
  timespec time{};
  time.tv_sec = static_cast<time_t>(patience_ns / kNsPerS);
  time.tv_nsec = static_cast<long>(patience_ns % kNsPerS);
  const int count =
      epoll_pwait2(handle_, events_.data(), static_cast<int>(events_.size()), &time, nullptr);
  return {events_.data(), count < 0 ? 0U : static_cast<size_t>(count)};
}

int connect_to(uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) return -1;
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
      errno != EINPROGRESS) {
    close(socket);
    return -1;
  }
  return socket;
}

int connect_fault(int socket) {
  int fault = 0;
  socklen_t size = sizeof fault;
  return getsockopt(socket, SOL_SOCKET, SO_ERROR, &fault, &size) != 0 ? errno : fault;
}

void drop(int socket) {
  const linger reset{1, 0};
  setsockopt(socket, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  close(socket);
}

}  // namespace edgeroom::load
