// Replays of logs that a room has given out: whole, cut short, and changed in every way that a file
// can be.

#include "tools/replay/replay.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "rooms/log_text.h"
#include "tests/unit/log_sum.h"
#include "tests/unit/room_harness.h"
#include "tools/replay/file_source.h"
#include "tools/replay/words.h"

using edgeroom::LogHeader;
using edgeroom::Record;
using edgeroom::test::RoomHarness;
using nlohmann::json;
using namespace edgeroom::replay;

namespace {

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

// A file that is gone with the test.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view text) {
    const int handle = mkstemp(name_.data());
    REQUIRE(handle >= 0);
    REQUIRE(write(handle, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    close(handle);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() { std::remove(name_.c_str()); }

  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  std::string name_ = "/tmp/edgeroom-replay-XXXXXX";
};

std::string all_of(std::FILE* file) {
  REQUIRE(std::fseek(file, 0, SEEK_SET) == 0);
  std::string text;
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) {
    text.push_back(static_cast<char>(c));
  }
  return text;
}

struct Run {
  int code = -1;
  std::string out;
  std::string errors;
  std::vector<uint64_t> debugged;
};

// What scripts/replay does with what has this name.
Run run_named(const std::string& name) {
  const auto options = parse_options({name});
  REQUIRE(options.ok());
  const File out(std::tmpfile());
  const File errors(std::tmpfile());
  Scene scene;
  scene.screen = {out.get(), 100, false};
  scene.errors = errors.get();
  Run ended;
  ended.code = replay(options.value(), scene);
  ended.out = all_of(out.get());
  ended.errors = all_of(errors.get());
  return ended;
}

// What it does with a log. `commands`: what is typed on the terminal, if there is one.
// `at_break`: what befalls the file meanwhile, with --debugger.
Run run(std::string_view log, std::vector<std::string_view> arguments = {},
        const char* commands = nullptr, bool colour = false,
        const std::function<void(const std::string& file)>& at_break = {}) {
  const TemporaryFile file(log);
  arguments.push_back(file.name());
  const auto options = parse_options(arguments);
  REQUIRE(options.ok());
  const File out(std::tmpfile());
  const File errors(std::tmpfile());
  const File typed(std::tmpfile());
  Run ended;
  Scene scene;
  scene.screen = {out.get(), options.value().width.value_or(100), colour};
  scene.errors = errors.get();
  scene.debugger = [&](const Record& record, std::string_view /*line*/) {
    ended.debugged.push_back(record.seq);
    if (at_break) at_break(file.name());
  };
  if (commands != nullptr) {
    std::fputs(commands, typed.get());
    REQUIRE(std::fseek(typed.get(), 0, SEEK_SET) == 0);
    scene.commands = typed.get();
  }
  ended.code = replay(options.value(), scene);
  ended.out = all_of(out.get());
  ended.errors = all_of(errors.get());
  const size_t at = ended.errors.find(file.name());
  if (at != std::string::npos) ended.errors.replace(at, file.name().size(), "FILE");
  return ended;
}

// Six records of a small room: two messages in one turn, the deletion of the first, a mute, a
// message that is odd, and another one two hours later.
std::string small_log() {
  RoomHarness room;
  const uint32_t ana = room.join(",\"user\":\"ana\"");
  const uint32_t bob = room.join(R"(,"user":"bob","role":"moderator")");
  room.turn();
  room.frame(ana, R"({"type":"message","content":"my secret","id":"a-1"})");
  room.frame(bob, R"({"type":"message","content":"keep this"})");
  room.turn();
  room.now_ms += 20;
  room.frame(ana, R"({"type":"delete","seq":1})");
  room.now_ms += 20;
  room.frame(bob, R"({"type":"moderation","action":"mute","user":"eve","for_s":60})");
  room.frame(ana, "{\"type\":\"message\",\"content\":[1e400,\n\"\xF0\x9F\x98\x80\"]}");
  room.turn();
  room.now_ms += 7'200'000;
  room.frame(bob, R"({"type":"message","content":{"seq":1,"records":[{"seq":2}]}})");
  room.turn();
  return room.whole(R"({"op":"log"})").body;
}

// So many messages of so many bytes, each this long after the one before.
std::string large_log(int messages, double apart_ms, size_t bytes = 60'000) {
  RoomHarness room(edgeroom::test::quiet_settings());
  const uint32_t ana = room.join(",\"user\":\"ana\"");
  for (int i = 0; i < messages; i++) {
    room.now_ms += apart_ms;
    room.frame(ana, R"({"type":"message","content":")" + std::string(bytes, 'x') + "\"}");
    if (apart_ms > 0) room.turn();
  }
  room.turn();
  return room.whole(R"({"op":"log"})").body;
}

std::string last_line(const std::string& text) {
  const auto lines = lines_of(text);
  return lines.empty() ? "" : lines.back();
}

std::string with_line(const std::string& log, size_t at, const std::string& line) {
  auto lines = lines_of(log);
  lines[at] = line;
  return joined(lines);
}

std::string with_header(const std::string& log, const std::function<void(LogHeader&)>& change) {
  auto header = edgeroom::parse_log_header(lines_of(log)[0]);
  REQUIRE(header.ok());
  change(header.value());
  std::string line;
  edgeroom::append_log_header(line, header.value());
  line.pop_back();
  return with_line(log, 0, line);
}

// The state that the log tells of is one that the room never has.
void with_other_state(LogHeader& header) { header.state_digest = "0123456789abcdef"; }

// A record with a member that the room does not know of.
std::string with_a_mood(const std::string& line) {
  std::string object = edgeroom::test::unsummed(line);
  object.pop_back();
  return edgeroom::test::summed(object + ",\"mood\":\"sad\"}");
}

}  // namespace

TEST_SUITE("replay") {
  TEST_CASE("a log is replayed as recorded, row by row") {
    const std::string log = small_log();
    const Run whole = run(log, {"--effects", "none"});
    CHECK(whole.code == 0);
    CHECK(whole.errors.empty());
    const auto lines = lines_of(whole.out);
    REQUIRE(lines.size() == 12);
    CHECK(lines[0].substr(0, 18) == "lobby, chat, epoch");
    CHECK(lines[1] == "seqs 1-6, 2027-01-15 08:00:00.000 to 2027-01-15 10:00:00.040 UTC");
    CHECK(lines[2].substr(0, 31) == "confirmed 0, no snapshot, state");
    CHECK(lines[4] == "1  2027-01-15 08:00:00.000  ana  message  (deleted by ana)");
    CHECK(lines[5] == "2  2027-01-15 08:00:00.000  bob  message  \"keep this\"");
    CHECK(lines[6] == "3  2027-01-15 08:00:00.020  ana  delete   message 1");
    CHECK(lines[7] ==
          "4  2027-01-15 08:00:00.040  bob  mute     eve until 2027-01-15 08:01:00.040");
    CHECK(lines[8] ==
          "5  2027-01-15 08:00:00.040  ana  message  [1e400,\\u000a\"\xF0\x9F\x98\x80\"]");
    CHECK(lines[9].substr(0, 40) == "6  2027-01-15 10:00:00.040  bob  message");
    CHECK(lines[11].substr(0, 25) == "replayed 6 records, state");
    CHECK(lines[11].substr(lines[11].size() - 12) == " as recorded");
    CHECK(run(log, {"--effects", "none"}).out == whole.out);
  }

  TEST_CASE("what the room did stands below each record") {
    const std::string out = run(small_log(), {"--to", "2"}).out;
    CHECK(out.find("\n               stored    slot 0: seqs 1-2, ") != std::string::npos);
    CHECK(out.find("\n               told      [{\"type\":\"new_message\",\"seq\":1,") !=
          std::string::npos);
    CHECK(out.find("\n               alarm     2027-01-15 08:00:08.000\n") != std::string::npos);
    CHECK(out.find("\n      +100 ms  forwards  seqs 1-3, ") == std::string::npos);
    for (const std::string& line : lines_of(out)) CHECK(line.size() <= 102);  // … is three bytes
    const std::string all = run(small_log()).out;
    CHECK(all.find("\n       +60 ms  forwards  seqs 1-5, ") != std::string::npos);
    CHECK(all.find(R"("type":"message_confirmed")") != std::string::npos);
    const std::string full = run(small_log(), {"--effects", "full", "--from=3", "--to=3"}).out;
    CHECK(full.find("> record | {\"seq\":3,\"type\":\"delete\"") != std::string::npos);
    CHECK(full.find("< putSegment slot=1\n") != std::string::npos);
    CHECK(full.find("< scheduleFlush\n") != std::string::npos);
    CHECK(full.find("\"seq\":4") == std::string::npos);
  }

  TEST_CASE("each record may have a turn of its own") {
    const std::string out = run(small_log(), {"--each"}).out;
    CHECK(out.find("stored    slot 0: seq 1, ") != std::string::npos);
    CHECK(out.find("stored    slot 1: seq 2, ") != std::string::npos);
    CHECK(run(small_log(), {"--each"}).code == 0);
  }

  TEST_CASE("the state is shown before and after") {
    const std::string out = run(small_log(), {"--state", "--effects=none", "--from=3"}).out;
    CHECK(out.find(", unchanged\n") != std::string::npos);
    CHECK(out.find(" -> ") != std::string::npos);
    CHECK(out.find("muted     eve until 2027-01-15 08:01:00.040\n") != std::string::npos);
  }

  TEST_CASE("machines get one object a line") {
    const auto lines = lines_of(run(small_log(), {"--json", "--state"}).out);
    std::vector<uint64_t> seqs;
    uint64_t confirmed = 0;
    for (std::string line : lines) {
      // Valid JSON, and more than this parser takes.
      const size_t large = line.find("1e400");
      if (large != std::string::npos) line.replace(large, 5, "1e300");
      const json step = json::parse(line);
      if (step["event"] == "record") seqs.push_back(step["record"]["seq"]);
      if (step["event"] == "attemptResult") confirmed = step["last"];
    }
    CHECK(seqs == std::vector<uint64_t>{1, 2, 3, 4, 5, 6});
    CHECK(confirmed == 6);
    CHECK(json::parse(lines.front())["event"] == "log");
    const json end = json::parse(lines.back());
    CHECK(end["event"] == "end");
    CHECK(end["as_recorded"] == true);
    CHECK(end["replayed"] == 6);
    const auto few = lines_of(run(small_log(), {"--json", "--effects=none", "--from=5"}).out);
    CHECK(few.size() == 4);
  }

  TEST_CASE("machines get what people read, and the state only where it changes if they wish") {
    const auto steps = [](std::string_view state) {
      std::vector<json> records;
      const auto lines = lines_of(run(small_log(), {"--json", state, "--to=4"}).out);
      CHECK(json::parse(lines[1])["state"]["muted"].empty());
      for (const std::string& line : lines) {
        const json step = json::parse(line);
        if (step["event"] == "record") records.push_back(step);
      }
      REQUIRE(records.size() == 4);
      return records;
    };
    const auto all = steps("--state");
    const auto changes = steps("--state=changes");
    CHECK(all[0]["words"] == json{"ana", "message", "(deleted by ana)"});
    CHECK(all[3]["words"] == json{"bob", "mute", "eve until 2027-01-15 08:01:00.040"});
    for (size_t i = 0; i < 4; i++) {
      CHECK(all[i]["state_before"] == changes[i]["state_before"]);
      CHECK(all[i].contains("state"));
      CHECK(changes[i].contains("state") == (i == 3));
    }
    CHECK(all[3]["state"] == changes[3]["state"]);
    CHECK(changes[3]["state"]["digest"] != changes[3]["state_before"]);
    const auto lines = lines_of(run(small_log(), {"--json", "--to=2", "--width=24"}).out);
    json told;
    for (const std::string& line : lines) {
      const json step = json::parse(line);
      if (!step.contains("effects")) continue;
      for (const json& effect : step["effects"]) {
        if (effect["type"] == "broadcast" && told.empty()) told = effect["words"];
        if (effect["type"] == "scheduleFlush") CHECK(!effect.contains("words"));
      }
    }
    REQUIRE(told.size() == 2);
    CHECK(told[0] == "told");
    CHECK(columns_of(told[1].get<std::string>()) <= 24);
  }

  TEST_CASE("a break shows the state and goes on, where there is nobody to ask") {
    const Run broken = run(small_log(), {"--break=5", "--effects=none"});
    CHECK(broken.code == 0);
    CHECK(broken.out.find("break before 5  2027-01-15 08:00:00.040  ana  message") !=
          std::string::npos);
    CHECK(broken.out.find(", after seq 4\n  muted     eve until") != std::string::npos);
    const Run debugged = run(small_log(), {"--break=2,5", "--debugger"});
    CHECK(debugged.code == 0);
    CHECK(debugged.debugged == std::vector<uint64_t>{2, 5});
    // Where there is somebody to ask, the debugger asks him.
    const Run asked = run(small_log(), {"--break=2,5", "--debugger"}, "quit\n");
    CHECK(asked.code == 0);
    CHECK(asked.debugged == std::vector<uint64_t>{2, 5});
    CHECK(asked.out.find("(replay)") == std::string::npos);
  }

  TEST_CASE("somebody steps through") {
    const Run stepped = run(small_log(), {"--break=3", "--to=1", "--effects=none"},
                            "state\neffects\nhistory\nstep\nnext 2\nwhat\nhelp\nstate\ns\n");
    CHECK(stepped.code == 0);
    const std::string& out = stepped.out;
    const auto place = [&out](const std::string& text) {
      const size_t at = out.find(text);
      CHECK_MESSAGE(at != std::string::npos, text);
      return at;
    };
    CHECK(out.find("2  2027-01-15 08:00:00.000  bob") > place("next\n3  2027-01-15"));
    CHECK(place(", after seq 2\n") < place("< putSegment slot=0"));
    CHECK(place("< putSegment slot=0") < place("next\n4  2027-01-15"));
    CHECK(place("next\n4  2027-01-15") < place("next\n6  2027-01-15"));
    place("no such command: what (help lists them)\n");
    place("go on to the next --break");
    CHECK(last_line(out).find(" as recorded") != std::string::npos);
    CHECK(run(small_log(), {"--break=3"}, "q\n").code == 1);
    CHECK(run(small_log(), {"--break=3"}, "").code == 1);
  }

  TEST_CASE("a log that was cut short is said to be, and is stepped as far as it goes") {
    const std::string log = small_log();
    const auto lines = lines_of(log);
    const auto first = [&lines](size_t count) {
      return joined({lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(count)});
    };
    const auto check_cut = [](const std::string& cut, const std::string& how, size_t records) {
      const Run ended = run(cut, {"--effects=none"});
      CHECK(ended.code == 1);
      CHECK_MESSAGE(ended.out.find("\nThe log was cut short: " + how + ".\n") != std::string::npos,
                    ended.out);
      CHECK(last_line(ended.out).find("replayed " + std::to_string(records) + " record") == 0);
      const json end = json::parse(last_line(run(cut, {"--json"}).out));
      CHECK(end["as_recorded"] == false);
      CHECK(end["cut"] == how);
    };
    check_cut(first(7), "it ends after seq 6 of 6, without its end", 6);
    check_cut(first(4), "it ends after seq 3 of 6, without its end", 3);
    check_cut(first(1), "it ends before its first record of 6, without its end", 0);
    check_cut(first(6) + lines[6].substr(0, 30), "it ends after seq 5 of 6, inside line 7", 5);
    check_cut(first(6) + lines[6], "it ends after seq 6 of 6, without its end", 6);
    check_cut(first(7) + lines[7].substr(0, 20), "it ends after seq 6 of 6, inside line 8", 6);
    check_cut(first(6) + lines[7] + "\n", "line 7 says that there are 6 records, and there are 5",
              5);
    // Only its line feed is missing.
    CHECK(run(first(7) + lines[7]).code == 0);
  }

  TEST_CASE("what is wrong with a file is named with its line") {
    const std::string log = small_log();
    const auto lines = lines_of(log);
    const auto error = [](const std::string& text) {
      const Run ended = run(text);
      CHECK(ended.code == 2);
      CHECK(ended.out.empty());
      return ended.errors;
    };
    CHECK(error("") == "error: FILE: the file is empty\n");
    CHECK(error("<html>\n") == "error: FILE: line 1: not JSON: expected a value at byte 0\n");
    CHECK(error(R"({"type":"about:blank","title":"Unauthorized","status":401,"detail":"no token"})"
                "\n") == "error: FILE: line 1: no log but an error, 401: no token\n");
    std::string changed = lines[2];
    changed[changed.find("keep")] = 'K';
    CHECK(
        error(with_line(log, 2, changed)) ==
        "error: FILE: line 3: \"sum\" does not fit: the line was changed after it was exported\n");
    CHECK(error(with_line(log, 2, lines[2].substr(1))).find("line 3: not ") != std::string::npos);
    auto dropped = lines;
    dropped.erase(dropped.begin() + 3);
    CHECK(
        error(joined(dropped)) ==
        "error: FILE: line 4: \"seq\" is 4 where 3 must come: what is between them is missing, or "
        "comes later\n");
    auto swapped = lines;
    std::swap(swapped[4], swapped[5]);
    CHECK(error(joined(swapped)).find("line 5: \"seq\" is 5 where 4 must come") !=
          std::string::npos);
    auto twice = lines;
    twice.insert(twice.begin() + 3, lines[2]);
    CHECK(error(joined(twice)).find("line 4: \"seq\" is 2 where 3 must come: it comes twice") !=
          std::string::npos);
    CHECK(error(log + lines[6] + "\n") ==
          "error: FILE: line 9: the log has ended, and this follows\n");
    std::string end;
    edgeroom::append_log_end(end, 5);
    end.pop_back();
    CHECK(error(with_line(log, 7, end)) ==
          "error: FILE: line 8: \"records\" is 5, and there are 6\n");
    const std::string long_line(4U << 20U, ' ');
    CHECK(error(with_line(log, 3, long_line)).find("line 4: longer than 3149824 bytes") !=
          std::string::npos);
  }

  TEST_CASE("what does not fit the log or the program is named") {
    const auto error = [](std::vector<std::string_view> arguments, const std::string& log) {
      const Run ended = run(log, std::move(arguments));
      CHECK(ended.code == 2);
      return ended.errors;
    };
    CHECK(error({"--break=7"}, small_log()) == "error: --break 7: the log holds seqs 1-6\n");
    CHECK(error({"--from=7"}, small_log()) == "error: --from 7: the log holds seqs 1-6\n");
    CHECK(error({"--var=HISTORY_SIZE:many"}, small_log()).find("error: --var: HISTORY_SIZE") == 0);
    LogHeader header;
    header.room = "lobby";
    header.epoch = "01M7";
    header.first = 1;
    header.kind = "dice";
    std::string other;
    edgeroom::append_log_header(other, header);
    CHECK(error({}, other).find("line 1: \"kind\" is dice, and this program knows chat only") !=
          std::string::npos);
    header.kind = "chat";
    header.room = "lobby\n{}";
    other.clear();
    edgeroom::append_log_header(other, header);
    CHECK(error({}, other) ==
          "error: FILE: line 1: \"room\" is no room's name: it holds a line feed\n");
    header.room = "lobby";
    header.snapshot = "\xFF";
    other.clear();
    edgeroom::append_log_header(other, header);
    CHECK(error({}, other).find("line 1: \"snapshot\" is no state of a room of kind chat") !=
          std::string::npos);
  }

  TEST_CASE("what the room does otherwise than recorded is shown") {
    const std::string log = small_log();
    const auto lines = lines_of(log);
    // The state that the log tells of is another one.
    Run ended = run(with_header(log, with_other_state), {"--effects=none"});
    CHECK(ended.code == 1);
    CHECK(ended.out.find("DIFFERS  the state\n  recorded  0123456789abcdef\n") !=
          std::string::npos);
    CHECK(last_line(ended.out).find(": 1 difference") != std::string::npos);
    // A record has a member that the room does not know of.
    ended = run(with_line(log, 3, with_a_mood(lines[3])), {"--effects=none"});
    CHECK(ended.code == 1);
    CHECK(ended.out.find("DIFFERS  seq 3: the record is another one\n  recorded  ...") !=
          std::string::npos);
    CHECK(ended.out.find(",\"mood\":\"sad\",\"sum\":") != std::string::npos);
  }

  TEST_CASE("a room that holds less than its log gives all of it while it has it") {
    RoomHarness room;
    const uint32_t ana = room.join(",\"user\":\"ana\"");
    for (int i = 0; i < 90; i++) {
      room.now_ms += 400'000;  // each is forgotten before the next
      room.frame(ana, "{\"type\":\"message\",\"content\":" + std::to_string(i) + "}");
      room.turn();
    }
    const std::string log = room.whole(R"({"op":"log"})").body;
    const Run ended = run(log, {"--var=HISTORY_SIZE:3"});
    CHECK_MESSAGE(ended.code == 0, last_line(ended.out));
    CHECK(ended.out.find(", over seq 1\n") != std::string::npos);
  }

  TEST_CASE("a log larger than a turn, a page and what waits to be compared may be") {
    // All in one millisecond: no time passes that would end a turn.
    const std::string log = large_log(60, 0);
    REQUIRE(log.size() > 3'000'000);
    Run ended = run(log, {"--effects=none"});
    CHECK_MESSAGE(ended.code == 0, last_line(ended.out));
    CHECK(last_line(ended.out).find("replayed 60 records, state ") == 0);
    ended = run(large_log(60, 1000), {"--effects=none"});
    CHECK_MESSAGE(ended.code == 0, last_line(ended.out));
  }

  TEST_CASE("a page reaches as far back as the room holds: there is no central API to ask") {
    const std::string log = large_log(40, 400'000, 10);
    const Run ended =
        run(log, {"--var=HISTORY_SIZE:3", "--var=DEDUP_MAX:1", "--break=40", "--effects=none"},
            "history 100\ncontinue\n");
    CHECK_MESSAGE(ended.code == 0, last_line(ended.out));
    const size_t from = ended.out.find("(replay) ");
    const size_t to = ended.out.find("(replay) ", from + 1);
    REQUIRE(to != std::string::npos);
    const auto page = lines_of(std::string_view(ended.out).substr(from, to - from));
    CHECK(page.size() >= 3);
    CHECK(page.size() < 39);
    CHECK(page.back().find("39  ") == 0);
  }

  TEST_CASE("of many differences the first are shown, and all are counted") {
    auto lines = lines_of(large_log(8, 1000, 10));
    for (size_t i = 1; i <= 7; i++) lines[i] = with_a_mood(lines[i]);
    const Run ended = run(joined(lines), {"--effects=none"});
    CHECK(ended.code == 1);
    size_t shown_differences = 0;
    for (const std::string& line : lines_of(ended.out)) {
      if (line.find("DIFFERS  ") == 0) shown_differences++;
    }
    CHECK(shown_differences == 5);
    CHECK(last_line(ended.out).find(": 7 differences") != std::string::npos);
  }

  TEST_CASE("a log that is changed or cut while it is replayed ends the replay, which says so") {
    const std::string log = large_log(60, 1000);
    const auto change = [](const std::string& name) {
      const File file(std::fopen(name.c_str(), "r+b"));
      REQUIRE(file);
      std::fseek(file.get(), 1'000'000, SEEK_SET);
      std::fputs("changed", file.get());
    };
    const size_t line_end = log.find('\n', 1'000'000) + 1;
    const auto cut = [line_end](const std::string& name) {
      CHECK(truncate(name.c_str(), static_cast<off_t>(line_end)) == 0);
    };
    for (const bool is_cut : {false, true}) {
      CAPTURE(is_cut);
      const std::function<void(const std::string&)> at_break =
          is_cut ? std::function<void(const std::string&)>(cut) : change;
      const std::string fault =
          is_cut ? "stopped at seq 17: the log cannot be read any more"
                 : "stopped at seq 16: line 18 was changed while it was replayed";
      const std::string replayed = is_cut ? "17" : "16";
      const Run ended = run(log, {"--break=2", "--debugger"}, nullptr, false, at_break);
      CHECK(ended.code == 1);
      CHECK(ended.out.find("\n" + fault + "\n") != std::string::npos);
      CHECK(last_line(ended.out) == "replayed " + replayed + " records, and then no more");
      const Run machine = run(log, {"--break=2", "--debugger", "--json"}, nullptr, false, at_break);
      CHECK(machine.code == 1);
      const json end = json::parse(last_line(machine.out));
      CHECK(end["fault"] == fault);
      CHECK(end["as_recorded"] == false);
    }
  }

  TEST_CASE("a snapshot of another kind of room is named, though the header says this one's") {
    RoomHarness room(edgeroom::test::quiet_settings());
    const uint32_t bob = room.join(R"(,"user":"bob","role":"moderator")");
    for (uint32_t i = 0; i < 40; i++) {
      room.frame(bob, R"({"type":"moderation","action":"unmute","user":"eve"})");
      room.turn();
    }
    const std::string log = room.whole(R"({"op":"log"})").body;
    std::string header = edgeroom::test::unsummed(lines_of(log)[0]);
    const size_t at = header.find("0463686174");  // "chat", and how long it is
    REQUIRE(at != std::string::npos);
    header.replace(at, 10, "0463687574");
    const Run ended = run(with_line(log, 0, edgeroom::test::summed(header)));
    CHECK(ended.code == 2);
    CHECK(ended.errors == "error: FILE: line 1: \"snapshot\" is no state of a room of kind chat\n");
  }

  TEST_CASE("a file that is not there, or no file, is named") {
    const auto error = [](const std::string& name) {
      const Run ended = run_named(name);
      CHECK(ended.code == 2);
      CHECK(ended.out.empty());
      return ended.errors;
    };
    CHECK(error("/nowhere/room.ndjson") ==
          "error: /nowhere/room.ndjson: No such file or directory\n");
    CHECK(error("/tmp").find("Is a directory") != std::string::npos);
  }

  TEST_CASE("standard input is replayed like a file, and named as what it is") {
    const auto replayed = [](const std::string& log) {
      const TemporaryFile file(log);
      REQUIRE(std::freopen(file.name().c_str(), "rb", stdin) != nullptr);
      return run_named("-");
    };
    const std::string log = small_log();
    const Run good = replayed(log);
    CHECK(good.code == 0);
    CHECK(good.errors.empty());
    CHECK(good.out == run(log).out);
    const Run bad = replayed(with_line(log, 2, "{}"));
    CHECK(bad.code == 2);
    CHECK(bad.errors == "error: standard input: line 3: \"type\" is missing\n");
  }

  TEST_CASE("a pipe is read to its end first, and replayed like a file") {
    const std::string name = "/tmp/edgeroom-pipe-" + std::to_string(getpid());
    REQUIRE(mkfifo(name.c_str(), 0600) == 0);
    const std::string log = small_log();
    std::thread writer([&] {
      const File pipe(std::fopen(name.c_str(), "wb"));
      std::fwrite(log.data(), 1, log.size(), pipe.get());
    });
    const Run ended = run_named(name);
    writer.join();
    std::remove(name.c_str());
    CHECK(ended.code == 0);
    CHECK(last_line(ended.out) == last_line(run(log).out));
  }

  TEST_CASE("an output that cannot be written is an error") {
    const TemporaryFile file(small_log());
    const auto options = parse_options({file.name()});
    REQUIRE(options.ok());
    const File full(std::fopen("/dev/full", "w"));
    if (!full) return;  // Linux has it
    const File errors(std::tmpfile());
    Scene scene;
    scene.screen = {full.get(), 100, false};
    scene.errors = errors.get();
    CHECK(replay(options.value(), scene) == 2);
    CHECK(all_of(errors.get()) == "error: the output cannot be written\n");
  }

  TEST_CASE("a log that contradicts itself is named with its line") {
    const std::string log = small_log();
    const auto lines = lines_of(log);
    const auto error = [](const std::string& text) {
      const Run ended = run(text);
      CHECK(ended.code == 2);
      return ended.errors;
    };
    CHECK(error(with_header(log, [](LogHeader& header) { header.last = 5; })) ==
          "error: FILE: line 7: \"seq\" is 6, beyond the header's \"last\", 5\n");
    CHECK(
        error(with_header(log, [](LogHeader& header) { header.last = 9; })) ==
        "error: FILE: line 8: \"records\" is 6, and there are 6; the header's \"last\" is 9, which "
        "makes 9\n");
    // The first record is later than the second.
    edgeroom::LogLine first;
    REQUIRE_FALSE(edgeroom::parse_log_line(lines[1], first));
    first.record.ts += 1'000'000;
    std::string later;
    edgeroom::append_log_line(later, first.record);
    later.pop_back();
    CHECK(error(with_line(log, 1, later)) ==
          "error: FILE: line 3: \"ts\" is before that of the line before\n");
    // An answer that was saved, and is neither a log nor an error of ours.
    for (const char* other :
         {R"({"status":"401","detail":"no token"})", R"({"status":401,"detail":1})",
          R"({"status":401})", R"({"detail":"no token"})"}) {
      CAPTURE(other);
      CHECK(error(std::string(other) + "\n").find("no log but an error") == std::string::npos);
    }
  }

  TEST_CASE("what was cut after one record is told in the singular") {
    auto lines = lines_of(small_log());
    const std::string end = lines.back();
    lines = {lines[0], lines[1], end};
    const Run ended = run(joined(lines));
    CHECK(ended.code == 1);
    CHECK(ended.out.find("says that there are 6 records, and there is 1") != std::string::npos);
  }

  TEST_CASE("machines are told of a break, of differences and of what was cut") {
    const std::string log = small_log();
    const auto lines = lines_of(log);
    const std::string other = with_header(log, with_other_state);
    const Run ended = run(with_line(other, 3, with_a_mood(lines[3])),
                          {"--json", "--break=2", "--effects=full", "--state=changes"});
    CHECK(ended.code == 1);
    json end;
    size_t breaks = 0;
    for (const std::string& each : lines_of(ended.out)) {
      // One of the messages is 1e400, which this parser takes for an error.
      if (each.find("\"event\":\"break\"") == std::string::npos &&
          each.find("\"event\":\"end\"") == std::string::npos) {
        continue;
      }
      end = json::parse(each);
      if (end["event"] == "break") {
        breaks++;
        CHECK(end["before"] == 2);
        CHECK(end["state"].is_object());
      }
    }
    CHECK(breaks == 1);
    CHECK(end["event"] == "end");
    CHECK(end["as_recorded"] == false);
    CHECK(end["difference_count"] == 2);
    REQUIRE(end["differences"].size() == 2);
    CHECK(end["differences"][0]["seq"] == 3);
    CHECK_FALSE(end["differences"][1].contains("seq"));
    CHECK(end["differences"][1]["recorded"] == "0123456789abcdef");
  }

  TEST_CASE("a log that begins with a snapshot shows it, whole room's state included") {
    RoomHarness room(edgeroom::test::quiet_settings(3));
    const uint32_t bob = room.join(R"(,"user":"bob","role":"moderator")");
    room.frame(bob, R"({"type":"moderation","action":"mute","user":"eve"})");
    room.frame(bob, R"({"type":"moderation","action":"ban","user":"ev\u006c"})");
    room.frame(bob, R"({"type":"moderation","action":"ban","user":"mallory","for_s":86400})");
    room.frame(bob, R"({"type":"moderation","action":"kick","user":"trent"})");
    room.turn();
    for (int i = 0; i < 300; i++) {
      room.now_ms += 400'000;
      room.publish(bob, std::to_string(i));
      room.confirm_all();
    }
    const std::string log = room.whole(R"({"op":"log"})").body;
    const auto header = edgeroom::parse_log_header(lines_of(log)[0]);
    REQUIRE(header.ok());
    REQUIRE(header.value().snapshot_through > 0);
    const std::string first = std::to_string(header.value().first);
    const Run ended = run(log, {"--state", "--effects=none"});
    CHECK_MESSAGE(ended.code == 0, last_line(ended.out));
    CHECK(ended.out.find(", snapshot through " + std::to_string(header.value().snapshot_through)) !=
          std::string::npos);
    CHECK(ended.out.find("evl for good") != std::string::npos);
    Run other = run(log, {"--break=1"});
    CHECK(other.code == 2);
    CHECK(other.errors.find("error: --break 1: the log holds seqs " + first) == 0);
    other = run(log, {"--to=1"});
    CHECK(other.errors.find("error: --to 1: the log holds seqs " + first) == 0);
    const Run machine = run(log, {"--json", "--state"});
    CHECK(machine.code == 0);
    CHECK(machine.out.find("null") != std::string::npos);
  }

  TEST_CASE("records that the snapshot holds already leave its state as it is, and it is said") {
    RoomHarness room(edgeroom::test::quiet_settings());
    const uint32_t bob = room.join(R"(,"user":"bob","role":"moderator")");
    for (uint32_t i = 0; i < 40; i++) {
      room.frame(bob,
                 R"({"type":"moderation","action":"mute","user":"u-)" + std::to_string(i) + "\"}");
      room.turn();
    }
    const std::string log = room.whole(R"({"op":"log"})").body;
    const auto header = edgeroom::parse_log_header(lines_of(log)[0]);
    REQUIRE(header.ok());
    const uint64_t through = header.value().snapshot_through;
    REQUIRE(header.value().first == 1);
    REQUIRE(through > 1);
    REQUIRE(through < 40);
    const Run ended = run(log, {"--state", "--effects=none", "--break=2"});
    CHECK_MESSAGE(ended.code == 0, last_line(ended.out));
    const std::string of_snapshot = ", the snapshot's, after seq " + std::to_string(through);
    size_t told = 0;
    for (const std::string& line : lines_of(ended.out)) {
      if (line.find(of_snapshot) != std::string::npos) told++;
    }
    CHECK(told == 2);  // at the beginning, and at the break
    size_t held = 0;
    for (const std::string& line : lines_of(ended.out)) {
      if (line.find(", unchanged (the snapshot's: it holds this record)") != std::string::npos) {
        held++;
      }
    }
    CHECK(held == through);
  }

  TEST_CASE("colours are all that a terminal with colours has beside") {
    const std::string log = small_log();
    std::string coloured = run(log, {}, nullptr, true).out;
    for (size_t at = coloured.find('\x1b'); at != std::string::npos; at = coloured.find('\x1b')) {
      coloured.erase(at, coloured.find('m', at) + 1 - at);
    }
    CHECK(coloured == run(log).out);
  }

  TEST_CASE("what is asked for before there is anything is not there yet") {
    const Run ended = run(small_log(), {"--break=1"}, "history\neffects\ncontinue\n");
    CHECK(ended.code == 0);
    CHECK(ended.out.find("no messages yet") != std::string::npos);
    const Run long_line =
        run(small_log(), {"--break=1"}, (std::string(5000, 'x') + "\nquit\n").c_str());
    CHECK(long_line.code == 1);
  }

  TEST_CASE("an empty log") {
    RoomHarness room;
    room.join();
    const Run ended = run(room.whole(R"({"op":"log"})").body);
    CHECK(ended.code == 0);
    CHECK(last_line(ended.out).find("replayed 0 records, state ") == 0);
  }
}
