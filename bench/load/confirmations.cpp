#include "bench/load/confirmations.h"

#include "bench/load/dialect.h"

namespace edgeroom::load {
namespace {

constexpr uint64_t kNsPerUs = 1000;

}  // namespace

void Confirmations::begin() {
  for (Room& room : rooms_) {
    room.waiting.clear();
    room.first = 0;
  }
  open_ = 0;
  waits_.clear();
  fault_.clear();
}

uint64_t Confirmations::number_in(std::string_view text) {
  uint64_t found = UINT64_MAX;
  each_number(text, [&found](uint64_t number, size_t) { found = number; });
  return found;
}

uint64_t Confirmations::seq_at(std::string_view text, size_t at) {
  return number_behind(text.substr(at), "").value_or(0);
}

void Confirmations::add(Room& room, uint64_t seq, uint64_t intended_ns) {
  if (intended_ns == 0) return;
  if (!room.waiting.empty() && seq <= room.waiting.back().seq) {
    fault_ =
        "seq " + std::to_string(seq) + " came after " + std::to_string(room.waiting.back().seq);
    return;
  }
  room.waiting.push_back({seq, intended_ns});
  open_++;
}

void Confirmations::confirm(Room& room, std::string_view told, uint64_t at_ns) {
  told = told.substr(0, told.find('}'));
  if (told.find(R"("except")") != std::string_view::npos) {
    fault_ = "refused by the central API: " + std::string(told);
  }
  const uint64_t through = number_behind(told, R"("through":)").value_or(0);
  while (room.first < room.waiting.size() && room.waiting[room.first].seq <= through) {
    const uint64_t since = room.waiting[room.first].intended_ns;
    waits_.add(at_ns > since ? (at_ns - since) / kNsPerUs : 0);
    room.first++;
    open_--;
  }
}

}  // namespace edgeroom::load
