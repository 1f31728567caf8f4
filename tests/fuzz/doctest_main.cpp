// The harness of the unit tests checks with doctest. Here a check that fails ends the run, and
// libFuzzer keeps the input.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>

namespace {

void stop(const doctest::AssertData& data) {
  std::fprintf(stderr, "%s:%d: failed: %s\n", data.m_file, data.m_line, data.m_expr);
  std::abort();
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  static doctest::Context context;
  context.setAsDefaultForAssertsOutOfTestCases();
  context.setAssertHandler(stop);
  return 0;
}
