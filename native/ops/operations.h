// All operations that a backend offers. The list is list.h; the contract of each is in the operation's own folder.
// Tensors lie in the backend's memory, spans on the host. Nothing here allocates: the caller provides the workspace.
//
// Dtypes, unless a contract says otherwise: activations and their gradients share one dtype (float32, or bfloat16 if
// Backend::computes_in allows it). Weight matrices have that dtype too (any dtype if Backend::widens_weights).
// Gradients of matrices are float32 or bfloat16. Norm weights, biases, the reward head, their gradients, inverse_rms,
// log_sum_exp, rewards and the output of the norm before the head are always float32. Sums are float32 or wider.
#pragma once

#include "ops/list.h"
#include "ops/workspace.h"

namespace cheems {

struct PackedTree;

class Operations {
 public:
  virtual ~Operations() = default;

  virtual int64_t workspace_bytes(const WorkspaceRequest& request) const = 0;
  virtual void set_workspace(void* workspace, int64_t bytes) = 0;
  // Called once before the operations of a micro-batch. All spans given to them lie inside this tree, so a device
  // backend can copy it over once.
  virtual void begin_batch(const PackedTree& tree) = 0;

#define CHEEMS_DECLARE(name, Contract, ...) virtual void name(const Contract&) = 0;
  CHEEMS_OPERATIONS(CHEEMS_DECLARE)
#undef CHEEMS_DECLARE
};

}  // namespace cheems
