#include "bench/load/report.h"

#include <array>
#include <cmath>
#include <cstdio>

namespace edgeroom::load {
namespace {

constexpr double kUsPerMs = 1000;

std::string quoted(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.append({'\\', c});
    } else if (code < 0x20 || code >= 0x7F) {
      out.append("\\u00").append({kHex[code >> 4U], kHex[code & 0x0FU]});
    } else {
      out.push_back(c);
    }
  }
  return out + "\"";
}

}  // namespace

Report& Report::raw(std::string_view name, std::string_view json) {
  if (!members_.empty()) members_ += ",";
  members_.append("\"").append(name).append("\":").append(json);
  return *this;
}

Report& Report::add(std::string_view name, double value) {
  if (!std::isfinite(value)) return raw(name, "null");
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), "%.6g", value);
  return raw(name, {text.data(), static_cast<size_t>(length)});
}

Report& Report::text(std::string_view name, std::string_view value) {
  return raw(name, quoted(value));
}

Report& Report::add(std::string_view name, const Histogram& histogram) {
  const auto ms = [&](uint64_t us) { return static_cast<double>(us) / kUsPerMs; };
  Report parts;
  parts.add("p50", ms(histogram.quantile(0.5)))
      .add("p95", ms(histogram.quantile(0.95)))
      .add("p99", ms(histogram.quantile(0.99)))
      .add("max", ms(histogram.max()));
  return raw(name, parts.object());
}

}  // namespace edgeroom::load
