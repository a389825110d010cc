// Prints the device that a program's tests run on, before the first test.
#include <doctest/doctest.h>

#include <ostream>

#include "testing/operation_check.h"

namespace {

struct NameDevice : doctest::IReporter {
  std::ostream& out;
  explicit NameDevice(const doctest::ContextOptions& options) : out(*options.cout) {}

  void test_run_start() override {
    out << "device under test: " << cheems::testing::device_backend().description() << std::endl;
  }
  void report_query(const doctest::QueryData&) override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_start(const doctest::TestCaseData&) override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_end(const doctest::CurrentTestCaseStats&) override {}
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}
};
DOCTEST_REGISTER_LISTENER("name_device", 0, NameDevice);

}  // namespace
