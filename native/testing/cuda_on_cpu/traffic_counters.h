// The counters of traffic.h, called for each access if `traffic_counted` is set.
#pragma once

#include "testing/cuda_on_cpu/access.h"

namespace cheems::cuda_on_cpu {

extern bool traffic_counted;

void count_global_access(const Thread& thread, const AccessEvent& event);
void count_shared_access(const Thread& thread, const AccessEvent& event);
void count_async_copy(const Thread& thread, const AsyncCopy& copy);

// The lanes' later accesses are not merged with earlier ones.
void count_warp_function(const Thread& thread, std::uint32_t mask);
void count_barrier();

void traffic_begin_launch(const Machine& machine);
void traffic_end_block();
void traffic_end_launch();

}  // namespace cheems::cuda_on_cpu
