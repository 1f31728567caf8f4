#include "rooms/central_reads.h"

#include <algorithm>
#include <utility>

#include "rooms/limits.h"

namespace edgeroom {

bool CentralReads::add(CentralRead& read) {
  if (entries_.size() >= kCentralReadsMax) return false;
  entries_.push_back({0, std::move(read)});
  return true;
}

std::optional<CentralReads::Begun> CentralReads::begin() {
  if (under_way_ >= kCentralReadsUnderWayMax) return std::nullopt;
  const auto waiting = std::find_if(entries_.begin(), entries_.end(),
                                    [](const Entry& entry) { return entry.number == 0; });
  if (waiting == entries_.end()) return std::nullopt;
  waiting->number = ++last_number_;
  under_way_++;
  return Begun{waiting->number, &waiting->read};
}

std::optional<CentralRead> CentralReads::end(uint32_t number) {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [number](const Entry& entry) {
    return number != 0 && entry.number == number;
  });
  if (found == entries_.end()) return std::nullopt;
  CentralRead read = std::move(found->read);
  entries_.erase(found);
  under_way_--;
  return read;
}

}  // namespace edgeroom
