// All connections are lost at once, miss some messages, and come back at once (edgeroom's
// protocol).
#pragma once

#include "bench/load/options.h"
#include "bench/load/report.h"

namespace edgeroom::load {

Report storm(const Options& options);

}  // namespace edgeroom::load
