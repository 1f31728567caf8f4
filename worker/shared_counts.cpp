#include "worker/shared_counts.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/siphash.h"

namespace edgeroom {

namespace {

constexpr double kEpochMinMs = 10'000;
constexpr double kEpochsPerWindow = 4;
constexpr double kBurstMinMs = 2'000;
constexpr double kBurstsPerEpoch = 5;

// Below this many units a report is not worth its write, unless the limit itself is that small.
constexpr double kReportMinUnits = 5;
constexpr double kReportFraction = 0.25;

// The longest debt is the window and this many more: who stops is let in again after that.
constexpr double kDebtWindowsMax = 1;
// A penalty goes on, by this many windows, while the key is denied and still uses this much of its
// limit.
constexpr double kPenaltyWindows = 1.5;
constexpr double kPenaltyUsageMin = 0.4;
// What is left of the isolates seen after an epoch in which they do not report.
constexpr double kForget = 0.5;

constexpr size_t kReportBytesMax = 160;
constexpr size_t kIsolateDigits = 8;

constexpr size_t slot_of(uint32_t epoch) { return epoch % kEpochsKept; }

// Reads digits of `base` up to the next '.', or to the end, and moves behind it.
std::optional<uint32_t> take_number(std::string_view& text, int base) {
  uint32_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc() || (stop != end && *stop != '.')) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(stop - text.data()) + (stop == end ? 0 : 1));
  return value;
}

void append_number(std::string& out, uint32_t value, int base, size_t digits_min) {
  std::array<char, 12> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, base).ptr;
  const auto size = static_cast<size_t>(end - digits.data());
  if (size < digits_min) out.append(digits_min - size, '0');
  out.append(digits.data(), size);
}

}  // namespace

LimitShape limit_shape(uint32_t limit, uint32_t window_s) {
  LimitShape shape;
  shape.limit = limit;
  shape.window_ms = window_s * 1000.0;
  shape.interval_ms = shape.window_ms / shape.limit;
  shape.epoch_ms = std::max(kEpochMinMs, shape.window_ms / kEpochsPerWindow);
  shape.burst_ms = std::max(kBurstMinMs, shape.epoch_ms / kBurstsPerEpoch);
  const double floor_units = std::min(kReportMinUnits, std::ceil(shape.limit / 2));
  shape.report_min =
      static_cast<uint32_t>(std::max(std::ceil(shape.limit * kReportFraction), floor_units));
  return shape;
}

std::string encode_report(const UsageReport& report) {
  std::string out = "1.";
  append_number(out, report.isolate, 16, kIsolateDigits);
  out.push_back('.');
  append_number(out, report.first_epoch, 10, 1);
  for (const uint32_t units : report.units) {
    out.push_back('.');
    append_number(out, units, 10, 1);
  }
  return out;
}

std::optional<UsageReport> decode_report(std::string_view text) {
  if (text.size() > kReportBytesMax || text.substr(0, 2) != "1.") return std::nullopt;
  text.remove_prefix(2);
  UsageReport report;
  const auto isolate = take_number(text, 16);
  const auto first_epoch = isolate ? take_number(text, 10) : std::nullopt;
  if (!first_epoch) return std::nullopt;
  report.isolate = *isolate;
  report.first_epoch = *first_epoch;
  for (uint32_t& units : report.units) {
    const auto value = take_number(text, 10);
    if (!value) return std::nullopt;
    units = *value;
  }
  if (!text.empty()) return std::nullopt;
  return report;
}

uint32_t SharedCounts::epoch_of(double now_ms) const {
  return static_cast<uint32_t>(now_ms / shape_.epoch_ms);
}

double SharedCounts::facts(uint32_t epoch) const {
  const size_t slot = slot_of(epoch);
  return own_[slot] + static_cast<double>(remote_[slot]);
}

// Makes room for the epoch of `now_ms`; the oldest ones move into base_ms_.
void SharedCounts::advance(double now_ms) {
  const uint32_t epoch = epoch_of(now_ms);
  if (newest_ == 0) newest_ = epoch;
  if (epoch <= newest_) return;
  if (epoch - newest_ > kEpochsKept) {
    // Nobody used the key for so long that nothing is owed.
    own_.fill(0);
    remote_.fill(0);
    settled_.fill(0);
    isolates_.clear();
    newest_ = epoch;
    return;
  }
  while (newest_ < epoch) fold(++newest_);
}

// Moves the oldest epoch, whose slot `epoch` takes, into base_ms_.
void SharedCounts::fold(uint32_t epoch) {
  const size_t slot = slot_of(epoch);
  if (epoch >= kEpochsKept) {
    base_ms_ = std::max(base_ms_, start_of(epoch - kEpochsKept) - kClockGuardMs) +
               (facts(epoch) - settled_[slot]) * shape_.interval_ms;
  }
  own_[slot] = 0;
  remote_[slot] = 0;
  settled_[slot] = 0;
  for (Isolate& isolate : isolates_) isolate.units[slot] = 0;
}

void SharedCounts::add_own(double at_ms, double now_ms, uint32_t units) {
  advance(now_ms);
  own_total_ += units;
  const uint32_t epoch = epoch_of(at_ms);
  if (epoch <= newest_ && newest_ - epoch < kEpochsKept) own_[slot_of(epoch)] += units;
}

bool SharedCounts::in_window(uint32_t epoch, double now_ms) const {
  return start_of(epoch) >= now_ms - shape_.window_ms + kClockGuardMs;
}

uint64_t SharedCounts::remote_in_window(double now_ms) {
  advance(now_ms);
  uint64_t units = 0;
  for (uint32_t back = 0; back < kEpochsKept && back <= newest_; back++) {
    if (!in_window(newest_ - back, now_ms)) break;
    units += remote_[slot_of(newest_ - back)];
  }
  return units;
}

double SharedCounts::remote_wait_ms(double now_ms, uint64_t units) const {
  uint64_t left = 0;
  for (uint32_t back = kEpochsKept; back > 0; back--) {
    const uint32_t epoch = newest_ - (back - 1);
    if (epoch > newest_ || !in_window(epoch, now_ms)) continue;
    left += remote_[slot_of(epoch)];
    if (left >= units) return start_of(epoch) + shape_.window_ms - kClockGuardMs - now_ms;
  }
  return shape_.window_ms;
}

bool SharedCounts::has_turn(double now_ms, uint32_t cost) const {
  const double isolates_max = shape_.limit / cost;
  if (!penalized(now_ms) || isolates_seen_ <= isolates_max) return true;
  const auto window = static_cast<uint64_t>(now_ms / shape_.window_ms);
  const uint64_t lot = siphash(SipHashKey{isolate_, window}, {});
  return static_cast<double>(lot >> 32U) / 4294967296.0 * isolates_seen_ < isolates_max;
}

double SharedCounts::turn_wait_ms(double now_ms) const {
  return shape_.window_ms - std::fmod(now_ms, shape_.window_ms);
}

SharedCounts::Isolate& SharedCounts::isolate(uint32_t id) {
  for (Isolate& known : isolates_) {
    if (known.id == id) return known;
  }
  if (isolates_.size() < kIsolatesMax) return isolates_.emplace_back(Isolate{id, 0, {}});
  // The one that has been silent for longest makes room. Its counts stay in the sums.
  const auto oldest = std::min_element(
      isolates_.begin(), isolates_.end(),
      [](const Isolate& a, const Isolate& b) { return a.newest_epoch < b.newest_epoch; });
  *oldest = Isolate{id, 0, {}};
  return *oldest;
}

void SharedCounts::merge(const UsageReport& report, double now_ms) {
  if (report.isolate == isolate_) return;
  advance(now_ms);
  // Nobody admits more in an epoch than the limit for each window that it touches: a larger count
  // is no report of ours.
  const auto units_max =
      static_cast<uint32_t>(shape_.limit * (std::ceil(shape_.epoch_ms / shape_.window_ms) + 1));
  Isolate* sender = nullptr;
  for (uint32_t i = 0; i < kEpochsReported; i++) {
    const uint32_t epoch = report.first_epoch + i;
    const uint32_t units = std::min(report.units[i], units_max);
    if (epoch > newest_ || newest_ - epoch >= kEpochsKept) continue;
    // One that admitted nothing is there all the same.
    if (sender == nullptr) sender = &isolate(report.isolate);
    sender->newest_epoch = std::max(sender->newest_epoch, epoch);
    uint32_t& known = sender->units[slot_of(epoch)];
    if (units <= known) continue;
    remote_[slot_of(epoch)] += units - known;
    known = units;
  }
}

// Updates isolates_seen_: those that reported of this epoch or the two before, and this one.
void SharedCounts::count_isolates() {
  double active = 1;
  for (const Isolate& isolate : isolates_) {
    if (isolate.newest_epoch + 2 >= newest_) active++;
  }
  const uint32_t epochs = newest_ - counted_epoch_;
  counted_epoch_ = newest_;
  isolates_seen_ = std::max(active, isolates_seen_ * std::pow(kForget, epochs));
}

// Whether any run of epochs that is shorter than the window holds more than the limit.
bool SharedCounts::over_limit() const {
  const auto run = static_cast<uint32_t>((shape_.window_ms - 2 * kClockGuardMs) / shape_.epoch_ms);
  double sum = 0;
  for (uint32_t i = 0; i < kEpochsKept; i++) {
    const uint32_t epoch = newest_ - kEpochsKept + 1 + i;
    sum += facts(epoch);
    if (i >= run) sum -= facts(epoch - run);
    if (run > 0 && sum > shape_.limit) return true;
  }
  return false;
}

double SharedCounts::settle(double now_ms, uint32_t read_epoch) {
  advance(now_ms);
  count_isolates();
  read_epoch_ = std::max(read_epoch_, read_epoch);
  double certain_ms = base_ms_;
  double arrival_ms = base_ms_;
  double usage = 0;
  for (uint32_t epoch = newest_ - kEpochsKept + 1; epoch != newest_ + 1; epoch++) {
    const size_t slot = slot_of(epoch);
    const double start_ms = start_of(epoch) - kClockGuardMs;
    const double known = facts(epoch) - settled_[slot];
    const double assumed = penalized(now_ms) && epoch > read_epoch_
                               ? std::max(known, own_[slot] * isolates_seen_ - settled_[slot])
                               : known;
    if (in_window(epoch, now_ms)) usage += facts(epoch);
    if (known == 0 && assumed == 0) continue;
    certain_ms = std::max(certain_ms, start_ms) + known * shape_.interval_ms;
    arrival_ms = std::max(arrival_ms, start_ms) + assumed * shape_.interval_ms;
  }
  const double debt_end_ms = now_ms + (1 + kDebtWindowsMax) * shape_.window_ms;
  if (certain_ms > now_ms + shape_.window_ms || over_limit()) {
    penalized_until_ms_ =
        std::max(penalized_until_ms_, std::min(certain_ms, debt_end_ms) + shape_.window_ms);
  } else if (penalized(now_ms) && denied_since_merge_ && usage >= kPenaltyUsageMin * shape_.limit) {
    penalized_until_ms_ =
        std::max(penalized_until_ms_, now_ms + kPenaltyWindows * shape_.window_ms);
  }
  denied_since_merge_ = false;
  if (certain_ms > debt_end_ms) {
    base_ms_ = debt_end_ms;
    for (uint32_t slot = 0; slot < kEpochsKept; slot++) {
      settled_[slot] = own_[slot] + static_cast<double>(remote_[slot]);
    }
  }
  return std::min(arrival_ms, debt_end_ms);
}

UsageReport SharedCounts::report(double now_ms) {
  advance(now_ms);
  denied_since_report_ = false;
  UsageReport report;
  report.isolate = isolate_;
  report.first_epoch = newest_ - (kEpochsReported - 1);
  for (uint32_t i = 0; i < kEpochsReported; i++) {
    report.units[i] = own_[slot_of(report.first_epoch + i)];
  }
  return report;
}

}  // namespace edgeroom
