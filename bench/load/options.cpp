#include "bench/load/options.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <optional>
#include <utility>

namespace edgeroom::load {
namespace {

constexpr double kNumberMax = 1e9;

std::optional<double> number(std::string_view text) {
  const std::string copy(text);
  char* end = nullptr;
  const double value = std::strtod(copy.c_str(), &end);
  if (copy.empty() || *end != '\0' || !(value >= 0) || value > kNumberMax) return std::nullopt;
  return value;
}

bool whole(std::string_view text, size_t& value) {
  const auto found = number(text);
  if (!found || *found != static_cast<double>(static_cast<size_t>(*found))) return false;
  value = static_cast<size_t>(*found);
  return true;
}

bool real(std::string_view text, double& value) {
  const auto found = number(text);
  if (found) value = *found;
  return found.has_value();
}

bool dialect(std::string_view text, Dialect& value) {
  constexpr std::pair<std::string_view, Dialect> kNames[] = {{"edgeroom", Dialect::kEdgeroom},
                                                             {"json", Dialect::kJson},
                                                             {"socket.io", Dialect::kSocketIo},
                                                             {"raw", Dialect::kRaw}};
  const auto* found =
      std::find_if(std::begin(kNames), std::end(kNames), [&](auto& n) { return n.first == text; });
  if (found == std::end(kNames)) return false;
  value = found->second;
  return true;
}

bool processes(std::string_view text, std::vector<int>& value) {
  value.clear();
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    size_t process = 0;
    if (!whole(text.substr(0, comma), process) || process == 0) return false;
    value.push_back(static_cast<int>(process));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return true;
}

bool port(std::string_view text, uint16_t& value) {
  size_t found = 0;
  if (!whole(text, found) || found == 0 || found > UINT16_MAX) return false;
  value = static_cast<uint16_t>(found);
  return true;
}

bool take(std::string_view name, std::string_view text, Options& o) {
  size_t cpu = 0;
  if (name == "--dialect") return dialect(text, o.dialect);
  if (name == "--port") return port(text, o.port);
  if (name == "--target") return !(o.target = text).empty();
  if (name == "--room") return !(o.room = text).empty();
  if (name == "--sockets") return whole(text, o.sockets) && o.sockets > 0;
  if (name == "--senders") return whole(text, o.senders);
  if (name == "--rooms") return whole(text, o.rooms) && o.rooms > 0;
  if (name == "--rate") return real(text, o.rate) && o.rate > 0;
  if (name == "--seconds") return real(text, o.seconds) && o.seconds > 0;
  if (name == "--warm") return real(text, o.warm_s);
  if (name == "--bytes") return whole(text, o.bytes);
  if (name == "--p95") return real(text, o.p95_max_ms);
  if (name == "--precision") return real(text, o.precision) && o.precision > 0;
  if (name == "--patience") return real(text, o.patience_s);
  if (name == "--missed") return whole(text, o.missed);
  if (name == "--servers") return processes(text, o.servers);
  if (name == "--cpu" && whole(text, cpu)) {
    o.cpu = static_cast<int>(cpu);
    return true;
  }
  return false;
}

}  // namespace

std::string_view usage() {
  return R"(usage: edgeroom_load TASK --port PORT [--NAME VALUE]... [--no-ids] [--deflate]

TASK is rate (at one rate), search (the highest rate that loses nothing with a p95 of at most --p95
milliseconds) or storm (all connections are lost and come back at once; edgeroom's protocol only).
Prints one JSON object.

  --dialect   edgeroom, json, socket.io or raw
  --target    the path and query to join at, with {room} and {n}; --room is the room's name
  --sockets, --senders, --rooms   connections, how many of them speak, and over how many rooms
  --rate, --seconds, --warm       messages a second (over all rooms), for how long, after a warm-up
  --bytes     of a message's content
  --precision of a search: it ends when the best rate and the next that failed are so near
  --patience  seconds to wait for what is still to come
  --missed    messages between the loss and the return, in a storm
  --servers   processes (with commas) whose CPU time and memory are told
  --cpu       the core to stay on
  --no-ids    messages without ids     --deflate  offers permessage-deflate
)";
}

std::string parse_options(const std::vector<std::string_view>& arguments, Options& options) {
  if (arguments.empty()) return "a task is missing";
  if (arguments[0] == "rate") {
    options.task = Task::kRate;
  } else if (arguments[0] == "search") {
    options.task = Task::kSearch;
  } else if (arguments[0] == "storm") {
    options.task = Task::kStorm;
  } else {
    return "unknown task: " + std::string(arguments[0]);
  }
  for (size_t i = 1; i < arguments.size(); i++) {
    const std::string_view name = arguments[i];
    if (name == "--no-ids") {
      options.ids = false;
    } else if (name == "--deflate") {
      options.deflate = true;
    } else if (i + 1 == arguments.size()) {
      return std::string(name) + " is unknown, or its value is missing";
    } else if (const std::string_view value = arguments[++i]; !take(name, value, options)) {
      return std::string(name) + " is unknown, or \"" + std::string(value) +
             "\" is no value for it";
    }
  }
  if (options.port == 0) return "--port is missing";
  if (options.sockets < options.rooms) return "there are fewer sockets than rooms";
  if (options.senders > options.sockets) return "there are more senders than sockets";
  if (options.task == Task::kStorm && options.dialect != Dialect::kEdgeroom) {
    return "a storm needs the dialect edgeroom";
  }
  return {};
}

}  // namespace edgeroom::load
