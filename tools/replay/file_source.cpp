#include "tools/replay/file_source.h"

#include <cerrno>
#include <cstring>
#include <utility>

namespace edgeroom::replay {

namespace {

// What is copied at once.
constexpr size_t kCopyBytes = 64U << 10U;

Error system_error(const std::string& what) { return Error{what + ": " + std::strerror(errno)}; }

Result<File> copy_of(std::FILE* from, const std::string& name) {
  File copy(std::tmpfile());
  if (!copy) return system_error("no temporary file for " + name);
  std::string bytes(kCopyBytes, '\0');
  for (;;) {
    const size_t got = std::fread(bytes.data(), 1, bytes.size(), from);
    if (got == 0) break;
    if (std::fwrite(bytes.data(), 1, got, copy.get()) != got) {
      return system_error("the temporary file for " + name + " cannot be written");
    }
  }
  if (std::ferror(from) != 0) return system_error(name + " cannot be read");
  return copy;
}

}  // namespace

void CloseFile::operator()(std::FILE* file) const {
  if (file != stdin) std::fclose(file);
}

Result<std::unique_ptr<LogSource>> FileSource::open(const std::string& name) {
  const bool is_input = name == "-";
  File file(is_input ? stdin : std::fopen(name.c_str(), "rb"));
  if (!file) return system_error(name);
  // A pipe cannot go back. Standard input may be a file, but one that others have read from.
  if (is_input || std::fseek(file.get(), 0, SEEK_END) != 0) {
    auto copy = copy_of(file.get(), is_input ? "standard input" : name);
    if (!copy.ok()) return copy.error();
    file = std::move(copy.value());
  }
  return std::unique_ptr<LogSource>(std::make_unique<FileSource>(std::move(file)));
}

size_t FileSource::read(char* to, size_t size) {
  const size_t got = std::fread(to, 1, size, file_.get());
  const bool has_failed = got == 0 && std::ferror(file_.get()) != 0;
  fault_ = has_failed ? std::strerror(errno) : "";
  return got;
}

bool FileSource::rewind() {
  std::clearerr(file_.get());
  const bool is_back = std::fseek(file_.get(), 0, SEEK_SET) == 0;
  fault_ = is_back ? "" : std::strerror(errno);
  return is_back;
}

}  // namespace edgeroom::replay
