// The parts of the load generator: what it counts must be true.

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "bench/load/confirmations.h"
#include "bench/load/deflate.h"
#include "bench/load/dialect.h"
#include "bench/load/handshake.h"
#include "bench/load/histogram.h"
#include "bench/load/ledger.h"
#include "bench/load/options.h"
#include "bench/load/process.h"
#include "bench/load/ws_frame.h"

namespace edgeroom::load {
namespace {

TEST_CASE("histogram: quantiles are those of the sorted values, to 1.6 %") {
  Histogram histogram;
  std::vector<uint64_t> values;
  uint64_t state = 1;
  for (int i = 0; i < 10'000; i++) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    const uint64_t value = (state >> 40U) % (uint64_t{1} << (4 + i % 20));
    values.push_back(value);
    histogram.add(value);
  }
  std::sort(values.begin(), values.end());
  for (const double part : {0.01, 0.5, 0.95, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<size_t>(std::ceil(part * 10'000)) - 1;
    const auto exact = static_cast<double>(values[rank]);
    const auto found = static_cast<double>(histogram.quantile(part));
    CHECK(found >= exact);
    CHECK(found <= exact * 1.016 + 0.5);
  }
  CHECK(histogram.max() == values.back());
  CHECK(Histogram().quantile(0.5) == 0);
}

TEST_CASE("histogram: what is too long for it is not lost") {
  Histogram histogram;
  histogram.add(UINT64_MAX);
  CHECK(histogram.total() == 1);
  CHECK(histogram.quantile(0.5) > 0);
}

std::string server_frame(unsigned first, std::string_view payload) {
  std::string frame(1, static_cast<char>(first));
  if (payload.size() < 126) {
    frame.push_back(static_cast<char>(payload.size()));
  } else if (payload.size() <= 0xFFFF) {
    frame.append({126, static_cast<char>(payload.size() >> 8U), static_cast<char>(payload.size())});
  } else {
    frame.append({127, 0, 0, 0, 0, 0, static_cast<char>(payload.size() >> 16U),
                  static_cast<char>(payload.size() >> 8U), static_cast<char>(payload.size())});
  }
  return frame.append(payload);
}

std::vector<std::string> decode(std::string_view bytes, size_t step, std::string* fault = nullptr) {
  Decoder decoder;
  std::vector<std::string> messages;
  for (size_t at = 0; at < bytes.size(); at += step) {
    const std::string part(bytes.substr(at, step));  // so that a view of an old buffer shows
    decoder.feed(part);
    Message message;
    while (decoder.next(message)) {
      messages.push_back(std::to_string(static_cast<int>(message.opcode)) +
                         (message.compressed ? "c" : "") + ":" + std::string(message.payload));
    }
  }
  if (fault != nullptr) *fault = decoder.fault();
  return messages;
}

TEST_CASE("decoder: messages come whole however the bytes come") {
  const std::string middle(300, 'm');
  const std::string large(70'000, 'l');
  const std::string bytes =
      server_frame(0x81, "one") + server_frame(0x81, "") + server_frame(0x81, middle) +
      server_frame(0x01, "pa") + server_frame(0x89, "ping") + server_frame(0x00, "rt") +
      server_frame(0x80, "s") + server_frame(0xC2, large) + server_frame(0x88, "\x03\xE8");
  const std::vector<std::string> wanted{"1:one",   "1:",          "1:" + middle, "9:ping",
                                        "1:parts", "2c:" + large, "8:\x03\xE8"};
  for (const size_t step : {size_t{1}, size_t{2}, size_t{7}, size_t{299}, bytes.size()}) {
    CHECK(decode(bytes, step) == wanted);
  }
}

TEST_CASE("decoder: what no server may send is a fault") {
  for (const std::string& bytes :
       {std::string("\x81\x80"
                    "abcd",
                    6),
        server_frame(0x91, "x"), server_frame(0x09, "x"), server_frame(0x80, "x"),
        server_frame(0x01, "x") + server_frame(0x81, "y")}) {
    std::string fault;
    CHECK(decode(bytes, bytes.size(), &fault).empty());
    CHECK_FALSE(fault.empty());
  }
}

TEST_CASE("frames of a client are masked, and say how long they are") {
  for (const size_t length :
       {size_t{0}, size_t{125}, size_t{126}, size_t{65'535}, size_t{65'536}}) {
    const std::string payload(length, 'p');
    std::string frame;
    append_frame(frame, Opcode::kText, payload, 0x01020304U);
    const size_t head = frame.size() - length;
    CHECK(head == (length < 126 ? 6U : length < 65'536 ? 8U : 14U));
    CHECK((static_cast<unsigned char>(frame[1]) & 0x80U) == 0x80U);
    for (size_t i = 0; i < std::min<size_t>(length, 8); i++) {
      CHECK((frame[head + i] ^ static_cast<char>(1 + i % 4)) == 'p');
    }
  }
}

TEST_CASE("handshake: the example of RFC 6455, section 1.3") {
  const std::string key = "dGhlIHNhbXBsZSBub25jZQ==";
  CHECK(handshake_accept(key) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  const std::string good =
      "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
      "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n\r\n";
  const auto answer = read_handshake(good, key);
  CHECK(answer.fault.empty());
  CHECK(answer.deflate);
  CHECK(answer.fresh_context);
  CHECK_FALSE(read_handshake(good, "another").fault.empty());
  CHECK(read_handshake("HTTP/1.1 503 Full\r\n\r\n", key).fault ==
        "not upgraded: HTTP/1.1 503 Full");
}

TEST_CASE("compression: what was said before may be referred to") {
  Deflater deflater;
  Inflater fresh(true);
  bool failed = false;
  for (int i = 0; i < 3; i++) {
    std::string text;
    for (int j = 0; j < 5000 * i; j++) text += std::to_string(j * j);
    const std::string packed(deflater.deflate_message(text));
    CHECK(fresh.inflate_message(packed, failed) == text);
  }
  CHECK_FALSE(failed);
  fresh.inflate_message("\xFF\xFF\xFF", failed);
  CHECK(failed);
}

TEST_CASE("ledger: each delivery counts once; what is missing, or comes again, is told") {
  Ledger ledger({3, 2}, 5);
  ledger.begin();
  const uint64_t first = ledger.intend(0, 1'000'000);
  const uint64_t second = ledger.intend(1, 2'000'000);
  CHECK(ledger.expected() == 5);
  for (const size_t connection : {0U, 2U, 4U}) ledger.arrive(first, connection, 5'000'000);
  CHECK(ledger.oldest_open_ns() == 2'000'000);
  ledger.arrive(second, 1, 5'000'000);
  CHECK(ledger.lost() == 1);
  CHECK_FALSE(ledger.complete());
  ledger.arrive(second, 3, 5'000'000);
  CHECK(ledger.complete());
  CHECK(ledger.oldest_open_ns() == 0);
  CHECK(ledger.latency().quantile(0.5) >= 3000);
  CHECK(ledger.latency().max() == 4000);
  ledger.arrive(second, 3, 6'000'000);
  CHECK(ledger.duplicated() == 1);
  CHECK_FALSE(ledger.complete());
  CHECK(ledger.arrived() == 5);
}

TEST_CASE("ledger: one that came twice does not stand for one that is lost") {
  Ledger ledger({2}, 2);
  ledger.begin();
  const uint64_t first = ledger.intend(0, 0);
  const uint64_t second = ledger.intend(0, 0);
  ledger.arrive(first, 0, 1);
  ledger.arrive(first, 1, 1);
  ledger.arrive(second, 0, 1);
  ledger.arrive(second, 0, 1);
  CHECK(ledger.lost() == 1);
  CHECK(ledger.duplicated() == 1);
}

TEST_CASE("ledger: what comes of a run before belongs to none") {
  Ledger ledger({1}, 1);
  ledger.begin();
  const uint64_t old = ledger.intend(0, 0);
  ledger.begin();
  const uint64_t now = ledger.intend(0, 0);
  ledger.arrive(old, 0, 1);
  CHECK(ledger.arrived() == 0);
  CHECK(ledger.stale() == 1);
  ledger.arrive(now, 0, 1);
  CHECK(ledger.complete());
}

std::vector<uint64_t> numbers(std::string_view text) {
  std::vector<uint64_t> found;
  each_number(text, [&](uint64_t number, size_t) { found.push_back(number); });
  return found;
}

TEST_CASE("numbers: every message inside a batched frame is found") {
  Options options;
  options.dialect = Dialect::kEdgeroom;
  Speech speech(options);
  std::string frame = "[";
  for (uint64_t i = 7; i < 10; i++) frame += std::string(speech.message(i)) + ",";
  CHECK(numbers(frame) == std::vector<uint64_t>{7, 8, 9});
  CHECK(speech.message(1234567890).find(R"("id":"m-1234567890")") != std::string_view::npos);
  CHECK(numbers("@123").empty());
  CHECK(numbers("a@b.example").empty());
  options.ids = false;
  options.bytes = 4096;
  for (const Dialect dialect : {Dialect::kEdgeroom, Dialect::kJson, Dialect::kSocketIo}) {
    options.dialect = dialect;
    Speech plain(options);
    const std::string text(plain.message(5));
    CHECK(numbers(text) == std::vector<uint64_t>{5});
    const size_t at = text.find('@');
    CHECK(text.find('"', at) - at == 4096);
  }
}

TEST_CASE("confirmations: a message waits until the watermark has come to it") {
  Confirmations confirmations(1);
  confirmations.begin();
  const auto intended = [](uint64_t number) { return number * 1'000'000; };
  const std::string told =
      R"([{"type":"new_message","seq":8,"user":"a","ts":1,"content":"@0000000001"},)"
      R"({"type":"new_message","seq":9,"user":"a","ts":1,"content":"@0000000002 and so on"}])";
  confirmations.hear(0, told, 3'000'000, intended);
  CHECK(confirmations.open() == 2);
  confirmations.hear(0, R"([{"type":"message_confirmed","epoch":"E","through":8}])", 4'000'000,
                     intended);
  CHECK(confirmations.confirmed() == 1);
  CHECK(confirmations.waits().max() == 3000);
  confirmations.hear(0,
                     R"([{"type":"message_confirmed","epoch":"E","through":8},)"
                     R"({"type":"message_confirmed","epoch":"E","through":9}])",
                     9'000'000, intended);
  CHECK(confirmations.open() == 0);
  CHECK(confirmations.waits().max() == 7000);
  CHECK(confirmations.fault().empty());
  confirmations.hear(0, R"([{"type":"message_confirmed","epoch":"E","through":9,"except":[9]}])", 9,
                     intended);
  CHECK_FALSE(confirmations.fault().empty());
}

TEST_CASE("processes: CPU time is counted once") {
  const std::vector<int> self{getpid()};
  const uint64_t before = cpu_ns(self);
  const uint64_t own_before = own_cpu_ns();
  constexpr uint64_t kBusyNs = 300'000'000;
  while (own_cpu_ns() - own_before < kBusyNs) {
  }
  const auto used = static_cast<double>(cpu_ns(self) - before);
  CHECK(used == doctest::Approx(static_cast<double>(kBusyNs)).epsilon(0.1));
}

TEST_CASE("options: what makes no sense is named") {
  Options options;
  CHECK(parse_options({"rate", "--port", "80", "--servers", "1,22"}, options).empty());
  CHECK(options.servers == std::vector<int>{1, 22});
  CHECK(parse_options({"walk"}, options) == "unknown task: walk");
  CHECK(parse_options({"rate", "--port", "80", "--rate", "fast"}, options) ==
        "--rate is unknown, or \"fast\" is no value for it");
  CHECK_FALSE(parse_options({"rate", "--port", "80", "--rooms", "20"}, options).empty());
  CHECK_FALSE(parse_options({"storm", "--port", "80"}, options).empty());
}

}  // namespace
}  // namespace edgeroom::load
