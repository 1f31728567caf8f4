#include "tests/sim/rooms/told.h"

#include "base/json_array.h"
#include "base/json_scanner.h"

namespace edgeroom::roomsim {

Object::Object(std::string_view text) : json_(text) {
  JsonObjectReader reader(text);
  JsonMember member;
  members_.reserve(10);
  while (reader.next(member)) {
    // The keys of the protocol have no escapes, so this is a view of the text.
    members_.emplace_back(member.key, member.value);
  }
  if (reader.fault()) throw Violation("this is no JSON object: " + std::string(text));
}

std::string_view Object::raw(std::string_view name) const {
  for (const auto& [key, value] : members_) {
    if (key == name) return value;
  }
  return {};
}

std::string_view Object::text(std::string_view name) const {
  const std::string_view value = raw(name);
  if (value.size() < 2 || value.front() != '"') return {};
  return value.substr(1, value.size() - 2);
}

uint64_t Object::number(std::string_view name) const {
  const auto value = json_integer(raw(name));
  if (!value) {
    throw Violation("\"" + std::string(name) + "\" is no number in " + std::string(json_));
  }
  return *value;
}

std::vector<uint64_t> Object::numbers(std::string_view name) const {
  std::vector<uint64_t> out;
  if (!has(name)) return out;
  const auto elements = json_elements(raw(name));
  if (!elements) throw Violation("\"" + std::string(name) + "\" is no array");
  for (const JsonMember& element : *elements) {
    const auto value = json_integer(element.value);
    if (!value) throw Violation("\"" + std::string(name) + "\" holds what is no number");
    out.push_back(*value);
  }
  return out;
}

std::vector<Object> Object::objects(std::string_view name) const {
  const auto elements = json_elements(raw(name));
  if (!elements) throw Violation("\"" + std::string(name) + "\" is no array");
  std::vector<Object> out;
  out.reserve(elements->size());
  for (const JsonMember& element : *elements) out.emplace_back(element.value);
  return out;
}

Told::Told(std::string frame, uint64_t said_by, uint64_t committed, double said_passed_ms)
    : text(std::move(frame)), generation(said_by), stored(committed), passed_ms(said_passed_ms) {}

const std::vector<Object>& Told::objects() {
  if (!objects_.empty()) return objects_;
  const auto elements = json_elements(text);
  if (!elements || elements->empty()) throw Violation("a frame is no array of objects: " + text);
  objects_.reserve(elements->size());
  for (const JsonMember& element : *elements) objects_.emplace_back(element.value);
  return objects_;
}

}  // namespace edgeroom::roomsim
