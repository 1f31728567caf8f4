// Request targets and header lists.

#include <doctest/doctest.h>

#include <string>

#include "worker/request.h"
#include "worker/url.h"

using namespace edgeroom;  // NOLINT(google-build-using-namespace)

TEST_CASE("a URL's parts") {
  const auto url = parse_url("https://rooms.example:8443/rooms/a%20b?user=ana&x=/?y#frag?ment");
  REQUIRE(url.has_value());
  CHECK(url->origin == "https://rooms.example:8443");
  CHECK(url->host == "rooms.example:8443");
  CHECK(url->path == "/rooms/a%20b");
  CHECK(url->query == "user=ana&x=/?y");
  const auto bare = parse_url("http://127.0.0.1?q");
  REQUIRE(bare.has_value());
  CHECK(bare->path.empty());
  CHECK(bare->query == "q");
  for (const char* bad : {"", "/rooms/a", "https://", "https:///a", "http:/a", "ftp://a/", "//a/b",
                          "https", "wss://a/"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_url(bad).has_value());
  }
}

TEST_CASE("one spelling of a path") {
  CHECK(normalize_path("") == "/");
  CHECK(normalize_path("/%72ooms/%6C%6fbby") == "/rooms/lobby");
  CHECK(normalize_path("/a%2fb%2F%c3%A9") == "/a%2Fb%2F%C3%A9");
  CHECK(normalize_path("/%2e%2E/%7e%5f%2d") == "/../~_-");
  CHECK(normalize_path("/%zz/%4/%") == "/%zz/%4/%");
  CHECK(normalize_path("/%2572") == "/%2572");  // one layer only
  // Letters end where letters end.
  CHECK(normalize_path("/%41%5a%61%7A") == "/AZaz");
  CHECK(normalize_path("/%40%5b%60%7b%3a") == "/%40%5B%60%7B%3A");
}

TEST_CASE("dot segments") {
  for (const char* path : {"/.", "/..", "/a/../b", "/a/.", "/./a", "/a/.."}) {
    CAPTURE(path);
    CHECK(has_dot_segment(path));
  }
  for (const char* path : {"/", "", "/...", "/a.b/..c", "/.a/b..", "/a/b"}) {
    CAPTURE(path);
    CHECK_FALSE(has_dot_segment(path));
  }
}

TEST_CASE("query parameters") {
  const auto value = [](const char* query) { return query_parameter(query, "user"); };
  CHECK_FALSE(value("").value().has_value());
  CHECK_FALSE(value("users=a&use=b&%75=c").value().has_value());
  CHECK(value("user=ana").value() == "ana");
  CHECK(value("a=b&user=ana+b%26c%2B&c").value() == "ana b&c+");
  CHECK(value("%75ser=ana").value() == "ana");
  CHECK(value("user=").value() == "");
  CHECK(value("user").value() == "");
  CHECK(value("user=a=b").value() == "a=b");
  CHECK(value("%zz=1&user=ana").value() == "ana");
  CHECK(value("user=%c3%a9").value() == "\xc3\xa9");
  CHECK(value("user=a&user=a").error().detail == "user: given more than once");
  CHECK(value("user=a&%75ser=b").error().detail == "user: given more than once");
  CHECK(value("user=%").error().detail == "user: malformed percent-encoding");
  CHECK(value("user=%4").error().detail == "user: malformed percent-encoding");
  CHECK(value("user=%g0").error().detail == "user: malformed percent-encoding");
  CHECK(value("user=%ff").error().detail == "user: not valid UTF-8");
  CHECK(value("user=%ed%a0%80").error().detail == "user: not valid UTF-8");
}

TEST_CASE("what is no text that everybody reads alike is escaped, and comes back") {
  CHECK(percent_encode_text("a b\n%\x7f~") == "a%20b%0A%25%7F~");
  const std::string all = "caf\xc3\xa9\t\x01\x1f!\x7e\x7f\x80\xff";
  CHECK(percent_decode(percent_encode_text(all), false) == all);
}

TEST_CASE("header lists") {
  CHECK(list_holds("websocket", "websocket"));
  CHECK(list_holds("h2c, WebSocket ", "websocket"));
  CHECK_FALSE(list_holds("websockets", "websocket"));
  CHECK_FALSE(list_holds("", "websocket"));
  // Letters alone have two cases: these differ by as much as A and a.
  CHECK_FALSE(list_holds("web\x13ocket, web-ocket", "web3ocket"));
  CHECK_FALSE(list_holds("{", "["));
  CHECK_FALSE(list_holds("`", "@"));
  CHECK(list_tokens(" a ,,\tb, ,c d").size() == 3);
  CHECK(list_tokens(" a ,,\tb, ,c d")[1] == "b");
}

TEST_CASE("the request's lines") {
  CHECK_FALSE(split_request("").has_value());
  CHECK_FALSE(split_request("GET\nhttp://a/\n\n\n\n\n\n\n\n\n").has_value());      // one too few
  CHECK_FALSE(split_request("GET\nhttp://a/\n\n\n\n\n\n\n\n\n\n\n").has_value());  // one too many
  const auto lines = split_request("GET\nhttp://a/\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10");
  REQUIRE(lines.has_value());
  CHECK(lines->method == "GET");
  CHECK(lines->url == "http://a/");
  CHECK(lines->client_address == "1");
  CHECK(lines->origin == "2");
  CHECK(lines->upgrade == "3");
  CHECK(lines->protocols == "4");
  CHECK(lines->authorization == "5");
  CHECK(lines->cors_method == "6");
  CHECK(lines->cors_headers == "7");
  CHECK(lines->verified == "8");
  CHECK(lines->traceparent == "9");
  CHECK(lines->ray == "10");
}
