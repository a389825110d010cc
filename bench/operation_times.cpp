// Where a step's time goes: every operation of the engine timed on the benchmark's workload.
//
//   operation_times MODEL_FOLDER WORKLOAD.jsonl train|eval [steps] [threads] [float32|bfloat16]
//   operation_times peak [threads]
//
// `peak` is the matrix peak alone, as {"gflops": N, "bfloat16_gflops": N or null}: 2048 x 2048 x 2048, best of eight.
//
// The workload is what bench/huggingface.py make writes. One prompt with all its responses is a step. Prints a row an
// operation: share of the time, milliseconds a step, and GFLOP/s for the matrix work (the tree's own FLOPs, shared
// prompts counted once), then the whole step's rate and the machine's matrix peak measured beside it.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "backends/cpu/matrix_product.h"
#include "inference/scorer.h"
#include "timed_operations.h"
#include "training/trainer.h"

namespace {

using namespace cheems;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

struct Timing {
  double seconds = 0, flops = 0;
  int64_t calls = 0;
};
std::map<std::string, Timing> timings;

class HostClock : public bench::OperationClock {
 public:
  void begin() override { start_ = now(); }
  void end(const char* operation, double flops) override {
    Timing& timing = timings[operation];
    timing.seconds += now() - start_;
    timing.flops += flops;
    ++timing.calls;
  }

 private:
  double start_ = 0;
};

struct Step {
  std::vector<int32_t> tokens, offsets{0}, groups;
  std::vector<Comparison> pairs;
  Samples view() const { return {tokens, offsets, groups}; }
};

Step read_step(const std::string& line) {
  const auto row = nlohmann::json::parse(line);
  Step step;
  for (const auto& response : row["response_ids"]) {
    for (const int32_t id : row["prompt_ids"]) step.tokens.push_back(id);
    for (const int32_t id : response) step.tokens.push_back(id);
    step.offsets.push_back(static_cast<int32_t>(step.tokens.size()));
    step.groups.push_back(0);
  }
  const auto order = row["order"].get<std::vector<int32_t>>();
  for (size_t i = 0; i < order.size(); ++i) {
    for (size_t j = i + 1; j < order.size(); ++j) step.pairs.push_back({.a = order[i], .b = order[j]});
  }
  return step;
}

double matrix_peak(int threads, DType arithmetic) {
  constexpr int64_t n = 2048;
  ThreadPool pool(threads);
  const auto backend = create_cpu_backend(1);
  const auto memory = backend->allocate(3 * n * n * 4, "matrices"),
             workspace = backend->allocate(cpu::matrix_product_workspace(pool.size()), "workspace");
  auto* a = static_cast<float*>(memory->data());
  for (int64_t i = 0; i < 2 * n * n; ++i) a[i] = static_cast<float>(i % 17) / 17;
  cpu::MatrixProduct product{n, n, n, a, n, false, a + n * n, DType::float32, n, true, a + 2 * n * n, n};
  product.arithmetic = arithmetic;
  double best = 1e30;
  for (int round = 0; round < 8; ++round) {
    const double start = now();
    cpu::matrix_product(product, pool, workspace->data());
    best = std::min(best, now() - start);
  }
  return 2.0 * n * n * n / best * 1e-9;
}

void print(double seconds, int64_t steps, int64_t responses, double peak) {
  double timed = 0, flops = 0;
  for (const auto& [name, timing] : timings) timed += timing.seconds, flops += timing.flops;
  std::vector<std::pair<std::string, Timing>> rows(timings.begin(), timings.end());
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.second.seconds > b.second.seconds; });
  std::printf("%-24s %7s %9s %9s %9s\n", "operation", "share", "ms/step", "calls", "GFLOP/s");
  for (const auto& [name, t] : rows) {
    std::printf("%-24s %6.1f%% %9.3f %9.1f", name.c_str(), 100 * t.seconds / seconds,
                1e3 * t.seconds / static_cast<double>(steps),
                static_cast<double>(t.calls) / static_cast<double>(steps));
    if (t.flops > 0) std::printf(" %9.1f", t.flops / t.seconds * 1e-9);
    std::printf("\n");
  }
  std::printf("%-24s %6.1f%% %9.3f\n", "everything else", 100 * (seconds - timed) / seconds,
              1e3 * (seconds - timed) / static_cast<double>(steps));
  std::printf("step %.2f ms, %.1f responses/s, %.1f GFLOP/s = %.1f %% of the matrix peak of %.1f GFLOP/s\n",
              1e3 * seconds / static_cast<double>(steps), static_cast<double>(responses) / seconds,
              flops / seconds * 1e-9, 100 * flops / seconds * 1e-9 / peak, peak);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "peak") {
    const int threads = argc > 2 ? std::stoi(argv[2]) : 0;
    std::printf("{\"gflops\": %.1f, \"bfloat16_gflops\": ", matrix_peak(threads, DType::float32));
    if (cpu::computes_bfloat16_products()) std::printf("%.1f}\n", matrix_peak(threads, DType::bfloat16));
    else std::printf("null}\n");
    return 0;
  }
  if (argc < 4) {
    std::fprintf(
        stderr, "usage: operation_times MODEL_FOLDER WORKLOAD.jsonl train|eval [steps] [threads] [float32|bfloat16]\n");
    return 2;
  }
  const bool train = std::string(argv[3]) == "train";
  const int64_t steps = argc > 4 ? std::stoll(argv[4]) : 16;
  const int threads = argc > 5 ? std::stoi(argv[5]) : 0;
  const DType precision = argc > 6 && std::string(argv[6]) == "bfloat16" ? DType::bfloat16 : DType::float32;
  std::ifstream file(argv[2]);
  std::vector<Step> work;
  for (std::string line; std::getline(file, line);) work.push_back(read_step(line));
  const auto cpu = create_cpu_backend(threads);
  HostClock clock;
  bench::TimedBackend backend(*cpu, clock);
  const auto model = model::RewardModel::load(
      {.folder = argv[1], .create_head = true, .precision = precision, .keep_16_bit = !train}, backend);
  std::unique_ptr<training::Trainer> trainer;
  std::unique_ptr<inference::Scorer> scorer;
  if (train)
    trainer = std::make_unique<training::Trainer>(*model, training::TrainerOptions{.micro_batch_tokens = 8192});
  else scorer = std::make_unique<inference::Scorer>(*model, inference::ScorerOptions{});
  if (const auto notes = cpu->notes(); !notes.empty()) std::printf("%s\n", notes[0].text.c_str());
  const double peak_before = matrix_peak(threads, precision);
  double seconds = 0;
  int64_t responses = 0;
  for (int64_t i = -2; i < steps; ++i) {
    const Step& step = work[static_cast<size_t>(i + 2) % work.size()];
    if (i == 0) timings.clear();
    const double start = now();
    if (train)
      trainer->step(step.view(), step.pairs, {.step = i + 3, .learning_rate = 1e-5, .weight_decay = 0.01}, Control());
    else scorer->score(step.view(), Control());
    if (i < 0) continue;
    seconds += now() - start;
    responses += step.view().count();
  }
  print(seconds, steps, responses, std::max(peak_before, matrix_peak(threads, precision)));
}
