#include "rooms/dedup.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/bytes.h"
#include "base/check.h"
#include "rooms/limits.h"

namespace edgeroom {

namespace {

constexpr size_t kEntriesAtFirst = 16;

// The cells of so many ids that are to go next are fetched together: one by one, waiting for memory
// was a tenth of what a message costs.
constexpr size_t kFetchedAtOnce = 32;

uint32_t tag_of(uint64_t hash) { return static_cast<uint32_t>(hash); }

}  // namespace

uint64_t DedupWindow::hash(std::string_view user, std::string_view id) const {
  // The user's size as a varint, the user and the id. All that a client can send fits.
  std::array<char, 1024> key;
  uint64_t value = 0;
  if (user.size() + id.size() + kVarintBytesMax <= key.size()) {
    const size_t size = write_varint(key.data(), user.size());
    char* end = std::copy(user.begin(), user.end(), key.data() + size);
    end = std::copy(id.begin(), id.end(), end);
    value = siphash(key_, {key.data(), static_cast<size_t>(end - key.data())});
  } else {
    std::string long_key;
    ByteWriter writer(long_key);
    writer.sized(user);
    writer.raw(id);
    value = siphash(key_, long_key);
  }
  return value <= kNoMessageHash ? kNoMessageHash + 1 : value;
}

// The cell that holds the hash, or else the empty one where it would stand.
size_t DedupWindow::cell_of(uint64_t hash) const {
  const size_t mask = cells_.size() - 1;
  for (size_t cell = tag_of(hash) & mask;; cell = (cell + 1) & mask) {
    const Cell& here = cells_[cell];
    if (here.place_1 == 0) return cell;
    if (here.tag == tag_of(hash) && ring_[here.place_1 - 1].hash == hash) return cell;
  }
}

void DedupWindow::put(uint64_t hash, size_t place) {
  cells_[cell_of(hash)] = {tag_of(hash), static_cast<uint32_t>(place + 1)};
}

// What stands behind moves up, so that nothing is looked for beyond an empty cell.
void DedupWindow::erase(size_t cell) {
  const size_t mask = cells_.size() - 1;
  size_t hole = cell;
  for (size_t next = (hole + 1) & mask; cells_[next].place_1 != 0; next = (next + 1) & mask) {
    const size_t home = cells_[next].tag & mask;
    if (((next - home) & mask) < ((next - hole) & mask)) continue;
    cells_[hole] = cells_[next];
    hole = next;
  }
  cells_[hole] = {};
}

void DedupWindow::grow() {
  std::vector<Entry> larger(std::max(ring_.size() * 2, kEntriesAtFirst));
  for (size_t i = 0; i < size_; i++) larger[i] = ring_[place(i)];
  ring_ = std::move(larger);
  first_ = 0;
  cells_.assign(ring_.size() * 2, {});
  for (size_t i = 0; i < size_; i++) put(ring_[i].hash, i);
}

std::optional<uint64_t> DedupWindow::find(uint64_t hash) const {
  if (size_ == 0) return std::nullopt;
  const Cell& found = cells_[cell_of(hash)];
  if (found.place_1 == 0) return std::nullopt;
  return ring_[found.place_1 - 1].seq;
}

void DedupWindow::add(uint64_t hash, uint64_t seq, double ts_ms) {
  messages_++;
  if (hash == kNoIdHash) return;
  if (size_ == entries_max_) drop_oldest();
  if (size_ == ring_.size()) grow();
  const size_t place_of_new = place(size_);
  // A hash that is known already is an id that was used again after it had been forgotten: stored
  // segments hold both messages, and a restore meets both. The newer one is to be remembered.
  put(hash, place_of_new);
  ring_[place_of_new] = {hash, seq, messages_, ts_ms};
  size_++;
}

void DedupWindow::expire(double now_ms) {
  while (size_ > 0) {
    const bool in_history = oldest().ordinal + history_size_ > messages_;
    const bool young = now_ms - oldest().ts_ms < kDedupMs;
    if (in_history || young) return;
    drop_oldest();
  }
}

uint64_t DedupWindow::hash_at(uint64_t seq) const {
  size_t first = 0;
  size_t last = size_;
  while (first < last) {
    const size_t middle = first + (last - first) / 2;
    if (ring_[place(middle)].seq < seq) {
      first = middle + 1;
    } else {
      last = middle;
    }
  }
  const bool is_there = first < size_ && ring_[place(first)].seq == seq;
  return is_there ? ring_[place(first)].hash : kNoIdHash;
}

uint64_t DedupWindow::oldest_seq() const { return size_ == 0 ? UINT64_MAX : oldest().seq; }

// Reads the home cells of the oldest entries, so that the processor has them at hand.
void DedupWindow::fetch_oldest() const {
  const size_t mask = cells_.size() - 1;
  const size_t count = std::min(size_, kFetchedAtOnce);
  uint32_t read = 0;
  for (size_t i = 0; i < count; i++) read ^= cells_[tag_of(ring_[place(i)].hash) & mask].tag;
  // So that the reads are not left out.
  [[maybe_unused]] volatile uint32_t sink = read;
}

void DedupWindow::drop_oldest() {
  CHECK(size_ > 0);
  if (first_ % kFetchedAtOnce == 0) fetch_oldest();
  const size_t cell = cell_of(oldest().hash);
  // A newer message with the same hash stays.
  if (cells_[cell].place_1 == first_ + 1) erase(cell);
  first_ = place(1);
  size_--;
}

}  // namespace edgeroom
