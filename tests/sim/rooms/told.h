// A JSON object or a frame of them, read once and shared by all who were sent it.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace edgeroom::roomsim {

// What the room did and must not.
struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline void expect(bool is_so, const std::string& otherwise) {
  if (!is_so) throw Violation(otherwise);
}

// Members of a JSON object as views of its text.
class Object {
 public:
  // Not one JSON object: a Violation.
  explicit Object(std::string_view text);

  // The member's JSON text; empty when there is none.
  [[nodiscard]] std::string_view raw(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const { return !raw(name).empty(); }
  // A string without escapes, as all of the simulation's are; empty when there is none.
  [[nodiscard]] std::string_view text(std::string_view name) const;
  // A whole number, which must be there.
  [[nodiscard]] uint64_t number(std::string_view name) const;
  // Of an array, which may be missing.
  [[nodiscard]] std::vector<uint64_t> numbers(std::string_view name) const;
  [[nodiscard]] std::vector<Object> objects(std::string_view name) const;
  [[nodiscard]] std::string_view json() const { return json_; }

 private:
  std::string_view json_;
  std::vector<std::pair<std::string_view, std::string_view>> members_;
};

struct Told {
  // `generation`: of the instance that says it. `stored`: so many records were committed then.
  // `passed_ms`: what the room's clock showed, at most.
  Told(std::string frame, uint64_t generation, uint64_t stored, double passed_ms);
  Told(const Told&) = delete;
  Told& operator=(const Told&) = delete;

  // Read when somebody listens.
  const std::vector<Object>& objects();
  std::string text;
  uint64_t generation;
  uint64_t stored;
  double passed_ms;

 private:
  std::vector<Object> objects_;
};

}  // namespace edgeroom::roomsim
