// All connections of a run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "bench/load/connection.h"
#include "bench/load/options.h"

namespace edgeroom::load {

class Swarm {
 public:
  explicit Swarm(const Options& options);

  void listen(Listener& listener) { context_.listener = &listener; }

  // Opens all that are closed, some at a time. False when one does not join in time: see fault().
  bool join_all(uint64_t patience_ns);

  // Does what there is to do, for so long at most.
  void pump(uint64_t patience_ns);

  // Asked between any two events: what is due goes out although much comes in.
  void between_events(std::function<void()> work) { between_ = std::move(work); }

  // The first that is closed and ought not to be says why, empty when none is.
  [[nodiscard]] std::string fault() const;

  [[nodiscard]] size_t size() const { return connections_.size(); }
  Connection& operator[](size_t i) { return connections_[i]; }
  [[nodiscard]] const ConnectionContext& context() const { return context_; }

 private:
  const Options& options_;
  Poller poller_;
  ConnectionContext context_;
  std::deque<Connection> connections_;
  std::function<void()> between_;
};

}  // namespace edgeroom::load
