// A log in a file.
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "base/result.h"
#include "tools/replay/log_source.h"

namespace edgeroom::replay {

struct CloseFile {
  void operator()(std::FILE* file) const;
};
using File = std::unique_ptr<std::FILE, CloseFile>;

class FileSource final : public LogSource {
 public:
  // `name`: a path, or "-" for standard input. What cannot be read twice is copied to a file
  // without a name.
  static Result<std::unique_ptr<LogSource>> open(const std::string& name);
  // `file` can be read from its beginning, and again.
  explicit FileSource(File file) : file_(std::move(file)) {}

  size_t read(char* to, size_t size) override;
  bool rewind() override;
  [[nodiscard]] std::string fault() const override { return fault_; }

 private:
  File file_;
  std::string fault_;
};

}  // namespace edgeroom::replay
