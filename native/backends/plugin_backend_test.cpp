// What is thrown in a plug-in comes out as an exception of the engine's own, with its sentence; and no function of a
// backend is left out on the way. (That the two libraries' own unwinders never meet is shown through the addon:
// lib/cli/emulated_device.test.ts.)
#include "backends/plugin_backend.h"

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <stdexcept>

#include "backends/plugin_guard.h"
#include "core/error.h"
#include "testing/plain_backend.h"

namespace cheems {
namespace {

std::string source(const std::string& file) {
  std::ifstream stream(std::string(CHEEMS_SOURCE_DIRECTORY) + "/native/" + file);
  REQUIRE(stream.good());
  return {std::istreambuf_iterator<char>(stream), {}};
}

TEST_CASE("plug-in: what stands between it and the engine has every function of Backend") {
  const std::string header = source("backends/backend.h"), between = source("backends/plugin_backend.cpp");
  const auto begin = header.find("class Backend {"), end = header.find("\n};", begin);
  REQUIRE(end != std::string::npos);
  const std::string declarations = header.substr(begin, end - begin);
  const std::regex declaration(R"(\n  virtual [^;{~]*?(\w+)\()");
  std::set<std::string> functions;
  for (std::sregex_iterator at(declarations.begin(), declarations.end(), declaration), none; at != none; ++at)
    functions.insert((*at)[1]);
  CHECK(functions.count("upload") == 1);
  CHECK(functions.size() >= 13);
  for (const auto& function : functions) {
    CAPTURE(function);
    CHECK(std::regex_search(between, std::regex("\\b" + function + R"(\([^)]*\)( const)? override)")));
  }
}

TEST_CASE("plug-in: an error keeps its sentence and its kind, whichever function throws it") {
  static constexpr PluginCalls calls = guarded_calls();
  const auto thrown = [](auto body) {
    std::array<char, 32> text{};
    const auto outcome = guarded({text.data(), text.size()}, body);
    return std::pair(outcome, std::string(text.data()));
  };
  CHECK(thrown([] {}) == std::pair(PluginOutcome::done, std::string()));
  CHECK(thrown([] { fail("a sentence"); }) == std::pair(PluginOutcome::error, std::string("a sentence")));
  CHECK(thrown([] { throw std::runtime_error("of the library"); }) ==
        std::pair(PluginOutcome::failure, std::string("of the library")));
  CHECK(thrown([] { throw 1; }).first == PluginOutcome::failure);
  CHECK(thrown([] { fail(std::string(100, 'x')); }).second == std::string(31, 'x'));

  const auto backend = backend_of_plugin(testing::create_plain_backend<float>(), calls);
  CHECK(backend->name() == testing::plain_backend<float>().name());
  const auto memory = backend->allocate(16, "a test");
  const float numbers[] = {1, 2};
  backend->upload(memory->data(), numbers, sizeof numbers);
  backend->zero(static_cast<float*>(memory->data()) + 1, sizeof(float));
  float found[2] = {};
  backend->download(found, memory->data(), sizeof found);
  CHECK((found[0] == 1 && found[1] == 0));
}

}  // namespace
}  // namespace cheems
