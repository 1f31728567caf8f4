// Client addresses as rate-limit keys.

#include <doctest/doctest.h>

#include <string>

#include "tests/unit/dice.h"
#include "worker/address.h"

using edgeroom::address_key;

TEST_CASE("what counts as one client") {
  struct Case {
    const char* address;
    const char* key;
  };
  const Case cases[] = {
      {"1.2.3.4", "1.2.3.4"},
      {"0.0.0.0", "0.0.0.0"},
      {"255.255.255.255", "255.255.255.255"},
      // IPv4-mapped, by its bits and not by how it is written.
      {"::ffff:1.2.3.4", "1.2.3.4"},
      {"::FFFF:1.2.3.4", "1.2.3.4"},
      {"::ffff:102:304", "1.2.3.4"},
      {"0:0:0:0:0:ffff:1.2.3.4", "1.2.3.4"},
      {"0000:0000:0000:0000:0000:ffff:0102:0304", "1.2.3.4"},
      // NAT64.
      {"64:ff9b::1.2.3.4", "1.2.3.4"},
      {"64:ff9b::102:304", "1.2.3.4"},
      {"64:ff9b:0:0:0:0:102:304", "1.2.3.4"},
      // The /64 of any other.
      {"2001:db8::1", "20010db800000000"},
      {"2001:db8:0:0:ffff:ffff:ffff:ffff", "20010db800000000"},
      {"2001:DB8::", "20010db800000000"},
      {"2001:db8:0:1::1", "20010db800000001"},
      {"2001:db8:1:2:3:4:5:6", "20010db800010002"},
      {"2001:db8:1:2:3:4:1.2.3.4", "20010db800010002"},
      {"::", "0000000000000000"},
      {"::1", "0000000000000000"},
      {"1::", "0001000000000000"},
      {"64:ff9b:1::1.2.3.4", "0064ff9b00010000"},
      {"::fffe:1.2.3.4", "0000000000000000"},
      // No address.
      {"", "unknown"},
      {" 1.2.3.4", "unknown"},
      {"1.2.3.4 ", "unknown"},
      {"1.2.3", "unknown"},
      {"1.2.3.4.5", "unknown"},
      {"1.2.3.", "unknown"},
      {"1..3.4", "unknown"},
      {"1.2.3.256", "unknown"},
      {"1.2.3.0004", "unknown"},
      {"1.2.3.-4", "unknown"},
      {"1.2.3.4, 5.6.7.8", "unknown"},
      {"1.2.3.4:80", "unknown"},
      {"[2001:db8::1]", "unknown"},
      {"2001:db8::1%eth0", "unknown"},
      {"2001:db8::1/64", "unknown"},
      {":", "unknown"},
      {":::", "unknown"},
      {"1::2::3", "unknown"},
      {"1:2:3:4:5:6:7", "unknown"},
      {"1:2:3:4:5:6:7:8:9", "unknown"},
      {"1:2:3:4:5:6:7:", "unknown"},
      {":1:2:3:4:5:6:7", "unknown"},
      {"1:2:3:4:5:6:7::8", "unknown"},
      {"12345::1", "unknown"},
      {"g::1", "unknown"},
      {"::1.2.3.4:5", "unknown"},
      {"1.2.3.4::", "unknown"},
      {"1:2:3:4:5:6:7:1.2.3.4", "unknown"},
      {"localhost", "unknown"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.address);
    CHECK(address_key(c.address) == c.key);
  }
}

TEST_CASE("whatever comes as an address, a key comes out that holds no line feed") {
  edgeroom::test::Dice dice(1);
  const std::string alphabet = "0123456789abcdefF:.:.::%/ \n\xff";
  for (int i = 0; i < 100'000; i++) {
    std::string text;
    for (uint64_t size = dice.below(48); size > 0; size--)
      text += alphabet[dice.index(alphabet.size())];
    CAPTURE(text);
    const std::string key = address_key(text);
    CHECK(key.size() <= 16);
    CHECK(key.find('\n') == std::string::npos);
  }
}
