// Segments: the head of a stored row, and the index of the rows.

#include "rooms/segment.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/dice.h"
#include "tests/unit/exact_text.h"

using edgeroom::decode_segment_head;
using edgeroom::encode_segment_head;
using edgeroom::SegmentEntry;
using edgeroom::SegmentHead;
using edgeroom::SegmentIndex;
using edgeroom::test::Dice;
using edgeroom::test::ExactText;

namespace {

SegmentHead head_with(std::vector<uint64_t> hashes, uint64_t count = 3) {
  SegmentHead head;
  head.generation = 2;
  head.first_seq = 1000;
  head.count = count;
  head.messages = count;
  head.first_ts = 1'800'000'000'000;
  head.last_ts = 1'800'000'000'500;
  head.data_size = 70'000;
  head.confirmed = 990;
  head.hashes = std::move(hashes);
  return head;
}

std::string encoded(const SegmentHead& head) {
  std::string out;
  encode_segment_head(out, head);
  return out;
}

bool decode(std::string_view bytes, SegmentHead& head) {
  const ExactText exact(bytes);
  return decode_segment_head(exact.view(), head);
}

void check_same(const SegmentHead& got, const SegmentHead& expected) {
  CHECK(got.generation == expected.generation);
  CHECK(got.first_seq == expected.first_seq);
  CHECK(got.count == expected.count);
  CHECK(got.messages == expected.messages);
  CHECK(got.first_ts == expected.first_ts);
  CHECK(got.last_ts == expected.last_ts);
  CHECK(got.data_size == expected.data_size);
  CHECK(got.confirmed == expected.confirmed);
  CHECK(got.hashes == expected.hashes);
}

// What the rest of the room relies on, whatever bytes a head was read from.
void check_sound(const SegmentHead& head) {
  CHECK(head.first_seq > 0);
  CHECK(head.count > 0);
  CHECK(head.messages <= head.count);
  CHECK(head.count <= head.data_size);
  CHECK(head.data_size <= UINT32_MAX);
  CHECK(head.last_seq() >= head.first_seq);
  CHECK((head.hashes.empty() || head.hashes.size() == head.count));
}

SegmentEntry entry(uint64_t first_seq, uint32_t count, uint32_t slot) {
  SegmentEntry out;
  out.first_seq = first_seq;
  out.count = count;
  out.messages = count;
  out.slot = slot;
  return out;
}

std::vector<uint32_t> slots_of(const SegmentIndex& index) {
  std::vector<uint32_t> slots;
  for (const SegmentEntry& held : index.entries()) slots.push_back(held.slot);
  return slots;
}

}  // namespace

TEST_CASE("a head is read as it was written") {
  Dice dice(1);
  for (int i = 0; i < 500; i++) {
    SegmentHead head;
    head.generation = dice.bits() >> dice.below(64);
    head.first_seq = 1 + (dice.bits() >> (12 + dice.below(50)));
    head.count = dice.between(1, 50);
    head.messages = dice.between(0, head.count);
    head.first_ts = dice.bits() >> dice.below(64);
    head.last_ts = dice.bits() >> dice.below(64);
    head.data_size = head.count * dice.between(7, 20'000);
    head.confirmed = dice.bits() >> (12 + dice.below(50));
    if (dice.one_in(2)) {
      for (uint64_t n = 0; n < head.count; n++) {
        head.hashes.push_back(dice.one_in(3) ? 0 : dice.bits());
      }
    }
    SegmentHead got;
    got.hashes = {7};  // nothing of what was there stays
    REQUIRE(decode(encoded(head), got));
    check_same(got, head);
  }
}

TEST_CASE("the stored form of a head is the one that the header states") {
  SegmentHead head;
  head.generation = 1;
  head.first_seq = 128;
  head.count = 2;
  head.messages = 1;
  head.first_ts = 3;
  head.last_ts = 4;
  head.data_size = 50;
  head.confirmed = 6;
  CHECK(encoded(head) == std::string("\x01\x01\x80\x01\x02\x01\x03\x04\x32\x06\0", 11));
  head.hashes = {0x0102030405060708, 0};
  CHECK(encoded(head) == std::string("\x01\x01\x80\x01\x02\x01\x03\x04\x32\x06\x01"
                                     "\x08\x07\x06\x05\x04\x03\x02\x01\0\0\0\0\0\0\0\0",
                                     27));
}

TEST_CASE("a head that is cut anywhere, or goes on, is none") {
  for (const auto& hashes : {std::vector<uint64_t>{}, std::vector<uint64_t>{1, 0, UINT64_MAX}}) {
    const std::string whole = encoded(head_with(hashes));
    SegmentHead head;
    for (size_t size = 0; size < whole.size(); size++) {
      CAPTURE(size);
      CHECK_FALSE(decode(whole.substr(0, size), head));
    }
    CHECK_FALSE(decode(whole + '\0', head));
    CHECK_FALSE(decode(whole + "\x01", head));
    CHECK(decode(whole, head));
  }
}

TEST_CASE("a head with a flipped bit is refused, or still a sound one") {
  for (const auto& hashes : {std::vector<uint64_t>{}, std::vector<uint64_t>{1, 0, UINT64_MAX}}) {
    const std::string whole = encoded(head_with(hashes));
    for (size_t at = 0; at < whole.size() * 8; at++) {
      CAPTURE(at);
      std::string flipped = whole;
      flipped[at / 8] = static_cast<char>(flipped[at / 8] ^ static_cast<char>(1U << (at % 8)));
      SegmentHead head;
      if (decode(flipped, head)) check_sound(head);
    }
  }
}

TEST_CASE("heads that no room writes are refused") {
  const auto refused = [](auto change) {
    SegmentHead head = head_with({});
    change(head);
    SegmentHead got;
    return !decode(encoded(head), got);
  };
  CHECK(refused([](SegmentHead& head) { head.first_seq = 0; }));
  CHECK(refused([](SegmentHead& head) { head.count = head.messages = 0; }));
  CHECK(refused([](SegmentHead& head) { head.messages = head.count + 1; }));
  CHECK(refused([](SegmentHead& head) { head.data_size = uint64_t{UINT32_MAX} + 1; }));
  CHECK(refused([](SegmentHead& head) { head.count = UINT64_MAX / 8 + 1; }));
  // More records than bytes: whoever reads such a head would count to four billion.
  CHECK(refused([](SegmentHead& head) { head.count = UINT32_MAX; }));
  CHECK(refused([](SegmentHead& head) { head.first_seq = UINT64_MAX; }));
  SegmentHead got;
  std::string version = encoded(head_with({}));
  version[0] = 2;
  CHECK_FALSE(decode(version, got));
  std::string flag = encoded(head_with({}));
  flag.back() = 2;
  CHECK_FALSE(decode(flag, got));
}

TEST_CASE("an index without segments gives new slots, one after the other") {
  SegmentIndex index;
  CHECK(index.empty());
  CHECK(index.messages_after_oldest() == 0);
  CHECK(index.take_slot(false) == 0);
  CHECK(index.take_slot(true) == 1);
  index.append(entry(1, 5, 0));
  CHECK(index.messages_after_oldest() == 0);
  index.append(entry(6, 3, 1));
  CHECK(index.messages_after_oldest() == 3);
  CHECK(index.take_slot(false) == 2);
  CHECK(index.take_slot(true) == 0);
  CHECK(index.oldest().first_seq == 6);
  CHECK(index.messages_after_oldest() == 0);
}

TEST_CASE("a seq is found in the segment that holds it") {
  SegmentIndex index;
  uint64_t next = 11;
  for (uint32_t count = 1; count <= 20; count++) {
    index.append(entry(next, count, count));
    next += count;
  }
  for (uint64_t seq = 11; seq < next; seq++) {
    const SegmentEntry& held = index.entries()[index.find(seq)];
    CHECK(held.first_seq <= seq);
    CHECK(seq <= held.last_seq());
  }
}

TEST_CASE("of stored segments the newest unbroken run is kept, and the other slots are free") {
  SegmentIndex index;
  index.add_free_slot(9);  // of another generation
  // A hole below 21.
  index.restore(
      {entry(1, 5, 4), entry(6, 5, 7), entry(21, 2, 0), entry(23, 1, 5), entry(24, 4, 2)});
  CHECK(slots_of(index) == std::vector<uint32_t>{0, 5, 2});
  CHECK(index.messages_after_oldest() == 5);
  CHECK(index.take_slot(false) == 9);
  CHECK(index.take_slot(false) == 4);
  CHECK(index.take_slot(false) == 7);
  CHECK(index.take_slot(false) == 10);  // never one that is in use
  CHECK(index.take_slot(true) == 0);
  CHECK(index.take_slot(true) == 5);
}

TEST_CASE("an unbroken ring is kept whole, and nothing is nothing") {
  SegmentIndex whole;
  whole.restore({entry(3, 2, 1), entry(5, 2, 0), entry(7, 1, 2)});
  CHECK(slots_of(whole) == std::vector<uint32_t>{1, 0, 2});
  CHECK(whole.take_slot(false) == 3);
  SegmentIndex none;
  none.restore({});
  CHECK(none.empty());
  CHECK(none.take_slot(true) == 0);
  SegmentIndex only_free;
  only_free.add_free_slot(3);
  only_free.restore({});
  CHECK(only_free.take_slot(true) == 3);
  CHECK(only_free.take_slot(true) == 4);
}
