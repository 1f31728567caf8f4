// Every maximum and every duration of the Worker that is no setting, with its reason. Bounds of
// the settings that rooms share are in base/settings.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace edgeroom {

// A room's name (contract, section 2). All of its characters are one byte each.
inline constexpr size_t kRoomNameBytesMax = 128;
// An epoch as a client gives it back; ours are shorter.
inline constexpr size_t kEpochNameBytesMax = 64;
// A page of history (contract, section 2).
inline constexpr uint64_t kPageLimitMax = 100;

// Rate-limit policies. Each costs a look-up a request and, when hot, KV operations.
inline constexpr size_t kPoliciesMax = 8;
inline constexpr size_t kPolicyNameBytesMax = 32;
inline constexpr size_t kPolicyPatternsMax = 16;
inline constexpr uint64_t kPolicyLimitMax = 1'000'000;
// One day: a longer window would be a quota, and would not outlive an isolate.
inline constexpr uint64_t kPolicyWindowSecondsMax = 86'400;

// Rate-limit keys held at once, over all policies; the one unused for longest makes room. About
// 150 bytes each with all that belongs to them.
inline constexpr size_t kLimitKeysMax = 65'536;
// Entries of all windows together, 8 bytes each: the memory that many busy keys may take.
inline constexpr size_t kWindowEntriesMax = 500'000;
// A window holds single admissions up to this limit, and beyond it sums of 1/128 of its length.
inline constexpr uint32_t kExactLimitMax = 128;
// How many of the oldest keys are looked at for one that can go without losing anything.
inline constexpr size_t kEvictionCandidates = 16;

// Keys that are shared through KV at once: some 10 KB each when a hundred isolates report.
inline constexpr size_t kSharedKeysMax = 1024;
// A shared key that was not admitted for so long can be forgotten when another needs its place.
inline constexpr double kSharingIdleMs = 180'000;

// Tokens that are no moderator's: so many of one address, and it waits. More than a person
// mistypes, and nothing beside what a guess takes.
inline constexpr uint32_t kFailedTokensPerMinute = 30;
// Addresses that are remembered for it, about 200 bytes each; the one of longest ago makes room.
inline constexpr size_t kFailedTokenAddressesMax = 4096;

// A clock that goes back by less stands still for us. One that goes back by more was wrong before:
// what was counted by it is worth nothing, and waiting for it would block everybody.
inline constexpr double kClockStepBackMs = 10'000;

// A clock outside of these is none: the limiter looks back by some epochs, and counts spans of at
// least 2 s in 32 bits, which goes until the year 2239.
inline constexpr double kClockMinMs = 1e9;
inline constexpr double kClockMaxMs = 8.5e12;

// How long browsers may remember a preflight's answer.
inline constexpr uint32_t kPreflightAgeSeconds = 600;
// Access-Control-Request-Headers that is given back; no browser sends so much for a sane page.
inline constexpr size_t kCorsHeadersBytesMax = 1024;

// Prefixes of API_URL: each is compared with the path of a request.
inline constexpr size_t kOriginsMax = 64;
// Until an origin's answer must have begun, when ORIGIN_TIMEOUT_MS does not say it: as long as
// people wait at most, and less than what the platform gives up after (100 s, error 524). Its
// bounds are a moment, and the longest that somebody may want a connection to be held for.
inline constexpr uint32_t kOriginTimeoutMs = 30'000;
inline constexpr uint64_t kOriginTimeoutMsMin = 100;
inline constexpr uint64_t kOriginTimeoutMsMax = 600'000;
// How long a file is kept whose store does not say it.
inline constexpr uint32_t kAssetAgeSeconds = 300;
// CF-Ray; those of today have 20 characters.
inline constexpr size_t kRayBytesMax = 64;

// A secret for HS256 must be as long as the hash (RFC 7518, section 3.2).
inline constexpr size_t kJwtSecretBytesMin = 32;

}  // namespace edgeroom
