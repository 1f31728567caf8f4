// Rows read back from storage. The input is a list of edits to the rows of a room in which
// something has happened; or, when its first byte is odd, a segment's head and data.
//
// Whatever stands there, it is refused or it is taken; what is taken says the same when it is
// written again, and a room that has taken it works, and wakes as the one it was.
#include <string>
#include <vector>

#include "base/bytes.h"
#include "rooms/record.h"
#include "rooms/segment.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/stored_room.h"

namespace edgeroom::fuzz {
namespace {

void check_records(const SegmentHead& head, std::string_view data) {
  ByteReader reader(data);
  for (uint64_t i = 0; i < head.count; i++) {
    Record record;
    if (!decode_record(reader, head.first_seq + i, head.first_ts, record)) return;
    std::string once;
    ByteWriter writer(once);
    encode_record(writer, record, head.first_ts);
    CHECK(once.size() <= encoded_bytes_max(record));
    Record again;
    ByteReader own(once);
    CHECK(decode_record(own, record.seq, head.first_ts, again));
    CHECK(own.at_end());
    std::string twice;
    ByteWriter second(twice);
    encode_record(second, again, head.first_ts);
    CHECK(twice == once);
  }
}

void check_segment(std::string_view input) {
  ByteReader reader(input);
  const std::string_view bytes = reader.sized();
  if (!reader.ok()) return;
  SegmentHead head;
  if (!decode_segment_head(bytes, head)) return;
  CHECK(head.count > 0 && head.first_seq > 0 && head.messages <= head.count);
  CHECK(head.hashes.empty() || head.hashes.size() == head.count);
  SegmentHead longer;
  CHECK(!decode_segment_head(std::string(bytes) + '\0', longer));
  std::string once;
  encode_segment_head(once, head);
  // A number may have been written in more bytes than it needs.
  CHECK(once.size() <= bytes.size());
  CHECK(once.size() < bytes.size() || once == bytes);
  SegmentHead again;
  CHECK(decode_segment_head(once, again));
  std::string twice;
  encode_segment_head(twice, again);
  CHECK(twice == once);
  check_records(head, input.substr(reader.position()));
}

// One edit: which text, where, how, and the bytes for it.
bool edit(ByteReader& in, const std::vector<std::string*>& texts) {
  std::string& text = *texts[in.u8() % texts.size()];
  const uint8_t how = in.u8();
  const size_t at = text.empty() ? 0 : in.u8() % text.size();
  const std::string_view bytes = in.sized();
  if (!in.ok()) return false;
  switch (how % 4) {
    case 0: text.insert(at, bytes); break;
    case 1: text.erase(at, bytes.size()); break;
    case 2: text.replace(at, bytes.size(), bytes); break;
    default: text = *texts[bytes.empty() ? 0 : bytes.size() % texts.size()]; break;
  }
  return true;
}

StoredRoom edited(std::string_view edits) {
  StoredRoom room = StoredRoom::lived_in();
  std::vector<std::string*> texts;
  texts.reserve(room.state.size() + 2 * room.segments.size());
  for (auto& [id, data] : room.state) texts.push_back(&data);
  for (auto& [slot, segment] : room.segments) {
    texts.push_back(&segment.first);
    texts.push_back(&segment.second);
  }
  ByteReader in(edits);
  while (!in.at_end() && edit(in, texts)) {
  }
  return room;
}

// Does what reads every row, and what writes some. False when the room could not read one.
bool use(Host& host) {
  const char* const operations[] = {
      R"({"op":"state","room":"lobby"})",
      R"({"op":"messages","room":"lobby","after":0})",
      R"({"op":"messages","room":"lobby"})",
      R"({"op":"dead_letters","room":"lobby"})",
      R"({"op":"metrics","room":"lobby"})",
      R"({"op":"replay","room":"lobby"})",
      R"({"op":"delete","room":"lobby","seq":1})",
      "{\"op\":\"publish\",\"room\":\"lobby\"}\n{\"content\":1,\"id\":\"c-1\"}",
      R"({"op":"log","room":"lobby"})",
  };
  for (const char* const operation : operations) {
    if (host.request(operation).empty() && !host.flush()) return false;
  }
  return host.event(EventType::kConnect, 9, 0, R"({"op":"connect","room":"lobby","user":"ana"})") &&
         host.event(EventType::kFrame, 1, 0, R"({"type":"history","after":0})") &&
         host.event(EventType::kFrame, 1, 0, R"({"type":"message","content":2,"id":"c-3"})") &&
         host.flush() && host.event(EventType::kAlarm, 0, 0, "") && host.answer(503, "") &&
         host.flush();
}

void check_room(std::string_view edits) {
  Host host(edited(edits));
  if (!host.wake() || !use(host)) return;
  const std::string before = host.digest();
  CHECK(host.wake());
  CHECK(host.digest() == before);
}

}  // namespace
}  // namespace edgeroom::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view rest = edgeroom::fuzz::text_of(data + 1, size - 1);
  if (data[0] % 2 == 1) {
    edgeroom::fuzz::check_segment(rest);
  } else {
    edgeroom::fuzz::check_room(rest);
  }
  return 0;
}
