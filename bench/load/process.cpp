#include "bench/load/process.h"

#include <dirent.h>
#include <sched.h>
#include <sys/resource.h>
#include <time.h>

#include <fstream>
#include <limits>
#include <memory>
#include <string>

namespace edgeroom::load {
namespace {

constexpr uint64_t kNsPerS = 1'000'000'000;

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};

}  // namespace

uint64_t cpu_ns(const std::vector<int>& processes) {
  uint64_t sum = 0;
  for (const int process : processes) {
    const std::string folder = "/proc/" + std::to_string(process) + "/task";
    const std::unique_ptr<DIR, CloseFolder> threads(opendir(folder.c_str()));
    if (threads == nullptr) continue;
    while (const dirent* entry = readdir(threads.get())) {
      // The folder above is the process, whose file is that of its first thread once more.
      if (*static_cast<const char*>(entry->d_name) == '.') continue;
      // The first number: time on a core, in ns. /proc/PID/stat counts in steps of 10 ms.
      std::ifstream file(folder + "/" + static_cast<const char*>(entry->d_name) + "/schedstat");
      uint64_t ns = 0;
      if (file >> ns) sum += ns;
    }
  }
  return sum;
}

uint64_t own_cpu_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<uint64_t>(time.tv_sec) * kNsPerS + static_cast<uint64_t>(time.tv_nsec);
}

uint64_t resident_kib(const std::vector<int>& processes) {
  uint64_t sum = 0;
  for (const int process : processes) {
    std::ifstream file("/proc/" + std::to_string(process) + "/status");
    std::string word;
    while (file >> word) {
      uint64_t kib = 0;
      if (word == "VmRSS:" && file >> kib) sum += kib;
      file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    }
  }
  return sum;
}

bool pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(cpu), &set);
  return sched_setaffinity(0, sizeof set, &set) == 0;
}

void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  // Root may have more than it was given.
  constexpr rlim_t kWanted = 65536;
  rlimit raised{kWanted, limit.rlim_max < kWanted ? kWanted : limit.rlim_max};
  if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace edgeroom::load
