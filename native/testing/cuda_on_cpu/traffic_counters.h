#pragma once
#include "testing/cuda_on_cpu/access.h"
namespace cheems::cuda_on_cpu {
inline bool traffic_counted = false;
inline void count_shared_access(Thread&, const AccessEvent&) {}
inline void count_global_access(Thread&, const AccessEvent&) {}
inline void count_async_copy(Thread&, const AsyncCopy&) {}
inline void traffic_begin_launch(Machine&) {}
inline void traffic_end_launch() {}
inline void traffic_thread_ended(Machine&, Thread&) {}
}
