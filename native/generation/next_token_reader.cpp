#include "generation/next_token_reader.h"

#include <algorithm>

#include "core/error.h"
#include "execution/session.h"
#include "generation/logits.h"
#include "generation/sampling.h"

namespace cheems::generation {
namespace {

constexpr int64_t kPlannedPath = 8192;

execution::SessionOptions session_options(const model::CausalModel& model, int64_t micro_batch_tokens) {
  return {.micro_batch_tokens = micro_batch_tokens, .hidden_dtype = model.activations()};
}

}  // namespace

int64_t NextTokenReader::planned_bytes(const model::CausalModel& model, int64_t micro_batch_tokens) {
  const auto& architecture = model.architecture();
  const int64_t longest =
      std::min(kPlannedPath, std::max(model::body_of(architecture).least_path, architecture.max_position_embeddings));
  MemoryPlan plan;
  execution::Session::plan(
      architecture, session_options(model, micro_batch_tokens), model.activations(), longest,
      [&](const WorkspaceRequest& request) { return model.backend().operations().workspace_bytes(request); }, plan);
  return plan.total();
}

struct NextTokenReader::State {
  const model::CausalModel& model;
  execution::Session session;
  std::unique_ptr<Logits> logits;
  int64_t logits_rows = 0;

  State(const model::CausalModel& m, int64_t micro_batch_tokens)
      : model(m), session(m, session_options(m, micro_batch_tokens)) {}

  void prepare(const Samples& prompts) {
    const int64_t rows = session.network_for(prompts).capacity().rewards;
    if (logits && logits_rows >= rows) return;
    logits = std::make_unique<Logits>(model, rows);
    logits_rows = rows;
  }
};

NextTokenReader::NextTokenReader(const model::CausalModel& model, int64_t micro_batch_tokens)
    : state_(new State(model, micro_batch_tokens)) {}
NextTokenReader::~NextTokenReader() = default;

NextTokens NextTokenReader::read(const Samples& prompts, int64_t count, const Control& control) {
  const auto& architecture = state_->model.architecture();
  execution::Session& session = state_->session;
  session.check(prompts);
  if (count < 1 || count > architecture.vocab_size)
    fail("count is ", count, "; it must be from 1 to the vocabulary's ", architecture.vocab_size, " tokens.");
  state_->prepare(prompts);
  NextTokens result{std::vector<int32_t>(static_cast<size_t>(prompts.count() * count)),
                    std::vector<float>(static_cast<size_t>(prompts.count() * count))};
  int64_t done = 0, tokens = 0;
  for (const auto& chosen : session.micro_batches(prompts)) {
    const PackedTree tree = session.pack(prompts, chosen, TokenOrder::none);
    const Tensor hidden = session.network().forward_hidden(tree, control);
    state_->logits->for_each_row(hidden, control, [&](int64_t row, std::span<const float> logits) {
      const auto best = likeliest_tokens(logits, count);
      for (size_t r = 0; r < tree.samples.size(); ++r) {
        if (tree.reward_index[r] != row) continue;
        for (size_t i = 0; i < best.size(); ++i) {
          const size_t at = static_cast<size_t>(tree.samples[r] * count) + i;
          result.ids[at] = best[i].first;
          result.log_probabilities[at] = best[i].second;
        }
      }
    });
    done += static_cast<int64_t>(chosen.size());
    tokens += tree.rows();
    control.report(done, prompts.count(), tokens);
  }
  return result;
}

}  // namespace cheems::generation
