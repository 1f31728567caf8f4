#include "tests/unit/test_behaviours.h"

#include <limits>
#include <utility>

#include "base/bytes.h"
#include "base/siphash.h"

namespace edgeroom::test {

namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

// The number behind `key` in a content such as {"wake_in":500}; nothing when it is another.
bool number_behind(std::string_view content, std::string_view key, double& out) {
  const std::string head = "{\"" + std::string(key) + "\":";
  if (content.substr(0, head.size()) != head) return false;
  out = std::stod(std::string(content.substr(head.size())));
  return true;
}

class Clerk final : public Behaviour {
 public:
  explicit Clerk(std::string name) : name_(std::move(name)) {}

  [[nodiscard]] std::string_view name() const override { return name_; }

  void on_join(const Member& member, double /*now_ms*/, Reply& reply) const override {
    reply.tell("records", std::to_string(records_));
    if (member.user != "herald") return;
    reply.tell_all("herald", "\"" + std::string(member.conn) + "\"");
    reply.publish("\"hark\"");
  }

  [[nodiscard]] Verdict on_message(const Member& member, std::string_view content,
                                   double /*now_ms*/) const override {
    if (content == "\"no\"" && !member.is_moderator) return Verdict::refuse("not that");
    if (content == "\"no\"") return Verdict::refuse("not even from a moderator");
    if (content == "\"shout\"") return Verdict::rewrite("\"SHOUT\"");
    return Verdict::accept();
  }

  [[nodiscard]] Verdict on_event(const Member& /*member*/, std::string_view name,
                                 std::string_view /*content*/, double /*now_ms*/,
                                 Reply& reply) const override {
    if (name == "no") {
      reply.tell("never", "1");
      reply.publish("\"never\"");
      return Verdict::refuse("no such event");
    }
    if (name == "shout") return Verdict::rewrite("\"LOUD\"");
    if (name == "ask") reply.tell("records", std::to_string(records_));
    if (name == "say") reply.publish("\"said\"");
    if (name == "bell") {
      reply.tell_all("bell", std::to_string(records_));
      reply.tell("rung", "true");
      return Verdict::handled();
    }
    return Verdict::accept();
  }

  void on_timer(double /*now_ms*/, Reply& reply) const override {
    if (nags_) {
      reply.tell_all("nag", std::to_string(records_));
    } else {
      reply.publish("\"time\"");
    }
  }

  [[nodiscard]] double deadline_ms() const override { return deadline_ms_; }

  void on_flush(Reply& reply) const override { reply.tell_all("total", std::to_string(records_)); }

  [[nodiscard]] bool has_state() const override { return true; }

  void on_record(const Record& record) override {
    records_++;
    std::string link = std::to_string(chain_);
    for (const std::string_view part : {record.user, record.conn, record.id, record.content,
                                        record.by, record.subject, record.reason}) {
      link.append("|").append(part);
    }
    for (const uint64_t number : {static_cast<uint64_t>(record.kind), record.seq, record.ts,
                                  record.target, record.until, uint64_t{record.deleted}}) {
      link.append("|").append(std::to_string(number));
    }
    chain_ = siphash({}, link);
    if (record.kind != RecordKind::kMessage) return;
    double in_ms = 0;
    const bool wakes = number_behind(record.content, "wake_in", in_ms);
    nags_ = number_behind(record.content, "nag_from", in_ms);
    if (wakes || nags_) deadline_ms_ = static_cast<double>(record.ts) + in_ms;
    if (record.content == "\"time\"") deadline_ms_ = kNever;
  }

  void save(ByteWriter& out) const override {
    out.u64(chain_);
    out.varint(records_);
    out.u8(nags_ ? 1 : 0);
    out.varint(deadline_ms_ == kNever ? 0 : static_cast<uint64_t>(deadline_ms_));
  }

  bool restore(ByteReader& in) override {
    chain_ = in.u64();
    records_ = in.varint();
    const uint8_t nags = in.u8();
    nags_ = nags == 1;
    const uint64_t deadline = in.varint();
    deadline_ms_ = deadline == 0 ? kNever : static_cast<double>(deadline);
    return nags <= 1;
  }

 private:
  std::string name_;
  uint64_t chain_ = 0;
  uint64_t records_ = 0;
  bool nags_ = false;
  double deadline_ms_ = kNever;
};

class Clock final : public Behaviour {
 public:
  [[nodiscard]] std::string_view name() const override { return "clock"; }
  [[nodiscard]] double deadline_ms() const override { return 0; }
  void on_timer(double /*now_ms*/, Reply& reply) const override { reply.publish("\"tick\""); }
};

}  // namespace

std::unique_ptr<Behaviour> make_clerk(const std::string& name) {
  return std::make_unique<Clerk>(name);
}

std::unique_ptr<Behaviour> make_clock() { return std::make_unique<Clock>(); }

}  // namespace edgeroom::test
