#include "tests/sim/rooms/storage.h"

namespace edgeroom::roomsim {

void Storage::put_state(uint32_t id, std::string bytes) {
  Undo& undo = undo_.emplace_back(Undo{Table::kState, id, {}, {}, {}});
  std::string& row = state_[id];
  if (!row.empty()) undo.state = std::move(row);
  row = std::move(bytes);
}

void Storage::remember_segment(uint32_t slot) {
  Undo& undo = undo_.emplace_back(Undo{Table::kSegments, slot, {}, {}, {}});
  const auto found = segments_.find(slot);
  if (found != segments_.end()) undo.segment = std::move(found->second);
}

void Storage::put_segment(uint32_t slot, SegmentRow row) {
  remember_segment(slot);
  changes_.push_back({slot, row});
  segments_[slot] = std::move(row);
}

void Storage::drop_segment(uint32_t slot) {
  remember_segment(slot);
  changes_.push_back({slot, {}});
  segments_.erase(slot);
}

void Storage::set_alarm(std::optional<double> at_ms) {
  undo_.push_back(Undo{Table::kAlarm, 0, {}, {}, alarm_});
  alarm_ = at_ms;
}

void Storage::commit() {
  undo_.clear();
  changes_.clear();
}

void Storage::set_back(const Image& image) {
  state_ = image.state;
  segments_ = image.segments;
  alarm_ = image.alarm;
  undo_.clear();
  changes_.clear();
}

void Storage::lose() {
  while (!undo_.empty()) {
    Undo& undo = undo_.back();
    switch (undo.table) {
      case Table::kState:
        if (undo.state) {
          state_[undo.key] = std::move(*undo.state);
        } else {
          state_.erase(undo.key);
        }
        break;
      case Table::kSegments:
        if (undo.segment) {
          segments_[undo.key] = std::move(*undo.segment);
        } else {
          segments_.erase(undo.key);
        }
        break;
      case Table::kAlarm: alarm_ = undo.alarm; break;
    }
    undo_.pop_back();
  }
  changes_.clear();
}

}  // namespace edgeroom::roomsim
