#include "bench/load/ledger.h"

#include <utility>

namespace edgeroom::load {
namespace {

constexpr size_t kBits = 64;
constexpr uint64_t kNsPerUs = 1000;

}  // namespace

Ledger::Ledger(std::vector<uint32_t> receivers, size_t connections)
    : receivers_(std::move(receivers)), words_((connections + kBits - 1) / kBits) {}

void Ledger::begin() {
  base_ += entries_.size();
  entries_.clear();
  seen_.clear();
  open_ = 0;
  expected_ = 0;
  arrived_ = 0;
  duplicated_ = 0;
  stale_ = 0;
  latency_.clear();
}

uint64_t Ledger::intend(uint32_t room, uint64_t at_ns) {
  entries_.push_back({at_ns, room, receivers_[room]});
  seen_.resize(seen_.size() + words_);
  expected_ += receivers_[room];
  return base_ + entries_.size() - 1;
}

void Ledger::arrive(uint64_t number, size_t connection, uint64_t at_ns) {
  const uint64_t i = number - base_;
  if (number < base_ || i >= entries_.size()) {
    stale_++;
    return;
  }
  uint64_t& word = seen_[static_cast<size_t>(i) * words_ + connection / kBits];
  const uint64_t bit = uint64_t{1} << (connection % kBits);
  if ((word & bit) != 0) {
    duplicated_++;
    return;
  }
  word |= bit;
  Entry& entry = entries_[static_cast<size_t>(i)];
  // One of another room, which nobody ought to hear here.
  if (entry.missing == 0) {
    duplicated_++;
    return;
  }
  entry.missing--;
  arrived_++;
  latency_.add(at_ns > entry.intended_ns ? (at_ns - entry.intended_ns) / kNsPerUs : 0);
}

uint64_t Ledger::oldest_open_ns() {
  while (open_ < entries_.size() && entries_[open_].missing == 0) open_++;
  return open_ < entries_.size() ? entries_[open_].intended_ns : 0;
}

uint64_t Ledger::intended_ns(uint64_t number) const {
  const uint64_t i = number - base_;
  return number < base_ || i >= entries_.size() ? 0 : entries_[static_cast<size_t>(i)].intended_ns;
}

}  // namespace edgeroom::load
