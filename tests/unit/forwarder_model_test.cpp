// The forwarder beside a model of what it may do, over random appends, answers and restarts.
//
// The model knows of every attempt what was in it and what it was answered. It follows nothing of
// the forwarder's inner life but these rules: what is confirmed, what may be on its way at once,
// and how soon after a failure.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "rooms/forwarder.h"
#include "rooms/limits.h"
#include "tests/unit/dice.h"

using edgeroom::AttemptAnswer;
using edgeroom::AttemptOutcome;
using edgeroom::BatchPlan;
using edgeroom::DeadLetter;
using edgeroom::DeadLetters;
using edgeroom::Forwarder;
using edgeroom::kBackoffCapMs;
using edgeroom::kBackoffFloorMs;
using edgeroom::kBatchesInFlightMax;
using edgeroom::kBatchLingerMs;
using edgeroom::kBatchRecordsMax;
using edgeroom::Random;
using edgeroom::test::Dice;

namespace {

const std::string kHead = R"({"v":1,"room":"lobby","epoch":"E1","results":[)";

struct Flight {
  uint64_t first = 0;
  uint64_t last = 0;
  std::set<uint64_t> wanted;
  bool is_replay = false;  // of dead letters
};

// One record's fate, as some answer told it.
enum class Fate { kStored, kDead };

// What an answer means to the model. A line of results is a seq and a status, and behind a space
// the code, which may be empty.
struct Reply {
  uint32_t status = 0;
  std::string body;
  std::string retry_after;
  double retry_after_ms = 0;
  bool splits = false;    // 413, or 400 of the central API
  bool blocks = false;    // a fault that only an operator mends
  bool results = false;   // the body is an answer to the batch
  bool conflict = false;  // … with a CONFLICT in it
};

class World {
 public:
  explicit World(uint64_t seed) : dice_(seed), random_(seed) {
    forwarder_.emplace(random_, letters_);
  }

  void step() {
    switch (dice_.below(8)) {
      case 0:
      case 1: append(); break;
      case 2: now_ms_ += static_cast<double>(dice_.below(20'000)); break;
      case 3: to_deadline(); break;
      case 4:
      case 5:
      case 6: answer_any(); break;
      default: answer_nobody(); break;
    }
    if (dice_.one_in(60)) restart();
    if (dice_.one_in(30)) forwarder_->replay();
    pump();
    check();
  }

  // The faults have stopped: everything goes out.
  void drain() {
    for (int i = 0; i < 3000 && (forwarder_->pending() > 0 || forwarder_->replaying() > 0); i++) {
      pump();
      if (flights_.empty()) {
        to_deadline();
      } else {
        const uint32_t attempt = flights_.begin()->first;
        answer(attempt, all_stored(flights_.begin()->second));
      }
      check();
    }
    CHECK(forwarder_->pending() == 0);
    CHECK(forwarder_->confirmed() == appended_);
    CHECK(forwarder_->replaying() == 0);
    CHECK(std::isinf(forwarder_->deadline_ms()));
    CHECK_FALSE(forwarder_->next(now_ms_ + 1e9));
  }

  [[nodiscard]] uint64_t attempts() const { return attempts_; }
  [[nodiscard]] uint64_t replays() const { return replays_; }
  [[nodiscard]] size_t dead() const { return dead_.size(); }

 private:
  void append() {
    const bool idle = cut_ == appended_;
    appended_ += dice_.between(1, dice_.one_in(4) ? 300 : 20);
    if (idle) waiting_since_ms_ = now_ms_;
    forwarder_->appended(appended_, now_ms_);
  }

  void to_deadline() {
    const double deadline_ms = forwarder_->deadline_ms();
    if (std::isfinite(deadline_ms)) now_ms_ = std::max(now_ms_, deadline_ms);
  }

  // Starts whatever the forwarder wants to start.
  void pump() {
    while (const auto plan = forwarder_->next(now_ms_)) {
      if (plan->letters.empty()) check_plan(*plan);
      if (dice_.one_in(20)) return;  // the host may have other things to do
      if (!plan->letters.empty()) {
        start_replay(*plan);
        continue;
      }
      const bool is_new = plan->first > cut_;
      // A new batch's body may be full before the plan is.
      const uint64_t last =
          is_new && dice_.one_in(4) ? dice_.between(plan->first, plan->last) : plan->last;
      Flight flight;
      flight.first = plan->first;
      flight.last = last;
      for (uint64_t seq = plan->first; seq <= last; seq++) {
        if (plan->wanted[static_cast<size_t>(seq - plan->first)]) flight.wanted.insert(seq);
      }
      const uint32_t attempt = forwarder_->started(*plan, last);
      CHECK(attempt == last_attempt_ + 1);
      last_attempt_ = attempt;
      attempts_++;
      cut_ = std::max(cut_, last);
      flights_.emplace(attempt, std::move(flight));
    }
  }

  void start_replay(const BatchPlan& plan) {
    CHECK(plan.letters.size() <= kBatchRecordsMax);
    CHECK(plan.letters.front() == plan.first);
    CHECK(plan.letters.back() == plan.last);
    CHECK(std::is_sorted(plan.letters.begin(), plan.letters.end()));
    CHECK(flights_.size() < (failing_ ? 1 : kBatchesInFlightMax));
    CHECK(now_ms_ >= quiet_until_ms_);
    for (const auto& [unused, flight] : flights_) CHECK_FALSE(flight.is_replay);
    Flight flight;
    flight.is_replay = true;
    flight.first = plan.first;
    flight.last = dice_.one_in(4) ? dice_.pick(plan.letters) : plan.last;
    for (const uint64_t seq : plan.letters) {
      if (dead_.count(seq) == 0) FAIL_CHECK("no dead letter: " << seq);
      if (seq <= flight.last) flight.wanted.insert(seq);
    }
    const uint32_t attempt = forwarder_->started(plan, flight.last);
    CHECK(attempt == last_attempt_ + 1);
    last_attempt_ = attempt;
    attempts_++;
    replays_++;
    flights_.emplace(attempt, std::move(flight));
  }

  void check_plan(const BatchPlan& plan) {
    CHECK(plan.first > forwarder_->confirmed());
    CHECK(plan.last >= plan.first);
    CHECK(plan.last <= appended_);
    CHECK(plan.last - plan.first + 1 <=
          (plan.first > cut_ ? batch_records_max_ : uint64_t{kBatchRecordsMax}));
    REQUIRE(plan.wanted.size() == plan.last - plan.first + 1);
    CHECK(flights_.size() < (failing_ ? 1 : kBatchesInFlightMax));
    CHECK(now_ms_ >= quiet_until_ms_);
    CHECK(plan.first <= cut_ + 1);
    if (plan.first > cut_) {
      CHECK((appended_ - cut_ >= batch_records_max_ ||
             now_ms_ >= waiting_since_ms_ + kBatchLingerMs));
    } else {
      CHECK(plan.last <= cut_);
    }
    bool any = false;
    for (uint64_t seq = plan.first; seq <= plan.last; seq++) {
      const bool wanted = plan.wanted[static_cast<size_t>(seq - plan.first)];
      any = any || wanted;
      const auto not_before = not_before_ms_.find(seq);
      if (wanted && not_before != not_before_ms_.end()) CHECK(now_ms_ >= not_before->second);
      if (wanted == (fates_.count(seq) == 1)) FAIL_CHECK("sent again, or left out: " << seq);
      for (const auto& [unused, flight] : flights_) {
        // After a restart a letter may be in a batch again: which of the two is first is all the
        // same.
        if (flight.is_replay) continue;
        if (wanted && flight.wanted.count(seq) == 1) FAIL_CHECK("twice on its way: " << seq);
      }
    }
    CHECK(any);
  }

  void answer_any() {
    if (flights_.empty()) return;
    auto chosen = flights_.begin();
    std::advance(chosen, static_cast<std::ptrdiff_t>(dice_.below(flights_.size())));
    const uint32_t attempt = chosen->first;
    answer(attempt, reply(chosen->second));
  }

  void answer(uint32_t attempt, const Reply& reply) {
    const Flight flight = flights_.at(attempt);
    flights_.erase(attempt);
    const auto dead_before = dead_;
    const uint64_t confirmed_before = forwarder_->confirmed();
    if (flight.is_replay) {
      apply_to_letters(reply, flight);
    } else {
      apply(reply, flight);
    }
    const auto outcome = forwarder_->answered(
        attempt, {reply.status, reply.retry_after, "", reply.body}, "lobby", "E1", now_ms_);
    REQUIRE(outcome);
    CHECK(outcome->confirmed_moved == (forwarder_->confirmed() != confirmed_before));
    std::vector<uint64_t> gone;
    for (const auto& [seq, unused] : dead_before) {
      if (dead_.count(seq) == 0) gone.push_back(seq);
    }
    std::vector<uint64_t> told = outcome->stored_letters;
    std::sort(told.begin(), told.end());
    CHECK(told == gone);
    CHECK(forwarder_->blocked() == blocked_);
    if (flight.is_replay) return;
    const bool all_known = std::all_of(flight.wanted.begin(), flight.wanted.end(),
                                       [&](uint64_t seq) { return fates_.count(seq) == 1; });
    CHECK(outcome->trouble.empty() == (reply.results && all_known && !reply.conflict));
  }

  // What the model learns of a reply.
  void apply(const Reply& reply, const Flight& flight) {
    if (reply.results) {
      blocked_ = reply.conflict;
      const size_t known = fates_.size();
      apply_lines(flight);
      const bool progress = fates_.size() > known && !blocked_;
      const bool is_done = std::all_of(flight.wanted.begin(), flight.wanted.end(),
                                       [&](uint64_t seq) { return fates_.count(seq) == 1; });
      if (is_done && !reply.conflict) {
        failing_ = false;
        if (stores(flight) && flight.first > grow_after_) {
          batch_records_max_ = std::min<uint64_t>(batch_records_max_ + 1, kBatchRecordsMax);
        }
      } else if (progress || (!failing_ && !blocked_ && suspects_.count(flight.first) == 1)) {
        // Its own trouble: the others go on.
        failing_ = false;
        for (const uint64_t seq : flight.wanted) not_before_ms_[seq] = now_ms_ + kBackoffFloorMs;
        awake_by_ms_ = std::max(awake_by_ms_, now_ms_ + kBackoffCapMs);
        if (progress) suspects_.erase(flight.first);
      } else {
        failing_ = true;
        suspects_.insert(flight.first);
        back_off(reply.conflict ? kBackoffCapMs : kBackoffFloorMs, kBackoffCapMs);
      }
    } else if (reply.splits) {
      if (reply.status == 413) {
        const uint64_t half = std::max<uint64_t>((flight.last - flight.first + 1) / 2, 1);
        batch_records_max_ = std::min(batch_records_max_, half);
      } else {
        grow_after_ = std::max(grow_after_, flight.last);
      }
      if (flight.first != flight.last) return;
      bury(flight.first, reply.status == 413 ? "TOO_LARGE" : "BAD_BATCH");
      if (fates_.count(flight.first) == 1) return;
      failing_ = true;
      suspects_.insert(flight.first);
      back_off(kBackoffFloorMs, kBackoffCapMs);
    } else {
      failing_ = true;
      blocked_ = blocked_ || reply.blocks;
      const double at_least = reply.blocks ? kBackoffCapMs / 2 : kBackoffFloorMs;
      back_off(std::max(at_least, reply.retry_after_ms),
               std::max(kBackoffCapMs, reply.retry_after_ms));
    }
  }

  // Letters that are refused once more stay what they are, and nobody else is held up by them.
  void apply_to_letters(const Reply& reply, const Flight& flight) {
    if (reply.results) {
      bool stores = false;
      bool progress = false;
      for (const auto& [seq, status] : lines_) {
        if (flight.wanted.count(seq) == 0 || dead_.count(seq) == 0) continue;
        if (status == "stored" || status == "duplicate") {
          dead_.erase(seq);
          dead_in_row_ = 0;
          stores = true;
        } else if (status.compare(0, 9, "rejected ") == 0 && status != "rejected CONFLICT") {
          dead_[seq] = status.substr(9);
          progress = true;
        }
      }
      if (stores || dead_in_row_ < edgeroom::kDeadInRowMax) blocked_ = false;
      if (stores || (progress && !blocked_)) failing_ = false;
    } else if (reply.splits) {
      if (flight.wanted.size() > 1) return;
      const auto place = dead_.find(*flight.wanted.begin());
      if (place != dead_.end()) place->second = reply.status == 413 ? "TOO_LARGE" : "BAD_BATCH";
    } else {
      failing_ = true;
      blocked_ = blocked_ || reply.blocks;
      const double at_least = reply.blocks ? kBackoffCapMs / 2 : kBackoffFloorMs;
      back_off(std::max(at_least, reply.retry_after_ms),
               std::max(kBackoffCapMs, reply.retry_after_ms));
    }
  }

  void back_off(double at_least_ms, double at_most_ms) {
    quiet_until_ms_ = std::max(quiet_until_ms_, now_ms_ + at_least_ms);
    awake_by_ms_ = std::max(awake_by_ms_, now_ms_ + at_most_ms);
  }

  // The lines of the last body, in their order: the first one that settles a record counts.
  void apply_lines(const Flight& flight) {
    for (const auto& [seq, status] : lines_) {
      if (stores(flight)) dead_in_row_ = 0;
      if (seq < flight.first || seq > flight.last || fates_.count(seq) == 1) continue;
      if (status == "stored" || status == "duplicate") {
        fates_[seq] = Fate::kStored;
        dead_.erase(seq);
      } else if (status.compare(0, 9, "rejected ") == 0 && status != "rejected CONFLICT") {
        bury(seq, status.substr(9));
      }
    }
    if (stores(flight)) dead_in_row_ = 0;
  }

  // The last body stores some of it.
  [[nodiscard]] bool stores(const Flight& flight) const {
    return std::any_of(lines_.begin(), lines_.end(), [&](const auto& line) {
      return line.first >= flight.first && line.first <= flight.last &&
             (line.second == "stored" || line.second == "duplicate");
    });
  }

  void bury(uint64_t seq, const std::string& code) {
    const bool is_new = dead_.count(seq) == 0;
    if (is_new && dead_in_row_ == edgeroom::kDeadInRowMax) {
      blocked_ = true;
      return;
    }
    if (is_new) dead_in_row_++;
    fates_[seq] = Fate::kDead;
    dead_[seq] = code;
  }

  // --- replies ---

  void line(uint64_t seq, const std::string& status) { lines_.emplace_back(seq, status); }

  Reply results(bool conflict) {
    Reply out;
    out.status = 200;
    out.results = true;
    out.conflict = conflict;
    out.body = kHead;
    for (size_t i = 0; i < lines_.size(); i++) {
      const auto& [seq, status] = lines_[i];
      const size_t space = std::min(status.find(' '), status.size());
      out.body += (i > 0 ? ",{\"seq\":" : "{\"seq\":") + std::to_string(seq) + ",\"status\":\"" +
                  status.substr(0, space) + "\"";
      if (space + 1 < status.size()) out.body += ",\"code\":\"" + status.substr(space + 1) + "\"";
      out.body += "}";
    }
    out.body += "]}";
    return out;
  }

  Reply all_stored(const Flight& flight) {
    lines_.clear();
    for (const uint64_t seq : flight.wanted) line(seq, dice_.one_in(5) ? "duplicate" : "stored");
    return results(false);
  }

  // Each record something else; missing, extra and repeated ones; in any order.
  Reply mixed(const Flight& flight) {
    static const std::vector<std::string> kStatuses = {"stored",
                                                       "stored",
                                                       "stored",
                                                       "duplicate",
                                                       "retry THROTTLED",
                                                       "retry",
                                                       "rejected TOO_LARGE",
                                                       "rejected ",
                                                       "rejected INVALID"};
    lines_.clear();
    bool conflict = false;
    for (const uint64_t seq : flight.wanted) {
      if (dice_.one_in(10)) continue;
      for (uint64_t n = dice_.one_in(10) ? 3 : 1; n > 0; n--) line(seq, dice_.pick(kStatuses));
      if (dice_.one_in(400)) line(seq, "rejected CONFLICT");
    }
    for (uint64_t n = dice_.below(4); n > 0; n--) {
      line(dice_.between(1, appended_ + 50), dice_.pick(kStatuses));
    }
    for (size_t i = lines_.size(); i > 1; i--) std::swap(lines_[i - 1], lines_[dice_.index(i)]);
    std::set<uint64_t> settled;
    for (const auto& [seq, status] : lines_) {
      if (seq < flight.first || seq > flight.last || fates_.count(seq) == 1) continue;
      if (status == "rejected CONFLICT") {
        conflict = conflict || settled.count(seq) == 0;
      } else if (status.compare(0, 5, "retry") != 0) {
        settled.insert(seq);
      }
    }
    return results(conflict);
  }

  Reply reply(const Flight& flight) {
    switch (dice_.below(9)) {
      case 0:
      case 1:
      case 2: return all_stored(flight);
      case 3:
      case 4: return mixed(flight);
      case 5: return garbage();
      case 6: return splitting();
      case 7: return blocking();
      default: return passing();
    }
  }

  // 200, but no answer to this batch.
  Reply garbage() {
    static const std::vector<std::string> kBodies = {
        "",
        "<html>",
        "{}",
        "null",
        kHead,
        kHead + "]",
        kHead + "]}]",
        R"({"v":2,"room":"lobby","epoch":"E1","results":[]})",
        R"({"v":1,"room":"attic","epoch":"E1","results":[]})",
        R"({"v":1,"room":"lobby","epoch":"E0","results":[]})",
        R"({"v":1,"room":"lobby","epoch":"E1"})"};
    Reply out;
    out.status = 200;
    out.body = dice_.pick(kBodies);
    return out;
  }

  Reply splitting() {
    Reply out;
    out.splits = true;
    out.status = dice_.pick(std::vector<uint32_t>{400, 413, 422});
    if (out.status != 413) out.body = R"({"v":1,"error":"BAD_BATCH","field":"records[0].seq"})";
    return out;
  }

  Reply blocking() {
    Reply out;
    out.blocks = true;
    out.status = dice_.pick(std::vector<uint32_t>{301, 302, 400, 401, 403, 404, 405, 409, 422});
    out.body = dice_.one_in(2) ? "{\"message\":\"Forbidden\"}" : "<html>";
    if (dice_.one_in(5)) out.retry_after = "200";  // not for these
    return out;
  }

  Reply passing() {
    Reply out;
    out.status = dice_.pick(std::vector<uint32_t>{0, 408, 429, 500, 502, 503, 504, 599});
    if (dice_.one_in(3)) {
      const uint64_t seconds = dice_.below(400);
      out.retry_after = std::to_string(seconds);
      out.retry_after_ms =
          std::min(static_cast<double>(seconds) * 1000, edgeroom::kRetryAfterMaxMs);
    } else if (dice_.one_in(3)) {
      out.retry_after = "soon";
    }
    return out;
  }

  // An answer to an attempt that is not on its way changes nothing.
  void answer_nobody() {
    uint32_t attempt = static_cast<uint32_t>(dice_.below(last_attempt_ + 5));
    if (flights_.count(attempt) == 1) attempt = 0;
    const uint64_t confirmed = forwarder_->confirmed();
    const double deadline_ms = forwarder_->deadline_ms();
    const Reply late = dice_.one_in(2) ? passing() : splitting();
    CHECK_FALSE(forwarder_->answered(attempt, {late.status, late.retry_after, "", late.body},
                                     "lobby", "E1", now_ms_));
    CHECK(forwarder_->confirmed() == confirmed);
    CHECK(forwarder_->deadline_ms() == deadline_ms);
  }

  // The instance is gone; a new one knows what was stored: an earlier watermark, the dead letters.
  void restart() {
    const uint64_t confirmed = dice_.between(stored_confirmed_, forwarder_->confirmed());
    stored_confirmed_ = confirmed;
    const uint64_t replay_through = forwarder_->paused().replay_through;
    letters_ = {};
    for (const auto& [seq, code] : dead_) letters_.add(seq, code);
    forwarder_.emplace(random_, letters_);
    forwarder_->restore(confirmed, {0, 0, false, dead_in_row_, replay_through}, now_ms_);
    batch_records_max_ = kBatchRecordsMax;
    grow_after_ = 0;
    forwarder_->appended(appended_, now_ms_);
    flights_.clear();
    fates_.erase(fates_.upper_bound(confirmed), fates_.end());
    confirmed_ = confirmed;
    cut_ = confirmed;
    last_attempt_ = 0;
    waiting_since_ms_ = now_ms_;
    quiet_until_ms_ = awake_by_ms_ = 0;
    failing_ = blocked_ = false;
    not_before_ms_.clear();
    suspects_.clear();
  }

  void check() {
    const uint64_t confirmed = forwarder_->confirmed();
    CHECK(confirmed >= confirmed_);
    for (uint64_t seq = confirmed_ + 1; seq <= confirmed; seq++) {
      if (fates_.count(seq) == 0) FAIL_CHECK("confirmed, but nobody said so: " << seq);
    }
    confirmed_ = confirmed;
    CHECK(confirmed <= appended_);
    CHECK(forwarder_->pending() == appended_ - confirmed);
    REQUIRE(letters_.size() == dead_.size());
    for (const DeadLetter& letter : letters_.all()) {
      REQUIRE(dead_.count(letter.seq) == 1);
      CHECK(dead_[letter.seq] == letter.code);
    }
    // The watermark does not lag: the first record above it is one that nobody settled, or it
    // waits for the rest of its batch.
    if (fates_.size() == appended_) CHECK(confirmed == appended_);
    CHECK(flights_.size() <= kBatchesInFlightMax);
    if (!flights_.empty() || confirmed == appended_) return;
    const double deadline_ms = forwarder_->deadline_ms();
    REQUIRE(std::isfinite(deadline_ms));
    CHECK(deadline_ms <= std::max(awake_by_ms_, now_ms_ + kBatchLingerMs));
    CHECK(forwarder_->next(std::max(now_ms_, deadline_ms)));
  }

  Dice dice_;
  Random random_;
  DeadLetters letters_;
  std::optional<Forwarder> forwarder_;
  double now_ms_ = 1'800'000'000'000.0;
  uint64_t appended_ = 0;
  uint64_t cut_ = 0;               // the last record that was ever in a batch
  double waiting_since_ms_ = 0;    // the oldest record that was not
  uint64_t confirmed_ = 0;         // at the last check
  uint64_t stored_confirmed_ = 0;  // what storage knows
  std::map<uint32_t, Flight> flights_;
  std::map<uint64_t, Fate> fates_;
  std::map<uint64_t, std::string> dead_;
  std::vector<std::pair<uint64_t, std::string>> lines_;  // of the last body with results
  uint32_t last_attempt_ = 0;
  uint64_t attempts_ = 0;
  uint64_t replays_ = 0;
  uint64_t batch_records_max_ = kBatchRecordsMax;
  uint64_t grow_after_ = 0;
  bool failing_ = false;
  bool blocked_ = false;
  uint32_t dead_in_row_ = 0;
  std::set<uint64_t> suspects_;               // firsts of batches that failed for their own sake
  std::map<uint64_t, double> not_before_ms_;  // records that wait alone
  double quiet_until_ms_ = 0;                 // nothing may be sent before
  double awake_by_ms_ = 0;                    // something must be sent by then
};

}  // namespace

TEST_CASE("whatever the endpoint answers, the forwarder keeps to its rules and loses nothing") {
  uint64_t attempts = 0;
  uint64_t replays = 0;
  size_t dead = 0;
  for (uint64_t seed = 1; seed <= 60; seed++) {
    CAPTURE(seed);
    World world(seed);
    for (int i = 0; i < 400; i++) {
      CAPTURE(i);
      world.step();
    }
    world.drain();
    attempts += world.attempts();
    replays += world.replays();
    dead += world.dead();
  }
  CHECK(attempts > 3000);  // it did something
  CHECK(replays > 200);
  CHECK(dead > 100);
}
