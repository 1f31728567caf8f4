// Results as one line of JSON.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "bench/load/histogram.h"

namespace edgeroom::load {

// Writes an object, member by member.
class Report {
 public:
  Report& add(std::string_view name, double value);
  Report& add(std::string_view name, std::integral auto value) {
    return raw(name, std::to_string(value));
  }
  Report& flag(std::string_view name, bool value) { return raw(name, value ? "true" : "false"); }
  Report& text(std::string_view name, std::string_view value);
  // p50, p95, p99 and the greatest, in ms.
  Report& add(std::string_view name, const Histogram& histogram);
  // A member whose value is JSON already.
  Report& raw(std::string_view name, std::string_view json);

  [[nodiscard]] std::string object() const { return "{" + members_ + "}"; }

 private:
  std::string members_;
};

}  // namespace edgeroom::load
