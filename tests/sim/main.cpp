// Simulates the rate limiter in many isolates that share counts through KV, beside others, and says
// whether it reaches its bar: docs/RATE_LIMITING.md.

#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/sim/checks.h"
#include "tests/sim/report.h"
#include "tests/sim/variants.h"

namespace edgeroom::sim {
namespace {

constexpr const char* kUsage =
    "usage: rate_limit_sim [--json FILE] [--judge ALGORITHM]\n"
    "\n"
    "Prints how rate limiters compare, and whether ours reaches its bar: exit code 1 and a line\n"
    "FAILED for each figure that misses it. No option changes the seeds, 1 to 5.\n"
    "\n"
    "  --json FILE        also writes every figure there\n"
    "  --judge ALGORITHM  judges just that one by the bar, and runs nothing else. One of:\n";

constexpr int kUsageError = 2;

struct Options {
  std::string json;
  std::string judge;
};

std::vector<Algorithm> compared_algorithms() {
  return {naive_algorithm(), local_algorithm(), changed_algorithm(Change::kWindowsOnly),
          edgeroom_algorithm(), exact_algorithm()};
}

std::vector<Algorithm> all_algorithms() {
  std::vector<Algorithm> out = compared_algorithms();
  for (const Change change :
       {Change::kWholeEpochs, Change::kAlwaysDivided, Change::kDebitedOnArrival}) {
    out.push_back(changed_algorithm(change));
  }
  return out;
}

int usage_error(const std::string& reason) {
  std::string text = "rate_limit_sim: " + reason + "\n\n" + kUsage;
  for (const Algorithm& algorithm : all_algorithms()) text += "      " + algorithm.name + "\n";
  std::fputs(text.c_str(), stderr);
  return kUsageError;
}

// Shows it at once, and counts the failures.
size_t show(const Section& section) {
  std::fputs(text_of(section).c_str(), stdout);
  std::fflush(stdout);
  size_t failed = 0;
  for (const Finding& finding : section.findings) failed += finding.ok ? 0 : 1;
  return failed;
}

int judge_one(const std::string& name) {
  for (const Algorithm& algorithm : all_algorithms()) {
    if (algorithm.name != name) continue;
    const Figures figures = measure(algorithm, Effort{});
    std::fputs(table_of({figures}).c_str(), stdout);
    return show({"bar", judge(figures)}) == 0 ? 0 : 1;
  }
  return usage_error("there is no algorithm " + name);
}

std::vector<Figures> compare() {
  std::vector<Figures> rows;
  for (const Algorithm& algorithm : compared_algorithms()) {
    rows.push_back(measure(algorithm, Effort{}));
  }
  std::printf(
      "Limit 100 in 60 s, %d windows, seeds 1 to %d. Floods: admitted/limit in the first\n"
      "window → the mean of the others.\n\n%s\n",
      kWindows, static_cast<int>(kSeeds), table_of(rows).c_str());
  return rows;
}

int run_all(const std::string& json) {
  const std::vector<Figures> rows = compare();
  std::vector<Section> sections;
  size_t failed = 0;
  size_t findings = 0;
  const auto add = [&](const char* name, std::vector<Finding> found) {
    sections.push_back({name, std::move(found)});
    failed += show(sections.back());
    findings += sections.back().findings.size();
  };
  for (const Figures& row : rows) {
    if (row.algorithm == edgeroom_algorithm().name) add("bar", judge(row));
  }
  add("controls", check_controls());
  add("assembled", check_assembled());
  add("kv_faults", check_kv_faults());
  add("clocks", check_clocks());
  add("edge", check_edge());
  add("recovery", check_recovery());
  add("strangers", check_strangers());
  add("names", check_names());
  add("other_limits", check_other_limits());
  if (!json.empty()) {
    std::ofstream file(json);
    file << json_of(rows, sections);
    if (!file.flush()) return usage_error("cannot write " + json);
  }
  std::printf("%zu passed, %zu failed\n", findings - failed, failed);
  return failed == 0 ? 0 : 1;
}

int run(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; i++) {
    const std::string_view name = arguments[i];
    std::string* value = name == "--json"    ? &options.json
                         : name == "--judge" ? &options.judge
                                             : nullptr;
    if (value == nullptr) return usage_error("unknown argument " + std::string(name));
    if (++i == count) return usage_error(std::string(name) + " needs a value");
    *value = arguments[i];
  }
  return options.judge.empty() ? run_all(options.json) : judge_one(options.judge);
}

}  // namespace
}  // namespace edgeroom::sim

int main(int count, char** arguments) { return edgeroom::sim::run(count, arguments); }
