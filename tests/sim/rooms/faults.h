// What goes wrong in a simulated room's world, and how often it did.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace edgeroom::roomsim {

enum class Fault : uint8_t {
  // Of the object.
  kCommitFailed,
  kTurnLost,
  kCrashed,
  kEvicted,
  kTrapInFrame,
  kTrapInFlush,
  kTrapInLoad,
  kTrapInRequest,
  kTrapInBackground,
  kTrapInRestore,
  kHeld,
  kSetBack,
  // Of time.
  kTimerLate,
  kAlarmLate,
  kAlarmDoubled,
  kAlarmLost,
  kClockStands,
  kClockAhead,
  kClockBack,
  // Of the central API, posted to.
  kRequestLost,
  kAnswerLost,
  kRequestLate,
  kRequestDoubled,
  kPartial,
  kRecordsRetried,
  kRecordRejected,
  kServerError,
  kThrottled,
  kBadBatch,
  kForeignRefusal,
  kForbidden,
  kOldSignature,
  kTooLarge,
  kMalformed,
  kOtherEpoch,
  kConflict,
  kFalseConflict,
  // The same, read from.
  kReadFailed,
  kReadLost,
  kReadMalformed,
  // Of clients.
  kVanished,
  kSlowReader,
  kFlood,
  kMalformedFrame,
  kBinaryFrame,
  kOversizeFrame,
  kTooLargeMessage,
  kTooLargeEvent,
  kLyingResume,
  kForeignDeletion,
  kForeignModeration,
  kUsedId,
  // Of tokens.
  kTokenEnded,
  kTokenRefused,
  kTokenUnverified,
  kLast = kTokenUnverified,
};

inline constexpr size_t kFaults = static_cast<size_t>(Fault::kLast) + 1;

std::string_view name_of(Fault fault);

struct Tally {
  uint64_t seeds = 0;
  uint64_t events = 0;  // that rooms were given
  uint64_t records = 0;
  uint64_t dead_letters = 0;
  double drain_ms_max = 0;    // until everything had drained
  size_t room_bytes_max = 0;  // of memory, at one time
  std::array<uint64_t, kFaults> faults{};

  void count(Fault fault) { faults[static_cast<size_t>(fault)]++; }
  void add(const Tally& other);
  [[nodiscard]] std::string text() const;
  // {"seeds","events","records","dead_letters","room_bytes_max","drain_ms_max","seconds","faults":{…}},
  // where a fault has its name and how often it occurred.
  [[nodiscard]] std::string json(double seconds) const;
  // Those that did not occur.
  [[nodiscard]] std::string missing() const;
};

}  // namespace edgeroom::roomsim
