// Opening the CUDA backend's library: what is said where it is missing, damaged or of another build; and the one whose
// kernels are executed on the CPU, through the same door.
#include "backends/plugin_loader.h"

#include <dlfcn.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "backends/plugin.h"
#include "core/error.h"
#include "ops/operations.h"
#include "ops/rows/rows.h"
#include "storage/test_files.h"
#include "testing/small_model.h"

namespace cheems {
namespace {

using storage::testing::TemporaryFolder;
using testing::check_refused;
using testing::refusal;

const std::string kLibrary = "libcheems_cuda.so";

std::string plugin_file() { return std::string(CHEEMS_PLUGIN_FOLDER) + "/libcheems_cuda_emulated.so"; }

std::string contents(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  REQUIRE(stream.good());
  return {std::istreambuf_iterator<char>(stream), {}};
}

// What is said of a folder whose libcheems_cuda.so holds these bytes; "auto" then takes the CPU, and says why.
std::string said_of(const std::string& bytes) {
  const TemporaryFolder folder;
  folder.put(kLibrary, bytes);
  const PluginPlace place{folder.path.string(), false};
  const auto backends = list_backends(place);
  REQUIRE(backends.size() == 2);
  CHECK(backends[0].name == "cpu");
  CHECK(backends[0].available);
  CHECK(backends[1].name == "cuda");
  CHECK_FALSE(backends[1].available);
  std::string choice;
  CHECK(create_backend("auto", 1, choice, place)->name() == "cpu");
  CHECK(choice == "cpu, 1 thread; no CUDA device, because " + backends[1].detail);
  check_refused(refusal([&] { create_backend("cuda", 1, choice, place); }),
                {"The device cuda cannot be used, because " + backends[1].detail, "`device: cpu`"});
  return backends[1].detail;
}

TEST_CASE("plug-in: without the library the CPU is taken, and the sentence says where it was looked for") {
  const TemporaryFolder folder;
  const PluginPlace place{folder.path.string(), false};
  std::string choice;
  CHECK(create_backend("auto", 2, choice, place)->name() == "cpu");
  check_refused(choice,
                {"cpu, 2 threads; no CUDA device, because no CUDA backend is installed", folder.file(kLibrary)});
  check_refused(list_backends({folder.path.string(), true}).at(1).detail,
                {"CHEEMS_DEVICE=emulated", "libcheems_cuda_emulated.so", "cheems_cuda_emulated"});
  CHECK(create_backend("cpu", 1, choice, place)->name() == "cpu");
  CHECK(choice == "cpu, 1 thread");
}

TEST_CASE("plug-in: a device that has no such name is refused") {
  std::string choice;
  for (const std::string device : {"gpu", "", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda:99999999999", "CPU"}) {
    CAPTURE(device);
    check_refused(refusal([&] { create_backend(device, 1, choice); }),
                  {"There is no device", "auto, cpu, cuda or cuda:N"});
  }
}

TEST_CASE("plug-in: files that are no library, or were cut off, never reach the loader") {
  const std::string whole = contents(plugin_file());
  check_refused(said_of(""), {"is damaged", "not a 64-bit ELF library", "build it again"});
  check_refused(said_of("#!/bin/sh\necho no library, however long this text may be\n"),
                {"is damaged", "not a 64-bit ELF library"});
  for (const size_t part : {size_t{64}, size_t{4096}, whole.size() / 2, whole.size() - 1}) {
    CAPTURE(part);
    check_refused(said_of(whole.substr(0, part)), {"is damaged", "cut off", std::to_string(part), "build it again"});
  }
}

TEST_CASE("plug-in: another library, and one of another build, are refused before anything of theirs is called") {
  Dl_info info{};
  double (*const cosine)(double) = std::cos;
  REQUIRE(dladdr(reinterpret_cast<void*>(cosine), &info));
  if (std::string(info.dli_fname).find("libm") != std::string::npos)
    check_refused(said_of(contents(info.dli_fname)), {"is not a plug-in of cheems-native"});

  std::string other = contents(plugin_file());
  const std::string id = kPluginBuildId;
  const auto at = other.find(id);
  REQUIRE(at != std::string::npos);
  other[at] = other[at] == 'f' ? '0' : 'f';
  check_refused(said_of(other), {"comes from another build than the engine", "build it again"});
}

TEST_CASE("plug-in: one of another version is refused, and both versions are named") {
  std::string other = contents(plugin_file());
  // The version follows the build id's text in no fixed order: it is found by its own text, which stands alone.
  const std::string version = std::string("\0", 1) + CHEEMS_VERSION + std::string("\0", 1);
  int changed = 0;
  for (auto at = other.find(version); at != std::string::npos; at = other.find(version, at + 1)) {
    other[at + 1] = '9';
    ++changed;
  }
  REQUIRE(changed > 0);
  const std::string theirs = "9" + std::string(CHEEMS_VERSION).substr(1);
  check_refused(said_of(other), {"is version " + theirs + " and the engine " CHEEMS_VERSION, "in the same version"});
}

TEST_CASE("plug-in: a folder that a package named is looked into after the addon's own") {
  const TemporaryFolder empty, broken, package;
  const std::string whole = contents(plugin_file());
  package.put(kLibrary, whole);
  broken.put(kLibrary, whole.substr(0, 4096));
  const auto report = [](const TemporaryFolder& own, std::vector<std::string> more) {
    return report_plugin({own.path.string(), false, std::move(more)});
  };
  const auto found = report(empty, {package.path.string()});
  CHECK(found.file == package.file(kLibrary));
  CHECK(found.version == CHEEMS_VERSION);
  CHECK(found.missing == std::vector<std::string>{});
  REQUIRE(found.libraries.size() == 1);
  CHECK(found.libraries[0].name == "cuBLASLt");
  // A stale library beside the addon does not hide a good one.
  CHECK(report(broken, {package.path.string()}).file == package.file(kLibrary));
  const auto neither = report(broken, {broken.path.string()});
  CHECK(neither.file == "");
  REQUIRE(neither.missing.size() == 1);
  check_refused(neither.missing[0], {"The CUDA backend", broken.file(kLibrary), "cut off"});
  const auto nowhere = report(empty, {broken.path.string() + "/absent"});
  REQUIRE(nowhere.missing.size() == 1);
  check_refused(nowhere.missing[0], {"No CUDA backend is installed", empty.file(kLibrary), "/absent/"});

  add_plugin_folder(package.path.string());
  add_plugin_folder(package.path.string());
  const auto folders = PluginPlace::of_this_process().more_folders;
  CHECK(std::count(folders.begin(), folders.end(), package.path.string()) == 1);
}

TEST_CASE("plug-in: CUDA's kernels on the CPU, chosen by name and by auto") {
  const PluginPlace place{CHEEMS_PLUGIN_FOLDER, true};
  const auto backends = list_backends(place);
  REQUIRE(backends.size() == 2);
  CHECK(backends[1].name == "cuda:0");
  CHECK(backends[1].available);
  check_refused(backends[1].detail, {"emulated on the CPU", "compute capability"});
  for (const std::string device : {"auto", "cuda", "cuda:0"}) {
    std::string choice;
    const auto backend = create_backend(device, 1, choice, place);
    CHECK(backend->name() == "cuda:0");
    CHECK(backend->description() == backends[1].detail);
    CHECK(choice == "cuda:0, " + backends[1].detail);
  }
  std::string choice;
  check_refused(refusal([&] { create_backend("cuda:3", 1, choice, place); }), {"There is no device cuda:3", "1 GPU"});
}

// The devices and images of the emulated library, until its end.
class Emulated {
 public:
  Emulated(const char* devices, const char* images) { set(devices, images); }
  Emulated(const Emulated&) = delete;
  ~Emulated() { set("capability=9.0", "PTX 8.0"); }

 private:
  static void set(const char* devices, const char* images) {
    void* const library = dlopen(plugin_file().c_str(), RTLD_NOW | RTLD_LOCAL);
    REQUIRE(library);
    const auto emulate = reinterpret_cast<void (*)(const char*, const char*)>(dlsym(library, "cheems_emulate_devices"));
    const bool found = emulate != nullptr;
    REQUIRE(found);
    emulate(devices, images);
  }
};

TEST_CASE("plug-in: of several GPUs auto and cuda take the freest that can be taken, and say what was tried") {
  const PluginPlace place{CHEEMS_PLUGIN_FOLDER, true};
  const Emulated devices(
      "name=Old,capability=7.5;name=Small,memory=8192;name=Busy,memory=90000,busy=1;name=Large,memory=40960,used=1024",
      "PTX 8.0");
  const auto backends = list_backends(place);
  REQUIRE(backends.size() == 5);
  CHECK_FALSE(backends[1].available);
  check_refused(backends[1].detail, {"the Old has compute capability 7.5", "8.0"});
  CHECK(backends[2].available);
  for (const std::string device : {"auto", "cuda"}) {
    std::string choice;
    CHECK(create_backend(device, 1, choice, place)->name() == "cuda:3");
    check_refused(choice, {"cuda:3, Large, compute capability 9.0, 40 GiB; chosen from 3 GPUs by free memory: 39.0 GiB",
                           "; cuda:0 (Old, compute capability 7.5, 16 GiB) was not used: ",
                           "; cuda:2 (Busy, compute capability 9.0, 87 GiB) was not used: "});
  }
  std::string choice;
  CHECK(create_backend("cuda:1", 1, choice, place)->name() == "cuda:1");
  CHECK(choice == "cuda:1, Small, compute capability 9.0, 8 GiB");
  check_refused(refusal([&] { create_backend("cuda:2", 1, choice, place); }),
                {"cuda:2 (Busy) cannot be used: another process has it for itself"});
  check_refused(refusal([&] { create_backend("cuda:0", 1, choice, place); }),
                {"cuda:0 cannot be used: the Old has compute capability 7.5"});
}

TEST_CASE("plug-in: where no GPU can be taken auto takes the CPU and says why of each, cuda refuses") {
  const PluginPlace place{CHEEMS_PLUGIN_FOLDER, true};
  const Emulated devices("name=Busy,busy=1;name=Strange,capability=12.0", "sm_80 sm_90");
  std::string choice;
  CHECK(create_backend("auto", 1, choice, place)->name() == "cpu");
  check_refused(choice, {"cpu, 1 thread; cuda:1 (Strange, compute capability 12.0, 16 GiB) was not used: the CUDA "
                         "backend holds no code for compute capability 12.0 (Strange); it holds sm_80 sm_90",
                         "; cuda:0 (Busy, compute capability 9.0, 16 GiB) was not used: "});
  check_refused(
      refusal([&] { create_backend("cuda", 1, choice, place); }),
      {"No GPU of this machine can be used: cuda:1 (Strange", "; cuda:0 (Busy", "Use `device: cpu`, or auto."});
  const Emulated none("", "PTX 8.0");
  CHECK(create_backend("auto", 1, choice, place)->name() == "cpu");
  check_refused(choice, {"no CUDA device, because the NVIDIA driver sees no GPU"});
}

TEST_CASE("plug-in: operations and errors cross the library's border") {
  std::string choice;
  const auto backend = create_backend("cuda", 1, choice, {CHEEMS_PLUGIN_FOLDER, true});
  const std::vector<float> numbers{1, 2, 3, 4, 5, 6};
  const auto from = backend->allocate(24, "a test"), to = backend->allocate(8, "a test");
  backend->upload(from->data(), numbers.data(), 24);
  const std::vector<int32_t> rows{2};
  backend->operations().gather_rows({.y = float_tensor(static_cast<float*>(to->data()), 1, 2),
                                     .x = float_tensor(static_cast<float*>(from->data()), 3, 2),
                                     .rows = rows});
  std::vector<float> found(2);
  backend->download(found.data(), to->data(), 8);
  CHECK(found == std::vector<float>{5, 6});
  // Caught by its type, thrown in another library.
  CHECK_THROWS_AS(backend->allocate(int64_t{1} << 50, "far too much"), Error);
  check_refused(refusal([&] { backend->allocate(int64_t{1} << 50, "far too much"); }),
                {"Out of GPU memory", "far too much"});
}

TEST_CASE("plug-in: the environment's switch has one value") {
  const char* before = std::getenv("CHEEMS_DEVICE");
  const std::string kept = before ? before : "";
  setenv("CHEEMS_DEVICE", "emulated", 1);
  CHECK(PluginPlace::of_this_process().emulated);
  setenv("CHEEMS_DEVICE", "cuda", 1);
  check_refused(refusal([] { PluginPlace::of_this_process(); }), {"CHEEMS_DEVICE=cuda", "emulated", "`device`"});
  unsetenv("CHEEMS_DEVICE");
  const PluginPlace place = PluginPlace::of_this_process();
  CHECK_FALSE(place.emulated);
  CHECK(std::filesystem::is_directory(place.folder));
  if (before) setenv("CHEEMS_DEVICE", kept.c_str(), 1);
}

}  // namespace
}  // namespace cheems
