#include "bench/load/storm.h"

#include <algorithm>
#include <string>
#include <vector>

#include "bench/load/dialect.h"
#include "bench/load/process.h"
#include "bench/load/run.h"
#include "bench/load/swarm.h"

namespace edgeroom::load {
namespace {

constexpr uint64_t kPatienceNs = 120 * kNsPerS;
constexpr uint64_t kPumpNs = 20 * kNsPerMs;
// Messages that all have heard before.
constexpr size_t kHeard = 10;

class Storm final : public Listener {
 public:
  Storm(const Options& options, Swarm& swarm)
      : options_(options), swarm_(swarm), speech_(options), heard_(swarm.size()) {
    swarm_.listen(*this);
  }

  Report run() {
    if (!swarm_.join_all(kPatienceNs)) return fail(swarm_.fault());
    // The last connection stays, and speaks.
    if (!speak(kHeard, swarm_.size())) return fail("not all heard what was said before");
    const std::string after = "&epoch=" + epoch_ + "&after=" + std::to_string(kHeard);
    const size_t lost = swarm_.size() - 1;
    for (size_t i = 0; i < lost; i++) swarm_[i].abandon();
    if (!speak(options_.missed, 1)) return fail("what was said meanwhile was not heard");
    begin_ = Usage::now(options_);
    for (size_t i = 0; i < lost; i++) {
      heard_[i] = {};
      swarm_[i].open(join_target(options_, swarm_[i].room(), swarm_[i].index(), after));
    }
    const uint64_t deadline = now_ns() + kPatienceNs;
    while (back_.total() < lost && now_ns() < deadline) swarm_.pump(kPumpNs);
    const Usage end = Usage::now(options_);
    const auto s = [](uint64_t ns) { return static_cast<double>(ns) / kNsPerS; };
    Report report;
    report.add("sockets", lost)
        .add("missed", options_.missed)
        .add("recovered", back_.total())
        .add("not_recovered", not_recovered_)
        .add("back_ms", back_)
        .add("seconds", s(end.at_ns - begin_.at_ns))
        .add("cpu_us_a_socket",
             s(end.server_cpu_ns - begin_.server_cpu_ns) * 1e6 / static_cast<double>(lost))
        .text("fault", back_.total() == lost ? "" : "not all came back: " + swarm_.fault());
    return report;
  }

  void on_text(Connection& connection, std::string_view text, uint64_t at_ns) override {
    Heard& heard = heard_[connection.index()];
    if (text.find(R"("type":"welcome")") != std::string_view::npos) {
      if (epoch_.empty()) {
        constexpr std::string_view kKey = R"("epoch":")";
        const size_t at = text.find(kKey) + kKey.size();
        epoch_ = text.substr(at, text.find('"', at) - at);
      }
      heard.recovered = text.find(R"("recovered":true)") != std::string_view::npos;
      if (begin_.at_ns > 0 && !heard.recovered) not_recovered_++;
    }
    // What was missed comes in order, each once.
    each_number(text, [&](uint64_t number, size_t) {
      if (heard.messages > 0 && number != heard.newest + 1) heard.disordered = true;
      heard.newest = number;
      heard.messages++;
      if (begin_.at_ns > 0 && heard.recovered && !heard.disordered &&
          heard.messages == options_.missed) {
        back_.add((at_ns - begin_.at_ns) / kNsPerUs);
      }
    });
  }

 private:
  struct Heard {
    bool recovered = false;
    bool disordered = false;
    uint64_t newest = 0;
    size_t messages = 0;
  };

  // So many messages, until so many connections, counted from the end, have heard them.
  bool speak(size_t messages, size_t listeners) {
    const size_t first = swarm_.size() - listeners;
    const size_t before = heard_.back().messages;
    for (size_t i = 0; i < messages; i++) {
      swarm_[swarm_.size() - 1].send_text(speech_.message(number_++));
    }
    const uint64_t deadline = now_ns() + kPatienceNs;
    const auto all = [&] {
      return std::all_of(heard_.begin() + static_cast<std::ptrdiff_t>(first), heard_.end(),
                         [&](const Heard& h) { return h.messages >= before + messages; });
    };
    while (!all() && now_ns() < deadline) swarm_.pump(kPumpNs);
    return all();
  }

  static Report fail(std::string_view fault) {
    Report report;
    report.text("fault", fault);
    return report;
  }

  const Options& options_;
  Swarm& swarm_;
  Speech speech_;
  std::vector<Heard> heard_;
  std::string epoch_;
  uint64_t number_ = 0;
  Usage begin_;
  Histogram back_;
  uint64_t not_recovered_ = 0;
};

}  // namespace

Report storm(const Options& options) {
  // One more, which stays.
  Options all = options;
  all.sockets = options.sockets + 1;
  all.rooms = 1;
  Swarm swarm(all);
  return Storm(all, swarm).run();
}

}  // namespace edgeroom::load
