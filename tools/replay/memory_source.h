// A log that is in memory.
#pragma once

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include "tools/replay/log_source.h"

namespace edgeroom::replay {

class MemorySource final : public LogSource {
 public:
  // The text must outlive the source.
  explicit MemorySource(std::string_view log) : log_(log) {}

  size_t read(char* to, size_t size) override {
    const std::string_view part = log_.substr(position_, size);
    std::memcpy(to, part.data(), part.size());
    position_ += part.size();
    return part.size();
  }
  bool rewind() override {
    position_ = 0;
    return true;
  }
  [[nodiscard]] std::string fault() const override { return ""; }

 private:
  std::string_view log_;
  size_t position_ = 0;
};

}  // namespace edgeroom::replay
