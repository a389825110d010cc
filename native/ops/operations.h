// All operations that a backend offers: the list is list.h, the contract of each is in the operation's own folder.
// Tensors lie in the backend's memory, spans on the host. Nothing here allocates; workspace is given beforehand.
//
// Dtypes, where a contract does not say another: activations and their gradients share one dtype (float32; bfloat16
// where Backend::computes_in says so), matrices of weights are of that dtype too (any dtype where
// Backend::widens_weights), gradients of matrices are float32 or bfloat16. Norm weights, biases and the reward head,
// their gradients, inverse_rms, log_sum_exp, rewards and the output of a norm before the head are float32 always. Sums
// are float32 or wider.
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
  // Called once before the operations of a micro-batch: all spans given to them lie inside this tree, so that a
  // device backend can move it across once.
  virtual void begin_batch(const PackedTree& tree) = 0;

#define CHEEMS_DECLARE(name, Contract, ...) virtual void name(const Contract&) = 0;
  CHEEMS_OPERATIONS(CHEEMS_DECLARE)
#undef CHEEMS_DECLARE
};

}  // namespace cheems
