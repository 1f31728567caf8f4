// The object's storage: what is written counts at once for the object, and lasts when it is
// committed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace edgeroom::roomsim {

struct SegmentRow {
  std::string head;
  std::string data;
};

class Storage {
 public:
  void put_state(uint32_t id, std::string bytes);
  void put_segment(uint32_t slot, SegmentRow row);
  void drop_segment(uint32_t slot);
  void set_alarm(std::optional<double> at_ms);

  // A slot that was written, or dropped.
  struct Change {
    uint32_t slot = 0;
    std::optional<SegmentRow> row;
  };
  // Since the last commit, in order.
  [[nodiscard]] const std::vector<Change>& changes() const { return changes_; }
  [[nodiscard]] bool is_dirty() const { return !undo_.empty(); }
  void commit();
  // All since the last commit is as if it had never been.
  void lose();

  // What lasts, and all of it put back to what it was.
  struct Image {
    std::map<uint32_t, std::string> state;
    std::map<uint32_t, SegmentRow> segments;
    std::optional<double> alarm;
  };
  [[nodiscard]] Image image() const { return {state_, segments_, alarm_}; }
  void set_back(const Image& image);

  [[nodiscard]] const std::map<uint32_t, std::string>& state() const { return state_; }
  [[nodiscard]] const std::map<uint32_t, SegmentRow>& segments() const { return segments_; }
  [[nodiscard]] const std::optional<double>& alarm() const { return alarm_; }

 private:
  enum class Table : uint8_t { kState, kSegments, kAlarm };
  struct Undo {
    Table table;
    uint32_t key = 0;
    std::optional<std::string> state;
    std::optional<SegmentRow> segment;
    std::optional<double> alarm;
  };

  void remember_segment(uint32_t slot);

  std::map<uint32_t, std::string> state_;
  std::map<uint32_t, SegmentRow> segments_;
  std::optional<double> alarm_;
  std::vector<Undo> undo_;
  std::vector<Change> changes_;
};

}  // namespace edgeroom::roomsim
