#include "testing/plain_backend.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

#include "core/error.h"
#include "ops/operations.h"
#include "testing/plain/activation.h"
#include "testing/plain/adamw.h"
#include "testing/plain/attention.h"
#include "testing/plain/disentangled_attention.h"
#include "testing/plain/embedding.h"
#include "testing/plain/expert_routing.h"
#include "testing/plain/expert_rows.h"
#include "testing/plain/gated_mlp.h"
#include "testing/plain/gelu.h"
#include "testing/plain/grad_norm.h"
#include "testing/plain/layernorm.h"
#include "testing/plain/linear.h"
#include "testing/plain/ranking_loss.h"
#include "testing/plain/reward_head.h"
#include "testing/plain/rmsnorm.h"
#include "testing/plain/rope.h"
#include "testing/plain/rows.h"

namespace cheems::testing {
namespace {

class PlainBuffer : public Buffer {
 public:
  explicit PlainBuffer(int64_t size) : size_(size), data_(std::calloc(static_cast<size_t>(std::max<int64_t>(size, 1)), 1)) {
    if (!data_) fail("Out of memory: ", size, " bytes for a test could not be had.");
  }
  ~PlainBuffer() override { std::free(data_); }
  PlainBuffer(const PlainBuffer&) = delete;
  void* data() const override { return data_; }
  int64_t size() const override { return size_; }

 private:
  int64_t size_;
  void* data_;
};

template <class A>
class PlainOperations : public Operations {
 public:
  int64_t workspace_bytes(const WorkspaceRequest&) const override { return 0; }
  void set_workspace(void*, int64_t) override {}
  void begin_batch(const PackedTree&) override {}

  void embedding_forward(const EmbeddingForward& a) override { plain::embedding_forward<A>(a); }
  void embedding_backward(const EmbeddingBackward& a) override { plain::embedding_backward<A>(a); }
  void rmsnorm_forward(const RmsNormForward& a) override { plain::rmsnorm_forward<A>(a); }
  void rmsnorm_apply(const RmsNormApply& a) override { plain::rmsnorm_apply<A>(a); }
  void rmsnorm_backward(const RmsNormBackward& a) override { plain::rmsnorm_backward<A>(a); }
  void layernorm_forward(const LayerNormForward& a) override { plain::layernorm_forward<A>(a); }
  void linear_forward(const LinearForward& a) override { plain::linear_forward<A>(a); }
  void linear_backward_input(const LinearBackwardInput& a) override { plain::linear_backward_input<A>(a); }
  void linear_backward_weight(const LinearBackwardWeight& a) override { plain::linear_backward_weight<A>(a); }
  void rope_forward(const RopeForward& a) override { plain::rope_forward<A>(a); }
  void rope_backward(const RopeBackward& a) override { plain::rope_backward<A>(a); }
  void attention_forward(const AttentionForward& a) override { plain::attention_forward<A>(a); }
  void attention_backward(const AttentionBackward& a) override { plain::attention_backward<A>(a); }
  void disentangled_attention_forward(const DisentangledAttentionForward& a) override { plain::disentangled_attention_forward<A>(a); }
  void gated_mlp_forward(const GatedMlpForward& a) override { plain::gated_mlp_forward<A>(a); }
  void gated_mlp_backward(const GatedMlpBackward& a) override { plain::gated_mlp_backward<A>(a); }
  void expert_routing(const ExpertRouting& a) override { plain::expert_routing<A>(a); }
  void gather_expert_rows(const GatherExpertRows& a) override { plain::gather_expert_rows<A>(a); }
  void combine_expert_rows(const CombineExpertRows& a) override { plain::combine_expert_rows<A>(a); }
  void gelu_forward(const GeluForward& a) override { plain::gelu_forward<A>(a); }
  void activation_forward(const ActivationForward& a) override { plain::activation_forward<A>(a); }
  void gather_rows(const GatherRows& a) override { plain::gather_rows<A>(a); }
  void scatter_rows(const ScatterRows& a) override { plain::scatter_rows<A>(a); }
  void scatter_add_rows(const ScatterAddRows& a) override { plain::scatter_add_rows<A>(a); }
  void reward_head_forward(const RewardHeadForward& a) override { plain::reward_head_forward<A>(a); }
  void reward_head_backward(const RewardHeadBackward& a) override { plain::reward_head_backward<A>(a); }
  void ranking_loss(const RankingLoss& a) override { plain::ranking_loss(a); }
  void sum_of_squares(const SumOfSquares& a) override { plain::sum_of_squares(a); }
  void adamw_update(const AdamWUpdate& a) override { plain::adamw_update<A>(a); }
};

// Nothing may be copied from or to null.
void copy(void* to, const void* from, int64_t bytes) {
  if (bytes > 0) std::memcpy(to, from, static_cast<size_t>(bytes));
}

template <class A>
class PlainBackend : public Backend {
 public:
  std::string name() const override { return std::string("plain loops in ") + (sizeof(A) == sizeof(float) ? "float32" : "float64"); }
  Operations& operations() override { return operations_; }
  bool computes_in(DType activations) const override { return activations != DType::float16; }
  DType default_activations() const override { return DType::float32; }
  bool widens_weights() const override { return true; }
  std::unique_ptr<Buffer> allocate(int64_t bytes, const std::string&) override { return std::make_unique<PlainBuffer>(bytes); }
  void upload(void* destination, const void* host, int64_t bytes) override { copy(destination, host, bytes); }
  void download(void* host, const void* source, int64_t bytes) override { copy(host, source, bytes); }
  int64_t download_later(void* host, const void* source, int64_t bytes) override {
    download(host, source, bytes);
    return 0;
  }
  void finish() override {}
  void zero(void* destination, int64_t bytes) override { std::memset(destination, 0, static_cast<size_t>(bytes)); }
  int64_t available_memory() const override { return int64_t{1} << 40; }  // tests are small

 private:
  PlainOperations<A> operations_;
};

}  // namespace

template <class Accumulate>
std::unique_ptr<Backend> create_plain_backend() { return std::make_unique<PlainBackend<Accumulate>>(); }
template std::unique_ptr<Backend> create_plain_backend<float>();
template std::unique_ptr<Backend> create_plain_backend<double>();

}  // namespace cheems::testing
