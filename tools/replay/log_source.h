// Where a log is read from: the bytes of a file, of a pipe, or of memory.
#pragma once

#include <cstddef>
#include <string>

namespace edgeroom::replay {

class LogSource {
 public:
  virtual ~LogSource() = default;
  LogSource() = default;
  LogSource(const LogSource&) = delete;
  LogSource& operator=(const LogSource&) = delete;

  // Up to `size` bytes; 0 at the end, and when they cannot be read.
  virtual size_t read(char* to, size_t size) = 0;
  // Back to the beginning. False when it cannot be read again.
  virtual bool rewind() = 0;
  // Why the last call of the above could not be done, in the system's words; empty when it could.
  [[nodiscard]] virtual std::string fault() const = 0;
};

}  // namespace edgeroom::replay
