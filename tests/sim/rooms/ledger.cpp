#include "tests/sim/rooms/ledger.h"

#include <limits>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/settings.h"
#include "base/siphash.h"
#include "rooms/behaviour.h"

namespace edgeroom {

namespace roomsim {

uint64_t link_after(uint64_t before, const Record& record) {
  std::string link;
  ByteWriter writer(link);
  writer.u64(before);
  writer.u64(record.seq);
  writer.u8(static_cast<uint8_t>(record.kind));
  writer.sized(record.user);
  writer.sized(record.content);
  writer.sized(record.subject);
  writer.u64(record.target);
  return siphash({}, link);
}

namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
// So many records after the last one, and so much later.
constexpr uint64_t kAuditRecords = 8;
constexpr uint64_t kAuditAfterMs = 3'600'000;

class Ledger final : public Behaviour {
 public:
  explicit Ledger(bool is_kept) : is_kept_(is_kept) {}

  [[nodiscard]] std::string_view name() const override { return "ledger"; }
  [[nodiscard]] bool has_state() const override { return is_kept_; }
  void on_join(const Member& /*member*/, double /*now_ms*/, Reply& reply) const override {
    if (!is_kept_) return;
    reply.tell("ledger",
               "{\"seq\":" + std::to_string(seq_) + ",\"link\":\"" + std::to_string(link_) + "\"}");
  }
  // Something far away, so that the room has two things to set its alarm to. It is done once, and
  // by a new instance once more.
  [[nodiscard]] double deadline_ms() const override {
    return audited_ms_ == audit_ms_ ? kNever : static_cast<double>(audit_ms_);
  }
  void on_timer(double /*now_ms*/, Reply& /*reply*/) const override { audited_ms_ = audit_ms_; }
  void on_record(const Record& record) override {
    if (is_kept_ && record.seq % kAuditRecords == 0) audit_ms_ = record.ts + kAuditAfterMs;
    link_ = link_after(link_, record);
    seq_ = record.seq;
  }
  void save(ByteWriter& out) const override {
    out.u64(link_);
    out.u64(seq_);
    out.u64(audit_ms_);
  }
  bool restore(ByteReader& in) override {
    link_ = in.u64();
    seq_ = in.u64();
    audit_ms_ = in.u64();
    return true;
  }

 private:
  bool is_kept_;
  uint64_t link_ = 0;
  uint64_t seq_ = 0;
  uint64_t audit_ms_ = 0;
  mutable uint64_t audited_ms_ = 0;
};

}  // namespace
}  // namespace roomsim

Result<std::unique_ptr<Behaviour>> make_behaviour(const SettingMap& settings) {
  const std::string* wish = settings.find("LEDGER");
  return std::unique_ptr<Behaviour>(
      std::make_unique<roomsim::Ledger>(wish == nullptr || *wish != "off"));
}

}  // namespace edgeroom
