#include "base/problem.h"

#include "base/json_writer.h"

namespace edgeroom {

std::string problem_json(uint32_t status, std::string_view title, std::string_view detail) {
  std::string out;
  JsonObjectWriter object(out);
  object.string("type", "about:blank");
  object.string("title", title);
  object.integer("status", status);
  object.string("detail", detail);
  object.close();
  return out;
}

}  // namespace edgeroom
