// What processes use.
#pragma once

#include <cstdint>
#include <vector>

namespace edgeroom::load {

// CPU time of all threads of these processes so far, in ns. What has ended counts for nothing.
uint64_t cpu_ns(const std::vector<int>& processes);

// Of this thread.
uint64_t own_cpu_ns();

// Resident memory, in KiB.
uint64_t resident_kib(const std::vector<int>& processes);

// This thread stays on that core; false when it must not.
bool pin_to(int cpu);

// As many open files as this process may have.
void raise_file_limit();

}  // namespace edgeroom::load
