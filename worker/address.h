// Client addresses as rate-limit keys.
#pragma once

#include <string>
#include <string_view>

namespace edgeroom {

// The key that all requests without a readable address share.
inline constexpr std::string_view kUnknownAddress = "unknown";

// What counts as one client:
//
//   1.2.3.4                          1.2.3.4
//   ::ffff:1.2.3.4, ::ffff:102:304   1.2.3.4    (IPv4-mapped, RFC 4291)
//   64:ff9b::1.2.3.4                 1.2.3.4    (NAT64, RFC 6052, well-known prefix)
//   any other IPv6 address           its /64, as 16 hexadecimal digits: a subscriber gets at least
//                                    that much, and may use all of it
//   anything else                    kUnknownAddress
std::string address_key(std::string_view address);

}  // namespace edgeroom
