// Result<T>: a value or an error, for operations that bad input may make fail.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "base/check.h"

namespace edgeroom {

// What went wrong, in words for the person who sent the input: what is wrong and where.
struct Error {
  std::string detail;
};

// Holds either a T or an Error. Reading the one that is not there is a CHECK failure.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return value_.has_value(); }

  [[nodiscard]] const T& value() const {
    EDGEROOM_CHECK(value_.has_value());
    return *value_;
  }
  [[nodiscard]] T& value() {
    EDGEROOM_CHECK(value_.has_value());
    return *value_;
  }
  [[nodiscard]] const Error& error() const {
    EDGEROOM_CHECK(!value_.has_value());
    return error_;
  }

 private:
  std::optional<T> value_;
  Error error_;
};

}  // namespace edgeroom
