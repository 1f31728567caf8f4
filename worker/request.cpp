#include "worker/request.h"

#include <algorithm>
#include <array>

#include "worker/abi.h"

namespace edgeroom {

namespace {

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

std::optional<RequestLines> split_request(std::string_view input) {
  std::array<std::string_view, kEdgeRequestLines> lines;
  size_t ended = 0;
  size_t start = 0;
  for (size_t i = 0; i < input.size(); i++) {
    if (input[i] != '\n') continue;
    if (ended + 1 == lines.size()) return std::nullopt;
    lines[ended++] = input.substr(start, i - start);
    start = i + 1;
  }
  if (ended + 1 != lines.size()) return std::nullopt;
  lines[ended] = input.substr(start);
  const auto line = [&lines](EdgeRequestLine which) { return lines[static_cast<size_t>(which)]; };
  RequestLines out;
  out.method = line(EdgeRequestLine::kMethod);
  out.url = line(EdgeRequestLine::kUrl);
  out.client_address = line(EdgeRequestLine::kClientAddress);
  out.origin = line(EdgeRequestLine::kOrigin);
  out.upgrade = line(EdgeRequestLine::kUpgrade);
  out.protocols = line(EdgeRequestLine::kProtocols);
  out.authorization = line(EdgeRequestLine::kAuthorization);
  out.cors_method = line(EdgeRequestLine::kCorsMethod);
  out.cors_headers = line(EdgeRequestLine::kCorsHeaders);
  out.verified = line(EdgeRequestLine::kVerified);
  out.traceparent = line(EdgeRequestLine::kTraceparent);
  out.ray = line(EdgeRequestLine::kRay);
  return out;
}

std::vector<std::string_view> list_tokens(std::string_view list) {
  constexpr std::string_view kSpace = " \t";
  std::vector<std::string_view> out;
  while (!list.empty()) {
    const size_t comma = list.find(',');
    std::string_view token = list.substr(0, comma);
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
    const size_t start = token.find_first_not_of(kSpace);
    if (start == std::string_view::npos) continue;
    token = token.substr(start, token.find_last_not_of(kSpace) - start + 1);
    out.push_back(token);
  }
  return out;
}

bool list_holds(std::string_view list, std::string_view token) {
  const auto tokens = list_tokens(list);
  return std::any_of(tokens.begin(), tokens.end(),
                     [token](std::string_view each) { return equal_ignoring_case(each, token); });
}

}  // namespace edgeroom
