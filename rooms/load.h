// Loads: what is done with segments that are read back from storage.
//
// A load is begun by one event (a join, a page of history, a batch to forward) and fed by the very
// next ones, one segment at a time and in ascending order. So it is atomic against flushes, and
// no more than one segment and what is made of it is in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "rooms/dead_letters.h"
#include "rooms/forwarder.h"
#include "rooms/frame_builder.h"
#include "rooms/history.h"
#include "rooms/log.h"
#include "rooms/record.h"
#include "rooms/room_state.h"
#include "rooms/segment.h"

namespace edgeroom {

// The records after `after`, as frames for one connection that has come back.
class RecoveryReader {
 public:
  RecoveryReader(uint32_t handle, uint64_t after);

  void record(const Record& record);
  [[nodiscard]] uint32_t handle() const { return handle_; }
  FrameBuilder& frames() { return frames_; }

 private:
  uint32_t handle_;
  uint64_t after_;
  FrameBuilder frames_;
};

// The body of one attempt to forward.
class BatchReader {
 public:
  // `bytes`: about as much as the plan's records are, stored.
  BatchReader(BatchPlan plan, std::string_view room, std::string_view epoch, size_t bytes);

  void record(const Record& record);
  // The whole body. No record may follow.
  std::string finish();
  [[nodiscard]] const BatchPlan& plan() const { return plan_; }
  // The last record that found room, or need not go.
  [[nodiscard]] uint64_t last() const { return last_; }
  // The first and the last record of the body, as `first-last`.
  [[nodiscard]] std::string range() const;

 private:
  BatchPlan plan_;
  std::string body_;
  uint64_t last_ = 0;
  uint64_t first_in_body_ = 0;  // 0: it is empty
  uint64_t last_in_body_ = 0;
  bool full_ = false;
};

// The segment that holds a message to be deleted, and what it is to hold afterwards.
class DeletionReader {
 public:
  // `by` deletes `target`.
  DeletionReader(uint64_t target, std::string by);

  void record(const Record& record);

  [[nodiscard]] uint64_t target() const { return target_; }
  [[nodiscard]] const std::string& by() const { return by_; }
  // There is such a message, and it has not been deleted before.
  [[nodiscard]] bool found() const { return found_; }
  // The connection that sent it, and its user.
  [[nodiscard]] const std::string& author() const { return author_; }
  [[nodiscard]] const std::string& author_user() const { return author_user_; }
  [[nodiscard]] const std::string& data() const { return data_; }
  [[nodiscard]] const std::vector<bool>& is_message() const { return is_message_; }
  // The message's own row, for a dead letter.
  [[nodiscard]] const DeadLetterRow& letter() const { return letter_; }

  uint32_t asker = 0;  // the handle or the request number
  bool is_request = false;
  bool by_moderator = false;
  std::string conn;  // the asking connection's id; empty for a request
  std::string ref;   // of the frame that asked

 private:
  uint64_t target_;
  std::string by_;
  bool found_ = false;
  std::string author_;
  std::string author_user_;
  std::string data_;
  uint64_t segment_ts_ = 0;
  std::vector<bool> is_message_;
  DeadLetterRow letter_;
};

// What the room's state still lacks on waking.
class RestoreReader {
 public:
  // All must outlive the reader. `working_seq` tells which record is being folded, 0 for none:
  // whoever finds the instance trapped reads it. The first `letters` records are dead letters: they
  // stand in the log, or in the snapshot, as well.
  RestoreReader(RoomState& state, const Log& log, UnconfirmedDeletions& deletions,
                volatile double& working_seq, size_t letters)
      : state_(state),
        log_(log),
        deletions_(deletions),
        working_seq_(working_seq),
        letters_(letters) {}

  void record(const Record& record);

 private:
  RoomState& state_;
  const Log& log_;
  UnconfirmedDeletions& deletions_;
  volatile double& working_seq_;
  size_t letters_;
};

// A part of an exported log.
class LogReader {
 public:
  // For the request `request`: records after `after` up to `through`, behind `text`; `records` were
  // given in the parts before.
  LogReader(uint32_t request, uint64_t after, uint64_t through, uint64_t records, std::string text)
      : request_(request),
        after_(after),
        through_(through),
        records_(records),
        text_(std::move(text)) {}

  // The segments of this part, ascending: at least one, if there is one, and about
  // kLogPartBytes.
  [[nodiscard]] std::vector<SegmentEntry> select(const SegmentIndex& index) const;
  void record(const Record& record);

  [[nodiscard]] uint32_t request() const { return request_; }
  [[nodiscard]] uint64_t after() const { return after_; }  // the last record that was given
  [[nodiscard]] uint64_t through() const { return through_; }
  [[nodiscard]] uint64_t records() const { return records_; }
  std::string& text() { return text_; }

 private:
  uint32_t request_;
  uint64_t after_;
  uint64_t through_;
  uint64_t records_;
  std::string text_;
};

// The records that have become dead letters, or are ones, for their rows.
class BurialReader {
 public:
  // Of the records `seqs`, ascending, which are all among those to be read.
  explicit BurialReader(std::vector<uint64_t> seqs) : seqs_(std::move(seqs)) {}

  void record(const Record& record);
  [[nodiscard]] const std::vector<uint64_t>& seqs() const { return seqs_; }
  // One each.
  [[nodiscard]] const std::vector<DeadLetterRow>& rows() const { return rows_; }

 private:
  std::vector<uint64_t> seqs_;
  std::vector<DeadLetterRow> rows_;
};

// A page of dead letters, for a request: every record that is read is one.
class DeadLettersReader {
 public:
  // `letters` must outlive the reader; `more`: there are others behind those that are read.
  DeadLettersReader(uint32_t request, const DeadLetters& letters, bool more)
      : request_(request), letters_(letters), more_(more) {}

  void record(const Record& record);
  [[nodiscard]] uint32_t request() const { return request_; }
  // {"dead":[{"seq","code","record"}],"more"}. No record may follow.
  std::string finish();

 private:
  uint32_t request_;
  const DeadLetters& letters_;
  bool more_;
  std::string body_ = "{\"dead\":[";
  bool is_first_ = true;
};

// One load under way: the segments that were asked for, and who reads them.
class Load {
 public:
  using Reader = std::variant<RecoveryReader, HistoryReader, BatchReader, DeletionReader,
                              RestoreReader, LogReader, BurialReader, DeadLettersReader>;

  Load(std::vector<SegmentEntry> segments, Reader reader)
      : segments_(std::move(segments)), reader_(std::move(reader)) {}

  // Gives the reader the records of the next segment. False when `slot` is not the one that comes
  // next, or the data is not what the index says of it.
  bool segment(uint32_t slot, std::string_view data);
  // All segments have been given.
  [[nodiscard]] bool complete() const { return next_ == segments_.size(); }
  [[nodiscard]] std::vector<uint32_t> slots() const;
  Reader& reader() { return reader_; }

 private:
  std::vector<SegmentEntry> segments_;
  Reader reader_;
  size_t next_ = 0;
};

}  // namespace edgeroom
