// The central API of the simulated world, and all that goes wrong on the way to it and back.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/rooms/faults.h"
#include "tests/sim/rooms/host.h"
#include "tests/sim/rooms/model.h"
#include "tests/sim/rooms/schedule.h"
#include "tests/unit/dice.h"

namespace edgeroom::roomsim {

class Central {
 public:
  // `answer` is called with what the host hears of a request: it, a status and the payload.
  using Answer = std::function<void(const CentralRequest&, uint32_t, const std::string&)>;
  // The longest Retry-After that is obeyed.
  static constexpr uint64_t kRetryAfterSecondsMax = 300;

  Central(test::Dice& dice, Model& model, Tally& tally, Schedule& schedule, Answer answer);

  void ask(const CentralRequest& request);
  // How it feels changes now and then.
  void change_mood();
  // From now on it does what it should.
  void heal();
  // Whether it goes on refusing the records that it has refused.
  void refuse_again(bool does) { refuses_again_ = does; }
  // By its time, where it looks at that.
  [[nodiscard]] bool is_too_old(const CentralRequest& request) const;

 private:
  struct Results {
    std::string body;
    std::vector<uint64_t> refused;
    bool has_stored = false;
    bool has_conflict = false;
    std::string epoch;
  };

  void post(const CentralRequest& request);
  void post_badly(const CentralRequest& request);
  void refuse(const CentralRequest& request);
  void refuse_batch(const CentralRequest& request, uint32_t status);
  void answer_garbled(const CentralRequest& request);
  // Stores the records of a batch, `retried_in` of them to be tried again and `left_out_in` of them
  // not spoken of.
  Results store(const CentralRequest& request, uint64_t retried_in, uint64_t left_out_in);
  void store_and_answer(const CentralRequest& request, uint64_t retried_in, uint64_t left_out_in);
  void check_batch(const Object& batch, const std::string& body) const;
  void get(const CentralRequest& request);
  std::string page(const std::string& path);
  void append_message(std::string& out, uint64_t seq, const Stored& stored) const;
  [[nodiscard]] bool is_poison(const Object& record) const;
  [[nodiscard]] bool is_refused_whole(const CentralRequest& request) const;
  [[nodiscard]] std::string date() const;
  [[nodiscard]] bool is_too_large(const CentralRequest& request) const;
  void answer_later(double delay_ms, const CentralRequest& request, uint32_t status,
                    std::string payload, Results results);
  void answer_later(double delay_ms, const CentralRequest& request, uint32_t status,
                    std::string payload);
  double way_ms();

  test::Dice& dice_;
  Model& model_;
  Tally& tally_;
  Schedule& schedule_;
  Answer answer_;
  uint64_t fails_in_;           // one request in so many goes wrong
  uint64_t poison_in_;          // one message in so many is refused, 0 for none
  uint64_t records_max_ = 100;  // in one batch
  bool claims_conflicts_;       // where there are none
  double clock_ms_ = 0;         // when the world began; 0: it does not look at signatures
  bool is_healthy_ = false;
  bool refuses_again_ = false;
  bool refuses_whole_;  // then it says so of a batch, and not of a record
};

}  // namespace edgeroom::roomsim
