// What must be so, whatever happens: what was published, what is stored, what the central API has,
// and what may be said of it.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rooms/record.h"
#include "rooms/segment.h"
#include "tests/sim/rooms/storage.h"
#include "tests/sim/rooms/told.h"

namespace edgeroom::roomsim {

// The settings of a seed's room.
struct Rules {
  uint32_t history = 100;
  uint32_t dedup = 100;
  uint32_t presence = 100;
  uint32_t connections = 10;
  uint32_t message_bytes = 2000;
  uint32_t rate = 1000;
  uint32_t burst = 1000;
  uint64_t outbox = 1'000'000;
  bool has_ledger = true;

  [[nodiscard]] std::string text() const;
};

// A message that somebody has sent, under a number that its content names.
struct Publication {
  std::string user;
  std::string conn;
  std::string id;
  std::string content;
  uint64_t seq = 0;  // once it is stored
};

// A record as it was stored first.
struct Stored {
  RecordKind kind = RecordKind::kMessage;
  uint64_t ts = 0;
  std::string user;
  std::string conn;
  std::string id;
  std::string content;
  uint64_t deletion = 0;   // the first record that deletes it
  bool is_erased = false;  // its content is gone from the room's storage
  uint64_t target = 0;
  ModerationAction action = ModerationAction::kKick;
  std::string subject;
  uint64_t until = 0;
  uint64_t link = 0;      // of the ledger
  uint64_t messages = 0;  // so many up to here
  uint64_t ids = 0;       // so many messages with an id up to here
};

class Model {
 public:
  explicit Model(const Rules& rules) : rules_(rules) {}

  // --- what happens ---
  // The number of the message that is about to be sent; `size` of its content, about.
  uint64_t publish(std::string user, std::string conn, std::string id, size_t size);
  // The latest that the room's clock may show: after a clock that went back it goes on, slower.
  void time_is(double ms) { latest_ms_ = ms; }
  // What the object has written is about to last. `steady_ms` and `generation`: when, and by which
  // instance.
  void committing(const Storage& storage, double passed_ms, uint64_t generation);
  void joined(std::string_view conn, double passed_ms, uint64_t generation);
  // A record has come to the central API.
  void central_got(const Object& record, std::string_view epoch);
  // The central API refuses it.
  void central_refused(uint64_t seq) { refused_.insert(seq); }

  // --- what may be said ---
  void check_epoch(std::string_view epoch);
  // A record as a frame tells it.
  void check_told(const Object& object, std::string_view type) const;
  // A message of a page. `asked_at`: how many records there were when it was asked for.
  void check_in_page(const Object& message, uint64_t asked_at) const;
  void check_ack(std::string_view user, std::string_view id, uint64_t seq) const;
  void check_ledger(uint64_t seq, std::string_view link) const;
  // Whether the central API has the record, or has refused it.
  [[nodiscard]] bool is_settled(uint64_t seq) const;
  [[nodiscard]] bool is_refused(uint64_t seq) const { return refused_.count(seq) == 1; }
  [[nodiscard]] bool is_central(uint64_t seq) const;
  [[nodiscard]] bool is_central_deleted(uint64_t seq) const { return deleted_.count(seq) == 1; }
  // The room has to hold all records after this one.
  [[nodiscard]] bool must_hold_after(uint64_t seq) const;
  // Banned or muted for good by what is stored.
  [[nodiscard]] bool is_banned(const std::string& user) const;

  [[nodiscard]] const std::string& epoch() const { return epoch_; }
  [[nodiscard]] uint64_t seq() const { return stored_.size(); }
  [[nodiscard]] const Stored& at(uint64_t seq) const;
  [[nodiscard]] const std::vector<uint64_t>& messages() const { return messages_; }
  [[nodiscard]] const Publication& publication(uint64_t number) const { return published_[number]; }
  [[nodiscard]] uint64_t publications() const { return published_.size(); }
  [[nodiscard]] const Rules& rules() const { return rules_; }
  // The records up to here are settled, all of them.
  uint64_t settled_through();

 private:
  struct Speaker {
    double since_ms = 0;
    uint64_t generation = 0;
    uint64_t messages = 0;
  };

  void commit_segment(const SegmentRow& row, double passed_ms, uint64_t generation);
  void commit_again(const Record& record);
  void commit_new(const Record& record, double passed_ms, uint64_t generation);
  void new_message(Stored& stored, const Record& record, double passed_ms, uint64_t generation);
  void check_once(const Stored& stored, uint64_t seq);
  void moderated(const Stored& stored);
  void check_held();

  Rules rules_;
  std::string epoch_;
  std::vector<Publication> published_;
  std::vector<Stored> stored_;
  std::vector<uint64_t> messages_;  // seqs
  std::map<std::pair<std::string, std::string>, uint64_t> ids_;
  std::map<std::string, bool> banned_;  // for good; absent: not, or nobody knows for how long
  std::map<std::string, bool> muted_;
  std::map<std::string, Speaker, std::less<>> speakers_;    // by connection
  std::map<uint32_t, std::pair<uint64_t, uint64_t>> held_;  // by slot: first and last
  std::vector<bool> central_;
  std::set<uint64_t> deleted_;  // centrally
  std::set<uint64_t> refused_;
  uint64_t settled_through_ = 0;
  double latest_ms_ = 0;
};

// The number in a message's content.
uint64_t number_of(std::string_view content);

}  // namespace edgeroom::roomsim
