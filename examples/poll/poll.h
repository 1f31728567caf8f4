// A live poll: a kind of room whose messages are votes. docs/BEHAVIOUR.md goes through it.
//
// A message is {"vote":"red"}, with one of the options; any other is refused. One vote a user
// counts: the last one. Whoever deletes the message of the vote that counts has no vote any more;
// the one before does not come back. So many seconds after the first vote the room publishes the
// result, {"result":…}, and the poll is closed: no more votes, and the tally stays as it is.
//
// As events of its own the room tells `poll` (question, options and tally) to whoever joins, and
// `tally` to everybody after a turn with records, and to whoever sends an event of that name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "rooms/behaviour.h"
#include "rooms/limits.h"

namespace edgeroom {

inline constexpr size_t kPollOptionsMin = 2;
inline constexpr size_t kPollOptionsMax = 20;  // nobody reads more before answering
inline constexpr size_t kPollQuestionCharactersMax = 200;
inline constexpr size_t kPollOptionCharactersMax = 100;
inline constexpr uint64_t kPollSecondsMax = 366ULL * 24 * 3600;  // a year

// The room's own message must not be longer than MESSAGE_BYTES_MAX. A character takes four bytes at
// most, a count five digits.
inline constexpr size_t kPollResultBytesMax =
    100 + 4 * kPollQuestionCharactersMax + kPollOptionsMax * (4 * kPollOptionCharactersMax + 9);

// A name takes up to 512 bytes, and mostly far less: so voters are bounded in number, and their
// names in bytes.
inline constexpr size_t kPollVotersMax = 10'000;
inline constexpr size_t kPollNameBytesMax = 256U << 10U;
// Texts that were voted for, with kPollChoiceBytes for each. They are more than the options when
// the options have changed since.
inline constexpr size_t kPollChoiceBytesMax = 64U << 10U;

// Beside its text, a choice is stored with a size and its votes; beside the name, a vote is stored
// with a size, the number of its choice and a seq.
inline constexpr size_t kPollChoiceBytes = 3 + 2;
inline constexpr size_t kPollVoteBytes = 3 + 2 + 8;
inline constexpr size_t kPollHeadBytes = 32;
static_assert(kPollHeadBytes + kPollChoiceBytesMax + kPollNameBytesMax +
                  kPollVotersMax * kPollVoteBytes <=
              kBehaviourBytesMax);

struct PollSettings {
  std::string question;              // POLL_QUESTION
  std::vector<std::string> options;  // POLL_OPTIONS: a JSON array of different texts
  uint64_t seconds = 0;              // POLL_SECONDS from the first vote to the result; 0: no end
};

// The error names the setting.
Result<PollSettings> parse_poll_settings(const SettingMap& settings);

class Poll final : public Behaviour {
 public:
  explicit Poll(PollSettings settings) : settings_(std::move(settings)) {}

  [[nodiscard]] std::string_view name() const override { return "poll"; }

  void on_join(const Member& member, double now_ms, Reply& reply) const override;
  [[nodiscard]] Verdict on_message(const Member& member, std::string_view content,
                                   double now_ms) const override;
  [[nodiscard]] Verdict on_event(const Member& member, std::string_view name,
                                 std::string_view content, double now_ms,
                                 Reply& reply) const override;
  [[nodiscard]] double deadline_ms() const override;
  void on_timer(double now_ms, Reply& reply) const override;
  void on_flush(Reply& reply) const override;

  [[nodiscard]] bool has_state() const override { return true; }
  void on_record(const Record& record) override;
  void save(ByteWriter& out) const override;
  bool restore(ByteReader& in) override;

 private:
  struct Vote {
    std::string choice;
    uint64_t seq = 0;  // of its message
  };
  using VotesByUser = std::map<std::string, Vote, std::less<>>;
  using CountsByChoice = std::map<std::string, uint64_t, std::less<>>;

  [[nodiscard]] bool is_closed(double now_ms) const;
  [[nodiscard]] bool is_option(std::string_view choice) const;
  // False when the state is full.
  [[nodiscard]] bool fits(std::string_view user, std::string_view choice) const;
  [[nodiscard]] std::string tally(bool closed) const;

  void add(std::string_view user, Vote vote);
  void take_back(VotesByUser::iterator vote);

  const PollSettings settings_;

  // The state. It does not know the settings: what was voted for is kept as a text and not as the
  // number of an option, which would mean another one when the setting changes.
  VotesByUser votes_;           // none when the poll is closed
  CountsByChoice counts_;       // never 0
  uint64_t first_vote_ms_ = 0;  // since 1970; 0: there was none yet
  bool closed_ = false;

  // Follows from the state.
  size_t name_bytes_ = 0;
  size_t choice_bytes_ = 0;
};

}  // namespace edgeroom
