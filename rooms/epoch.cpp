#include "rooms/epoch.h"

#include <string_view>

#include "base/check.h"
#include "base/random.h"

namespace edgeroom {

namespace {

constexpr std::string_view kUpper = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr unsigned kTimeCharacters = 10;
constexpr std::string_view kLower = "0123456789abcdefghjkmnpqrstvwxyz";

// The low `characters` * 5 bits, most significant first.
void append_base32(std::string& out, uint64_t bits, unsigned characters,
                   std::string_view alphabet) {
  for (unsigned i = characters; i-- > 0;) out.push_back(alphabet[(bits >> (i * 5)) & 31U]);
}

}  // namespace

std::string make_epoch(uint64_t now_ms, Random& random) {
  std::string epoch;
  append_base32(epoch, now_ms, kTimeCharacters, kUpper);
  append_base32(epoch, random.next(), 8, kUpper);
  append_base32(epoch, random.next(), 8, kUpper);
  return epoch;
}

uint64_t epoch_time_ms(std::string_view epoch) {
  if (epoch.size() < kTimeCharacters) return 0;
  uint64_t time_ms = 0;
  for (const char c : epoch.substr(0, kTimeCharacters)) {
    const size_t digit = kUpper.find(c);
    if (digit == std::string_view::npos) return 0;
    time_ms = time_ms << 5U | digit;
  }
  return time_ms;
}

std::string make_token(unsigned characters, Random& random) {
  CHECK(characters <= 12);
  std::string token;
  append_base32(token, random.next(), characters, kLower);
  return token;
}

}  // namespace edgeroom
