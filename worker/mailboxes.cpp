#include "worker/mailboxes.h"

#include <algorithm>
#include <array>

#include "base/siphash.h"

namespace edgeroom {

namespace {

// A coarse report is written in this part of its epoch, so that the isolates do not write at once
// and readers of the next epoch find it.
constexpr double kCoarseReportFrom = 0.6;
constexpr double kCoarseReportSpread = 0.3;
// Readers give the last writers of an epoch this long.
constexpr double kCoarseReadAfterMs = 1500;
constexpr double kCoarseReadSpreadMs = 1000;
// A burst is a rate of so many times the limit's.
constexpr double kBurstRate = 2;
// A burst is looked for again after this part of the limit was admitted here.
constexpr double kBurstReadFraction = 1.0 / 8;
// A penalised isolate that denies without admitting anything says that it is there, this often: the
// others count it among those that share the limit for three epochs.
constexpr uint32_t kPresenceEpochs = 2;
// After so many reads that told nothing new every second epoch is left out.
constexpr uint32_t kEmptyReadsMax = 2;

// KV keeps nothing for less than 60 s. A report is of no use after some epochs.
constexpr double kReportTtlMinMs = 120'000;
constexpr double kReportTtlEpochs = 3;

constexpr size_t kHashBytes = 16;

uint32_t index_of(double now_ms, double span_ms) { return static_cast<uint32_t>(now_ms / span_ms); }

// A number that depends on the isolate and the index alone.
uint64_t scatter(uint32_t isolate, uint32_t index) {
  return siphash(SipHashKey{isolate, index}, {});
}

std::string hexadecimal(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    out.push_back(kDigits[byte >> 4U]);
    out.push_back(kDigits[byte & 15U]);
  }
  return out;
}

}  // namespace

double Mailboxes::jitter(uint32_t epoch) const {
  return static_cast<double>(scatter(isolate_, epoch) >> 32U) / 4294967296.0;
}

Mailboxes::Errand Mailboxes::report_due(const LimitKey& key, double now_ms) const {
  const KeySharing& sharing = *key.sharing;
  const LimitShape& shape = shape_of(key);
  const uint64_t unreported = sharing.counts.own_total() - sharing.reported_total;
  const bool penalized = sharing.counts.penalized(now_ms);
  if (now_ms < puts_.paused_until_ms) return Errand::kNone;
  if (now_ms - sharing.last_put_ms < kPutIntervalMs) return Errand::kNone;
  const uint32_t epoch = index_of(now_ms, shape.epoch_ms);
  const bool only_there = penalized && sharing.counts.denied_since_report() &&
                          sharing.last_coarse_put + kPresenceEpochs <= epoch;
  if (!only_there && unreported < (penalized ? 1 : shape.report_min)) return Errand::kNone;
  const double part = now_ms / shape.epoch_ms - epoch;
  if (part >= kCoarseReportFrom + kCoarseReportSpread * jitter(epoch)) {
    return sharing.last_coarse_put == epoch ? Errand::kNone : Errand::kCoarse;
  }
  const double burst_units = kBurstRate * shape.burst_ms / shape.interval_ms;
  const auto recent = static_cast<double>(key.window.used_since(now_ms, shape.burst_ms));
  return unreported >= shape.report_min && recent >= burst_units ? Errand::kBurst : Errand::kNone;
}

Mailboxes::Errand Mailboxes::read_due(const LimitKey& key, uint64_t used, double now_ms) const {
  const KeySharing& sharing = *key.sharing;
  const LimitShape& shape = shape_of(key);
  const bool penalized = sharing.counts.penalized(now_ms);
  if (now_ms < gets_.paused_until_ms || now_ms < sharing.read_until_ms) return Errand::kNone;
  if (used < shape.report_min && !penalized) return Errand::kNone;
  const uint32_t epoch = index_of(now_ms, shape.epoch_ms);
  const double into_ms = now_ms - epoch * shape.epoch_ms;
  const bool left_out = sharing.empty_reads >= kEmptyReadsMax && !penalized && (epoch & 1U) != 0;
  if (!left_out && sharing.last_coarse_read + 1 < epoch &&
      into_ms >= kCoarseReadAfterMs + kCoarseReadSpreadMs * jitter(~epoch)) {
    return Errand::kCoarse;
  }
  const uint64_t since = sharing.counts.own_total() - sharing.total_at_burst_read;
  if (sharing.last_burst_read + 1 < index_of(now_ms, shape.burst_ms) &&
      static_cast<double>(since) >= shape.limit * kBurstReadFraction) {
    return Errand::kBurst;
  }
  return Errand::kNone;
}

void Mailboxes::look_at(const LimitKey& key, uint64_t used, double now_ms) {
  const KeySharing& sharing = *key.sharing;
  Errand read = Errand::kNone;
  if (sharing.hash.empty()) {
    if (now_ms - sharing.hash_asked_ms < kKvPatienceMs) return;
  } else {
    read = read_due(key, used, now_ms);
    if (read == Errand::kNone && report_due(key, now_ms) == Errand::kNone) return;
  }
  const auto known = std::find_if(waiting_.begin(), waiting_.end(),
                                  [&key](const Waiting& w) { return w.key_id == key.id; });
  if (known == waiting_.end()) {
    waiting_.push_back({key.id, read});
  } else {
    known->read = read;
  }
}

bool Mailboxes::reading() const {
  return std::any_of(open_.begin(), open_.end(),
                     [](const Open& open) { return open.type == KvOperationType::kGet; });
}

void Mailboxes::note_outcome(const Open& open, bool failed, double now_ms) {
  if (open.type == KvOperationType::kHash) return;
  Health& health = open.type == KvOperationType::kPut ? puts_ : gets_;
  if (!failed) {
    health.failures = 0;
    return;
  }
  if (open.plan == health.last_failed_plan) return;
  health.last_failed_plan = open.plan;
  if (++health.failures < kKvFailuresMax) return;
  health.failures = 0;
  health.paused_until_ms = now_ms + kKvPauseMs;
}

void Mailboxes::drop_expired(double now_ms) {
  for (const Open& open : open_) {
    if (open.given_up_ms <= now_ms) note_outcome(open, true, now_ms);
  }
  open_.erase(std::remove_if(open_.begin(), open_.end(),
                             [now_ms](const Open& open) { return open.given_up_ms <= now_ms; }),
              open_.end());
}

const std::vector<KvOperation>& Mailboxes::plan(LimitKeys& keys, double now_ms) {
  plans_++;
  planned_.clear();
  drop_expired(now_ms);
  const bool may_read = !reading();
  size_t names = 0;
  for (const Waiting& waiting : waiting_) {
    LimitKey* key = keys.find(waiting.key_id);
    if (key == nullptr || key->sharing == nullptr) continue;
    plan_key(*key, now_ms);
    // A first read asks for two epochs.
    const size_t epochs = key->sharing->last_coarse_read == 0 ? 2 : 1;
    const size_t wanted = epochs * key->sharing->slots;
    if (waiting.read == Errand::kNone || !may_read || names + wanted > kBulkReadNamesMax) continue;
    names += wanted;
    plan_read(*key, waiting.read, now_ms);
  }
  // Whatever found no place is noted again when its key is used next.
  waiting_.clear();
  return planned_;
}

Mailboxes::Open& Mailboxes::open(KvOperationType type, const LimitKey& key, std::string name,
                                 double now_ms) {
  KvOperation operation;
  operation.type = type;
  operation.id = next_id_++;
  operation.name = std::move(name);
  Open& open = open_.emplace_back();
  open.id = operation.id;
  open.type = type;
  open.plan = plans_;
  open.key_id = key.id;
  open.given_up_ms = now_ms + kKvPatienceMs;
  planned_.push_back(std::move(operation));
  return open;
}

void Mailboxes::plan_key(LimitKey& key, double now_ms) {
  KeySharing& sharing = *key.sharing;
  if (!sharing.hash.empty()) {
    plan_report(key, now_ms);
    return;
  }
  // look_at() notes no key that has just asked.
  sharing.hash_asked_ms = now_ms;
  open(KvOperationType::kHash, key, sharing.text, now_ms);
}

std::string Mailboxes::name(const LimitKey& key, Errand errand, uint32_t index,
                            uint32_t slot) const {
  std::string out = "rl1:";
  out += policies_[key.policy].name;
  out.push_back(':');
  out += key.sharing->hash;
  out += errand == Errand::kCoarse ? ":c" : ":b";
  out += std::to_string(index);
  out.push_back(':');
  out += std::to_string(slot);
  return out;
}

void Mailboxes::plan_report(LimitKey& key, double now_ms) {
  const Errand errand = report_due(key, now_ms);
  if (errand == Errand::kNone) return;
  const LimitShape& shape = shape_of(key);
  KeySharing& sharing = *key.sharing;
  const bool coarse = errand == Errand::kCoarse;
  const uint32_t index = index_of(now_ms, coarse ? shape.epoch_ms : shape.burst_ms);
  const auto slot =
      static_cast<uint32_t>(scatter(isolate_ + sharing.failed_puts, index) % sharing.slots);
  Open& put = open(KvOperationType::kPut, key, name(key, errand, index, slot), now_ms);
  put.total = sharing.counts.own_total();
  put.coarse_epoch = coarse ? index : 0;
  planned_.back().value = encode_report(sharing.counts.report(now_ms));
  planned_.back().ttl_s =
      static_cast<uint32_t>(std::max(kReportTtlMinMs, kReportTtlEpochs * shape.epoch_ms) / 1000);
  sharing.last_put_ms = now_ms;
}

void Mailboxes::plan_read(LimitKey& key, Errand errand, double now_ms) {
  const LimitShape& shape = shape_of(key);
  KeySharing& sharing = *key.sharing;
  const bool coarse = errand == Errand::kCoarse;
  const uint32_t newest = index_of(now_ms, coarse ? shape.epoch_ms : shape.burst_ms) - 1;
  const uint32_t oldest = coarse && sharing.last_coarse_read == 0 ? newest - 1 : newest;
  for (uint32_t index = oldest; index <= newest; index++) {
    for (uint32_t slot = 0; slot < sharing.slots; slot++) {
      open(KvOperationType::kGet, key, name(key, errand, index, slot), now_ms);
    }
  }
  sharing.read_until_ms = now_ms + kKvPatienceMs;
  sharing.read_coarse_epoch = coarse ? newest : 0;
  sharing.read_names = sharing.slots * (newest - oldest + 1);
  sharing.read_open = sharing.read_names;
  sharing.read_taken = 0;
  sharing.read_others = 0;
  sharing.read_failed = false;
  if (!coarse) {
    sharing.last_burst_read = newest;
    sharing.total_at_burst_read = sharing.counts.own_total();
  }
}

bool Mailboxes::result(LimitKeys& keys, uint32_t operation, KvOutcome outcome,
                       std::string_view payload, double now_ms) {
  const auto found = std::find_if(open_.begin(), open_.end(),
                                  [operation](const Open& open) { return open.id == operation; });
  if (found == open_.end()) return false;
  const Open open = *found;
  open_.erase(found);
  note_outcome(open, outcome == KvOutcome::kFailed, now_ms);
  LimitKey* key = keys.find(open.key_id);
  if (key == nullptr || key->sharing == nullptr) return true;
  KeySharing& sharing = *key->sharing;
  switch (open.type) {
    case KvOperationType::kHash:
      if (outcome != KvOutcome::kDone || payload.size() < kHashBytes) break;
      sharing.hash = hexadecimal(payload.substr(0, kHashBytes));
      sharing.text = std::string();
      look_at(*key, shape_of(*key).report_min, now_ms);  // what it was wanted for
      break;
    case KvOperationType::kPut:
      if (outcome != KvOutcome::kDone) {
        // Somebody else may have written the name this second: the next try takes another slot.
        sharing.failed_puts++;
        break;
      }
      // The key may have been forgotten and begun anew in the meantime.
      sharing.reported_total = std::min(open.total, sharing.counts.own_total());
      if (open.coarse_epoch != 0) sharing.last_coarse_put = open.coarse_epoch;
      break;
    case KvOperationType::kGet: finish_read(*key, outcome, payload, now_ms); break;
  }
  return true;
}

// Takes in one value of a read, and after the last one what the read as a whole tells.
void Mailboxes::finish_read(LimitKey& key, KvOutcome outcome, std::string_view payload,
                            double now_ms) {
  KeySharing& sharing = *key.sharing;
  if (sharing.read_open == 0) return;
  if (outcome == KvOutcome::kFailed) sharing.read_failed = true;
  const auto report = outcome == KvOutcome::kDone ? decode_report(payload) : std::nullopt;
  if (report) {
    sharing.read_taken++;
    if (report->isolate != isolate_) sharing.read_others++;
    sharing.counts.merge(*report, now_ms);
  }
  if (--sharing.read_open > 0) return;
  sharing.read_until_ms = 0;
  if (sharing.read_failed) return;
  const uint32_t epoch = sharing.read_coarse_epoch;
  const bool crowded = sharing.read_taken * 4 >= sharing.read_names * 3;
  if (crowded && sharing.slots < kSlotsMax) {
    // There will be more where it has not looked: the epoch counts as unread.
    sharing.slots *= 2;
  } else if (epoch != 0) {
    sharing.last_coarse_read = epoch;
    sharing.empty_reads = sharing.read_others == 0 ? sharing.empty_reads + 1 : 0;
  }
  key.arrival_ms = sharing.counts.settle(now_ms, epoch);
}

}  // namespace edgeroom
