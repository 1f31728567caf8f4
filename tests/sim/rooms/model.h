// What must be so, whatever happens: what was published, what is stored, what the central API has,
// and what may be said of it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rooms/record.h"
#include "rooms/segment.h"
#include "tests/sim/rooms/rules.h"
#include "tests/sim/rooms/storage.h"
#include "tests/sim/rooms/told.h"

namespace edgeroom::roomsim {

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
  std::string reason;
  uint64_t link = 0;             // of the ledger
  uint64_t messages = 0;         // so many up to here
  uint64_t ids = 0;              // so many messages with an id up to here
  bool is_id_forgotten = false;  // its row was written again when its id was remembered no more
};

class Model {
 public:
  explicit Model(const Rules& rules) : rules_(rules) {}

  // --- what happens ---
  // The number of the message that is about to be sent; `size` of its content, about.
  uint64_t publish(std::string user, std::string conn, std::string id, size_t size);
  // How many bytes the content of the next one has, with so many of `size`.
  [[nodiscard]] size_t content_bytes(size_t size) const;
  // The latest that the room's clock may show: after a clock that went back it goes on, slower.
  void time_is(double ms) { latest_ms_ = ms; }
  // What the object has written is about to last. `steady_ms` and `generation`: when, and by which
  // instance.
  void committing(const Storage& storage, double passed_ms, uint64_t generation);
  void joined(std::string_view conn, std::string_view user, double passed_ms, uint64_t generation);
  // A record has come to the central API, from the instance `generation`.
  enum class Got : uint8_t { kNew, kKnown, kConflict };
  Got central_got(const Object& record, std::string_view epoch, uint64_t generation);
  // The room hears that the central API refuses it, that it has stored some, or that it holds
  // other content.
  void central_refused(uint64_t seq) { refused_.insert(seq); }
  void stored_told(std::string_view epoch, bool has_conflict) {
    letters_in_row_ = 0;
    if (epoch == epoch_ && !has_conflict) is_epoch_proven_ = true;
    // Of these some were refused by the same answer, and of others the rows are not committed yet.
    refused_before_ = refused_;
  }
  void conflict_told() { was_conflict_told_ = true; }
  void clock_went_back() { has_clock_gone_back_ = true; }
  // The object's storage is what it was when `before` was a copy of this; from `generation` on.
  void set_back(const Model& before, uint64_t generation);
  // The instance `generation` has woken knowing that all up to `through` is confirmed.
  void woken(uint64_t generation, uint64_t through) { woken_ = {generation, through}; }

  // --- what may be said ---
  // One that the room has, or had.
  void check_epoch(std::string_view epoch) const;
  // A record as a frame tells it.
  void check_told(const Object& object, std::string_view type) const;
  // A message of a page, which was made when there were `records` or more.
  void check_in_page(const Object& message, uint64_t records) const;
  // `ids_before`: messages with an id that were stored when the id was sent.
  void check_ack(std::string_view user, std::string_view id, uint64_t seq,
                 uint64_t ids_before) const;
  // A message that was sent when `seq_before` records were stored is refused.
  void check_refusal(const std::string& user, const std::string& id, uint64_t seq_before) const;
  // An exception that the instance `generation` tells.
  void check_exception(uint64_t seq, uint64_t generation) const;
  void check_ledger(uint64_t seq, std::string_view link) const;
  // Whether the central API has the record, or has refused it.
  [[nodiscard]] bool is_settled(uint64_t seq) const;
  [[nodiscard]] bool is_refused(uint64_t seq) const { return refused_.count(seq) == 1; }
  [[nodiscard]] bool has_refused() const { return !refused_.empty(); }
  [[nodiscard]] bool is_central(uint64_t seq) const;
  [[nodiscard]] bool is_central_deleted(uint64_t seq) const { return deleted_.count(seq) == 1; }
  // The room has to hold all records after this one.
  [[nodiscard]] bool must_hold_after(uint64_t seq) const;
  // The first record of the segment that holds this one; itself when none does.
  [[nodiscard]] uint64_t segment_of(uint64_t seq) const;
  // Of those without a gap up to the newest.
  [[nodiscard]] uint64_t oldest_held() const;
  // By what is stored; now, for sure, or whenever somebody might come.
  [[nodiscard]] bool is_banned(const std::string& user) const;
  [[nodiscard]] bool is_banned_for_good(const std::string& user) const;
  // The same when the room's clock shows `now_ms` at least, with what may not be stored yet.
  [[nodiscard]] bool may_be_banned(const std::string& user, double now_ms) const;
  // Whether a record has ever sent the user away.
  [[nodiscard]] bool was_sent_away(const std::string& user) const {
    return sent_away_.count(user) == 1;
  }

  [[nodiscard]] const std::string& epoch() const { return epoch_; }
  // The newest of all times for 0, the one before for 1, and so on; one that never was beyond.
  [[nodiscard]] std::string some_epoch(uint64_t before) const {
    if (before >= epochs_.size()) return "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    return epochs_[epochs_.size() - 1 - static_cast<size_t>(before)];
  }
  // The central store of an epoch before holds what comes up to here, and this one's need not.
  [[nodiscard]] uint64_t forgotten_through() const { return forgotten_through_; }
  // The room will know, whatever happens, that the epoch is not one which was begun because of the
  // central store and of which that has nothing: another such one it would not begin.
  [[nodiscard]] bool is_proof_stored() const { return is_proof_stored_; }
  // What the central store has under seqs that are other records now: of this epoch, and of the
  // one before.
  [[nodiscard]] const std::map<uint64_t, Stored>& lost() const { return lost_; }
  [[nodiscard]] const std::map<uint64_t, Stored>& lost_before() const { return lost_before_; }
  [[nodiscard]] size_t letter_rows() const { return dead_rows_.size(); }
  [[nodiscard]] uint64_t seq() const { return stored_.size(); }
  // Messages with an id that are stored.
  [[nodiscard]] uint64_t ids() const { return stored_.empty() ? 0 : stored_.back().ids; }
  [[nodiscard]] const Stored& at(uint64_t seq) const;
  [[nodiscard]] const std::vector<uint64_t>& messages() const { return messages_; }
  [[nodiscard]] const Publication& publication(uint64_t number) const { return published_[number]; }
  [[nodiscard]] uint64_t publications() const { return published_.size(); }
  // The latest that the room's clock may show.
  [[nodiscard]] double latest_ms() const { return latest_ms_; }
  [[nodiscard]] bool has_clock_gone_back() const { return has_clock_gone_back_; }
  [[nodiscard]] const Rules& rules() const { return rules_; }
  // The records up to here are settled, all of them.
  uint64_t settled_through();

 private:
  struct Speaker {
    double since_ms = 0;
    uint64_t generation = 0;
    uint64_t messages = 0;
    uint64_t bytes = 0;
    double bursts = 1;
    double heard_ms = 0;        // last
    uint64_t joined_after = 0;  // so many records were stored
  };

  // How many records can be set back to for the instance that has sent something.
  struct Branch {
    uint64_t generation = 0;
    uint64_t seq = 0;
  };
  struct Sanctions {
    uint64_t banned_until = 0;  // UINT64_MAX: for good
    uint64_t banned_by = 0;     // the record
    uint64_t muted_until = 0;
  };
  struct DeadRow {
    uint64_t seq = 0;
    bool is_erased = false;
  };

  void commit_state(const std::string& row);
  void begin_epoch(std::string_view epoch);
  void commit_letter(uint32_t slot, const std::optional<SegmentRow>& row);
  void check_erased(uint64_t target) const;
  [[nodiscard]] uint64_t unsettled_bytes();
  [[nodiscard]] bool is_known(const Stored& before, uint64_t messages, uint64_t ids) const;
  [[nodiscard]] uint64_t ids_forgotten_after(uint64_t seq) const;
  [[nodiscard]] uint64_t common_through(uint64_t generation) const;
  Got got_of_lost(const Object& record, uint64_t seq);
  void commit_segment(const SegmentRow& row, double passed_ms, uint64_t generation);
  void commit_again(const Record& record, uint64_t id_hash);
  void commit_new(const Record& record, double passed_ms, uint64_t generation);
  void new_message(Stored& stored, const Record& record, double passed_ms, uint64_t generation);
  void check_once(const Stored& stored, uint64_t seq);
  void deleted(const Record& record);
  void moderated(const Stored& stored);
  static void check_speed(Speaker& speaker, double rate, double burst, double passed_ms,
                          uint64_t generation, std::string_view who);
  void check_bytes(const Speaker& speaker, double passed_ms) const;
  void check_held();

  Rules rules_;
  std::string epoch_;
  std::vector<Publication> published_;
  std::vector<Stored> stored_;
  std::vector<uint64_t> messages_;  // seqs
  std::map<std::pair<std::string, std::string>, uint64_t> ids_;
  std::map<std::string, Sanctions> sanctions_;
  std::set<std::string> sent_away_;
  std::map<std::string, Speaker, std::less<>> speakers_;  // by connection…
  std::map<std::string, Speaker, std::less<>> users_;     // … and over all of a user
  struct Held {
    uint64_t first = 0;
    uint64_t last = 0;
    uint64_t bytes = 0;
  };
  std::map<uint32_t, Held> held_;          // by slot
  std::map<uint32_t, DeadRow> dead_rows_;  // by slot
  std::set<uint64_t> refused_before_;
  uint64_t letters_in_row_ = 0;  // given up, and nothing was told to be stored since
  std::vector<std::string> epochs_;
  bool was_conflict_told_ = false;
  bool is_epoch_proven_ = true;
  // A record's time does not go back with it, also not behind that of one whose turn was lost.
  bool has_clock_gone_back_ = false;
  bool is_epoch_first_ = true;
  bool is_proof_stored_ = true;
  uint64_t forgotten_through_ = 0;
  std::vector<Branch> branches_;
  std::map<uint64_t, Stored> lost_;
  std::map<uint64_t, Stored> lost_before_;
  std::pair<uint64_t, uint64_t> woken_ = {0, 0};
  std::vector<bool> central_;
  std::set<uint64_t> deleted_;  // centrally
  std::set<uint64_t> refused_;
  uint64_t settled_through_ = 0;
  double latest_ms_ = 0;
};

// The number in a message's content.
uint64_t number_of(std::string_view content);

}  // namespace edgeroom::roomsim
