// The replay's text: times, widths, and what must not reach a terminal as it is.

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "rooms/dead_letters.h"
#include "rooms/effects.h"
#include "rooms/log.h"
#include "rooms/room_state.h"
#include "tests/unit/test_behaviours.h"
#include "tools/replay/effect_words.h"
#include "tools/replay/host.h"
#include "tools/replay/json_view.h"
#include "tools/replay/options.h"
#include "tools/replay/prompt.h"
#include "tools/replay/record_words.h"
#include "tools/replay/state_view.h"
#include "tools/replay/text_view.h"
#include "tools/replay/words.h"

using edgeroom::ModerationAction;
using edgeroom::Record;
using edgeroom::RecordKind;
using namespace edgeroom::replay;

namespace {

std::string option_error(const std::vector<std::string_view>& arguments) {
  const auto options = parse_options(arguments);
  return options.ok() ? "" : options.error().detail;
}

// Of what the host does.
class Unheard : public StepListener {
 public:
  void on_step(const Step& /*step*/, const edgeroom::EffectList& /*effects*/,
               const Host& /*host*/) override {}
};

std::string command_error(std::string_view line) {
  const auto command = parse_command(line, {});
  return command.ok() ? "" : command.error().detail;
}

}  // namespace

TEST_SUITE("replay words") {
  TEST_CASE("times are UTC, whatever the year") {
    CHECK(utc_time(0) == "1970-01-01 00:00:00.000");
    CHECK(utc_time(951'782'399'999) == "2000-02-28 23:59:59.999");
    CHECK(utc_time(951'782'400'000) == "2000-02-29 00:00:00.000");
    CHECK(utc_time(1'800'000'000'020) == "2027-01-15 08:00:00.020");
    CHECK(utc_time(4'107'542'400'000) == "2100-03-01 00:00:00.000");
    CHECK(utc_time(9'007'199'254'740'991) == "287396-10-12 08:59:00.991");
  }

  TEST_CASE("how much later") {
    CHECK(later(0).empty());
    CHECK(later(-5).empty());
    CHECK(later(100) == "+100 ms");
    CHECK(later(9999) == "+9999 ms");
    CHECK(later(10'000) == "+10 s");
    CHECK(later(86'400'999) == "+86400 s");
  }

  TEST_CASE("what cannot be seen, or moves the cursor, is escaped") {
    CHECK(visible("plain \xC3\xA9 \xF0\x9F\x98\x80") == "plain \xC3\xA9 \xF0\x9F\x98\x80");
    CHECK(visible("a\x1b[31m\n\x7f") == "a\\u001b[31m\\u000a\\u007f");
    CHECK(visible("\xC2\x9B") == "\\u009b");                 // CSI, as one character
    CHECK(visible("\xE2\x80\xAEx") == "\\u202ex");           // from right to left
    CHECK(visible("\xEF\xBB\xBF") == "\\ufeff");             // byte order mark
    CHECK(visible("\xF3\xA0\x80\x81") == "\\udb40\\udc01");  // a tag
    CHECK(visible("\xFF\xC3") == "\\xff\\xc3");
    CHECK(quoted("a\r\tb") == "\"a\\r\\tb\"");
    CHECK(quoted(std::string("\x00\"\\\n\xFF", 5)) == "\"\\x00\\\"\\\\\\n\\xff\"");
  }

  TEST_CASE("text is cut by columns, not by bytes") {
    CHECK(columns_of("abc") == 3);
    CHECK(columns_of("\xE4\xBD\xA0\xE5\xA5\xBD") == 4);  // two wide characters
    CHECK(columns_of("e\xCC\x81") == 1);                 // a combining accent
    CHECK(fit("abcdef", 6) == "abcdef");
    CHECK(fit("abcdefg", 6) == "abcde\xE2\x80\xA6");
    CHECK(fit("abcdefg", 0) == "abcdefg");
    CHECK(fit("\xE4\xBD\xA0\xE5\xA5\xBD", 4) == "\xE4\xBD\xA0\xE5\xA5\xBD");
    CHECK(fit("\xE4\xBD\xA0\xE5\xA5\xBD", 3) == "\xE4\xBD\xA0\xE2\x80\xA6");
    for (const std::string& text :
         {std::string(500, 'x'), std::string("\xE4\xBD\xA0\xE5\xA5\xBD\xF0\x9F\x98\x80 abc\x01")}) {
      for (size_t width = 1; width < 12; width++) {
        CHECK(columns_of(shown(text, width)) <= width);
        CHECK(columns_of(column(visible(text), width)) == width);
      }
    }
    CHECK(shown(std::string(1000, 'x'), 10) == "xxxxxxxxx\xE2\x80\xA6");
    CHECK(shown(std::string(1000, 'x') + "\n", 0) == std::string(1000, 'x') + "\\u000a");
    CHECK(rest_of(0, 50) == 0);  // any number of columns
    CHECK(right("7", 3) == "  7");
    CHECK(right("1234", 3) == "1234");
  }

  TEST_CASE("what has no name is told by its number") {
    CHECK(effect_name(1) == "send");
    CHECK(effect_name(0) == "0");
    CHECK(effect_name(99) == "99");
    CHECK(event_name(static_cast<edgeroom::EventType>(99)) == "99");
    CHECK(status_name(-5) == "corrupt");
    CHECK(status_name(-6) == "6");
    CHECK(status_name(0) == "0");
  }

  TEST_CASE("the seqs of a batch are those of all its records, or none") {
    CHECK(batch_seqs(R"({"records":[]})") == std::vector<uint64_t>{});
    CHECK(batch_seqs(R"({"v":1,"records":[{"seq":7},{"user":"a","seq":9}]})") ==
          std::vector<uint64_t>{7, 9});
    for (const char* bad :
         {"", "[]", "{}", R"({"records":[{"seq":7},{"user":"a"}]})", R"({"records":{"seq":7}})",
          R"({"records":[7]})", R"({"records":[{"seq":"7"}]})", R"({"records":[{"seq":7}]}x)"}) {
      CAPTURE(bad);
      CHECK_FALSE(batch_seqs(bad));
    }
  }

  TEST_CASE("bytes that are no text are shown as bytes, each by itself") {
    CHECK(visible("a\x80\xc1\xbfz") == "a\\x80\\xc1\\xbfz");
    CHECK(visible("\xf5\x80\x80\x80") == "\\xf5\\x80\\x80\\x80");
    CHECK(visible("\xe4\xbd(") == "\\xe4\\xbd(");  // cut in the middle
    CHECK(visible("\xe4\xbd") == "\\xe4\\xbd");
  }

  TEST_CASE("what a kind of room has saved is shown by its bytes, as far as they are few") {
    edgeroom::RoomState state(edgeroom::test::make_clerk());
    StateView view = look_at(state);
    CHECK(view.kind == "clerk");
    REQUIRE_FALSE(view.own.empty());
    CHECK(state_lines(view) ==
          std::vector<std::string>{
              "nobody is banned or muted",
              "clerk     " + count_of(view.own.size(), "byte") + " " + quoted(view.own)});
    view.own = std::string(257, 'x');
    CHECK(state_lines(view)[1] == "clerk     257 bytes \"" + std::string(256, 'x') + "\"...");
    view.own.clear();
    CHECK(state_lines(view).size() == 1);
  }

  TEST_CASE("a record is one row") {
    Record record;
    record.seq = 7;
    record.ts = 1'800'000'000'020;
    record.user = "ana";
    record.content = "{\"a\":[1,\n2]}";
    Columns columns{3, 5, 70};
    CHECK(record_row(record, columns) ==
          "  7  2027-01-15 08:00:00.020  ana    message  {\"a\":[1,\\u000a2]}");
    columns.width = 60;
    CHECK(columns_of(record_row(record, columns)) <= 65);  // text has its 20 columns
    record.deleted = true;
    record.by = "mo";
    CHECK(record_text(record) == "(deleted by mo)");
    Record deletion;
    deletion.kind = RecordKind::kDeletion;
    deletion.target = 3;
    CHECK(record_text(deletion) == "message 3");
    Record ban;
    ban.kind = RecordKind::kModeration;
    ban.action = ModerationAction::kBan;
    ban.subject = "eve";
    CHECK(record_text(ban) == "eve for good");
    ban.until = 1'800'000'000'020;
    ban.reason = "rude";
    CHECK(record_text(ban) == "eve until 2027-01-15 08:00:00.020: rude");
    ban.action = ModerationAction::kKick;
    CHECK(record_text(ban) == "eve: rude");
  }

  TEST_CASE("effects are told in full") {
    edgeroom::EffectList effects;
    effects.broadcast("[{\"a\":1}]");
    effects.timer(-1);
    effects.load({0, 7});
    const auto& records = effects.records();
    CHECK(effect_lines(records[0], effects) ==
          std::vector<std::string>{"< broadcast", "  | [{\"a\":1}]"});
    CHECK(effect_lines(records[1], effects) == std::vector<std::string>{"< timer after=never"});
    CHECK(effect_lines(records[2], effects) == std::vector<std::string>{"< load slots=0,7"});
    CHECK(effect_json(records[0], effects, {}, false) ==
          "{\"type\":\"broadcast\",\"frame\":[{\"a\":1}]}");
    CHECK(effect_json(records[1], effects, {"timer", "\"never\""}, false) ==
          R"({"type":"timer","words":["timer","\"never\""]})");
  }
}

TEST_SUITE("replay options") {
  TEST_CASE("each kind of effect has its line in full, and one for machines") {
    edgeroom::EffectList effects;
    const std::string bytes = "\x01\xff";
    effects.send(7, "[{\"a\":\r\n1}]");
    effects.accept(7, bytes, true);
    effects.close(7, 4003, "kicked");
    effects.put_segment(3, "x", bytes, true);
    effects.drop_segment(3);
    effects.put_state(1, std::string(5000, 'x'));
    effects.alarm(1'800'000'000'000);
    effects.forward(2, "{}", "lobby:E:1-2", 10'000, 0);
    effects.log(edgeroom::LogLevel::kDebug, "{\"event\":\"a\"}");
    effects.log(edgeroom::LogLevel::kInfo, "{}");
    effects.log(edgeroom::LogLevel::kWarn, "{}");
    effects.log(edgeroom::LogLevel::kError, "{}");
    effects.keep_frame();
    effects.respond(9, 404, "{}");
    effects.fetch(4, "/v1/rooms/lobby", 10'000, 0);
    effects.measure(100);
    effects.timer(250);
    effects.load({});
    std::vector<std::string> lines;
    std::vector<std::string> objects;
    for (const edgeroom::Effect& effect : effects.records()) {
      for (const std::string& line : effect_lines(effect, effects)) lines.push_back(line);
      objects.push_back(effect_json(effect, effects, {}, true));
    }
    const std::vector<std::string> expected_lines = {"< send socket=7",
                                                     "  | [{\"a\":\\u000d\\u000a1}]",
                                                     "< accept socket=7",
                                                     "  \"\\x01\\xff\"",
                                                     "< close socket=7 code=4003",
                                                     "  | kicked",
                                                     "< putSegment slot=3",
                                                     "  head \"x\"",
                                                     "  data \"\\x01\\xff\"",
                                                     "< dropSegment slot=3",
                                                     "< putState id=1"};
    REQUIRE(lines.size() > expected_lines.size());
    for (size_t i = 0; i < expected_lines.size(); i++) CHECK(lines[i] == expected_lines[i]);
    const auto has = [&lines](const std::string& line) {
      return std::find(lines.begin(), lines.end(), line) != lines.end();
    };
    // What is long and no text is cut, and says how long it is.
    CHECK(lines[11].size() < 5000);
    CHECK(lines[11].find("... 5000 bytes") != std::string::npos);
    for (const char* line :
         {"< log level=debug", "< log level=info", "< log level=warn", "< log level=error",
          "< keepFrame", "< respond target=9 value=404", "  extra | application/problem+json",
          "  key | lobby:E:1-2", "< timer after=250ms", "< load slots=none"}) {
      CAPTURE(line);
      CHECK(has(line));
    }
    CHECK(objects[0] == R"({"type":"send","socket":7,"frame":[{"a":  1}]})");
    CHECK(objects[1] == R"({"type":"accept","socket":7,"bytes":2,"data":"01ff"})");
    CHECK(objects[2] == R"({"type":"close","socket":7,"code":4003,"reason":"kicked"})");
    CHECK(objects[3] == R"({"type":"putSegment","slot":3,"bytes":2,"head":"78","data":"01ff"})");
    CHECK(objects[4] == R"({"type":"dropSegment","slot":3})");
    CHECK(objects[6] == R"({"type":"alarm","at":1800000000000})");
    CHECK(objects[8] == R"({"type":"log","level":0,"line":{"event":"a"}})");
    CHECK(objects[14] == R"({"type":"fetch","path":"/v1/rooms/lobby"})");
    CHECK(objects[15] == R"({"type":"measure","bytes":100})");
    CHECK(objects[16] == R"({"type":"timer","after_ms":250})");
  }

  TEST_CASE("each kind of effect that people see has its words") {
    Unheard unheard;
    const Host host(unheard, "{}");
    edgeroom::EffectList effects;
    Step step;
    step.seq = 5;
    std::string letter = "x";
    effects.put_segment(edgeroom::kDeadLetterSlotFirst, letter, "1234", false);
    effects.put_segment(1, letter, "1234", false);
    effects.put_state(edgeroom::kSnapshotRow, "12");
    effects.put_state(0, "12");
    effects.forward(2, "{}", "k", 10'000, 0);
    effects.forward(2, R"({"records":[]})", "k", 10'000, 0);
    effects.close(7, 4003, "kicked");
    effects.log(edgeroom::LogLevel::kWarn, "{}");
    effects.fetch(4, "/v1/rooms/lobby", 10'000, 0);
    effects.keep_frame();
    const std::vector<std::pair<std::string, std::string>> expected = {
        {"stored", "a dead letter, 4 bytes"},
        {"stored", "a segment without head"},
        {"snapshot", "through seq 5, 2 bytes"},
        {"stored", "state row, 2 bytes"},
        {"forwards", "no batch"},
        {"forwards", "no batch"},
        {"closes", "4003 kicked"},
        {"logs", "warn {}"},
        {"reads", "/v1/rooms/lobby"},
        {"", ""}};
    REQUIRE(effects.records().size() == expected.size());
    for (size_t i = 0; i < expected.size(); i++) {
      const EffectWords words = effect_words(effects.records()[i], effects, step, host, 100);
      CHECK(words.label == expected[i].first);
      CHECK(words.text == expected[i].second);
    }
  }

  TEST_CASE("options are read in either form, in any order") {
    const auto parsed = parse_options({"--from", "3", "log", "--to=9", "--break=4,7", "--each",
                                       "--state", "--json", "--effects", "full", "--width=80",
                                       "--var", "HISTORY_SIZE:7", "--var=X:a:\"b"});
    REQUIRE(parsed.ok());
    const Options& options = parsed.value();
    CHECK(options.file == "log");
    CHECK(options.from == 3);
    CHECK(options.to == 9);
    CHECK(options.breaks == std::vector<uint64_t>{4, 7});
    CHECK(options.each);
    CHECK(options.state);
    CHECK(options.json);
    CHECK(options.effects == Detail::kFull);
    CHECK(options.width == 80);
    CHECK(options.variables == R"({"HISTORY_SIZE":"7","X":"a:\"b"})");
    CHECK(parse_options({"-"}).value().file == "-");
    CHECK(parse_options({"--", "--json"}).value().file == "--json");
  }

  TEST_CASE("what makes no sense is named") {
    CHECK(option_error({}) == "which log? Give a file, or - for standard input");
    CHECK(option_error({"a", "b"}) == "one log at a time: a or b");
    CHECK(option_error({"a", ""}) == "the file's name is empty");
    CHECK(option_error({"a", "--frm", "1"}) == "unknown option: --frm");
    CHECK(option_error({"a", "--json=1"}) == "unknown option: --json=1");
    CHECK(option_error({"a", "--from"}) == "--from needs a value");
    CHECK(parse_options({"a", "--effects=words"}).ok());
    CHECK_FALSE(option_error({"a", "--var=:7"}).empty());
    CHECK_FALSE(option_error({"a", "--var=HIST-ORY:7"}).empty());
    CHECK(option_error({"a", "--from", "x"}) ==
          "--from takes a seq, a whole number from 1, not 'x'");
    CHECK(option_error({"a", "--to=0"}) == "--to takes a seq, a whole number from 1, not '0'");
    CHECK(option_error({"a", "--break", "1,,2"}) ==
          "--break takes a seq, a whole number from 1, not ''");
    CHECK(option_error({"a", "--from=5", "--to=4"}) == "--from is beyond --to");
    CHECK(option_error({"a", "--effects", "some"}) ==
          "--effects takes none, words or full, not 'some'");
    CHECK(option_error({"a", "--width", "-1"}) ==
          "--width takes a number of columns, 0 for any, not '-1'");
    CHECK(option_error({"a", "--var", "HISTORY_SIZE=1"}) ==
          "--var takes NAME:VALUE, not 'HISTORY_SIZE=1'");
    CHECK(option_error({"a", "--debugger"}) == "--debugger goes with --break, which says where");
  }

  TEST_CASE("commands") {
    const auto read = [](std::string_view line) { return parse_command(line, {}).value(); };
    CHECK(read("s").ask == Ask::kNext);
    CHECK(read("s").number == 1);
    CHECK(read(" next  12 ").number == 12);
    CHECK(read("c\r").ask == Ask::kContinue);
    CHECK(read("history").number == 20);
    CHECK(read("history 7").number == 7);
    CHECK(read("history 7000").number == 100);
    CHECK(read("quit").ask == Ask::kQuit);
    const Command again = parse_command("", {Ask::kNext, 5}).value();
    CHECK(again.ask == Ask::kNext);
    CHECK(again.number == 5);
    CHECK(command_error("jump") == "no such command: jump (help lists them)");
    CHECK(command_error("next x") == "next: what does x mean?");
    CHECK(command_error("next 0") == "next: what does 0 mean?");
    CHECK(command_error("state 5") == "state: what does 5 mean?");
    CHECK(command_error("next 5 6") == "next: too many words");
  }
}
