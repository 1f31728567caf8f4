// edgeroom_load: a load generator for rooms. One thread, on one core; its schedule is open loop.

#include <sys/prctl.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load/network.h"
#include "bench/load/options.h"
#include "bench/load/process.h"
#include "bench/load/report.h"
#include "bench/load/run.h"
#include "bench/load/storm.h"
#include "bench/load/swarm.h"

namespace edgeroom::load {
namespace {

constexpr uint64_t kJoinNs = 300 * kNsPerS;
constexpr int kUsageStatus = 2;

Report measure(const Options& options) {
  if (options.task == Task::kStorm) return storm(options);
  const uint64_t before_kib = resident_kib(options.servers);
  Swarm swarm(options);
  const uint64_t started = now_ns();
  if (!swarm.join_all(kJoinNs)) {
    Report report;
    report.text("fault", swarm.fault());
    return report;
  }
  const double join_s = static_cast<double>(now_ns() - started) / kNsPerS;
  const uint64_t joined_kib = resident_kib(options.servers);
  Report report;
  if (options.task == Task::kSearch) {
    report = search(options, swarm);
  } else {
    Run run(options, swarm);
    if (options.warm_s > 0) run.at_rate(options.rate, options.warm_s);
    run.at_rate(options.rate, options.seconds);
    report = run.report();
  }
  report.add("sockets", options.sockets)
      .add("rooms", options.rooms)
      .flag("compressed", swarm[0].compressed())
      .add("join_s", join_s)
      .add("rss_before_kib", before_kib)
      .add("rss_joined_kib", joined_kib)
      .add("rss_after_kib", resident_kib(options.servers));
  return report;
}

int start(const std::vector<std::string_view>& arguments) {
  Options options;
  if (const std::string fault = parse_options(arguments, options); !fault.empty()) {
    std::fprintf(stderr, "error: %s\n%s", fault.c_str(), usage().data());
    return kUsageStatus;
  }
  raise_file_limit();
  // Whoever asked has ended: nobody waits for an answer.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (options.cpu >= 0 && !pin_to(options.cpu)) {
    std::fprintf(stderr, "error: there is no core %d for this process\n", options.cpu);
    return kUsageStatus;
  }
  std::printf("%s\n", measure(options).object().c_str());
  return 0;
}

}  // namespace
}  // namespace edgeroom::load

int main(int argc, char** argv) {
  return edgeroom::load::start(std::vector<std::string_view>(argv + 1, argv + argc));
}
