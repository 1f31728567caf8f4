#include "bench/load/swarm.h"

#include <algorithm>

namespace edgeroom::load {
namespace {

// Under way at once: fewer than a server's queue of connections holds.
constexpr size_t kJoiningMax = 64;
constexpr uint64_t kPumpNs = 20 * kNsPerMs;

}  // namespace

Swarm::Swarm(const Options& options)
    : options_(options),
      context_{poller_, options.dialect, options.deflate, options.port, Deflater()} {
  for (size_t i = 0; i < options.sockets; i++) {
    connections_.emplace_back(context_, static_cast<uint32_t>(i),
                              static_cast<uint32_t>(i % options.rooms));
  }
}

bool Swarm::join_all(uint64_t patience_ns) {
  const uint64_t deadline = now_ns() + patience_ns;
  std::deque<Connection*> joining;
  size_t next = 0;
  while (next < connections_.size() || !joining.empty()) {
    while (joining.size() < kJoiningMax && next < connections_.size()) {
      Connection& connection = connections_[next++];
      if (connection.state() == ConnectionState::kJoined) continue;
      connection.open(join_target(options_, connection.room(), connection.index(), {}));
      joining.push_back(&connection);
    }
    pump(kPumpNs);
    std::erase_if(joining, [](auto* c) { return c->state() == ConnectionState::kJoined; });
    const bool closed = std::any_of(joining.begin(), joining.end(),
                                    [](auto* c) { return c->state() == ConnectionState::kClosed; });
    if (closed || now_ns() > deadline) return false;
  }
  return true;
}

void Swarm::pump(uint64_t patience_ns) {
  for (const epoll_event& event : poller_.wait(patience_ns)) {
    connections_[event.data.u32].on_event(event.events);
    if (between_) between_();
  }
}

std::string Swarm::fault() const {
  const Connection* first = nullptr;
  for (const Connection& connection : connections_) {
    if (connection.state() == ConnectionState::kJoined) continue;
    if (first == nullptr) first = &connection;
    // One that knows why says more than one that waits.
    if (connection.fault().empty()) continue;
    first = &connection;
    break;
  }
  if (first == nullptr) return {};
  const std::string fault = first->fault().empty() ? "it has not joined" : first->fault();
  return "connection " + std::to_string(first->index()) + ": " + fault;
}

}  // namespace edgeroom::load
