#include "rooms/publication.h"

#include <optional>

#include "base/json_scanner.h"
#include "base/utf8.h"
#include "rooms/limits.h"
#include "rooms/request_body.h"

namespace edgeroom {

namespace {

Error wrong(std::string_view name, const std::string& what) {
  return Error{std::string(name) + ": " + what};
}

std::optional<Error> read_text(const JsonMember& member, size_t characters_max, std::string& out) {
  const std::string_view name = member.key;
  if (!out.empty()) return wrong(name, "is given twice");
  if (member.kind != JsonKind::kString) return wrong(name, "must be a string");
  out = json_unescape(member.value);
  const size_t characters = utf8_characters(out);
  if (characters < 1 || characters > characters_max) {
    return wrong(name, "must have 1 to " + std::to_string(characters_max) + " characters");
  }
  return std::nullopt;
}

std::optional<Error> read_member(const JsonMember& member, Publication& out) {
  if (member.key == "content") {
    if (!out.content.empty()) return wrong(member.key, "is given twice");
    out.content = member.value;
  }
  if (member.key == "id") return read_text(member, kIdCharactersMax, out.id);
  if (member.key == "user") {
    if (auto error = read_text(member, kUserCharactersMax, out.user)) return error;
    if (has_control_character(out.user))
      return wrong(member.key, "must have no control characters");
  }
  return std::nullopt;
}

}  // namespace

Result<Publication> parse_publication(std::string_view body) {
  Publication publication;
  std::optional<Error> error;
  JsonObjectReader reader(body);
  JsonMember member;
  while (reader.next(member)) {
    if (!error) error = read_member(member, publication);
  }
  if (auto not_json = body_error(reader)) return *not_json;
  if (error) return *error;
  if (publication.content.empty()) return Error{"content: is missing"};
  return publication;
}

}  // namespace edgeroom
