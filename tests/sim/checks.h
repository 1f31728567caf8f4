// What a table of mixes does not show: KV at its worst, odd clocks, the end of a flood, strangers
// by the million, other limits.
#pragma once

#include <string>
#include <vector>

#include "tests/sim/bar.h"

namespace edgeroom::sim {

// Each change, made to our own algorithm, must be found out.
std::vector<Finding> check_controls();

std::vector<Finding> check_assembled();
std::vector<Finding> check_kv_faults();
std::vector<Finding> check_clocks();
std::vector<Finding> check_edge();
std::vector<Finding> check_recovery();
std::vector<Finding> check_strangers();
std::vector<Finding> check_other_limits();
std::vector<Finding> check_names();

}  // namespace edgeroom::sim
