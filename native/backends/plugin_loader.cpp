#include "backends/plugin_loader.h"

#include <dlfcn.h>
#include <elf.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>
#include <thread>

#include "backends/device_choice.h"
#include "backends/plugin.h"
#include "core/error.h"
#include "core/knobs.h"

namespace cheems {
namespace {

// Why a file cannot be a complete library, or "". The dynamic linker maps what the headers promise, and a process that
// touches a mapped page past the end of its file dies, so a truncated library must not reach it.
std::string damage_of(const std::string& file) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  if (error) return "it cannot be read: " + error.message();
  std::ifstream stream(file, std::ios::binary);
  Elf64_Ehdr header{};
  if (!stream.read(reinterpret_cast<char*>(&header), sizeof header) ||
      std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64)
    return "it is not a 64-bit ELF library";
  // The section table is at the very end.
  uint64_t end = std::max(header.e_shoff + uint64_t{header.e_shnum} * header.e_shentsize,
                          header.e_phoff + uint64_t{header.e_phnum} * header.e_phentsize);
  if (header.e_phentsize == sizeof(Elf64_Phdr)) {
    stream.seekg(static_cast<std::streamoff>(header.e_phoff));
    for (int i = 0; i < header.e_phnum; ++i) {
      Elf64_Phdr segment{};
      if (!stream.read(reinterpret_cast<char*>(&segment), sizeof segment)) break;
      end = std::max<uint64_t>(end, segment.p_offset + segment.p_filesz);
    }
  }
  if (end > size) return sentence("it was cut off (", size, " bytes of ", end, ")");
  return "";
}

#if defined(__x86_64__)
constexpr const char* kHowToGetPlugin =
    "the package cheems-native-linux-x64-cuda brings it, and 'npx cheems-native build' builds it where a CUDA toolkit "
    "is";
#else
constexpr const char* kHowToGetPlugin = "'npx cheems-native build' builds it where a CUDA toolkit is";
#endif

struct Plugin {
  const PluginTable* table = nullptr;
  std::string file;     // where the table comes from
  std::string missing;  // why there is no table; the part of a sentence after "because"
};

std::string file_in(const std::string& folder, bool emulated) {
  return (std::filesystem::path(folder) / (emulated ? "libcheems_cuda_emulated.so" : "libcheems_cuda.so")).string();
}

// The library at `file`, which exists.
Plugin open_plugin(const std::string& file) {
  const auto missing = [](const auto&... parts) { return Plugin{nullptr, "", sentence(parts...)}; };
  const char* rebuild = "; build it again, or install its package again";
  if (const std::string damage = damage_of(file); !damage.empty()) {
    return missing("the CUDA backend ", file, " is damaged: ", damage, rebuild);
  }
  // Never closed: its objects and threads may outlive all users.
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!library) {
    const char* reason = dlerror();
    return missing("the CUDA backend could not be loaded: ", reason ? reason : file.c_str());
  }
  const auto entry = reinterpret_cast<PluginEntry>(dlsym(library, kPluginEntry));
  const PluginTable* table = entry ? entry() : nullptr;
  if (!table) return missing("the CUDA backend ", file, " is not a plug-in of cheems-native", rebuild);
  const bool has_version = table->abi == kPluginAbi;  // other layouts may have it elsewhere, or not at all
  if (has_version && std::strcmp(table->version, CHEEMS_VERSION) != 0) {
    return missing("the CUDA backend ", file, " is version ", table->version, " and the engine ", CHEEMS_VERSION,
                   "; install or build both in the same version");
  }
  if (!has_version || std::strcmp(table->build_id, kPluginBuildId) != 0) {
    return missing("the CUDA backend ", file, " comes from another build than the engine", rebuild);
  }
  return {table, file, ""};
}

// Each library is opened once per process; missing ones are looked for again.
Plugin plugin_in(const std::string& file) {
  static std::mutex mutex;
  static auto& opened = *new std::map<std::string, Plugin>;  // outlives every thread
  const std::lock_guard lock(mutex);
  Plugin& plugin = opened[file];
  if (!plugin.table) plugin = open_plugin(file);
  return plugin;
}

// The first of the place's folders that has a matching library; otherwise, what is wrong with each that exists.
Plugin plugin_at(const PluginPlace& place) {
  std::vector<std::string> folders{place.folder};
  if (!place.emulated) folders.insert(folders.end(), place.more_folders.begin(), place.more_folders.end());
  std::string reasons, absent;
  for (const auto& folder : folders) {
    const std::string file = file_in(folder, place.emulated);
    std::error_code error;
    if (!std::filesystem::exists(file, error)) {
      absent += (absent.empty() ? "" : " and ") + file;
      continue;
    }
    Plugin plugin = plugin_in(file);
    if (plugin.table) return plugin;
    reasons += (reasons.empty() ? "" : "; ") + plugin.missing;
  }
  if (!reasons.empty()) return {nullptr, "", reasons};
  if (place.emulated) {
    return {nullptr, "",
            sentence("CHEEMS_DEVICE=emulated asks for ", absent,
                     ", which is not there (build the target cheems_cuda_emulated)")};
  }
  return {nullptr, "",
          sentence("no CUDA backend is installed (", absent, folders.size() == 1 ? " is" : " are", " not there; ",
                   kHowToGetPlugin, ")")};
}

// "no driver is installed" -> "No driver is installed."
std::string as_sentence(std::string part) {
  if (!part.empty()) part[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(part[0])));
  return part.empty() || part.back() == '.' ? part : part + ".";
}

CudaDevices cuda_devices(const PluginPlace& place) {
  const Plugin plugin = plugin_at(place);
  if (!plugin.table) return {nullptr, {}, plugin.missing};
  std::array<char, 16384> text{};
  const int count = plugin.table->probe(text.data(), text.size());
  if (count <= 0) return {plugin.table, {}, text.data()};
  CudaDevices devices{plugin.table, {}, ""};
  std::istringstream lines(text.data());
  for (std::string line; std::getline(lines, line) && static_cast<int>(devices.list.size()) < count;) {
    const auto tab = line.find('\t');
    devices.list.push_back({line.substr(0, tab), tab == std::string::npos ? "" : line.substr(tab + 1)});
  }
  return devices;
}

std::unique_ptr<Backend> take_cpu(int threads, const std::string& why, std::string& choice) {
  auto backend = create_cpu_backend(threads);
  choice = "cpu, " + backend->description() + why;
  return backend;
}

// The GPU that this process used last, among those of that place.
int& kept_device(const PluginPlace& place) {
  static auto& kept = *new std::map<std::pair<std::string, bool>, int>;
  return kept.try_emplace({place.folder, place.emulated}, -1).first->second;
}

TakenDevice take_some_cuda(const CudaDevices& devices, const PluginPlace& place, std::string& choice) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  TakenDevice taken = take_cuda(devices, kept_device(place));
  if (taken.backend) choice = taken.backend->name() + ", " + taken.backend->description() + taken.why;
  return taken;
}

std::unique_ptr<Backend> take_cuda_or_cpu(int threads, const PluginPlace& place, std::string& choice) {
  const CudaDevices devices = cuda_devices(place);
  TakenDevice taken = take_some_cuda(devices, place, choice);
  if (taken.backend) return std::move(taken.backend);
  return take_cpu(threads, devices.list.empty() ? "; no CUDA device, because " + taken.why : "; " + taken.why, choice);
}

// N of "cuda:N", 0 of "cuda", -1 of anything else.
int cuda_number(const std::string& device) {
  if (device == "cuda") return 0;
  int number = -1;
  if (device.rfind("cuda:", 0) != 0) return -1;
  const char* end = device.data() + device.size();
  const auto [stop, error] = std::from_chars(device.data() + 5, end, number);
  return error == std::errc() && stop == end ? number : -1;
}

}  // namespace

namespace {

std::mutex folders_mutex;
std::vector<std::string>& added_folders() {
  static auto& folders = *new std::vector<std::string>;
  return folders;
}

}  // namespace

void add_plugin_folder(const std::string& folder) {
  const std::lock_guard lock(folders_mutex);
  auto& folders = added_folders();
  if (std::find(folders.begin(), folders.end(), folder) == folders.end()) folders.push_back(folder);
}

PluginPlace PluginPlace::of_this_process() {
  PluginPlace place;
  Dl_info info{};
  // A program may have been started by its name alone.
  if (dladdr(reinterpret_cast<void*>(&cuda_number), &info) && info.dli_fname && std::strchr(info.dli_fname, '/'))
    place.folder = std::filesystem::absolute(info.dli_fname).parent_path().string();
  else place.folder = std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
  if (const char* device = std::getenv("CHEEMS_DEVICE"); device && *device) {
    if (std::strcmp(device, "emulated") != 0)
      fail("The environment has CHEEMS_DEVICE=", device,
           "; its only value is emulated (run CUDA's kernels on the CPU). To choose a device use ", knob("device"),
           ".");
    place.emulated = true;
  }
  const std::lock_guard lock(folders_mutex);
  place.more_folders = added_folders();
  return place;
}

std::vector<BackendInfo> list_backends(const PluginPlace& place) {
  const auto threads = std::max(1u, std::thread::hardware_concurrency());
  std::vector<BackendInfo> backends{{"cpu", true, sentence(threads, threads == 1 ? " core" : " cores")}};
  const CudaDevices devices = cuda_devices(place);
  for (size_t i = 0; i < devices.list.size(); ++i) {
    const auto& [description, unusable] = devices.list[i];
    backends.push_back({sentence("cuda:", i), unusable.empty(), unusable.empty() ? description : unusable});
  }
  if (devices.list.empty()) backends.push_back({"cuda", false, devices.missing});
  return backends;
}

PluginReport report_plugin(const PluginPlace& place) {
  const Plugin plugin = plugin_at(place);
  PluginReport report;
  if (!plugin.table) {
    report.missing.push_back(as_sentence(plugin.missing));
    return report;
  }
  report.file = plugin.file;
  report.version = plugin.table->version;
  report.images = plugin.table->images;
  report.toolkit = plugin.table->toolkit;
  std::vector<char> text(1 << 16);
  plugin.table->describe(text.data(), static_cast<int64_t>(text.size()));
  std::istringstream lines(text.data());
  for (std::string line; std::getline(lines, line);) {
    std::vector<std::string> parts;
    std::istringstream columns(line);
    for (std::string part; std::getline(columns, part, '\t');) parts.push_back(part);
    if (parts.size() == 2 && parts[0] == "driver") report.driver = parts[1];
    if (parts.size() == 2 && parts[0] == "missing") report.missing.push_back(as_sentence(parts[1]));
    if (parts.size() == 4 && parts[0] == "library") report.libraries.push_back({parts[1], parts[2], parts[3]});
  }
  return report;
}

std::unique_ptr<Backend> create_backend(const std::string& device, int threads, std::string& choice,
                                        const PluginPlace& place) {
  if (device == "cpu") return take_cpu(threads, "", choice);
  if (device == "auto") return take_cuda_or_cpu(threads, place, choice);
  const int number = cuda_number(device);
  if (number < 0) fail("There is no device ", in_quotes(device), "; it is auto, cpu, cuda or cuda:N with N from 0.");
  const CudaDevices devices = cuda_devices(place);
  if (devices.list.empty())
    fail("The device ", device, " cannot be used, because ", devices.missing, ". Use ", knob("device", "cpu"),
         ", or auto.");
  if (device == "cuda") {
    TakenDevice taken = take_some_cuda(devices, place, choice);
    if (!taken.backend)
      fail("No GPU of this machine can be used: ", taken.why, ". Use ", knob("device", "cpu"), ", or auto.");
    return std::move(taken.backend);
  }
  auto backend = create_cuda(devices, number);
  choice = backend->name() + ", " + backend->description();
  return backend;
}

}  // namespace cheems
