// Whole training steps on a GPU: forward, ranking loss, backward and AdamW of Qwen2.5's shapes with random weights made
// on the device, bfloat16, as llmq counts them.
//
//   gpu_steps [--models 0.5B,1.5B,7B] [--steps 4] [--tokens 131072] [--micro_batch_tokens N] [--optimizer_state
//   bfloat16|float32] [--device 0] gpu_steps --tiny        a small model and few tokens: shows that the program runs,
//   also executed on the CPU
//   --output FILE           the JSON goes there, and is whole after every row: what was measured survives a time limit
//   --repeat N              instead: the first model's flat row N times from the beginning, and whether the bits are
//   the same
//
// Two rows a model: "flat", samples of 1024 tokens that share nothing, and "shared", four responses of 512 tokens to
// each prompt of 512, the prompt computed once. Prints one JSON object; what it does meanwhile goes to stderr.
//
// Counting. tokens_per_second counts every sample's tokens, whether they were computed or shared. Model FLOPs per token
// are 6 N + 6 L C T, N the weights of the layers' matrices (a reward model has no head over the vocabulary), C = heads
// * head size; `flat` takes T = 1024, `shared` takes of the computed tokens twice the mean number of visible keys
// instead of T. Nothing is subtracted for the last layer, of which most is never computed, nor added for what is
// computed again. mfu_of_spec divides by the card's data sheet, mfu_of_measured by cuBLASLt's own speed at 8192^3 in
// the same run.
//
// After the timed steps of "flat" one more is taken with an event before and after each operation: `operations_ms`, and
// of their sum the shares of attention and of matrix products (`shares`).
//
// A step is timed on the host, from call to return: it ends with a download (the gradient's norm), so that all its work
// is in it.
#include <chrono>
#include <cstdio>
#include <set>
#include <sstream>

#include "event_clock.h"
#include "gpu_common.h"
#include "batch/packed_tree.h"
#include "core/random.h"
#include "training/trainer.h"

namespace {

using namespace cheems;
using namespace cheems::bench;
using nlohmann::json;

struct Workload {
  std::string row;
  int64_t prompt, response, responses;  // tokens, tokens, responses a prompt
  int64_t length() const { return prompt + response; }
};

struct Batch {
  std::vector<int32_t> tokens, offsets{0}, groups;
  std::vector<Comparison> pairs;
  Samples samples() const { return {tokens, offsets, groups}; }
};

// Prompts with all their pairs, until `tokens` are reached.
Batch make_batch(const Workload& work, int64_t tokens, int64_t vocab, uint64_t seed) {
  Batch batch;
  RandomStream random(seed, 7);
  const auto id = [&] { return static_cast<int32_t>(random.next() % static_cast<uint64_t>(vocab)); };
  for (int32_t group = 0; static_cast<int64_t>(batch.tokens.size()) < tokens; ++group) {
    std::vector<int32_t> prompt(static_cast<size_t>(work.prompt));
    for (int32_t& token : prompt) token = id();
    const auto first = static_cast<int32_t>(batch.groups.size());
    for (int64_t response = 0; response < work.responses; ++response) {
      batch.tokens.insert(batch.tokens.end(), prompt.begin(), prompt.end());
      for (int64_t i = 0; i < work.response; ++i) batch.tokens.push_back(id());
      batch.offsets.push_back(static_cast<int32_t>(batch.tokens.size()));
      batch.groups.push_back(group);
    }
    for (int32_t a = 0; a < work.responses; ++a) {
      for (auto b = static_cast<int32_t>(a + 1); b < work.responses; ++b)
        batch.pairs.push_back({.a = first + a, .b = first + b});
    }
  }
  return batch;
}

// Twice the mean number of visible keys of a computed token, which is T + 1 for samples of T tokens that share nothing.
double context_of(const Workload& work, const Batch& batch, bool share) {
  std::vector<int32_t> first_group;
  for (int32_t s = 0; s < work.responses; ++s) first_group.push_back(s);
  const PackedTree tree = pack_tree(batch.samples(), first_group, share);
  double keys = 0;
  for (const int32_t position : tree.positions) keys += position + 1;
  return 2 * keys / static_cast<double>(tree.rows());
}

struct Settings {
  int64_t steps, warm_up, tokens, micro_batch_tokens;
  DType optimizer_state;
  double measured_peak;  // TFLOP/s
};

training::OptimizerStep optimizer_step(int64_t step) {
  return {.step = step, .learning_rate = 1e-6, .weight_decay = 0.01};
}

MemoryPlan plan_of(const model::Architecture& a, const training::TrainerOptions& options, int64_t longest,
                   Device& device) {
  MemoryPlan plan;
  const bool copy = options.optimizer_state == DType::float32;
  model::RewardModel::plan(a, DType::bfloat16, copy, plan);
  training::Trainer::plan(
      a, options, DType::bfloat16, longest,
      [&](const WorkspaceRequest& request) { return device.ops().workspace_bytes(request); }, plan);
  return plan;
}

std::unique_ptr<model::RewardModel> random_model(const model::Architecture& a, const Settings& settings, Device& device,
                                                 Backend& backend) {
  const auto fill = [&device](const Tensor& tensor, float deviation, uint64_t seed, uint64_t stream) {
    device.fill_normal(tensor, deviation, seed, stream);
  };
  const bool copy = settings.optimizer_state == DType::float32;
  return model::RewardModel::random(
      a, {.seed = 1, .precision = DType::bfloat16, .float32_copy = copy, .fill_normal = fill}, backend);
}

// Of the operations' time, what attention and what matrix products take.
json shares_of(const std::map<std::string, double>& times) {
  double attention = 0, products = 0, all = 0;
  for (const auto& [operation, time] : times) {
    all += time;
    if (operation.starts_with("attention_")) attention += time;
    if (operation.starts_with("linear_")) products += time;
  }
  return {{"attention", attention / all}, {"products", products / all}, {"others", (all - attention - products) / all}};
}

// Matrix products so far that cuBLASLt had no algorithm for.
int64_t fall_backs(Device& device) {
  int64_t count = 0;
  for (const BackendNote& note : device.backend().notes()) count += note.count;
  return count;
}

json measure(const std::string& size, const Workload& work, const Settings& settings, Device& device) {
  using Clock = std::chrono::steady_clock;
  const model::Architecture a = qwen(size);
  const bool share = work.prompt > 0;
  training::TrainerOptions options{.micro_batch_tokens = settings.micro_batch_tokens,
                                   .share_prompts = share,
                                   .optimizer_state = settings.optimizer_state,
                                   .seed = 1};
  const int64_t slow_before = fall_backs(device);
  const int64_t before = device.used_memory(), longest = std::max<int64_t>(work.length(), 256);
  // A smaller card takes smaller micro-batches.
  while (plan_of(a, options, longest, device).total() > device.backend().available_memory() - (int64_t{256} << 20) &&
         options.micro_batch_tokens > 2 * work.length())
    options.micro_batch_tokens /= 2;
  const MemoryPlan plan = plan_of(a, options, longest, device);
  EventClock clock(device.context().stream);
  TimedBackend backend(device.backend(), clock);
  const auto model = random_model(a, settings, device, backend);
  training::Trainer trainer(*model, options);

  std::vector<double> milliseconds;
  training::StepResult result;
  double first_loss = 0;
  Batch batch;
  for (int64_t step = 1; step <= settings.warm_up + settings.steps; ++step) {
    batch = make_batch(work, settings.tokens, a.vocab_size, static_cast<uint64_t>(step));
    const auto start = Clock::now();
    result = trainer.step(batch.samples(), batch.pairs, optimizer_step(step), Control());
    const double time = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    std::fprintf(stderr, "%s %s, step %lld: %.1f ms, loss %.4f%s\n", size.c_str(), work.row.c_str(),
                 static_cast<long long>(step), time, result.loss, step <= settings.warm_up ? " (warm-up)" : "");
    if (step == 1) first_loss = result.loss;
    if (step > settings.warm_up) milliseconds.push_back(time);
  }
  const int64_t used = device.used_memory() - before;
  auto sorted = milliseconds;
  std::sort(sorted.begin(), sorted.end());
  const double seconds = sorted[sorted.size() / 2] * 1e-3;
  const auto real = static_cast<double>(batch.tokens.size()), computed = static_cast<double>(result.computed_tokens);
  const double context = share ? context_of(work, batch, share) : static_cast<double>(work.length());
  const double flops = 6 * matrix_weights(a) + 6 * static_cast<double>(a.num_layers * a.query_size()) * context;
  const double teraflops = flops * computed / seconds * 1e-12, spec = device.peak().teraflops;
  json memory = {{"planned_bytes", plan.total()}, {"used_bytes", used}};
  for (const auto& entry : plan.entries) memory["plan"][entry.name] = entry.bytes;
  json row = {{"model", size},
              {"row", work.row},
              {"precision", "bfloat16"},
              {"optimizer_state", name(settings.optimizer_state)},
              {"sample_tokens", work.length()},
              {"shared_prompt_tokens", work.prompt},
              {"responses_a_prompt", work.responses},
              {"tokens_per_step", real},
              {"computed_tokens_per_step", computed},
              {"micro_batch_tokens", options.micro_batch_tokens},
              {"micro_batches", result.micro_batches},
              {"steps_ms", milliseconds},
              {"step_ms", seconds * 1e3},
              {"tokens_per_second", real / seconds},
              {"computed_tokens_per_second", computed / seconds},
              {"flops_per_computed_token", flops},
              {"model_teraflops", teraflops},
              {"mfu_of_spec", spec > 0 ? json(teraflops / spec) : json(nullptr)},
              {"mfu_of_measured", teraflops / settings.measured_peak},
              {"first_loss", first_loss},
              {"last_loss", result.loss},
              {"memory", memory}};
  row["fall_backs"] = fall_backs(device) - slow_before;
  if (!share) {
    clock.start();
    trainer.step(batch.samples(), batch.pairs, optimizer_step(settings.warm_up + settings.steps + 1), Control());
    const auto times = clock.stop();
    row["operations_ms"] = times;
    row["shares"] = shares_of(times);
  }
  return row;
}

// Losses, gradient norms and rewards of a few steps from the beginning, to the bit.
std::string bits_of_run(const std::string& size, const Workload& work, const Settings& settings, Device& device) {
  const model::Architecture a = qwen(size);
  const auto model = random_model(a, settings, device, device.backend());
  training::Trainer trainer(*model, {.micro_batch_tokens = settings.micro_batch_tokens,
                                     .share_prompts = false,
                                     .optimizer_state = settings.optimizer_state,
                                     .seed = 1});
  std::string bits;
  const auto add = [&](const auto& value) { bits.append(reinterpret_cast<const char*>(&value), sizeof value); };
  for (int64_t step = 1; step <= settings.warm_up + settings.steps; ++step) {
    const Batch batch = make_batch(work, settings.tokens, a.vocab_size, static_cast<uint64_t>(step));
    const auto result = trainer.step(batch.samples(), batch.pairs, optimizer_step(step), Control());
    add(result.loss), add(result.gradient_norm);
    for (const float reward : result.rewards) add(reward);
  }
  return bits;
}

json repeat(const std::string& size, const Workload& work, const Settings& settings, int64_t times, Device& device) {
  std::set<std::string> different;
  for (int64_t run = 1; run <= times; ++run) {
    different.insert(bits_of_run(size, work, settings, device));
    std::fprintf(stderr, "%s %s, run %lld of %lld: %zu different so far\n", size.c_str(), work.row.c_str(),
                 static_cast<long long>(run), static_cast<long long>(times), different.size());
  }
  return {{"model", size},
          {"row", work.row},
          {"runs", times},
          {"steps", settings.warm_up + settings.steps},
          {"different", different.size()}};
}

int64_t usual_micro_batch(const std::string& size) { return size == "7B" ? 5120 : 20480; }

int run(int argc, char** argv) {
  const Arguments arguments(argc, argv,
                            {"--models", "--steps", "--tokens", "--micro_batch_tokens", "--optimizer_state", "--device",
                             "--tiny", "--output", "--repeat"});
  const bool tiny = arguments.has("--tiny");
  if (kEmulated && !tiny) fail("Executed on the CPU this program takes --tiny only.");
  const std::string state = arguments.text("--optimizer_state", "bfloat16");
  if (state != "bfloat16" && state != "float32") fail("--optimizer_state is bfloat16 or float32, not ", state, ".");
  Device device(static_cast<int>(arguments.number("--device", 0)));
  Settings settings{arguments.number("--steps", tiny ? 1 : 4),
                    tiny ? 1 : 2,
                    arguments.number("--tokens", tiny ? 64 : 131072),
                    0,
                    state == "bfloat16" ? DType::bfloat16 : DType::float32,
                    0};
  settings.measured_peak = measured_gemm_teraflops(device, tiny ? 64 : 8192, tiny ? 1 : 20);
  const std::vector<Workload> rows = tiny ? std::vector<Workload>{{"flat", 0, 32, 2}, {"shared", 24, 8, 2}}
                                          : std::vector<Workload>{{"flat", 0, 1024, 2}, {"shared", 512, 512, 4}};
  json all = {{"card", device.card()},
              {"emulated", kEmulated},
              {"device_facts", device.backend().facts().entries},
              {"spec_teraflops", device.peak().teraflops > 0 ? json(device.peak().teraflops) : json(nullptr)},
              {"measured_gemm_teraflops", settings.measured_peak},
              {"steps", json::array()}};
  const std::string output = arguments.text("--output", "");
  std::stringstream models(arguments.text("--models", tiny ? "tiny" : "0.5B,1.5B,7B"));
  bool failed = false;
  for (std::string size; std::getline(models, size, ',');) {
    for (const Workload& work : rows) {
      settings.micro_batch_tokens = arguments.number("--micro_batch_tokens", tiny ? 64 : usual_micro_batch(size));
      if (arguments.has("--repeat")) {
        all["repeat"] = repeat(size, work, settings, arguments.number("--repeat", 3), device);
        write_json(all, output);
        return 0;
      }
      try {
        all["steps"].push_back(measure(size, work, settings, device));
      } catch (const Error& error) {
        std::fprintf(stderr, "%s %s: %s\n", size.c_str(), work.row.c_str(), error.what());
        all["steps"].push_back({{"model", size}, {"row", work.row}, {"error", error.what()}});
        failed = true;
      }
      if (!output.empty()) write_json(all, output);
    }
  }
  all["slow_products"] = device.slow_products();
  write_json(all, output);
  return failed || !all["slow_products"].empty() ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gpu_steps: %s\n", error.what());
    return 2;
  }
}
