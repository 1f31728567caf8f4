// The Durable Object around a room: does with its effects what js-shim/room-runtime.js and
// js-shim/effects.js do, on a platform that fails.
//
// Output gate: what leaves the object waits until all that was written before it is committed. When
// a commit fails, or the object is lost before it, nothing of that turn has left.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rooms/instance.h"
#include "tests/sim/rooms/presence.h"
#include "tests/sim/rooms/rules.h"
#include "tests/sim/rooms/storage.h"
#include "tests/sim/rooms/told.h"

namespace edgeroom::roomsim {

// A request to the central API, as it leaves the object.
struct CentralRequest {
  bool is_read = false;
  uint32_t number = 0;
  uint64_t generation = 0;  // of the instance that asks
  double timeout_ms = 0;
  std::string text;  // the body, or the path
  // When it was asked, before it was let out: so many events had been given, and the clock of the
  // room showed at most this.
  uint64_t events = 0;
  double passed_ms = 0;
  double signed_ms = 0;  // the time that the signature of a batch names
};

// What waits for one socket, as kMeasured tells it.
struct Backlog {
  uint32_t bytes = 0;
  uint32_t silent_ms = UINT32_MAX;
};

// Everything that the object meets.
class Outside {
 public:
  Outside() = default;
  Outside(const Outside&) = delete;
  Outside& operator=(const Outside&) = delete;
  virtual ~Outside() = default;

  virtual double wall_ms() = 0;
  virtual double steady_ms() = 0;
  // As much as the room's clock has gone on, at most.
  virtual double passed_ms() = 0;
  virtual uint64_t random_bits() = 0;
  // Whether the instance is to trap on this event.
  virtual bool traps(EventType type, bool is_restoring) = 0;
  virtual bool commit_fails() = 0;
  // So many records are committed.
  [[nodiscard]] virtual uint64_t stored() const = 0;
  // What is written is about to last.
  virtual void committing(const Storage& storage) = 0;

  virtual void told(uint32_t socket, Told& frame) = 0;
  virtual void closed(uint32_t socket, uint32_t code) = 0;
  virtual void answered(uint32_t request, uint32_t status, const std::string& body) = 0;
  // Whoever waits for an answer has to ask again.
  virtual void answers_lost() = 0;
  virtual void ask_central(CentralRequest request) = 0;
  virtual bool tells_backlog() = 0;
  virtual Backlog backlog_of(uint32_t socket) = 0;
  // A token that came over the socket is to be verified: Host::verified().
  virtual void verify(uint32_t socket, uint64_t object) = 0;
  virtual void held() = 0;
  // An instance begins after one that has trapped on what nobody had asked for.
  virtual void paused(uint64_t generation) = 0;
  // After every event that the instance was given.
  virtual void event_given() = 0;
};

class Host {
 public:
  Host(const Rules& rules, Outside& outside)
      : settings_(rules.text()), outside_(outside), presence_(rules.presence) {}

  // A join: nothing when the socket was accepted, else the status of the refusal.
  std::optional<uint32_t> join(uint32_t socket, std::string_view operation);
  void frame(uint32_t socket, FrameKind kind, std::string text);
  void socket_closed(uint32_t socket, uint32_t code);
  // `operation` with its body; the number under which it is answered.
  uint32_t request(std::string_view operation);
  void central_answered(const CentralRequest& request, uint32_t status, std::string_view payload);
  // What came of a token; nothing happens when the object that asked is gone.
  void verified(uint32_t socket, uint64_t object, std::string_view verdict);
  void fire_flush();
  void fire_timer();
  void fire_alarm();

  // The writes since the last commit last now, unless the commit fails.
  void commit();
  // The object is gone with all that was not committed, and so are its sockets.
  void lose();
  // The same, and its storage is what it was once.
  void set_back(const Storage::Image& image);
  // The object sleeps; its sockets stay open.
  void evict();

  [[nodiscard]] const std::optional<double>& flush_at() const { return flush_at_; }
  void look_again();
  [[nodiscard]] const std::optional<double>& timer_at() const { return timer_at_; }
  void delay_timer(double ms) {
    *timer_at_ += ms;
    is_timer_late_ = true;
  }
  [[nodiscard]] bool is_timer_late() const { return is_timer_late_; }
  [[nodiscard]] std::optional<double> alarm_at() const { return storage_.alarm(); }
  void move_alarm(std::optional<double> at_ms);
  [[nodiscard]] bool has_uncommitted() const { return storage_.is_dirty(); }
  [[nodiscard]] bool is_awake() const { return instance_ != nullptr; }
  [[nodiscard]] size_t open_sockets() const { return open_.size(); }
  [[nodiscard]] bool is_open(uint32_t socket) const { return open_.count(socket) == 1; }
  [[nodiscard]] const Storage& storage() const { return storage_; }
  // Which instance this is, over all objects.
  [[nodiscard]] uint64_t generation() const { return generation_; }
  // Which object this is: what one before has asked for, this one is not told.
  [[nodiscard]] uint64_t object() const { return object_; }
  // Events that instances were given.
  [[nodiscard]] uint64_t events() const { return events_; }
  [[nodiscard]] const Presence& presence() const { return presence_; }

 private:
  struct Trap {
    EventType type;
  };
  // The object cannot go on.
  struct Reset {};
  struct KeptFrame {
    uint32_t handle = 0;
    FrameKind kind = FrameKind::kText;
    std::string text;
  };
  using Kept = std::shared_ptr<const KeptFrame>;
  struct Failure {
    EventType during = EventType::kStart;
    uint32_t target = 0;
    uint64_t seq = 0;
  };
  struct Output {
    enum class Kind : uint8_t { kFrame, kClose, kAnswer, kAsk };
    Kind kind = Kind::kFrame;
    uint32_t number = 0;  // the socket or the request
    uint32_t status = 0;
    std::shared_ptr<Told> frame;
    std::string body;
    CentralRequest ask;
  };

  template <typename Work>
  void guarded(Work work);
  // False when the event has trapped; the room is rebuilt then.
  bool handle(EventType type, uint32_t target = 0, uint32_t number = 0,
              std::string_view payload = {});
  bool frame_taken(const Kept& kept);
  void open(std::optional<EventType> trapped = {});
  void restore(bool with_rows, const std::optional<Failure>& failure,
               std::optional<EventType> trapped);
  void restore_socket(uint32_t socket);
  void recover(const std::vector<Kept>& dropped, std::optional<EventType> during);
  void rebuild(const std::vector<Kept>& blamed, std::optional<EventType> during);
  void reset();
  void forget_object();
  void drop_instance();
  void after_event();
  void measure(double least);

  void event(EventType type, uint32_t target = 0, uint32_t number = 0,
             std::string_view payload = {});
  std::optional<std::vector<uint32_t>> give(EventType type, uint32_t target, uint32_t number,
                                            std::string_view payload);
  std::optional<std::vector<uint32_t>> give_loaded(const std::vector<uint32_t>& slots);
  static std::vector<uint32_t> slots_of(const EffectList& effects, const Effect& effect);
  void apply(const EffectList& effects, const Effect& effect);
  bool tell(const EffectList& effects, const Effect& effect);
  static void check_wait(std::string_view headers);
  bool store(const EffectList& effects, const Effect& effect);
  bool plan(const Effect& effect);
  void ask(bool is_read, const EffectList& effects, const Effect& effect);
  void close_socket(uint32_t handle, uint32_t code);
  void emit(Output output);
  void release(Output& output);
  void remove_socket(uint32_t handle);

  std::string settings_;
  Outside& outside_;
  Presence presence_;
  Storage storage_;
  std::unique_ptr<RoomInstance> instance_;
  uint64_t generation_ = 0;
  uint64_t object_ = 0;  // which one this is
  uint64_t events_ = 0;
  bool is_restoring_ = false;
  std::vector<Kept> turn_;
  Kept current_;
  uint32_t next_handle_ = 1;
  std::map<uint32_t, std::string> open_;                  // attachments by socket
  std::map<uint32_t, uint32_t> sockets_;                  // by handle
  std::map<uint32_t, uint32_t> handles_;                  // by socket
  std::map<uint32_t, std::vector<uint64_t>> trap_times_;  // by handle
  EventType at_type_ = EventType::kStart;
  uint32_t at_target_ = 0;
  uint32_t failures_ = 0;
  bool rebuild_wanted_ = false;
  std::optional<uint32_t> joining_;
  std::map<uint32_t, uint32_t> refused_;   // joins, the status
  std::map<uint32_t, std::string> parts_;  // of answers that have begun
  std::vector<std::pair<uint32_t, std::string>> rest_wanted_;
  std::optional<double> measure_wanted_;
  std::optional<double> flush_at_;
  uint32_t looks_ = 0;
  std::optional<double> timer_at_;
  bool is_timer_late_ = false;
  std::vector<Output> outputs_;
};

}  // namespace edgeroom::roomsim
