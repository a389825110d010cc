// The execution model's checks of CUDA's rules. Each function returns if the kernel keeps them, and otherwise stops it
// with a message.
#pragma once

#include <string>

#include "testing/cuda_on_cpu/machine.h"

namespace cheems::cuda_on_cpu {

void checks_begin_launch(Machine& machine);
void checks_begin_block(Machine& machine);
void checks_end_launch(Machine& machine);

// A thread has returned from the kernel.
void checks_end_thread(Machine& machine, Thread& thread);

// Every live thread waits at a barrier.
void checks_barrier(Machine& machine);

// Every lane of self.mask waits at a collective with the same mask.
void checks_collective(Machine& machine, Thread& self);

// Which threads wait where, if none can run.
std::string deadlock_report(const Machine& machine);

}  // namespace cheems::cuda_on_cpu
