#include "base/json_array.h"

namespace edgeroom {

std::optional<std::vector<JsonMember>> json_elements(std::string_view text) {
  std::vector<JsonMember> out;
  JsonCursor cursor(text);
  cursor.skip_space();
  if (!cursor.expect('[', "expected an array")) return std::nullopt;
  cursor.skip_space();
  while (cursor.peek() != ']') {
    if (!out.empty() && !cursor.expect(',', "expected ','")) return std::nullopt;
    cursor.skip_space();
    const size_t start = cursor.position();
    JsonMember element;
    if (!cursor.value(element.kind)) return std::nullopt;
    element.value = cursor.since(start);
    out.push_back(element);
    cursor.skip_space();
  }
  cursor.expect(']', "expected ']'");
  cursor.skip_space();
  if (!cursor.at_end()) return std::nullopt;
  return out;
}

std::optional<std::vector<std::string>> json_strings(const JsonMember& member) {
  if (member.kind == JsonKind::kString) return std::vector{json_unescape(member.value)};
  if (member.kind != JsonKind::kArray) return std::nullopt;
  const auto elements = json_elements(member.value);
  if (!elements) return std::nullopt;
  std::vector<std::string> out;
  for (const JsonMember& element : *elements) {
    if (element.kind != JsonKind::kString) return std::nullopt;
    out.push_back(json_unescape(element.value));
  }
  return out;
}

}  // namespace edgeroom
