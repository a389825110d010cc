#include "testing/cuda_on_cpu/traffic.h"

#include <algorithm>
#include <bit>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "core/error.h"
#include "testing/cuda_on_cpu/memory.h"
#include "testing/cuda_on_cpu/streams.h"
#include "testing/cuda_on_cpu/traffic_counters.h"

namespace cheems::cuda_on_cpu {

bool traffic_counted = false;

namespace {

std::mutex traffic_guard;  // of the totals
std::map<std::string, KernelTraffic> totals;
KernelTraffic launch_traffic;

enum class Stream : std::uint8_t { global_load, global_store, shared_load, shared_store };

// One access of a warp.
struct Request {
  std::uint32_t lanes = 0;
  std::uint32_t bytes = 0;  // of a lane
  std::uintptr_t addresses[kWarpLanes];
};

// The accesses that a warp has made at one place in the code since its lanes last synchronized.
struct Site {
  Stream stream;
  std::uint32_t made[kWarpLanes] = {};  // by lane
  std::vector<Request> requests;        // the nth of each lane in one
  std::size_t used = 0;
};

struct Key {
  const void* site;
  Stream stream;
  bool operator==(const Key&) const = default;
};
struct KeyHash {
  std::size_t operator()(const Key& key) const {
    return std::hash<const void*>()(key.site) * 4 + static_cast<std::size_t>(key.stream);
  }
};

struct WarpTraffic {
  std::unordered_map<Key, Site, KeyHash> sites;
  std::vector<Site*> touched;
};
WarpTraffic warps[kMaxWarps];

void add(const Thread& thread, std::uintptr_t address, std::size_t bytes, Stream stream, const void* place) {
  WarpTraffic& warp = warps[thread.warp];
  Site& site = warp.sites[{place, stream}];
  site.stream = stream;
  const std::size_t nth = site.made[thread.lane]++;
  if (site.used == 0) warp.touched.push_back(&site);
  if (nth >= site.requests.size()) site.requests.resize(std::max<std::size_t>(nth + 1, 2 * site.requests.size()));
  for (; site.used <= nth; ++site.used) site.requests[site.used].lanes = 0;
  Request& request = site.requests[nth];
  request.lanes |= 1u << thread.lane;
  request.bytes = static_cast<std::uint32_t>(bytes);
  request.addresses[thread.lane] = address;
}

// The number of different values of address / unit among the lanes.
int different(const Request& request, std::uint32_t lanes, std::uintptr_t unit) {
  std::uintptr_t values[kWarpLanes];
  int count = 0;
  for (std::uint32_t left = lanes & request.lanes; left != 0; left &= left - 1) {
    values[count++] = request.addresses[std::countr_zero(left)] / unit;
  }
  if (!std::is_sorted(values, values + count)) std::sort(values, values + count);
  return static_cast<int>(std::unique(values, values + count) - values);
}

// The maximum number of different words that the lanes access in one bank: a wavefront serves one word per bank.
int wavefronts(const Request& request, std::uint32_t lanes) {
  std::uintptr_t words[kWarpLanes * 4];
  int count = 0;
  const int words_a_lane = std::max(1, static_cast<int>(request.bytes) / 4);
  for (std::uint32_t left = lanes & request.lanes; left != 0; left &= left - 1) {
    for (int i = 0; i < words_a_lane; ++i)
      words[count++] = request.addresses[std::countr_zero(left)] / 4 + static_cast<std::uintptr_t>(i);
  }
  if (!std::is_sorted(words, words + count)) std::sort(words, words + count);
  count = static_cast<int>(std::unique(words, words + count) - words);
  int by_bank[32] = {}, most = 0;
  for (int i = 0; i < count; ++i) most = std::max(most, ++by_bank[words[i] % 32]);
  return most;
}

void count_shared_request(const Request& request) {
  // 16-byte accesses are served eight lanes at a time, 8-byte ones sixteen: at most 128 bytes per wavefront.
  const int lanes_at_once = request.bytes == 16 ? 8 : request.bytes == 8 ? 16 : 32;
  for (int first = 0; first < kWarpLanes; first += lanes_at_once) {
    const std::uint32_t lanes = (lanes_at_once == 32 ? 0xffffffffu : (1u << lanes_at_once) - 1) << first;
    const int needed = wavefronts(request, lanes);
    launch_traffic.shared_wavefronts += needed;
    launch_traffic.bank_conflicts += std::max(0, needed - 1);
  }
}

void count_request(Stream stream, const Request& request) {
  switch (stream) {
    case Stream::global_load:
      ++launch_traffic.global_load_requests;
      launch_traffic.global_load_sectors += different(request, 0xffffffffu, 32);
      break;
    case Stream::global_store:
      ++launch_traffic.global_store_requests;
      launch_traffic.global_store_sectors += different(request, 0xffffffffu, 32);
      break;
    case Stream::shared_load:
    case Stream::shared_store:
      count_shared_request(request);
      break;
  }
}

void lanes_meet(WarpTraffic& warp) {
  for (Site* const site : warp.touched) {
    for (std::size_t nth = 0; nth < site->used; ++nth) count_request(site->stream, site->requests[nth]);
    site->used = 0;
    std::fill(std::begin(site->made), std::end(site->made), 0);
  }
  warp.touched.clear();
}

}  // namespace

void count_global_access(const Thread& thread, const AccessEvent& event) {
  const auto bytes = static_cast<std::int64_t>(event.bytes);
  switch (event.kind) {
    case Access::read:
      launch_traffic.global_load_bytes += bytes;
      break;
    case Access::write:
      launch_traffic.global_store_bytes += bytes;
      break;
    case Access::atomic:
      ++launch_traffic.global_atomics;
      return;
  }
  add(thread, event.address, event.bytes, event.kind == Access::read ? Stream::global_load : Stream::global_store,
      event.site);
}

void count_shared_access(const Thread& thread, const AccessEvent& event) {
  if (event.kind == Access::atomic) return;
  const bool load = event.kind == Access::read;
  (load ? launch_traffic.shared_load_bytes : launch_traffic.shared_store_bytes) +=
      static_cast<std::int64_t>(event.bytes);
  add(thread, event.address, event.bytes, load ? Stream::shared_load : Stream::shared_store, event.site);
}

void count_async_copy(const Thread& thread, const AsyncCopy& copy) {
  if (copy.valid) launch_traffic.async_copy_bytes += 16;
  launch_traffic.shared_store_bytes += 16;
  add(thread, reinterpret_cast<std::uintptr_t>(copy.shared), 16, Stream::shared_store, copy.site);
}

void count_warp_function(const Thread& thread, std::uint32_t mask) {
  ++launch_traffic.warp_functions;
  if (thread.collective == Collective::multiply_accumulate) ++launch_traffic.mma;
  if (mask == machine().warps[thread.warp].live) lanes_meet(warps[thread.warp]);
}

void count_barrier() {
  ++launch_traffic.barriers;
  for (int w = 0; w < machine().warp_count; ++w) lanes_meet(warps[w]);
}

void traffic_begin_launch(const Machine&) {
  launch_traffic = {};
  launch_traffic.launches = 1;
}

void traffic_end_block() {
  ++launch_traffic.blocks;
  for (int w = 0; w < machine().warp_count; ++w) lanes_meet(warps[w]);
}

void traffic_end_launch() {
  for (WarpTraffic& warp : warps) {
    lanes_meet(warp);  // of a kernel that failed
    warp.sites.clear();
  }
  const std::lock_guard<std::mutex> lock(traffic_guard);
  KernelTraffic& total = totals[machine().launch->name];
  const auto add_up = [&](auto... member) { ((total.*member += launch_traffic.*member), ...); };
  using T = KernelTraffic;
  add_up(&T::launches, &T::blocks, &T::global_load_bytes, &T::global_store_bytes, &T::global_atomics,
         &T::global_load_sectors, &T::global_store_sectors, &T::global_load_requests, &T::global_store_requests,
         &T::async_copy_bytes, &T::shared_load_bytes, &T::shared_store_bytes, &T::shared_wavefronts, &T::bank_conflicts,
         &T::barriers, &T::warp_functions, &T::mma);
  const Launch& launch = *machine().launch;
  total.kernel = launch.kernel;
  total.threads = launch.threads;
  total.shared_bytes = launch.shared_bytes;
}

TrafficScope::TrafficScope() {
  const std::lock_guard<std::mutex> lock(traffic_guard);
  if (traffic_counted) fail("A TrafficScope lives already: they do not nest.");
  totals.clear();
  traffic_counted = true;
}

TrafficScope::~TrafficScope() { traffic_counted = false; }

KernelTraffic TrafficScope::of(const std::string& kernel) const {
  finish_all_streams();  // deferred kernels run while they are counted
  const std::lock_guard<std::mutex> lock(traffic_guard);
  const auto found = totals.find(kernel);
  return found == totals.end() ? KernelTraffic{} : found->second;
}

std::map<std::string, KernelTraffic> TrafficScope::all() const {
  finish_all_streams();
  const std::lock_guard<std::mutex> lock(traffic_guard);
  return totals;
}

}  // namespace cheems::cuda_on_cpu
