#include "tests/sim/kv.h"

#include <algorithm>

namespace edgeroom::sim {

namespace {

constexpr double kPutIntervalMs = 1000;
constexpr double kDelayMaxMs = 60'000;

}  // namespace

double Kv::delay_ms() {
  if (faults.delays) return kDelayMaxMs;
  const double kind = random_.fraction();
  return random_.fraction() * (kind < 0.85 ? 1000 : kind < 0.97 ? 10'000 : kDelayMaxMs);
}

std::string Kv::cache_name(const std::string& name, uint32_t location) {
  return name + '@' + std::to_string(location);
}

bool Kv::put(const std::string& name, std::string_view value, uint32_t ttl_s, uint32_t location,
             double at_ms) {
  if (ttl_s < kExpirationTtlMinS) violated("expirationTtl " + std::to_string(ttl_s));
  if (name.size() > kNameBytesMax) violated("a name of " + std::to_string(name.size()) + " bytes");
  counts.writes++;
  shortest_put_interval_ms_ = std::min(shortest_put_interval_ms_, at_ms - last_put_ms_);
  last_put_ms_ = at_ms;
  if (faults.fails || faults.refuses_writes) {
    counts.failed++;
    return false;
  }
  Entry& entry = entries_[name];
  if (at_ms - entry.last_put_ms < kPutIntervalMs) {
    counts.refused++;
    return false;
  }
  entry.last_put_ms = at_ms;
  if (faults.drops && random_.fraction() < 0.5) return true;
  const double expires_ms = at_ms + ttl_s * 1000.0;
  for (int copies = faults.duplicates ? 2 : 1; copies > 0; copies--) {
    entry.versions.push_back({at_ms + delay_ms(), expires_ms, std::string(value)});
  }
  cache_.erase(cache_name(name, location));
  return true;
}

std::optional<std::string> Kv::current(const std::string& name, double at_ms) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return std::nullopt;
  std::vector<const Version*> shown;
  for (const Version& version : found->second.versions) {
    if (version.shown_ms <= at_ms && at_ms < version.expires_ms) shown.push_back(&version);
  }
  if (shown.empty()) return std::nullopt;
  if (!faults.reorders) return shown.back()->value;
  return shown[static_cast<size_t>(random_.next() % shown.size())]->value;
}

std::optional<std::string> Kv::get(const std::string& name, uint32_t cache_ttl_s, uint32_t location,
                                   double at_ms) {
  if (cache_ttl_s < kCacheTtlMinS) violated("cacheTtl " + std::to_string(cache_ttl_s));
  counts.reads++;
  if (!faults.garbage.empty()) return faults.garbage;
  if (faults.drops && random_.fraction() < 0.5) return std::nullopt;
  Cached& cached = cache_[cache_name(name, location)];
  if (at_ms >= cached.until_ms) {
    cached.until_ms = at_ms + cache_ttl_s * 1000.0;
    cached.value = current(name, at_ms);
  }
  return cached.value;
}

void Kv::note_bulk(size_t names) {
  if (names > kBulkNamesMax) violated("a read of " + std::to_string(names) + " names");
}

std::vector<std::pair<std::string, std::string>> Kv::contents() const {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& [name, entry] : entries_) {
    if (!entry.versions.empty()) out.emplace_back(name, entry.versions.back().value);
  }
  return out;
}

}  // namespace edgeroom::sim
