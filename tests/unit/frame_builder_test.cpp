// Outgoing frames: JSON arrays of bounded size.

#include "rooms/frame_builder.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/unit/dice.h"

using edgeroom::FrameBuilder;
using edgeroom::test::Dice;

namespace {

void add(FrameBuilder& builder, const std::string& object) {
  builder.begin_object().append(object);
  builder.end_object();
}

// An object of exactly `size` bytes (>= 8).
std::string object_of(size_t size) { return "{\"a\":\"" + std::string(size - 8, 'x') + "\"}"; }

}  // namespace

TEST_CASE("nothing gathered is no frame") {
  FrameBuilder builder(100);
  CHECK(builder.empty());
  CHECK(builder.bytes() == 0);
  CHECK(builder.take().empty());
}

TEST_CASE("objects share a frame up to its limit, to the byte") {
  FrameBuilder builder(30);
  // [ + 14 + , + 13 + ] = 30
  add(builder, object_of(14));
  CHECK_FALSE(builder.empty());
  add(builder, object_of(13));
  CHECK(builder.bytes() == 27);
  auto frames = builder.take();
  REQUIRE(frames.size() == 1);
  CHECK(frames[0] == "[" + object_of(14) + "," + object_of(13) + "]");
  CHECK(builder.empty());
  CHECK(builder.bytes() == 0);

  add(builder, object_of(14));
  add(builder, object_of(14));
  frames = builder.take();
  REQUIRE(frames.size() == 2);
  CHECK(frames[0] == "[" + object_of(14) + "]");
  CHECK(frames[1] == "[" + object_of(14) + "]");
}

TEST_CASE("an object larger than a frame gets one of its own, in its place") {
  FrameBuilder builder(30);
  add(builder, "{\"n\":1}");
  add(builder, object_of(50));
  add(builder, "{\"n\":2}");
  add(builder, "{\"n\":3}");
  const auto frames = builder.take();
  REQUIRE(frames.size() == 3);
  CHECK(frames[0] == "[{\"n\":1}]");
  CHECK(frames[1] == "[" + object_of(50) + "]");
  CHECK(frames[2] == "[{\"n\":2},{\"n\":3}]");
}

TEST_CASE("whatever is gathered comes out once, in order, in frames within the limit") {
  Dice dice(1);
  for (int round = 0; round < 200; round++) {
    const size_t frame_bytes_max = dice.index(200) + 16;
    FrameBuilder builder(frame_bytes_max);
    std::vector<std::string> objects;
    size_t bytes = 0;
    for (uint64_t n = dice.below(30); n > 0; n--) {
      objects.push_back(object_of(8 + dice.index(dice.one_in(10) ? 400 : 60)));
      bytes += objects.back().size();
      add(builder, objects.back());
    }
    CHECK(builder.bytes() == bytes);
    std::vector<std::string> got;
    for (const std::string& frame : builder.take()) {
      const auto array = nlohmann::json::parse(frame);
      REQUIRE(array.is_array());
      REQUIRE_FALSE(array.empty());
      if (array.size() > 1) CHECK(frame.size() <= frame_bytes_max);
      for (const auto& object : array) got.push_back(object.dump());
    }
    CHECK(got == objects);
  }
}
