#include "backends/cuda/cublas_library.h"

#include <cuda_runtime.h>
#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "core/error.h"

namespace cheems::cuda {
namespace {

constexpr int kFirstMajor = 12,
              kLastMajor = 13;  // the versions whose functions and structures are the ones in the header

std::string file_name(int major) { return "libcublasLt.so." + std::to_string(major); }

// The driver runs libraries of its own major version and of earlier ones.
std::vector<int> majors_for(int driver_version) {
  const int driver = driver_version / 1000;
  std::vector<int> majors;
  for (int major = kLastMajor; major >= kFirstMajor; --major) {
    if (driver == 0 || major <= driver) majors.push_back(major);
  }
  for (int major = kFirstMajor; major <= kLastMajor; ++major) {
    if (std::find(majors.begin(), majors.end(), major) == majors.end()) majors.push_back(major);
  }
  return majors;
}

// Folders of NVIDIA's wheels below a Python environment: nvidia/cu13/lib, and for version 12 nvidia/cublas/lib.
std::vector<std::string> wheel_folders(const std::string& environment) {
  std::vector<std::string> folders{environment + "/lib"};
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(environment + "/lib", error)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind("python3", 0) != 0) continue;
    for (const char* part : {"cu13", "cublas"}) {
      folders.push_back((entry.path() / "site-packages" / "nvidia" / part / "lib").string());
    }
  }
  return folders;
}

std::string version_of(const CublasLtFunctions& functions) {
  const auto number = static_cast<int64_t>(functions.cublasLtGetVersion());
  return sentence(number / 10000, ".", number / 100 % 100, ".", number % 100);
}

// Why this library cannot be used, or "".
std::string refusal_of(const CublasLtFunctions& functions, bool creates) {
  if (!creates) return "";
  cublasLtHandle_t handle = nullptr;
  const cublasStatus_t status = functions.cublasLtCreate(&handle);
  if (status == CUBLAS_STATUS_SUCCESS) {
    functions.cublasLtDestroy(handle);
    return "";
  }
  return sentence("version ", version_of(functions), ": cublasLtCreate failed with ",
                  functions.cublasLtGetStatusString(status), " (", static_cast<int>(status), ")");
}

// The functions of an open library, or the reason why they cannot be used in `reason`.
std::optional<CublasLtFunctions> functions_of(void* library, std::string& reason) {
  CublasLtFunctions functions;
#define CHEEMS_TAKE(function)                                                                     \
  functions.function = reinterpret_cast<decltype(functions.function)>(dlsym(library, #function)); \
  if (!functions.function) {                                                                      \
    reason = "it has no function " #function;                                                     \
    return std::nullopt;                                                                          \
  }
  CHEEMS_CUBLAS_LT_FUNCTIONS(CHEEMS_TAKE)
#undef CHEEMS_TAKE
  return functions;
}

std::string path_of(void* library, const std::string& name) {
  const link_map* map = nullptr;
  if (dlinfo(library, RTLD_DI_LINKMAP, &map) == 0 && map && map->l_name && *map->l_name) return map->l_name;
  return name;
}

}  // namespace

CublasLtSearch CublasLtSearch::of_this_process() {
  const auto environment = [](const char* name) { return std::string(std::getenv(name) ? std::getenv(name) : ""); };
  CublasLtSearch search;
  (void)cudaDriverGetVersion(&search.driver_version);
  search.given = environment("CHEEMS_CUBLASLT_PATH");
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(&cublas_lt_candidates), &info) && info.dli_fname) {
    search.plugin_folder = std::filesystem::path(info.dli_fname).parent_path().string();
  }
  for (const char* name : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
    if (const auto folder = environment(name); !folder.empty()) search.python_environments.push_back(folder);
  }
  for (const char* name : {"CUDA_PATH", "CUDA_HOME"}) {
    if (const auto folder = environment(name); !folder.empty()) search.toolkits.push_back(folder);
  }
#ifdef CHEEMS_CUDA_TOOLKIT_FOLDER
  search.toolkits.push_back(CHEEMS_CUDA_TOOLKIT_FOLDER);  // on the machine that compiled this
#endif
  search.toolkits.push_back("/usr/local/cuda");
  return search;
}

std::vector<std::string> cublas_lt_candidates(const CublasLtSearch& search) {
  std::vector<std::string> names;
  std::error_code error;
  const auto majors = majors_for(search.driver_version);
  if (!search.given.empty()) {
    if (!std::filesystem::is_directory(search.given, error)) return {search.given};
    for (const int major : majors) names.push_back(search.given + "/" + file_name(major));
    names.push_back(search.given + "/libcublasLt.so");
    return names;
  }
  std::vector<std::string> folders{search.plugin_folder, ""};  // "": the loader's own path, with LD_LIBRARY_PATH
  for (const auto& environment : search.python_environments) {
    for (const auto& folder : wheel_folders(environment)) folders.push_back(folder);
  }
  for (const auto& toolkit : search.toolkits) {
    for (const char* part : {"/lib64", "/lib", "/targets/x86_64-linux/lib"}) folders.push_back(toolkit + part);
  }
  for (const int major : majors) {
    for (const auto& folder : folders)
      names.push_back(folder.empty() ? file_name(major) : folder + "/" + file_name(major));
  }
  return names;
}

CublasLtLibrary open_cublas_lt(const std::vector<std::string>& candidates, bool creates) {
  std::string reasons, missing;
  for (const auto& name : candidates) {
    const bool is_path = name.find('/') != std::string::npos;
    std::error_code error;
    if (is_path && !std::filesystem::exists(name, error)) {
      missing += (missing.empty() ? "" : ", ") + name;
      continue;
    }
    void* library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    std::string reason;
    if (!library) {
      const char* said = dlerror();
      reason = said ? said : "no reason given";
      // A library that is not on the loader's path is missing, not broken.
      if (!is_path && reason.find("cannot open shared object file") != std::string::npos) {
        missing += (missing.empty() ? "" : ", ") + name + " (loader's path)";
        continue;
      }
    } else if (const auto functions = functions_of(library, reason)) {
      reason = refusal_of(*functions, creates);
      if (reason.empty()) return {*functions, path_of(library, name), version_of(*functions)};
    }
    if (library) (void)dlclose(library);
    reasons += (reasons.empty() ? "" : "; ") + name + ": " + reason;
  }
  fail(reasons.empty() ? "cuBLASLt was not found" : "No cuBLASLt library can be used (" + reasons + ")",
       missing.empty() ? "" : "; not there: " + missing,
       ". Install the CUDA toolkit's libcublas, or NVIDIA's Python wheel (pip install nvidia-cublas, "
       "nvidia-cublas-cu12 for a "
       "driver of CUDA 12), and set CHEEMS_CUBLASLT_PATH to the folder of its libcublasLt.so where it is not found by "
       "itself.");
}

#ifdef CHEEMS_CUDA_ON_CPU

namespace {

CublasLtLibrary stand_in() {
  CublasLtLibrary library;
#define CHEEMS_TAKE(function) library.functions.function = &::function;
  CHEEMS_CUBLAS_LT_FUNCTIONS(CHEEMS_TAKE)
#undef CHEEMS_TAKE
  library.file = "part of the emulated device";
  library.version = version_of(library.functions);
  return library;
}

}  // namespace

const CublasLtLibrary& cublas_lt_library() {
  static const CublasLtLibrary library = stand_in();
  return library;
}

CublasLtLibrary find_cublas_lt() { return cublas_lt_library(); }

#else

const CublasLtLibrary& cublas_lt_library() {
  static const CublasLtLibrary library = open_cublas_lt(cublas_lt_candidates(CublasLtSearch::of_this_process()), true);
  return library;
}

CublasLtLibrary find_cublas_lt() {
  return open_cublas_lt(cublas_lt_candidates(CublasLtSearch::of_this_process()), false);
}

#endif

}  // namespace cheems::cuda
