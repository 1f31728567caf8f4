// What the central API answers to a batch (contract, section 5).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace edgeroom {

enum class RecordOutcome : uint8_t {
  kStored,    // stored now or before
  kRejected,  // never will be
  kRetry,     // not this time
};

struct RecordResult {
  uint64_t seq = 0;
  RecordOutcome outcome = RecordOutcome::kRetry;
  std::string code;  // with kRejected and kRetry
};

// The results of a 200 answer. Nothing when the body is not such an answer, or speaks of another
// version, room or epoch. Results without a known status, and their seqs, are left out.
std::optional<std::vector<RecordResult>> parse_central_results(std::string_view body,
                                                               std::string_view room,
                                                               std::string_view epoch);

// Whether a refusal's body is the central API's own ("v":1), and not some proxy's on the way.
bool is_central_refusal(std::string_view body);

}  // namespace edgeroom
