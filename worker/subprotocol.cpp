#include "worker/subprotocol.h"

#include "worker/request.h"

namespace edgeroom {

namespace {

constexpr std::string_view kBearerPrefix = "bearer.";

bool is_bearer(std::string_view protocol) {
  return protocol.substr(0, kBearerPrefix.size()) == kBearerPrefix;
}

}  // namespace

Result<std::string_view> agree_on_protocol(std::string_view offered) {
  const auto protocols = list_tokens(offered);
  if (protocols.empty()) return std::string_view();
  bool only_bearer = true;
  for (const std::string_view protocol : protocols) {
    if (protocol == kSubprotocol) return kSubprotocol;
    if (!is_bearer(protocol)) only_bearer = false;
  }
  if (only_bearer) {
    return Error{
        "Sec-WebSocket-Protocol: a bearer token is offered beside edgeroom.v1, never "
        "alone: it cannot be the answer"};
  }
  return Error{
      "Sec-WebSocket-Protocol: none of the subprotocols offered is spoken here; offer "
      "edgeroom.v1"};
}

std::vector<std::string_view> offered_tokens(std::string_view offered) {
  std::vector<std::string_view> out;
  for (const std::string_view protocol : list_tokens(offered)) {
    if (is_bearer(protocol)) out.push_back(protocol.substr(kBearerPrefix.size()));
  }
  return out;
}

}  // namespace edgeroom
