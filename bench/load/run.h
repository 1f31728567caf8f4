// Messages at a rate, and what becomes of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "bench/load/confirmations.h"
#include "bench/load/ledger.h"
#include "bench/load/options.h"
#include "bench/load/report.h"
#include "bench/load/swarm.h"

namespace edgeroom::load {

// The times between which something was measured, and the CPU time used between them.
struct Usage {
  uint64_t at_ns = 0;
  uint64_t server_cpu_ns = 0;
  uint64_t own_cpu_ns = 0;

  static Usage now(const Options& options);
};

class Run final : public Listener {
 public:
  Run(const Options& options, Swarm& swarm);

  // Sends so many messages a second, open loop: each has its time, whatever the server does, and
  // its latency counts from there. Ends when all is delivered and confirmed, or patience is over;
  // early when the server has fallen hopelessly behind.
  void at_rate(double rate, double seconds);

  // Whether nothing was lost, or said wrongly, and p95 is at most so much.
  [[nodiscard]] bool passed() const;
  // Why not; empty when it has.
  [[nodiscard]] std::string fault() const;
  [[nodiscard]] double p95_ms() const;
  // The server said more than there was CPU to read it.
  [[nodiscard]] bool load_limited() const;
  [[nodiscard]] Report report() const;

  // Waits until nothing more comes of what was sent, so that the next run begins afresh. False when
  // it does not end.
  bool settle();

  void on_text(Connection& connection, std::string_view text, uint64_t at_ns) override;

 private:
  void plan(double rate, double seconds);
  void send_due();
  void wait_for_deliveries();
  void wait_for_confirmations();
  [[nodiscard]] bool hopeless();

  struct Planned {
    uint64_t at_ns;
    uint64_t number;
    uint32_t sender;
  };

  const Options& options_;
  Swarm& swarm_;
  Ledger ledger_;
  Confirmations confirmations_;
  Speech speech_;
  size_t senders_;
  size_t turn_ = 0;  // of the senders
  std::vector<Planned> planned_;
  size_t sent_ = 0;
  Histogram late_;
  bool aborted_ = false;
  std::string told_;  // the first error that a server has told
  std::string broken_;
  double rate_ = 0;
  Usage begin_;
  Usage sent_all_;
  Usage end_;
  uint64_t bytes_ = 0;
  uint64_t frames_ = 0;
};

// The highest rate that passes. Prints each try to stderr.
Report search(const Options& options, Swarm& swarm);

}  // namespace edgeroom::load
