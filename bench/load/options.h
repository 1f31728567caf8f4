// The arguments of edgeroom_load; usage() says what they mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace edgeroom::load {

enum class Dialect : uint8_t { kEdgeroom, kJson, kSocketIo, kRaw };

enum class Task : uint8_t { kRate, kSearch, kStorm };

struct Options {
  Task task = Task::kRate;
  Dialect dialect = Dialect::kJson;
  uint16_t port = 0;
  std::string target = "/";  // {room} stands for the room's name, {n} for the connection's number
  std::string room = "room";
  size_t sockets = 10;
  size_t senders = 0;  // 0: all, at most 100 a room
  size_t rooms = 1;
  double rate = 10;  // messages a second, over all rooms
  double seconds = 2;
  double warm_s = 0.5;
  size_t bytes = 120;  // of a message's content
  bool ids = true;     // edgeroom: every message has an id, as the SDK sends them
  bool deflate = false;
  double p95_max_ms = 50;
  double precision = 0.1;
  double patience_s = 3;  // for what is still to come when the last message is sent
  size_t missed = 20;     // of a storm: messages that everybody has missed
  int cpu = -1;
  std::vector<int> servers;  // processes whose CPU time and memory are the server's
};

std::string_view usage();

// Empty when the arguments make sense, else what does not. `arguments` without the program's name.
std::string parse_options(const std::vector<std::string_view>& arguments, Options& options);

}  // namespace edgeroom::load
