// A request as the host tells it: worker/abi.h, EdgeRequestLine.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace edgeroom {

// Views of the input; a header that was not sent is empty.
struct RequestLines {
  std::string_view method;
  std::string_view url;
  std::string_view client_address;
  std::string_view origin;
  std::string_view upgrade;
  std::string_view protocols;
  std::string_view authorization;
  std::string_view cors_method;
  std::string_view cors_headers;
  std::string_view verified;  // EdgeRequestLine::kVerified
  std::string_view traceparent;
  std::string_view ray;
};

// Nothing when there are too few lines, or too many.
std::optional<RequestLines> split_request(std::string_view input);

// Whether a header that is a comma-separated list holds `token`, in any case.
bool list_holds(std::string_view list, std::string_view token);

// The tokens of a comma-separated list, without white space around them; empty ones are left out.
std::vector<std::string_view> list_tokens(std::string_view list);

}  // namespace edgeroom
