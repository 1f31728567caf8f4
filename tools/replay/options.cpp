#include "tools/replay/options.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/json_scanner.h"
#include "base/json_writer.h"

namespace edgeroom::replay {

namespace {

Error wrong(std::string_view what, std::string_view value) {
  return Error{std::string(what) + ", not '" + std::string(value) + "'"};
}

std::optional<uint64_t> whole_number(std::string_view text) {
  const bool digits = !text.empty() && text.find_first_not_of("0123456789") == text.npos;
  return digits ? json_integer(text) : std::nullopt;
}

std::optional<Error> read_seq(std::string_view option, std::string_view value, uint64_t& out) {
  const auto number = whole_number(value);
  if (!number || *number == 0) {
    return wrong(std::string(option) + " takes a seq, a whole number from 1", value);
  }
  out = *number;
  return std::nullopt;
}

std::optional<Error> read_breaks(std::string_view value, std::vector<uint64_t>& out) {
  std::string_view rest = value;
  for (;;) {
    const size_t comma = rest.find(',');
    uint64_t seq = 0;
    if (auto error = read_seq("--break", rest.substr(0, comma), seq)) return error;
    out.push_back(seq);
    if (comma == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(comma + 1);
  }
}

std::optional<Error> read_detail(std::string_view value, Detail& out) {
  if (value == "none") {
    out = Detail::kNone;
  } else if (value == "words") {
    out = Detail::kWords;
  } else if (value == "full") {
    out = Detail::kFull;
  } else {
    return wrong("--effects takes none, words or full", value);
  }
  return std::nullopt;
}

std::optional<Error> read_width(std::string_view value, std::optional<size_t>& out) {
  const auto number = whole_number(value);
  if (!number) return wrong("--width takes a number of columns, 0 for any", value);
  out = static_cast<size_t>(*number);
  return std::nullopt;
}

bool is_variable_name(std::string_view name) {
  constexpr std::string_view kCharacters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
  return !name.empty() && name.find_first_not_of(kCharacters) == std::string_view::npos;
}

class Parser {
 public:
  std::optional<Error> read(const std::vector<std::string_view>& arguments) {
    bool only_files = false;
    for (size_t i = 0; i < arguments.size(); i++) {
      const std::string_view argument = arguments[i];
      if (!only_files && argument == "--") {
        only_files = true;
      } else if (only_files || argument == "-" || argument.substr(0, 1) != "-") {
        if (auto error = file(argument)) return error;
      } else if (!flag(argument)) {
        // --name=value or --name value
        const size_t equals = argument.find('=');
        const std::string_view name = argument.substr(0, equals);
        if (!takes_value(name)) return Error{"unknown option: " + std::string(argument)};
        if (equals == std::string_view::npos && i + 1 == arguments.size()) {
          return Error{std::string(name) + " needs a value"};
        }
        const std::string_view value =
            equals == std::string_view::npos ? arguments[++i] : argument.substr(equals + 1);
        if (auto error = option(name, value)) return error;
      }
    }
    return finish();
  }

  Options& options() { return options_; }

 private:
  static bool takes_value(std::string_view name) {
    return name == "--from" || name == "--to" || name == "--break" || name == "--effects" ||
           name == "--width" || name == "--var";
  }

  bool flag(std::string_view name) {
    if (name == "--each") return options_.each = true;
    if (name == "--state") return options_.state = true;
    if (name == "--state=changes") return options_.state = options_.state_changes = true;
    if (name == "--json") return options_.json = true;
    if (name == "--debugger") return options_.debugger = true;
    return false;
  }

  std::optional<Error> option(std::string_view name, std::string_view value) {
    if (name == "--from") return read_seq(name, value, options_.from);
    if (name == "--to") return read_seq(name, value, options_.to);
    if (name == "--break") return read_breaks(value, options_.breaks);
    if (name == "--effects") return read_detail(value, options_.effects);
    if (name == "--width") return read_width(value, options_.width);
    const size_t colon = value.find(':');
    if (colon == std::string_view::npos || !is_variable_name(value.substr(0, colon))) {
      return wrong("--var takes NAME:VALUE", value);
    }
    variables_[std::string(value.substr(0, colon))] = value.substr(colon + 1);
    return std::nullopt;
  }

  std::optional<Error> file(std::string_view name) {
    if (name.empty()) return Error{"the file's name is empty"};
    if (!options_.file.empty()) {
      return Error{"one log at a time: " + options_.file + " or " + std::string(name)};
    }
    options_.file = name;
    return std::nullopt;
  }

  std::optional<Error> finish() {
    if (options_.file.empty()) return Error{"which log? Give a file, or - for standard input"};
    if (options_.from > options_.to) return Error{"--from is beyond --to"};
    if (options_.debugger && options_.breaks.empty()) {
      return Error{"--debugger goes with --break, which says where"};
    }
    options_.variables.clear();
    JsonObjectWriter object(options_.variables);
    for (const auto& [name, value] : variables_) object.string(name, value);
    object.close();
    return std::nullopt;
  }

  Options options_;
  std::map<std::string, std::string> variables_;
};

}  // namespace

bool Options::breaks_at(uint64_t seq) const {
  return std::find(breaks.begin(), breaks.end(), seq) != breaks.end();
}

Result<Options> parse_options(const std::vector<std::string_view>& arguments) {
  Parser parser;
  if (auto error = parser.read(arguments)) return *error;
  return std::move(parser.options());
}

}  // namespace edgeroom::replay
