// Which cuBLASLt is loaded, with stand-in libraries (stand_ins/) at the places where NVIDIA's may be.
#include "backends/cuda/cublas_library.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "storage/test_files.h"
#include "testing/small_model.h"

namespace cheems::cuda {
namespace {

using cheems::testing::check_refused;
using cheems::testing::refusal;
using storage::testing::TemporaryFolder;

const std::string kStandIns = CHEEMS_STAND_IN_FOLDER;

// Copies the stand-in `kind` to `file` in the folder, and returns its path.
std::string put(const TemporaryFolder& folder, const std::string& file, const std::string& kind) {
  const auto path = folder.path / file;
  std::filesystem::create_directories(path.parent_path());
  std::filesystem::copy_file(kStandIns + "/libcublas_lt_" + kind + ".so", path);
  return path.string();
}

CublasLtSearch search_for(int driver_version, std::vector<std::string> toolkits) {
  CublasLtSearch search;
  search.driver_version = driver_version;
  search.plugin_folder = "/plugin";
  search.toolkits = std::move(toolkits);
  return search;
}

size_t place_of(const std::vector<std::string>& names, const std::string& name) {
  return static_cast<size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

TEST_CASE("cuBLASLt: the version that the driver runs is looked for everywhere before the other") {
  for (const int driver : {0, 13000, 14010}) {
    CAPTURE(driver);
    const auto names = cublas_lt_candidates(search_for(driver, {"/toolkit"}));
    CHECK(names[0] == "/plugin/libcublasLt.so.13");
    CHECK(names[1] == "libcublasLt.so.13");
    CHECK(place_of(names, "/toolkit/lib64/libcublasLt.so.13") < place_of(names, "/plugin/libcublasLt.so.12"));
    CHECK(place_of(names, "/toolkit/lib64/libcublasLt.so.12") < names.size());
  }
  for (const int driver : {12000, 12080}) {
    CAPTURE(driver);
    const auto names = cublas_lt_candidates(search_for(driver, {"/toolkit"}));
    CHECK(names[0] == "/plugin/libcublasLt.so.12");
    CHECK(place_of(names, "/toolkit/lib64/libcublasLt.so.12") < place_of(names, "/plugin/libcublasLt.so.13"));
  }
}

TEST_CASE("cuBLASLt: beside the plug-in, in Python's environment and in the toolkit") {
  const TemporaryFolder folder;
  const auto found_with = [&](const std::string& file, const char* kind) {
    const std::string path = put(folder, file, kind);
    auto search = search_for(13000, {folder.file("toolkit")});
    search.plugin_folder = folder.file("plugin");
    search.python_environments = {folder.file("venv")};
    const auto library = open_cublas_lt(cublas_lt_candidates(search), true);
    CHECK(std::filesystem::equivalent(library.file, path));
    std::filesystem::remove(path);
    return library.version;
  };
  CHECK(found_with("plugin/libcublasLt.so.13", "13") == "13.1.2");
  CHECK(found_with("venv/lib/python3.12/site-packages/nvidia/cu13/lib/libcublasLt.so.13", "13") == "13.1.2");
  CHECK(found_with("venv/lib/python3.11/site-packages/nvidia/cublas/lib/libcublasLt.so.12", "12") == "12.9.1");
  CHECK(found_with("venv/lib/libcublasLt.so.12", "12") == "12.9.1");
  CHECK(found_with("toolkit/lib64/libcublasLt.so.12", "12") == "12.9.1");
}

TEST_CASE("cuBLASLt: a library that makes no handle, or is none, is left for the next") {
  const TemporaryFolder folder;
  const std::string refusing = put(folder, "a/libcublasLt.so.13", "13_refusing");
  const std::string partial = put(folder, "b/libcublasLt.so.13", "13_partial");
  const std::string whole = put(folder, "c/libcublasLt.so.12", "12");
  folder.put("text.so", "no library");
  const auto library =
      open_cublas_lt({folder.file("absent.so"), refusing, partial, folder.file("text.so"), whole}, true);
  CHECK(library.version == "12.9.1");
  CHECK(library.file == whole);
  // If only its version is requested, no handle is created.
  CHECK(open_cublas_lt({refusing, whole}, false).version == "13.1.2");
  check_refused(refusal([&] {
                  open_cublas_lt({folder.file("absent.so"), refusing, partial, folder.file("text.so")}, true);
                }),
                {"No cuBLASLt library can be used",
                 refusing + ": version 13.1.2: cublasLtCreate failed with CUBLAS_STATUS_NOT_INITIALIZED (1)",
                 partial + ": it has no function cublasLtMatmul", folder.file("text.so"),
                 "not there: " + folder.file("absent.so"), "CHEEMS_CUBLASLT_PATH"});
}

TEST_CASE("cuBLASLt: where nothing is, every place is named") {
  const auto names = cublas_lt_candidates(search_for(0, {"/no-toolkit"}));
  check_refused(refusal([&] { open_cublas_lt(names, true); }),
                {"cuBLASLt was not found", "/plugin/libcublasLt.so.13", "/no-toolkit/lib64/libcublasLt.so.12",
                 "nvidia-cublas-cu12"});
}

TEST_CASE("cuBLASLt: a path that the user gives is the only one") {
  const TemporaryFolder folder;
  auto search = search_for(13000, {folder.path.string()});
  search.given = put(folder, "own/libother.so", "12");
  CHECK(cublas_lt_candidates(search) == std::vector<std::string>{search.given});
  CHECK(open_cublas_lt(cublas_lt_candidates(search), true).version == "12.9.1");
  search.given = folder.file("own");
  CHECK(cublas_lt_candidates(search) == std::vector<std::string>{search.given + "/libcublasLt.so.13",
                                                                 search.given + "/libcublasLt.so.12",
                                                                 search.given + "/libcublasLt.so"});
}

}  // namespace
}  // namespace cheems::cuda
