// One room in a world that one seed decides: people, an object that fails, a central API with every
// fault, and clocks. First all of it goes wrong; then the faults stop, and everything has to drain.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/rooms/central.h"
#include "tests/sim/rooms/faults.h"
#include "tests/sim/rooms/host.h"
#include "tests/sim/rooms/model.h"
#include "tests/sim/rooms/person.h"
#include "tests/sim/rooms/schedule.h"
#include "tests/unit/dice.h"

namespace edgeroom::roomsim {

// A timer comes late by so much.
inline constexpr uint64_t kTimerLateMsMax = 5000;

// What a violation happened in.
struct Place {
  uint64_t step = 0;
  std::string phase = "faults";
};

class World final : private Outside {
 public:
  // `trace`: what happens is added there, a line each; null for nothing.
  World(uint64_t seed, Tally& tally, std::vector<std::string>* trace);

  // All of it. Throws a Violation.
  void run();
  [[nodiscard]] const Place& place() const { return place_; }

 private:
  // --- Outside ---
  double wall_ms() override;
  double steady_ms() override { return schedule_.now_ms(); }
  double passed_ms() override { return passed_ms_; }
  uint64_t random_bits() override { return dice_.bits(); }
  bool traps(EventType type, bool is_restoring) override;
  bool commit_fails() override;
  uint64_t stored() const override { return model_.seq(); }
  void committing(const Storage& storage) override;
  void told(uint32_t socket, Told& frame) override;
  void closed(uint32_t socket, uint32_t code) override;
  void answered(uint32_t request, uint32_t status, const std::string& body) override;
  void answers_lost() override;
  void ask_central(CentralRequest request) override;
  bool tells_backlog() override { return tells_backlog_; }
  Backlog backlog_of(uint32_t socket) override;
  void verify(uint32_t socket, uint64_t object) override;
  void held() override { tally_.count(Fault::kHeld); }
  void paused(uint64_t generation) override;
  void event_given() override;

  // --- what people do (world_people.cpp) ---
  struct Asked {
    enum class Kind : uint8_t {
      kState,
      kPublish,
      kMessages,
      kDelete,
      kModerate,
      kLog,
      kLetters,
      kElse
    };
    Kind kind = Kind::kElse;
    uint64_t publication = 0;
    uint64_t target = 0;
    PageAsk page;
    std::string user;         // in whose name; empty: nobody's
    std::string epoch;        // what is asked for; empty: of the room's
    bool is_of_room = false;  // it is the room's, or was when it was asked for
    bool was_banned = false;
  };
  // What a room that sleeps must know when it wakes.
  struct Look {
    std::string state;
    std::string letters;
  };

  void act(Person& person);
  void speak(Person& person);
  void join(Person& person);
  void publish(Person& person);
  void publish_again(Person& person);
  void send_publication(Person& person, uint64_t number);
  // `publication`: the number of the message that is sent, if one is.
  void send(Person& person, std::string text, FrameKind kind = FrameKind::kText,
            uint64_t publication = UINT64_MAX);
  void signal(Person& person);
  void renew(Person& person);
  void flood(Person& person);
  void pour(Person& person, uint64_t frames);
  // `with`: a message that it is to begin with; 0: any page.
  void ask_page(Person& person, uint64_t with = 0);
  void remove(Person& person);
  void moderate(Person& person);
  void misbehave(Person& person);
  void leave(Person& person);
  void vanish(Person& person);
  std::string moderation_members();
  double some_expiry_ms();
  Person* person_of(uint32_t socket);

  // --- what is asked over HTTP (world_requests.cpp) ---
  void request();
  void ask(const std::string& operation, const Asked& asked);
  void check_state(const Object& state);
  void check_log(const std::string& text);
  void check_letters(const Object& page, const Asked& asked);

  // --- what happens by itself (world.cpp) ---
  void step();
  void disturb();
  void sleep();
  Look look();
  void set_back();
  void central_answers(const CentralRequest& request, uint32_t status, const std::string& payload);
  void check_pause(const CentralRequest& request) const;
  void check_retry(const CentralRequest& request);
  void check_close(const Person& person, uint32_t code) const;
  void change_clock();
  void pass(double ms);
  bool fire_next(double until_ms);
  void fire_timer();
  void fire_alarm();
  void check_alarm();
  void maybe_commit();
  [[nodiscard]] double alarm_due_ms();
  [[nodiscard]] uint64_t any_seq();
  void say(std::string_view what);

  // --- when the faults have stopped (world_drain.cpp) ---
  void drain();
  void check_closed();
  void check_expired();
  void read_all();
  void read_pages(bool is_forwards);
  bool drain_round();
  void return_all();
  void check_drained();
  void check_asleep();
  void replay();
  void replay_letters();

  test::Dice dice_;
  Tally& tally_;
  std::vector<std::string>* trace_;
  Rules rules_;
  Model model_;
  Schedule schedule_;
  Host host_;
  Central central_;
  std::vector<Person> people_;
  bool is_calm_ = false;
  bool is_alarm_lost_ = false;
  uint64_t alarm_lost_by_ = 0;   // the instance that still counts on it
  uint64_t unarmed_events_ = 0;  // given before the clock went back
  double alarm_late_until_ms_ = 0;
  bool tells_backlog_ = true;
  uint32_t next_socket_ = 1;
  std::map<uint32_t, size_t> by_socket_;
  std::map<uint32_t, Asked> asked_;  // by request
  uint32_t next_ref_ = 1;
  Place place_;
  // The wall clock: the steady one and this. It may stand still.
  double wall_offset_ms_;
  double stands_at_ms_ = 0;  // 0: it goes
  double passed_ms_ = 0;     // as much as the wall clock has gone ahead, at most
  double wall_first_ms_ = 0;
  double wall_before_ms_ = 0;
  uint64_t trap_in_;    // one event in so many
  uint64_t commit_in_;  // one event in so many is followed by no commit
  bool is_undisturbed_ = false;
  bool has_letter_changed_ = false;  // since the last flush
  // From this on nothing is posted by that instance, but for what it had asked for before.
  struct Pause {
    uint64_t generation = 0;
    uint64_t after_events = 0;
    double until_passed_ms = 0;
    std::string why;
    std::string epoch;  // the next one begins without it
    bool is_stored = false;
  };
  Pause pause_;
  uint64_t posts_ = 0;
  // Requests to the central API that are not answered, by the instance that has asked.
  struct UnderWay {
    uint64_t posts = 0;
    uint64_t reads = 0;
  };
  std::map<std::pair<uint64_t, std::string>, UnderWay> under_way_;  // and under which epoch
  UnderWay& under_way(const CentralRequest& request);
  // What waited for a socket when the room last asked.
  struct Slow {
    uint32_t bytes = 0;
    double since_passed_ms = 0;
  };
  std::map<uint32_t, Slow> slow_;
  // What the storage was, and what was known then.
  struct Saved {
    Storage::Image image;
    Model model;
  };
  std::optional<Saved> saved_;
  double drain_from_ms_ = 0;
  double moment_ms_ = -1;
  uint64_t moment_things_ = 0;
  std::string last_state_;
  std::string last_letters_;
  uint64_t letters_ = 0;
  uint64_t tokens_ended_ = 0;  // and with them their connections
  std::string last_page_;
  // The room was told by the central API what time it is.
  struct Corrected {
    uint64_t generation = 0;
    uint64_t events = 0;
  };
  Corrected corrected_;  // and the clock was not changed since
  Corrected heeded_;     // whatever became of the clock
  bool has_clock_changed_ = false;
  uint64_t answers_ = 0;
};

}  // namespace edgeroom::roomsim
