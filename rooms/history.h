// A page of history: what the room holds, and before that what only the central API still has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rooms/record.h"
#include "rooms/segment.h"

namespace edgeroom {

// Bounds of a page: both exclusive, at most one of them given; with none, the newest.
struct HistoryQuery {
  std::optional<uint64_t> after;
  std::optional<uint64_t> before;
  size_t limit = 0;  // messages, at least one

  [[nodiscard]] bool contains(uint64_t seq) const {
    return (!after || seq > *after) && (!before || seq < *before);
  }
  // Pages run towards newer messages with `after`, else towards older ones.
  [[nodiscard]] bool forwards() const { return after.has_value(); }
};

// Who asks for which page.
struct HistoryAsk {
  HistoryQuery query;
  uint32_t asker = 0;  // the handle or the request number
  bool is_request = false;
  std::string ref;        // of the frame that asked
  std::string epoch;      // another one than the room's; empty: the room's own
  uint32_t attempts = 0;  // at the central API's part of it
  double asked_ms = 0;    // since when it waits for that; 0: it does not
};

// The central API's part of a page.
struct CentralPart {
  bool failed = false;                // it gave no answer
  uint64_t boundary = 0;              // all that is asked for and older than this record, it has
  std::vector<std::string> messages;  // as JSON, ascending, older than what the room holds
  bool more = false;                  // in the direction asked, before what the room holds
};

// The room's own part of a page, and the whole.
class HistoryReader {
 public:
  explicit HistoryReader(HistoryAsk ask, std::optional<CentralPart> central = std::nullopt)
      : ask_(std::move(ask)), query_(ask_.query), central_(std::move(central)) {}

  // The segments that the page needs, ascending.
  [[nodiscard]] std::vector<SegmentEntry> select(const SegmentIndex& index);
  void record(const Record& record);

  // What is to be asked of the central API before the page is whole; nothing when it is.
  // `oldest_held_seq` is the room's; what is older than `stored_before` is in the central store.
  [[nodiscard]] std::optional<HistoryQuery> missing(uint64_t oldest_held_seq,
                                                    uint64_t stored_before = 0) const;
  // The page is what the room holds.
  void do_without();
  // Appends `"messages":[…],"more":…` and, where a part is missing, `,"partial":true`.
  void append_members(std::string& out) const;

  [[nodiscard]] const HistoryAsk& ask() const { return ask_; }

 private:
  [[nodiscard]] bool reaches(uint64_t oldest_held_seq) const;
  [[nodiscard]] bool more_held() const;
  [[nodiscard]] size_t held_count() const;
  void append_backwards(std::string& out) const;
  void append_forwards(std::string& out) const;

  HistoryAsk ask_;
  HistoryQuery query_;
  std::optional<CentralPart> central_;
  bool segments_left_ = false;  // in the page's direction, beyond what select() took
  bool cut_ = false;            // by kHistoryBytesMax
  size_t bytes_ = 0;            // of messages_
  std::deque<std::string> messages_;
};

}  // namespace edgeroom
