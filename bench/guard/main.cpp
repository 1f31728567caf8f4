// core_guard WORKLOAD REPETITIONS: fixed work, whose instructions scripts/suites/guard.js has
// counted. core_guard --compiler: what this was compiled with.
//
// The difference between two numbers of repetitions is the work itself; what makes ready for it is
// in both. Ends with exit code 2 and one line when the arguments are wrong; aborts when the work
// was not done.

#include <array>
#include <charconv>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "bench/guard/guard_room.h"
#include "worker/edge.h"
#include "worker/moderator.h"

namespace edgeroom::guard {

namespace {

constexpr int kTurn = 100;  // messages a turn
constexpr double kTurnMs = 100;
constexpr int kBusyTurns =
    20;  // before anything is counted: buffers have grown, segments are there
constexpr size_t kFrameBytesMax = 4096;
constexpr size_t kTokenBytes = 48;  // `openssl rand -hex 24`

int next_id = 0;

std::string message(std::string_view content) {
  std::string frame = R"({"type":"message","id":"m-)" + std::to_string(1'000'000 + next_id++);
  frame += R"(","content":)";
  frame += content;
  frame += '}';
  return frame;
}

// Text, letters beyond ASCII, an escape and an object: of so many bytes.
std::string content_of(size_t bytes) {
  constexpr std::string_view kHead = R"({"n":[12,-0.5],"to":{"name":"ana"},"text":")";
  constexpr std::string_view kText = "Let us meet in K\xc3\xb6ln, \\\"soon\\\" ";
  std::string content(kHead);
  while (content.size() + kText.size() + 2 <= bytes) content += kText;
  content.append(bytes - content.size() - 2, '.');
  content += "\"}";
  return content;
}

void turn(GuardRoom& room, std::string_view content) {
  for (int i = 0; i < kTurn; i++) room.frame(1, message(content));
  room.flush();
  room.serve();
  room.pass(kTurnMs);
}

void begin(GuardRoom& room, std::string_view content) {
  room.join(1);
  for (int i = 0; i < kBusyTurns; i++) turn(room, content);
  CHECK(room.confirmed() == static_cast<uint64_t>(kTurn) * kBusyTurns);
}

// A repetition is a message, with its part of the flush, of forwarding and of the host.
void publish(size_t bytes, int repetitions) {
  const std::string content = content_of(bytes);
  CHECK(content.size() == bytes && bytes <= kFrameBytesMax);
  GuardRoom room;
  begin(room, content);
  for (int i = 0; i < repetitions; i += kTurn) turn(room, content);
  CHECK(room.broadcast_bytes() > bytes * static_cast<size_t>(repetitions));
}

void publish_64(int repetitions) { publish(64, repetitions); }
void publish_512(int repetitions) { publish(512, repetitions); }
void publish_4096(int repetitions) { publish(4096, repetitions); }

// A repetition is the join of somebody new, whose presence nobody is told.
void join(int repetitions) {
  GuardRoom room;
  begin(room, "1");
  const uint64_t before = room.sent_bytes();
  for (int i = 0; i < repetitions; i++) {
    room.join(static_cast<uint32_t>(i + 2));
    room.serve();
  }
  CHECK(room.sent_bytes() > before);
}

// A repetition is a join that is given the 100 messages it has missed.
void resume(int repetitions) {
  GuardRoom room;
  begin(room, content_of(64));
  const uint64_t through = room.confirmed() - kTurn;
  const std::string members =
      ",\"epoch\":\"" + room.epoch() + "\",\"after\":" + std::to_string(through);
  const uint64_t before = room.sent_bytes();
  for (int i = 0; i < repetitions; i++) {
    room.join(static_cast<uint32_t>(i + 2), members);
    room.serve();
  }
  CHECK(room.sent_bytes() - before > static_cast<uint64_t>(repetitions) * kTurn * 64);
}

// A repetition is a wake with 1,000 connections and 100 messages.
void restore(int repetitions) {
  constexpr uint32_t kConnections = 1000;
  GuardRoom room;
  begin(room, content_of(64));
  for (uint32_t handle = 2; handle <= kConnections; handle++) room.join(handle);
  room.flush();
  room.serve();
  for (int i = 0; i < repetitions; i++) room.wake();
}

// A repetition is a decision about a request under one limit, of 2,000 clients by turns.
void decide(int repetitions) {
  constexpr int kClients = 2000;
  constexpr double kStepMs = 1;
  Edge edge(
      R"({"AUTH":"off","PERSIST_URL":"https://api.example","PERSIST_AUTH":"none",)"
      R"("RATE_LIMIT":"bound","RATE_LIMITS":"[{\"name\":\"ip\",\"key\":\"ip\",\"limit\":100,\"window_s\":60}]"})",
      1);
  CHECK(edge.settings() != nullptr);
  double now_ms = 1'800'000'000'000;
  for (int i = 0; i < kClients + repetitions; i++) {
    const int client = i % kClients;
    const std::string address =
        "10.0." + std::to_string(client / 256) + "." + std::to_string(client % 256);
    RequestLines request;
    request.method = "GET";
    request.url = "https://rooms.example/api/rooms/lobby";
    request.client_address = address;
    const Answer answer = edge.handle(request, now_ms);
    now_ms += kStepMs;
  }
}

// A repetition is a look at a moderator's token that is wrong in one place.
void look_at_token(int repetitions, size_t wrong_at) {
  const std::vector<std::string> tokens{std::string(kTokenBytes, 'm')};
  std::string token = tokens.front();
  token[wrong_at] = 'x';
  for (int i = 0; i < repetitions; i++) CHECK(!is_moderator_token(token, tokens));
}

void token_wrong_first(int repetitions) { look_at_token(repetitions, 0); }

void token_wrong_last(int repetitions) { look_at_token(repetitions, kTokenBytes - 1); }

#ifdef __clang__
constexpr const char* kCompiler = "clang " __VERSION__;
#else
constexpr const char* kCompiler = "gcc " __VERSION__;
#endif

struct Workload {
  std::string_view name;
  void (*run)(int repetitions);
};

constexpr std::array<Workload, 9> kWorkloads = {{
    {"publish-64", publish_64},
    {"publish-512", publish_512},
    {"publish-4096", publish_4096},
    {"join", join},
    {"resume-100", resume},
    {"restore-1000", restore},
    {"decide", decide},
    {"token-wrong-first", token_wrong_first},
    {"token-wrong-last", token_wrong_last},
}};

int run(std::string_view name, std::string_view number) {
  if (name == "--compiler") {
    std::puts(kCompiler);
    return 0;
  }
  int repetitions = 0;
  const char* end = number.data() + number.size();
  const auto parsed = std::from_chars(number.data(), end, repetitions);
  if (parsed.ec == std::errc() && parsed.ptr == end && repetitions >= 0) {
    for (const Workload& workload : kWorkloads) {
      if (workload.name != name) continue;
      workload.run(repetitions);
      return 0;
    }
  }
  std::fputs("usage: core_guard WORKLOAD REPETITIONS | core_guard --compiler\n", stderr);
  return 2;
}

}  // namespace

}  // namespace edgeroom::guard

int main(int argc, char** argv) {
  return edgeroom::guard::run(argc > 1 ? argv[1] : "", argc > 2 ? argv[2] : "");
}
