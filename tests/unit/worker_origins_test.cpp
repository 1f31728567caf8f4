// API_URL, and which server it gives a path to.

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "worker/limits.h"
#include "worker/origins.h"

using namespace edgeroom;  // NOLINT(google-build-using-namespace)

namespace {

std::string base_of(const Origins& origins, const std::string& path) {
  return std::string(origins.base_of(path).value_or("none"));
}

}  // namespace

TEST_CASE("one URL is behind every path") {
  const auto origins = Origins::parse("https://api.example:8443/v1/");
  REQUIRE(origins.ok());
  CHECK_FALSE(origins.value().empty());
  CHECK(base_of(origins.value(), "/api/users") == "https://api.example:8443/v1");
  CHECK(base_of(origins.value(), "/api//x") == "https://api.example:8443/v1");
}

TEST_CASE("nothing is behind no URL") {
  const auto origins = Origins::parse("");
  REQUIRE(origins.ok());
  CHECK(origins.value().empty());
  CHECK(base_of(origins.value(), "/api/users") == "none");
}

TEST_CASE("the longest prefix takes a path, and whole segments alone count") {
  const auto origins = Origins::parse(
      R"({"/api/shop":"https://shop.example","/api/shop/cart/":"https://cart.example/",)"
      R"("/api/%61lbum":"http://127.0.0.1:9000/x"})");
  REQUIRE(origins.ok());
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"/api/shop", "https://shop.example"},
      {"/api/shop/", "https://shop.example"},
      {"/api/shop/list", "https://shop.example"},
      {"/api/shop/cart", "https://cart.example"},
      {"/api/shop/cart/1", "https://cart.example"},
      {"/api/shop/carts", "https://shop.example"},
      {"/api/shopping", "none"},
      {"/api/Shop", "none"},
      {"/api/album/1", "http://127.0.0.1:9000/x"},
      {"/api/users", "none"},
  };
  for (const auto& [path, base] : cases) {
    CAPTURE(path);
    CHECK(base_of(origins.value(), path) == base);
  }
}

TEST_CASE("the order in which prefixes are written means nothing") {
  const auto origins =
      Origins::parse(R"({"/api":"https://a.example","/api/b/c":"https://c.example",)"
                     R"("/api/b":"https://b.example"})");
  REQUIRE(origins.ok());
  CHECK(base_of(origins.value(), "/api/x") == "https://a.example");
  CHECK(base_of(origins.value(), "/api/b/x") == "https://b.example");
  CHECK(base_of(origins.value(), "/api/b/c/x") == "https://c.example");
}

TEST_CASE("a map that can't be meant is refused by its prefix") {
  std::string many = "{";
  for (size_t i = 0; i <= kOriginsMax; i++) {
    many += (i > 0 ? "," : "") + ("\"/api/" + std::to_string(i)) + "\":\"https://a.example\"";
  }
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"shop.example", "API_URL must be"},
      {"https://a.example/?x", "API_URL must be"},
      {"https://user@a.example", "API_URL must be"},
      {"{", "API_URL must be"},
      {"{}", "API_URL must be"},
      {R"({"/api/":"https://a.example"} x)", "API_URL must be"},
      {R"({"/api/":5})", "\"/api/\" needs an absolute"},
      {R"({"/api/":"ftp://a.example"})", "\"/api/\" needs an absolute"},
      {R"({"api":"https://a.example"})", "\"api\" is not below /api/"},
      {R"({"/apis":"https://a.example"})", "\"/apis\" is not below /api/"},
      {R"({"/":"https://a.example"})", "\"/\" is not below /api/"},
      {R"({"":"https://a.example"})", "\"\" is not below /api/"},
      {R"({"/api/rooms":"https://a.example"})", "belongs to the rooms"},
      {R"({"/api/rooms/x":"https://a.example"})", "belongs to the rooms"},
      {R"({"/api/../x":"https://a.example"})", "is no path"},
      {R"({"/api/x?y":"https://a.example"})", "is no path"},
      {R"({"/api/x":"https://a.example","/api/x/":"https://b.example"})", "is given twice"},
      {many + "}", "more than 64 prefixes"},
  };
  for (const auto& [setting, words] : cases) {
    CAPTURE(setting);
    const auto origins = Origins::parse(setting);
    REQUIRE_FALSE(origins.ok());
    CHECK(origins.error().detail.find(words) != std::string::npos);
    CHECK(origins.error().detail.find("example") == std::string::npos);
  }
}
