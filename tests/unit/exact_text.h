// A copy of a text in a block of memory of just its size, so that the address sanitizer notices a
// read of the byte behind it.
#pragma once

#include <algorithm>
#include <memory>
#include <string_view>

namespace edgeroom::test {

class ExactText {
 public:
  explicit ExactText(std::string_view text)
      : bytes_(std::make_unique<char[]>(text.size())), size_(text.size()) {
    std::copy(text.begin(), text.end(), bytes_.get());
  }

  [[nodiscard]] std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<char[]> bytes_;
  size_t size_;
};

}  // namespace edgeroom::test
