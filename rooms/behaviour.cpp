#include "rooms/behaviour.h"

#include <utility>

namespace edgeroom {

void Reply::tell(std::string_view name, std::string content) {
  signals_.push_back({std::string(name), std::move(content), false});
}

void Reply::tell_all(std::string_view name, std::string content) {
  signals_.push_back({std::string(name), std::move(content), true});
}

void Reply::publish(std::string content) { messages_.push_back(std::move(content)); }

void Behaviour::on_join(const Member& /*member*/, double /*now_ms*/, Reply& /*reply*/) const {}

Verdict Behaviour::on_message(const Member& /*member*/, std::string_view /*content*/,
                              double /*now_ms*/) const {
  return Verdict::accept();
}

Verdict Behaviour::on_event(const Member& /*member*/, std::string_view /*name*/,
                            std::string_view /*content*/, double /*now_ms*/,
                            Reply& /*reply*/) const {
  return Verdict::accept();
}

void Behaviour::on_timer(double /*now_ms*/, Reply& /*reply*/) const {}

double Behaviour::deadline_ms() const { return std::numeric_limits<double>::infinity(); }

void Behaviour::on_flush(Reply& /*reply*/) const {}

bool Behaviour::has_state() const { return false; }

void Behaviour::on_record(const Record& /*record*/) {}

void Behaviour::save(ByteWriter& /*out*/) const {}

bool Behaviour::restore(ByteReader& /*in*/) { return true; }

}  // namespace edgeroom
