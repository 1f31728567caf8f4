// Names of requests: W3C Trace Context, and the platform's.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "worker/limits.h"
#include "worker/trace.h"

using namespace edgeroom;  // NOLINT(google-build-using-namespace)

TEST_CASE("a traceparent is one, or is none") {
  const std::string ids = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";
  CHECK(is_traceparent("00-" + ids + "-01"));
  CHECK(is_traceparent("00-" + ids + "-00"));
  CHECK(is_traceparent("01-" + ids + "-01"));
  CHECK(is_traceparent("cc-" + ids + "-01-what-the-future-adds"));
  const std::vector<std::string> wrong = {
      "",
      "00",
      "ff-" + ids + "-01",
      "00-" + ids + "-01-more",
      "01-" + ids + "-01more",
      "00-" + ids + "-0",
      "00-" + ids + "-0g",
      "00_" + ids + "_01",
      "00-" + ids + "_01",
      "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
      "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
      "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
      "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
      " 00-" + ids + "-01",
  };
  for (const std::string& text : wrong) {
    CAPTURE(text);
    CHECK_FALSE(is_traceparent(text));
  }
}

TEST_CASE("one that is made is good, and like no other") {
  Random random(7);
  const std::string first = make_traceparent(random);
  const std::string second = make_traceparent(random);
  CHECK(is_traceparent(first));
  CHECK(is_traceparent(second));
  CHECK(trace_id_of(first) != trace_id_of(second));
  CHECK(first.substr(first.size() - 3) == "-01");
}

TEST_CASE("a trace id is what stands between the first two hyphens") {
  CHECK(trace_id_of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01") ==
        "4bf92f3577b34da6a3ce929d0e0e4736");
}

TEST_CASE("a request is called what the platform calls it") {
  Random random(7);
  CHECK(request_id("8f1a2b3c4d5e6f70-FRA", random) == "8f1a2b3c4d5e6f70-FRA");
  // A log line can't be made with it.
  for (const std::string& ray : {std::string(), std::string("a b"), std::string("a\"b"),
                                 std::string("a\nb"), std::string("a{b"), std::string("a[b"),
                                 std::string("a:b"), std::string(kRayBytesMax + 1, 'a')}) {
    CAPTURE(ray);
    const std::string made = request_id(ray, random);
    CHECK(made.size() == 16);
    CHECK(made != request_id(ray, random));
  }
}
