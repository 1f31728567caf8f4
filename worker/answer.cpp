#include "worker/answer.h"

#include "base/problem.h"

namespace edgeroom {

namespace {

// RFC 9110, section 15, of those that the Worker answers.
std::string_view title_of(uint32_t status) {
  switch (status) {
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 412: return "Precondition Failed";
    case 416: return "Range Not Satisfiable";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    default: return "Internal Server Error";
  }
}

// Room for those of most answers.
constexpr size_t kHeadersBytesExpected = 384;

}  // namespace

void Answer::add_header(std::string_view name, std::string_view value) {
  if (headers.empty()) headers.reserve(kHeadersBytesExpected);
  headers += name;
  headers += ": ";
  headers += value;
  headers.push_back('\n');
}

Answer problem_answer(uint32_t status, std::string_view detail) {
  Answer answer;
  answer.status = status;
  answer.body = problem_json(status, title_of(status), detail);
  answer.add_header("content-type", "application/problem+json");
  answer.add_header("cache-control", "no-store");
  return answer;
}

Answer unauthorized_answer(std::string_view whose) {
  Answer answer =
      problem_answer(401, "this needs " + std::string(whose) + ": Authorization: Bearer");
  answer.add_header("www-authenticate", "Bearer");
  return answer;
}

Answer method_not_allowed(std::string_view allowed) {
  Answer answer = problem_answer(405, "this resource answers to " + std::string(allowed) + " only");
  answer.add_header("allow", allowed);
  return answer;
}

}  // namespace edgeroom
