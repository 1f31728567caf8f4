// The algorithm of worker/limiter.h with one thing changed, made of the same parts: what a good
// suite must find wrong, and what the changed thing is there for.
#pragma once

#include "tests/sim/limiter.h"

namespace edgeroom::sim {

enum class Change {
  kNone,  // decides as RateLimiter does, request by request: so only the change matters
  // The counts of others in the window, and neither debt nor penalty.
  kWindowsOnly,
  // Epochs of others that the window's edge cuts are counted whole.
  kWholeEpochs,
  // Each isolate has its part of the limit: divided by the isolates seen, penalised or not.
  kAlwaysDivided,
  // What others report is debited when the report comes in, not when it was used.
  kDebitedOnArrival,
};

Algorithm changed_algorithm(Change change);

}  // namespace edgeroom::sim
