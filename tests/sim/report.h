// What the simulator prints.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/sim/bar.h"

namespace edgeroom::sim {

struct Section {
  std::string name;
  std::vector<Finding> findings;
};

// The table, in Markdown: false denies of those who keep to the limit, the floods' admitted/limit
// in the first window and on average in the others, and what H costs in KV.
std::string table_of(const std::vector<Figures>& rows);

// One line for each finding.
std::string text_of(const Section& section);

std::string json_of(const std::vector<Figures>& rows, const std::vector<Section>& sections);

}  // namespace edgeroom::sim
