#include "bench/load/dialect.h"

#include <algorithm>

namespace edgeroom::load {
namespace {

// What people write, more or less: it can be compressed as such can.
constexpr std::string_view kWords =
    " we could meet at the station tomorrow because nobody knows when that train will come and she "
    "said it was late again but there is always another one so let me know what you think about "
    "the plan for Friday then I will ask the others too";

std::string content(size_t bytes) {
  std::string text(1, kMark);
  text.append(kNumberDigits, '0');
  while (text.size() < bytes) text.append(kWords.substr(0, bytes - text.size()));
  return text;
}

void write_number(std::string& text, size_t at, uint64_t number) {
  for (size_t i = kNumberDigits; i > 0; i--) {
    text[at + i - 1] = static_cast<char>('0' + number % 10);
    number /= 10;
  }
}

void replace(std::string& text, std::string_view name, std::string_view value) {
  const size_t at = text.find(name);
  if (at != std::string::npos) text.replace(at, name.size(), value);
}

}  // namespace

Speech::Speech(const Options& options) {
  const std::string said = content(options.bytes);
  if (options.dialect == Dialect::kSocketIo) {
    text_ = R"(42["message",{"type":"message","content":")" + said + R"("}])";
  } else if (options.dialect == Dialect::kEdgeroom && options.ids) {
    text_ = R"({"type":"message","id":"m-)";
    id_at_ = text_.size();
    text_.append(kNumberDigits, '0').append(R"(","content":")").append(said).append(R"("})");
  } else {
    text_ = R"({"type":"message","content":")" + said + R"("})";
  }
  number_at_ = text_.find(kMark) + 1;
}

std::string_view Speech::message(uint64_t number) {
  write_number(text_, number_at_, number);
  if (id_at_ > 0) write_number(text_, id_at_, number);
  return text_;
}

std::string join_target(const Options& options, size_t room, size_t index, std::string_view after) {
  std::string target = options.target;
  std::string name = options.room;
  if (options.rooms > 1) name.append("-").append(std::to_string(room));
  replace(target, "{room}", name);
  replace(target, "{n}", std::to_string(index));
  return target.append(after);
}

bool joins_at_once(Dialect dialect) {
  return dialect == Dialect::kJson || dialect == Dialect::kRaw;
}

Greeting greet(Dialect dialect, std::string_view text) {
  if (dialect == Dialect::kEdgeroom) {
    return {text.find(R"("type":"welcome")") != std::string_view::npos, {}};
  }
  // Engine.IO's 0 opens, Socket.IO's 40 connects to the namespace and is answered by the same.
  if (text.starts_with("0{")) return {false, "40"};
  return {text.starts_with("40"), {}};
}

std::string_view heartbeat_answer(Dialect dialect, std::string_view text) {
  return dialect == Dialect::kSocketIo && text == "2" ? "3" : "";
}

std::optional<std::string_view> told_error(Dialect dialect, std::string_view text) {
  if (dialect != Dialect::kEdgeroom) return std::nullopt;
  const size_t at = text.find(R"("type":"error")");
  if (at == std::string_view::npos) return std::nullopt;
  return text.substr(at, std::min<size_t>(200, text.find('}', at) - at));
}

std::optional<uint64_t> number_behind(std::string_view text, std::string_view key) {
  const size_t at = text.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  uint64_t number = 0;
  bool any = false;
  for (const char c : text.substr(at + key.size())) {
    if (c < '0' || c > '9') break;
    number = number * 10 + static_cast<uint64_t>(c - '0');
    any = true;
  }
  return any ? std::optional(number) : std::nullopt;
}

}  // namespace edgeroom::load
