// The room actor: one event in, a list of effects out.
//
// Rule of use: give every event to handle(), and carry out all effects of one event before the
// next. The host gives the time with each event, and a random seed once; the room has no other
// source of either, so the same events give the same effects in every build.
//
// What happens inside one turn of the event loop: frames only enqueue (parse, check, limit,
// deduplicate, number). The flush at the turn's end stores all of it as one row and then tells
// everybody in one frame. Nothing is told before it is stored.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/settings.h"
#include "rooms/abi.h"
#include "rooms/behaviour.h"
#include "rooms/central_page.h"
#include "rooms/central_reads.h"
#include "rooms/connection.h"
#include "rooms/dead_letters.h"
#include "rooms/effects.h"
#include "rooms/forwarder.h"
#include "rooms/frame.h"
#include "rooms/frame_builder.h"
#include "rooms/load.h"
#include "rooms/log.h"
#include "rooms/log_text.h"
#include "rooms/operation.h"
#include "rooms/room_clock.h"
#include "rooms/room_state.h"
#include "rooms/room_summary.h"

namespace edgeroom {

// An event as rooms/abi.h describes it. The payload needs to live only for the call.
struct Event {
  EventType type = EventType::kFlush;
  uint32_t target = 0;
  uint32_t number = 0;
  double now_ms = 0;
  std::string_view payload;
};

class Room {
 public:
  // `name` is the room's name, `behaviour` what kind of room it is, `seed` random bits.
  Room(std::string name, const RoomSettings& settings, std::unique_ptr<Behaviour> behaviour,
       uint64_t seed);
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;

  // Adds the event's effects to `effects`. A status means that the event was refused: nothing
  // changed and nothing was added.
  std::optional<RoomStatus> handle(const Event& event, EffectList& effects);

  // What the room knows because of its log, with what this turn has appended.
  [[nodiscard]] const RoomState& state() const { return state_; }
  // The record that the state is being made of on waking; 0 for none.
  [[nodiscard]] const volatile double* working_seq() const { return &working_seq_; }

 private:
  using Refusal = std::optional<RoomStatus>;

  Refusal handle_restore(const Event& event, EffectList& effects);
  Refusal handle_load(const Event& event, EffectList& effects);
  Refusal handle_work(const Event& event, EffectList& effects);
  Refusal begin_restored(EffectList& effects);
  void restored(EffectList& effects);

  // Connections (room_connections.cpp).
  Refusal connect(const Event& event, EffectList& effects);
  // Answers the request with 403 if the user is banned.
  bool refuse_banned(uint32_t request, std::string_view user, EffectList& effects);
  void welcome(uint32_t handle, const Connection& connection, const Operation& operation,
               EffectList& effects);
  [[nodiscard]] bool recoverable(const Operation& operation) const;
  void closed(uint32_t handle, EffectList& effects);
  // The connection is gone at once; whatever it still sends is not heard.
  void close(uint32_t handle, uint32_t code, std::string_view reason, EffectList& effects);
  void presence_changed(std::string_view type, const Connection& connection, EffectList& effects);
  // Tokens that expire.
  void expires(const Connection& connection);
  [[nodiscard]] bool is_expired(const Connection& connection) const;
  [[nodiscard]] double expiry_check_ms() const;
  void close_expired(EffectList& effects);
  void close_for_expiry(uint32_t handle, EffectList& effects);
  void renew_token(uint32_t handle, const ClientFrame& frame, EffectList& effects);
  [[nodiscard]] std::optional<FrameError> renewal_refusal(const Connection& connection,
                                                          const TokenVerdict& verdict) const;
  void token_verified(const Event& event, EffectList& effects);
  void drain(EffectList& effects);
  void close_drained(EffectList& effects);

  // Slow readers (room_readers.cpp).
  struct Backlog {
    uint32_t bytes = 0;
    uint32_t silent_ms = 0;
  };
  void count_sent(const EffectList& effects);
  void measure_readers(EffectList& effects);
  Refusal measured(const Event& event, EffectList& effects);
  std::vector<uint32_t> slow_readers(const std::map<uint32_t, Backlog>& backlogs);
  std::vector<uint32_t> silent_readers(const std::map<uint32_t, Backlog>& backlogs);

  // Frames (room_frames.cpp).
  void frame(const Event& event, EffectList& effects);
  bool admit(uint32_t handle, Connection& connection, const ClientFrame& frame, size_t bytes,
             EffectList& effects);
  void act(uint32_t handle, const Connection& connection, const ClientFrame& frame,
           EffectList& effects);
  void publish(uint32_t handle, const Connection& connection, const ClientFrame& frame,
               EffectList& effects);
  // What the size limit, the behaviour and the outbox say to a message; its new content, if it
  // has one, goes to `rewritten`.
  [[nodiscard]] std::optional<FrameError> message_refusal(const Member& member,
                                                          std::string_view content,
                                                          std::string& rewritten) const;
  // Numbers a message and lets the turn's flush store and tell it.
  void append_message(Record& record, EffectList& effects);
  // The same for any record, at `ts_ms`.
  void append_record(Record& record, double ts_ms);
  // What a behaviour says: to `handle`, where it speaks to one, with `ref` if there is one. True
  // when some of it waits for the flush.
  bool say(const Reply& reply, uint32_t handle, std::string_view ref, EffectList& effects);
  // Sends one connection a frame that may rest on what this turn has appended: at once, or when
  // that is stored. True when it waits.
  bool tell(uint32_t handle, std::string frame, EffectList& effects);
  void send_untold(EffectList& effects);
  // So that a turn is bounded by what it holds, and not by the host's queue.
  void flush_if_full(EffectList& effects);
  void signal(uint32_t handle, const Connection& connection, const ClientFrame& frame,
              EffectList& effects);
  void delete_message(uint32_t handle, const Connection& connection, const ClientFrame& frame,
                      EffectList& effects);
  void send_pong(uint32_t handle, const ClientFrame& frame, EffectList& effects);
  void send_presence(uint32_t handle, const ClientFrame& frame, EffectList& effects);
  [[nodiscard]] std::optional<FrameError> content_refusal(std::string_view content) const;
  // `reserve`: records by which the limit may be passed.
  [[nodiscard]] std::optional<FrameError> outbox_refusal(uint64_t reserve = 0) const;
  [[nodiscard]] std::optional<FrameError> speech_refusal(const Connection& connection) const;
  void send_error(uint32_t handle, const ClientFrame& frame, const FrameError& error,
                  double retry_after_ms, EffectList& effects);

  // The end of the turn (room.cpp).
  void want_flush(EffectList& effects);
  void flush(EffectList& effects);
  void append_room_count();
  void append_confirmation();
  // When a confirmation that found no other frame to ride in gets one of its own.
  [[nodiscard]] double confirmation_due_ms() const;
  void timer(EffectList& effects);
  void behaviour_timer(EffectList& effects);
  [[nodiscard]] double behaviour_deadline_ms() const;
  // Storage does not know the watermark yet.
  [[nodiscard]] bool cursor_dirty() const;
  void store_cursor(EffectList& effects);
  void arm(EffectList& effects);
  void log_line(LogThreshold level, std::string_view what, std::string_view detail,
                EffectList& effects) const;

  // After a trap (room_traps.cpp).
  void trapped(const Event& event, EffectList& effects);
  void pause_after_trap(const Event& event);
  void skip_request(uint32_t request, std::string_view body, EffectList& effects);

  // HTTP requests (room_requests.cpp).
  Refusal request(const Event& event, EffectList& effects);
  void publish_request(uint32_t request, std::string_view by, std::string_view body,
                       EffectList& effects);
  void refuse_publication(uint32_t request, const FrameError& refusal, EffectList& effects);
  void drain_request(uint32_t request, EffectList& effects);
  void delete_request(uint32_t request, std::string_view by, const Operation& operation,
                      EffectList& effects);
  void answer_published(EffectList& effects);
  [[nodiscard]] RoomSummary summary() const;
  [[nodiscard]] std::string state_json() const;
  void refuse(uint32_t request, uint32_t status, std::string_view title, std::string_view detail,
              EffectList& effects);

  // Moderation (room_moderation.cpp).
  void moderate_by_frame(uint32_t handle, const Connection& connection, const ClientFrame& frame,
                         EffectList& effects);
  void moderate_request(uint32_t request, std::string_view by, std::string_view body,
                        EffectList& effects);
  [[nodiscard]] std::optional<FrameError> moderation_refusal(ModerationAction action) const;
  void moderate(const ClientFrame& ask, std::string_view by, std::string_view conn,
                EffectList& effects);
  void close_user(std::string_view user, std::string_view reason, EffectList& effects);

  // Exported logs (room_log.cpp).
  void read_log(uint32_t request, const Operation& operation, EffectList& effects);
  [[nodiscard]] LogHeader log_header(uint64_t after) const;
  Refusal import(const Event& event, EffectList& effects);
  Refusal import_record(const Event& event, EffectList& effects);

  // Deletion (room_deletion.cpp).
  void read_deletion(DeletionReader reader, EffectList& effects);
  void read_central_message(DeletionReader reader, EffectList& effects);
  void append_deletion(const DeletionReader& reader, EffectList& effects);
  void refuse_deletion(const DeletionReader& reader, ErrorCode code, std::string_view detail,
                       EffectList& effects);

  // What is read back from storage (room_reads.cpp).
  void read_history(HistoryAsk ask, std::optional<CentralPart> central, EffectList& effects);
  void answer_history(const HistoryReader& reader, EffectList& effects);
  void read_central(CentralRead read, EffectList& effects);
  void begin_central_reads(EffectList& effects);
  // Whether anybody is there to be answered.
  [[nodiscard]] bool is_awaited(const CentralRead& read);
  void forget_deletions();
  void central_failed(CentralRead& read, EffectList& effects);
  Refusal fetched(const Event& event, EffectList& effects);
  void central_answered(HistoryAsk ask, const CentralRead& read, const CentralPage& page,
                        EffectList& effects);
  void central_answered(DeletionReader& reader, const CentralPage& page, EffectList& effects);
  void read_recovery(uint32_t handle, uint64_t after, EffectList& effects);
  void start_load(Load load, EffectList& effects);
  void finish(RecoveryReader& reader, EffectList& effects);
  void finish(HistoryReader& reader, EffectList& effects);
  void finish(BatchReader& reader, EffectList& effects);
  void finish(DeletionReader& reader, EffectList& effects);
  void finish(RestoreReader& reader, EffectList& effects);
  void finish(LogReader& reader, EffectList& effects);
  void finish(BurialReader& reader, EffectList& effects);
  void finish(DeadLettersReader& reader, EffectList& effects);

  // Forwarding (room_forwarding.cpp).
  void forward_next(EffectList& effects);
  Refusal attempt_answered(const Event& event, EffectList& effects);
  // Tells whoever watches the rooms how forwarding stands, when that has changed or an attempt has
  // gone wrong.
  void report_forwarding(const AttemptOutcome& outcome, EffectList& effects);
  // Once the rows of new dead letters are written.
  void answer_taken(EffectList& effects);
  // Writes and drops the rows that an answer has changed.
  void store_letters(EffectList& effects);
  // Reads the records of dead letters whose rows are to be written.
  void bury(const std::vector<uint64_t>& seqs, EffectList& effects);
  // The rows of these dead letters, ascending.
  [[nodiscard]] std::vector<SegmentEntry> letter_rows(const std::vector<uint64_t>& seqs) const;
  void read_dead_letters(uint32_t request, const Operation& operation, EffectList& effects);
  void replay_request(uint32_t request, EffectList& effects);
  void count_confirmed_bytes(uint64_t before, uint64_t now);
  void count_outbox_bytes();
  // What storage knows of the pause would be wrong after a sleep.
  [[nodiscard]] bool pause_dirty() const;
  void begin_epoch(EffectList& effects);

  RoomSettings settings_;
  Random random_;
  RoomClock clock_;
  double now_ms_ = 0;   // by clock_
  RequestNames asked_;  // by the request at work; empty: it is none
  bool restored_ = false;
  bool is_copy_ = false;  // of an exported log: all its records are those of the log

  RoomState state_;
  UnconfirmedDeletions deletions_;
  Log log_;
  ConnectionTable connections_;
  DeadLetters dead_letters_;
  Forwarder forwarder_;
  std::optional<Load> load_;
  CentralReads central_reads_;

  // A publication over HTTP, answered when its record is stored.
  struct PublishedAnswer {
    uint32_t request = 0;
    uint64_t seq = 0;
    bool duplicate = false;
  };

  // A frame for one connection that waits for the turn's records to be stored.
  struct UntoldFrame {
    uint32_t handle = 0;
    std::string frame;
  };

  FrameBuilder pending_;             // what the flush will tell everybody
  std::vector<UntoldFrame> untold_;  // and before that, one connection alone
  size_t untold_bytes_ = 0;
  std::vector<PublishedAnswer> published_;
  bool flush_wanted_ = false;
  double flushed_at_ms_ = 0;
  bool snapshot_wanted_ = false;   // the flush must write one
  bool behaviour_speaks_ = false;  // the turn has records: on_flush is to be called
  bool room_count_dirty_ = false;
  double room_count_sent_ms_ = 0;
  bool confirmation_dirty_ = false;
  uint64_t confirmation_sent_ = 0;   // the watermark that everybody was told…
  double confirmation_sent_ms_ = 0;  // … and when
  std::string_view forwarding_reported_ = "ok";
  std::vector<uint64_t> stored_letters_;  // dead letters, told as such, that are stored now
  uint64_t dead_told_through_ = 0;        // up to where somebody may know of dead letters besides
  bool epoch_proof_dirty_ = false;        // storage does not know that the epoch is proven
  uint64_t confirmation_stored_ = 0;      // the watermark that storage knows of
  ForwardingPause pause_stored_;
  double cursor_dirty_at_ms_ = 0;  // since when storage knows of an older watermark
  uint64_t outbox_bytes_ = 0;      // of the segments above the watermark

  double behaviour_called_ms_ = 0;  // on_timer, last
  double trap_pause_until_ms_ = 0;  // nothing is done that nobody asked for before
  volatile double working_seq_ = 0;
  double drain_at_ms_ = 0;  // when the first of those who drain is closed; 0: nobody drains

  // Not later than the first token does; infinity when none will.
  double earliest_expiry_ms_ = std::numeric_limits<double>::infinity();
  double expiry_checked_ms_ = 0;
  uint64_t unmeasured_bytes_ = 0;  // sent since the readers were measured
  double measure_at_ms_ = 0;       // when they are again, whatever is sent; 0: not
  double measured_at_ms_ = 0;
  uint64_t broadcast_bytes_ = 0;           // to everybody, ever…
  uint64_t measured_broadcast_bytes_ = 0;  // … and when the readers were measured

  double timer_at_ms_ = 0;  // 0: none is set
  double alarm_at_ms_ = 0;  // 0: none is set
};

}  // namespace edgeroom
