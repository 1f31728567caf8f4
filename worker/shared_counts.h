// What one busy key used in all isolates, as far as this one knows.
//
// Isolates tell each other through KV what they *admitted*, counted by epoch. What is known of the
// others is always a lower bound, whatever is late or lost: so counting it can deny nobody who
// keeps to the limit. There are two uses of it:
//
//   - epochs that lie wholly inside the window are added to what was used here;
//   - what came too late for that is still *debt*: replaying all known epochs gives the time at
//     which the key will have paid (its theoretical arrival time, as in GCRA).
//
// Who goes beyond the limit by spreading over isolates is penalised for a while: then each isolate
// counts its own admissions for as many isolates as it has seen, until the reports are in. While it
// pays, nobody admits anything; that they still deny is reported too, or they would forget how many
// they are, and admit too much together when the debt is paid.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace edgeroom {

// A policy's numbers in the terms of the algorithm.
struct LimitShape {
  double limit = 0;         // L, units
  double window_ms = 0;     // W
  double interval_ms = 0;   // T = W / L: what one unit costs
  double epoch_ms = 0;      // E: the grain of reports
  double burst_ms = 0;      // F: the grain of reports of a burst
  uint32_t report_min = 0;  // units from which a key is worth a report
};

LimitShape limit_shape(uint32_t limit, uint32_t window_s);

// Epochs of which a key remembers the counts: three windows, or 180 s of the shortest epoch, which
// is longer than KV ever held a write back.
inline constexpr uint32_t kEpochsKept = 18;
// Epochs in one report.
inline constexpr uint32_t kEpochsReported = 8;
// Isolates of which a key remembers the counts.
inline constexpr size_t kIsolatesMax = 128;
// Clocks of different machines differ by less.
inline constexpr double kClockGuardMs = 500;

// One isolate's report: what it admitted in consecutive epochs.
struct UsageReport {
  uint32_t isolate = 0;
  uint32_t first_epoch = 0;
  std::array<uint32_t, kEpochsReported> units{};
};

// "1.0badcafe.29384756.25.0.…": version, isolate, first epoch, counts. Some 40 characters.
std::string encode_report(const UsageReport& report);
// Nothing when the text is no report.
std::optional<UsageReport> decode_report(std::string_view text);

class SharedCounts {
 public:
  SharedCounts(const LimitShape& shape, uint32_t isolate) : shape_(shape), isolate_(isolate) {}

  // Counts units that this isolate admitted at `at_ms`, which may be somewhat in the past.
  void add_own(double at_ms, double now_ms, uint32_t units);
  // Notes that this isolate denied the key.
  void note_denial() {
    denied_since_merge_ = true;
    denied_since_report_ = true;
  }
  // Whether it did since the last report().
  [[nodiscard]] bool denied_since_report() const { return denied_since_report_; }

  // What others admitted in epochs that lie wholly in the window before `now_ms`.
  [[nodiscard]] uint64_t remote_in_window(double now_ms);
  // How long until the first `units` of that will have left the window.
  [[nodiscard]] double remote_wait_ms(double now_ms, uint64_t units) const;
  // How many isolates use the key, this one included, as far as reads have told.
  [[nodiscard]] double isolates_seen() const { return isolates_seen_; }
  // What each own admission of `cost` units counts for: 1, or the isolates seen while penalised.
  // Not more than leaves room for one in a window; then they take turns.
  [[nodiscard]] double weight(double now_ms, uint32_t cost) const {
    return penalized(now_ms) ? std::min(isolates_seen(), shape_.limit / cost) : 1;
  }
  // Whether this isolate may admit anything in this window. When a penalised limit has too few
  // units for all isolates, they draw lots for each window.
  [[nodiscard]] bool has_turn(double now_ms, uint32_t cost) const;
  // How long until the next lots are drawn.
  [[nodiscard]] double turn_wait_ms(double now_ms) const;
  [[nodiscard]] bool penalized(double now_ms) const { return now_ms < penalized_until_ms_; }

  // Takes over a report. Its own, future and forgotten epochs are ignored, and a count never goes
  // down: repeated or reordered reports do no harm.
  void merge(const UsageReport& report, double now_ms);
  // After a read: looks at everything known and returns the key's theoretical arrival time.
  // `read_epoch` is the newest epoch that was read.
  double settle(double now_ms, uint32_t read_epoch);

  [[nodiscard]] UsageReport report(double now_ms);
  // Units admitted here, ever; and what of it was reported is up to the caller.
  [[nodiscard]] uint64_t own_total() const { return own_total_; }

 private:
  struct Isolate {
    uint32_t id = 0;
    uint32_t newest_epoch = 0;
    std::array<uint32_t, kEpochsKept> units{};  // by epoch modulo kEpochsKept
  };

  [[nodiscard]] uint32_t epoch_of(double now_ms) const;
  [[nodiscard]] double start_of(uint32_t epoch) const { return epoch * shape_.epoch_ms; }
  [[nodiscard]] double facts(uint32_t epoch) const;
  [[nodiscard]] bool in_window(uint32_t epoch, double now_ms) const;
  [[nodiscard]] bool over_limit() const;
  void advance(double now_ms);
  void fold(uint32_t epoch);
  void count_isolates();
  Isolate& isolate(uint32_t id);

  LimitShape shape_;
  uint32_t isolate_;
  uint32_t newest_ = 0;  // epoch; 0 before the first
  std::array<uint32_t, kEpochsKept> own_{};
  std::array<uint64_t, kEpochsKept> remote_{};
  std::array<double, kEpochsKept> settled_{};  // units that base_ms_ has in it already
  std::vector<Isolate> isolates_;
  uint64_t own_total_ = 0;
  double base_ms_ = 0;  // the arrival time before the oldest epoch that is kept
  double penalized_until_ms_ = 0;
  double isolates_seen_ = 1;
  uint32_t counted_epoch_ = 0;  // when that was found
  uint32_t read_epoch_ = 0;
  bool denied_since_merge_ = false;
  bool denied_since_report_ = false;
};

}  // namespace edgeroom
