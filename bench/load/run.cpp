#include "bench/load/run.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "bench/load/process.h"

namespace edgeroom::load {
namespace {

// More senders than this say nothing more, as they speak by turns.
constexpr size_t kSendersOfRoomMax = 100;

// Time to get ready before the first message.
constexpr uint64_t kLeadNs = 10 * kNsPerMs;
// The longest that nothing is looked at, while nothing happens.
constexpr uint64_t kLookNs = 20 * kNsPerMs;
// A server that is behind by so much, beside the latency allowed, does not catch up.
constexpr double kHopelessMs = 1500;
constexpr double kMsPerS = 1000;
// All messages are to be confirmed after so long.
constexpr uint64_t kConfirmedUs = 5'000'000;
constexpr uint64_t kConfirmPatienceNs = 10 * kNsPerS;
constexpr uint64_t kSettleNs = 30 * kNsPerS;
constexpr uint64_t kQuietNs = 5 * kNsPerS;
constexpr uint64_t kJoinNs = 60 * kNsPerS;

// This program is the limit when it has no time left.
constexpr double kLoadLimit = 0.97;

// Below this a search ends with nothing.
constexpr double kRateMin = 0.5;

std::vector<uint32_t> receivers_of(const Options& options) {
  std::vector<uint32_t> receivers(options.rooms);
  for (size_t i = 0; i < options.sockets; i++) receivers[i % options.rooms]++;
  return receivers;
}

size_t senders_of(const Options& options) {
  const size_t most = std::min(options.sockets, kSendersOfRoomMax * options.rooms);
  return options.senders > 0 ? options.senders : most;
}

uint64_t ns(double s) { return static_cast<uint64_t>(s * static_cast<double>(kNsPerS)); }

double seconds(uint64_t ns) { return static_cast<double>(ns) / static_cast<double>(kNsPerS); }

}  // namespace

Usage Usage::now(const Options& options) {
  return {now_ns(), cpu_ns(options.servers), load::own_cpu_ns()};
}

Run::Run(const Options& options, Swarm& swarm)
    : options_(options),
      swarm_(swarm),
      ledger_(receivers_of(options), options.sockets),
      confirmations_(options.rooms),
      speech_(options),
      senders_(senders_of(options)) {
  swarm_.listen(*this);
}

void Run::plan(double rate, double duration_s) {
  rate_ = rate;
  ledger_.begin();
  confirmations_.begin();
  planned_.clear();
  sent_ = 0;
  late_.clear();
  aborted_ = false;
  told_.clear();
  broken_.clear();
  const auto count = static_cast<size_t>(std::max(1.0, std::round(rate * duration_s)));
  const uint64_t first = now_ns() + kLeadNs;
  for (size_t i = 0; i < count; i++) {
    const uint64_t at_ns = first + ns(static_cast<double>(i) / rate);
    const auto sender = static_cast<uint32_t>(turn_++ % senders_);
    planned_.push_back({at_ns, ledger_.intend(swarm_[sender].room(), at_ns), sender});
  }
}

void Run::send_due() {
  if (sent_ == planned_.size() || aborted_) return;
  const uint64_t now = now_ns();
  while (sent_ < planned_.size() && planned_[sent_].at_ns <= now) {
    const Planned& message = planned_[sent_++];
    late_.add((now - message.at_ns) / kNsPerUs);
    swarm_[message.sender].send_text(speech_.message(message.number));
  }
}

bool Run::hopeless() {
  const uint64_t oldest = ledger_.oldest_open_ns();
  const double patience_s = (options_.p95_max_ms + kHopelessMs) / kMsPerS;
  return options_.task == Task::kSearch && oldest > 0 && now_ns() > oldest + ns(patience_s);
}

void Run::at_rate(double rate, double duration_s) {
  plan(rate, duration_s);
  bytes_ = swarm_.context().bytes_read;
  frames_ = swarm_.context().frames_read;
  begin_ = Usage::now(options_);
  swarm_.between_events([this] { send_due(); });
  uint64_t looked = begin_.at_ns;
  while (sent_ < planned_.size() && !aborted_) {
    send_due();
    const uint64_t now = now_ns();
    const uint64_t next = sent_ < planned_.size() ? planned_[sent_].at_ns : now;
    swarm_.pump(next > now ? std::min(next - now, kLookNs) : 0);
    if (now - looked < kLookNs) continue;
    looked = now;
    aborted_ = hopeless();
  }
  sent_all_ = Usage::now(options_);
  if (!aborted_) wait_for_deliveries();
  if (!aborted_ && options_.dialect == Dialect::kEdgeroom) wait_for_confirmations();
  end_ = Usage::now(options_);
  swarm_.between_events({});
  bytes_ = swarm_.context().bytes_read - bytes_;
  frames_ = swarm_.context().frames_read - frames_;
  broken_ = swarm_.fault();
}

void Run::wait_for_deliveries() {
  const uint64_t deadline = now_ns() + ns(options_.patience_s);
  while (!ledger_.complete() && now_ns() < deadline && !aborted_) {
    swarm_.pump(kLookNs);
    aborted_ = hopeless();
  }
}

void Run::wait_for_confirmations() {
  const uint64_t deadline = now_ns() + kConfirmPatienceNs;
  while (confirmations_.confirmed() < planned_.size() && now_ns() < deadline) swarm_.pump(kLookNs);
}

bool Run::settle() {
  const uint64_t deadline = now_ns() + kSettleNs;
  const uint64_t expected = uint64_t{sent_} * (options_.sockets / options_.rooms);
  const auto open = [&] { return ledger_.arrived() < expected || confirmations_.open() > 0; };
  uint64_t arrived = ledger_.arrived();
  uint64_t quiet_since = now_ns();
  // Those that are cut off hear nothing more.
  while (open() && swarm_.fault().empty()) {
    swarm_.pump(kLookNs);
    const uint64_t now = now_ns();
    if (ledger_.arrived() != arrived) {
      arrived = ledger_.arrived();
      quiet_since = now;
    }
    if (now > deadline) return false;
    // What has not come by then is lost for good.
    if (now - quiet_since > kQuietNs) break;
  }
  return swarm_.join_all(kJoinNs);
}

void Run::on_text(Connection& connection, std::string_view text, uint64_t at_ns) {
  bool any = false;
  each_number(text, [&](uint64_t number, size_t) {
    any = true;
    ledger_.arrive(number, connection.index(), at_ns);
  });
  if (options_.dialect != Dialect::kEdgeroom) return;
  // The first of each room.
  if (connection.index() < options_.rooms) {
    confirmations_.hear(connection.room(), text, at_ns,
                        [this](uint64_t number) { return ledger_.intended_ns(number); });
  }
  if (any || !told_.empty()) return;
  if (const auto error = told_error(options_.dialect, text)) told_ = *error;
}

double Run::p95_ms() const {
  return static_cast<double>(ledger_.latency().quantile(0.95)) * kNsPerUs / kNsPerMs;
}

bool Run::load_limited() const {
  const uint64_t wall = sent_all_.at_ns - begin_.at_ns;
  return static_cast<double>(sent_all_.own_cpu_ns - begin_.own_cpu_ns) >
         kLoadLimit * static_cast<double>(wall);
}

std::string Run::fault() const {
  if (!broken_.empty()) return broken_;
  if (!told_.empty()) return "told " + told_;
  if (aborted_) return "the server fell hopelessly behind";
  if (ledger_.lost() > 0) return "lost " + std::to_string(ledger_.lost()) + " deliveries";
  if (ledger_.duplicated() > 0) {
    return "delivered " + std::to_string(ledger_.duplicated()) + " twice";
  }
  if (!confirmations_.fault().empty()) return confirmations_.fault();
  if (options_.dialect == Dialect::kEdgeroom) {
    if (confirmations_.confirmed() != planned_.size()) return "not all was confirmed";
    if (confirmations_.waits().max() > kConfirmedUs) return "confirmed after more than 5 s";
  }
  return {};
}

bool Run::passed() const { return fault().empty() && p95_ms() <= options_.p95_max_ms; }

Report Run::report() const {
  const double wall_s = seconds(sent_all_.at_ns - begin_.at_ns);
  const uint64_t cpu = end_.server_cpu_ns - begin_.server_cpu_ns;
  const auto deliveries = static_cast<double>(ledger_.arrived());
  Report report;
  report.add("rate", rate_)
      .add("messages", sent_)
      .add("deliveries_expected", ledger_.expected())
      .add("deliveries", ledger_.arrived())
      .add("deliveries_per_s", deliveries / wall_s)
      .add("lost", ledger_.lost())
      .add("duplicated", ledger_.duplicated())
      .add("latency_ms", ledger_.latency())
      .add("sent_late_ms", late_)
      .add("cpu_us_a_delivery", static_cast<double>(cpu) / deliveries / kNsPerUs)
      .add("server_cpu", seconds(sent_all_.server_cpu_ns - begin_.server_cpu_ns) / wall_s)
      .add("load_cpu", seconds(sent_all_.own_cpu_ns - begin_.own_cpu_ns) / wall_s)
      .add("frames", frames_)
      .add("bytes_a_delivery", static_cast<double>(bytes_) / deliveries)
      .text("fault", fault());
  if (options_.dialect == Dialect::kEdgeroom) {
    report.add("confirmed", confirmations_.confirmed()).add("confirmed_ms", confirmations_.waits());
  }
  return report;
}

namespace {

// One rate of a search. A try that fails may have met something that was not the server's: it has a
// second one.
class Search {
 public:
  Search(const Options& options, Swarm& swarm) : options_(options), run_(options, swarm) {}

  Report find() {
    double rate = options_.rate;
    if (options_.warm_s > 0) {
      run_.at_rate(std::max(rate / 4, 1.0), options_.warm_s);
      if (!run_.settle()) rate = 0;
    }
    narrow(rate);
    look_above();
    Report report;
    report.add("capacity", low_).add("failed_at", high_).flag("load_limited", limited_);
    return report.raw("best", best_).raw("failed", failed_).raw("tries", "[" + tries_ + "]");
  }

 private:
  // Up or down from there, until the best that passes and the next that fails are near each other.
  void narrow(double rate) {
    while (rate >= kRateMin) {
      if (attempt(rate)) {
        low_ = rate;
      } else {
        high_ = rate;
      }
      if (!run_.settle()) break;
      if (high_ > 0 && low_ > 0 && high_ / low_ <= 1 + options_.precision) break;
      rate = high_ == 0 ? rate * 2 : low_ == 0 ? rate / 2 : std::sqrt(low_ * high_);
    }
  }

  // The latency of a server that takes many messages at once need not grow with their rate: what
  // has failed at first may have met something else, and may pass now.
  void look_above() {
    double rate = options_.rate;
    while (low_ > 0 && rate > high_ * (1 + options_.precision)) {
      const bool passed = attempt(rate);
      if (!run_.settle()) return;
      if (passed) {
        low_ = rate;
        high_ = 0;
        narrow(rate * 2);
        return;
      }
      rate /= 2;
    }
  }

  bool attempt(double rate) {
    // Before anything has passed, the server may not be warm yet.
    const int tries = low_ > 0 ? kTries : kTriesAtFirst;
    for (int i = 0; i < tries; i++) {
      if (i > 0 && !run_.settle()) return false;
      run_.at_rate(rate, options_.seconds);
      const bool passed = run_.passed();
      tell(rate, passed);
      if (passed) {
        best_ = run_.report().object();
        return true;
      }
      failed_ = run_.report().object();
      limited_ = run_.load_limited();
    }
    return false;
  }

  void tell(double rate, bool passed) {
    const std::string fault = run_.fault();
    std::fprintf(stderr, "%.1f a second: %s, p95 %.1f ms%s%s\n", rate, passed ? "passed" : "failed",
                 run_.p95_ms(), fault.empty() ? "" : ", ", fault.c_str());
    Report report;
    report.add("rate", rate).add("p95_ms", run_.p95_ms()).flag("passed", passed);
    report.text("fault", fault);
    if (!tries_.empty()) tries_ += ",";
    tries_ += report.object();
  }

  static constexpr int kTries = 2;
  static constexpr int kTriesAtFirst = 3;

  const Options& options_;
  Run run_;
  double low_ = 0;
  double high_ = 0;
  bool limited_ = false;
  std::string best_ = "{}";
  std::string failed_ = "{}";
  std::string tries_;
};

}  // namespace

Report search(const Options& options, Swarm& swarm) { return Search(options, swarm).find(); }

}  // namespace edgeroom::load
