#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

#include "storage/mapped_file.h"
#include "storage/test_files.h"

using namespace cheems::storage;
using namespace cheems::storage::testing;

TEST_CASE("a mapped file cut while it is read ends the process with a sentence that names it") {
  TemporaryFolder folder;
  const std::string path = folder.put("weights.bin", std::string(20'000, 'x'));
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    const MappedFile file(path);
    if (::truncate(path.c_str(), 0) != 0) ::_exit(0);
    const volatile std::byte read = file.bytes()[10'000];
    static_cast<void>(read);
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string said;
  char text[4096];
  for (ssize_t count; (count = ::read(ends[0], text, sizeof text)) > 0;)
    said.append(text, static_cast<std::size_t>(count));
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  // By the signal, or as a sanitizer's handler of it ends a process.
  CHECK((WIFSIGNALED(status) ? WTERMSIG(status) == SIGBUS : WEXITSTATUS(status) != 0));
  CHECK(said.find("the weights file " + path + " can no longer be read") != std::string::npos);
}
