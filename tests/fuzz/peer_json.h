// What another parser says of a text: nlohmann-json.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace edgeroom::fuzz {

// False when it is no JSON. One number that no double holds (1e400) is none for that parser, and
// JSON for us: what stands behind it nobody has looked at.
inline bool is_json_elsewhere(std::string_view text) {
  class Reader final : public nlohmann::detail::json_sax_acceptor<nlohmann::json> {
   public:
    bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                     const nlohmann::detail::exception& error) {
      constexpr int kNumberOverflow = 406;
      has_large_number = error.id == kNumberOverflow;
      return false;
    }

    bool has_large_number = false;
  };
  Reader reader;
  return nlohmann::json::sax_parse(text, &reader) || reader.has_large_number;
}

}  // namespace edgeroom::fuzz
