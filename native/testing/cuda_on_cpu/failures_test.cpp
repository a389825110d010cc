// The backend's messages if the device or cuBLASLt fails: the first error instead of later ones, lack of memory, and
// products that ran on the slow kernel.
#include <cublasLt.h>
#include <doctest/doctest.h>

#include <cstdlib>

#include "backends/cuda/cuda_backend.h"
#include "backends/cuda/cuda_operations.h"
#include "ops/linear/linear.h"
#include "testing/cuda_on_cpu/kernel_calls.h"
#include "testing/cuda_on_cpu/test_devices.h"
#include "testing/model_check.h"
#include "testing/operation_check.h"
#include "testing/small_model.h"

namespace cheems {
namespace {

using namespace testing;
using cuda_on_cpu::Devices;
using cuda_on_cpu::EmulatedDevice;
using cuda_on_cpu::kGib;

constexpr std::size_t kMib = std::size_t{1} << 20;

cudaStream_t stream_of(Backend& backend) {
  return static_cast<cuda::CudaOperations&>(backend.operations()).context().stream;
}

// Launches like a launcher of the backend (instructions_emulated.cuh).
void launch_a_fault(Backend& backend) {
  (void)cudaSetDevice(1);  // becomes the thread's device even if it is stopped
  (void)cudaGetLastError();
  cuda_on_cpu::launch(
      {"planted", nullptr, 1, 1, 1, 32, 0, stream_of(backend), [](void*) { throw Error("as planted"); }, nullptr, 0});
  if (const cudaError_t status = cudaGetLastError()) cuda::fail_launch(status, "planted", 1, 1, 1, 32, 0);
}

struct SmallRun {
  explicit SmallRun(Backend& backend, const nlohmann::json& config = small_config(), DType precision = DType::float32)
      : folder(config), run{.backend = backend, .precision = precision} {
    model = load_model(folder.folder(), run);
    trainer = std::make_unique<training::Trainer>(
        *model, training::TrainerOptions{.micro_batch_tokens = 16, .share_prompts = false});
    for (int32_t s = 0; s < 4; ++s) samples.add({1 + s, 2, 3, 4, 5, 6}, s / 2);
  }
  training::StepResult step(const Control& control) {
    return trainer->step(samples.view(), pairs, {.step = 1, .learning_rate = 1e-3}, control);
  }
  const SmallModel folder;
  const ModelRun run;
  std::unique_ptr<model::RewardModel> model;
  std::unique_ptr<training::Trainer> trainer;
  OwnedSamples samples;
  const std::vector<Comparison> pairs{{.a = 0, .b = 1}, {.a = 2, .b = 3}};
};

TEST_CASE(
    "a device that dies in a step: the step tells the first error, later calls tell it again, and all is freed in "
    "peace") {
  for (const bool deferred : {false, true}) {
    CAPTURE(deferred);
    const Devices devices(std::vector<EmulatedDevice>(2));
    auto backend = create_cuda_backend(1);
    {
      SmallRun run(*backend);
      cuda_on_cpu::set_streams_deferred(deferred);
      cuda_on_cpu::set_errors_sticky(true);
      Control control;
      control.on_progress = [&](int64_t done, int64_t, int64_t) {
        if (done == 2) launch_a_fault(*backend);
      };
      const std::string first = refusal([&] { (void)run.step(control); });
      // Not the call that discards the gradients, which comes last.
      CHECK(first.find("CUDA: ") == 0);
      CHECK(first.find("cudaMemsetAsync") == std::string::npos);
      check_refused(first, {"cudaErrorLaunchFailure (719)", "CUDA_LAUNCH_BLOCKING=1",
                            "only after this process has been restarted"});
      const std::string call = first.substr(0, first.find(" failed"));
      for (const std::string& again : {refusal([&] { (void)run.step(Control()); }),
                                       refusal([&] { (void)run.trainer->score(run.samples.view(), Control()); })}) {
        check_refused(again, {"cuda:1 failed earlier", "The first error was: " + call});
      }
      CHECK(device_backend().available_memory() > 0);  // the other device is not affected
    }
    backend.reset();
  }
}

TEST_CASE("a device that dies: with CUDA_LAUNCH_BLOCKING=1 the sentence names the kernel, and asks for no second run") {
  const Devices devices(std::vector<EmulatedDevice>(2));
  const auto backend = create_cuda_backend(1);
  cuda_on_cpu::set_errors_sticky(true);
  setenv("CUDA_LAUNCH_BLOCKING", "1", 1);
  const std::string found = refusal([&] { launch_a_fault(*backend); });
  unsetenv("CUDA_LAUNCH_BLOCKING");
  check_refused(found,
                {"CUDA kernel planted failed, launched with 1 x 1 x 1 blocks of 32 threads", "cudaErrorLaunchFailure"});
  CHECK(found.find("CUDA_LAUNCH_BLOCKING") == std::string::npos);
}

TEST_CASE("a launch that finds its device dead does not take the blame") {
  const Devices devices(std::vector<EmulatedDevice>(2));
  const auto backend = create_cuda_backend(1);
  cuda_on_cpu::set_errors_sticky(true);
  launch_a_fault(*backend);
  check_refused(refusal([&] { launch_a_fault(*backend); }),
                {"the launch of planted found the device failed", "CUDA_LAUNCH_BLOCKING=1"});
}

TEST_CASE("a product on a device that has died tells CUDA's error, not cuBLASLt's") {
  const Devices devices(std::vector<EmulatedDevice>(2));
  const auto backend = create_cuda_backend(1);
  const auto memory = backend->allocate(4096, "a test"), workspace = backend->allocate(1 << 20, "a test");
  backend->operations().set_workspace(workspace->data(), workspace->size());
  const auto matrix = [&](int64_t i) { return float_tensor(static_cast<float*>(memory->data()) + i * 64, 8, 8); };
  backend->operations().linear_forward(
      {.y = matrix(0), .x = matrix(1), .weight = matrix(2), .bias = {}, .residual = {}});
  cuda_on_cpu::set_errors_sticky(true);
  launch_a_fault(*backend);
  check_refused(refusal([&] {
                  backend->operations().linear_forward(
                      {.y = matrix(0), .x = matrix(1), .weight = matrix(2), .bias = {}, .residual = {}});
                }),
                {"CUDA: cublasLtMatmul failed with cudaErrorLaunchFailure", "CUDA_LAUNCH_BLOCKING=1"});
}

TEST_CASE("cuBLASLt's own lack of memory is told as lack of memory; its other failures are not") {
  const Devices devices({{}, {.memory_bytes = kGib}, {.memory_bytes = 8 * kGib}});
  for (const int device : {1, 2}) {
    const auto backend = create_cuda_backend(device);
    const auto memory = backend->allocate(4096, "a test"), workspace = backend->allocate(1 << 20, "a test");
    const auto filler = backend->allocate(static_cast<int64_t>(600 * kMib), "what leaves too little on the small one");
    backend->operations().set_workspace(workspace->data(), workspace->size());
    const auto matrix = [&](int64_t i) { return float_tensor(static_cast<float*>(memory->data()) + i * 64, 8, 8); };
    const auto product = [&] {
      return refusal([&] {
        backend->operations().linear_forward(
            {.y = matrix(0), .x = matrix(1), .weight = matrix(2), .bias = {}, .residual = {}});
      });
    };
    const std::string out_of_memory = sentence("Out of GPU memory: what cuBLASLt itself needs (cublasLtMatmul: ");
    cuda_on_cpu::set_cublas_lt_answers(0, CUBLAS_STATUS_ALLOC_FAILED);
    check_refused(product(), {out_of_memory, "allocation failed", sentence("cuda:", device), "MiB are free",
                              "`microBatchTokens`"});
    for (const auto status : {CUBLAS_STATUS_INTERNAL_ERROR, CUBLAS_STATUS_NOT_INITIALIZED}) {
      cuda_on_cpu::set_cublas_lt_answers(0, status);
      if (device == 1) check_refused(product(), {out_of_memory});
      else check_refused(product(), {"cuBLASLt: cublasLtMatmul failed: "});
    }
    cuda_on_cpu::set_cublas_lt_answers(0, 0);
    CHECK(product() == "");
  }
}

TEST_CASE(
    "products without an algorithm are counted by shape and told with the reason; a model's own do not come there") {
  const Devices devices(std::vector<EmulatedDevice>(2));
  const auto backend = create_cuda_backend(1);
  {
    SmallRun run(*backend, small_config(), DType::bfloat16);
    (void)run.step(Control());
    CHECK(backend->notes().empty());
    cuda_on_cpu::set_cublas_lt_answers(CUBLAS_STATUS_NOT_SUPPORTED, 0);
    SmallRun refused(*backend, small_config(), DType::bfloat16);
    (void)refused.step(Control());  // other shapes are known already
  }
  const auto memory = backend->allocate(1 << 20, "a test"), workspace = backend->allocate(1 << 20, "a test");
  backend->operations().set_workspace(workspace->data(), workspace->size());
  const auto multiply = [&](int64_t rows) {
    const auto matrix = [&](int64_t i, int64_t r, int64_t c) {
      return Tensor{static_cast<char*>(memory->data()) + i * 65536, DType::bfloat16, r, c, c};
    };
    backend->operations().linear_forward(
        {.y = matrix(0, rows, 72), .x = matrix(1, rows, 40), .weight = matrix(2, 72, 40), .bias = {}, .residual = {}});
  };
  multiply(7);
  multiply(9);
  const auto notes = backend->notes();
  REQUIRE(!notes.empty());
  const auto found = std::find_if(notes.begin(), notes.end(), [](const BackendNote& note) {
    return note.text.find("[7 x 72]") != std::string::npos;
  });
  REQUIRE(found != notes.end());
  CHECK(found->text ==
        "The matrix product linear_forward, [7 x 72] = [7 x 40] [40 x 72] in bfloat16, runs on a slow kernel, because "
        "cuBLASLt has no algorithm for it (the functionality requested is not supported).");
  CHECK(found->count == 2);
}

TEST_CASE("a hidden size that is no multiple of 8 runs on the slow kernel, and the note says why") {
  const Devices devices(std::vector<EmulatedDevice>(2));
  const auto backend = create_cuda_backend(1);
  auto config = small_config();
  config["hidden_size"] = 20;
  SmallRun run(*backend, config, DType::bfloat16);
  (void)run.step(Control());
  const auto notes = backend->notes();
  REQUIRE(!notes.empty());
  int64_t products = 0;
  for (const auto& note : notes) products += note.count;
  CHECK(products > 10);
  CHECK(std::any_of(notes.begin(), notes.end(), [](const BackendNote& note) {
    return note.text.find(
               "rows of the first operand are 40 bytes apart, and cuBLASLt's products on tensor cores want multiples "
               "of 16 (sizes that are multiples of 8)") != std::string::npos;
  }));
}

TEST_CASE("a product that cuBLASLt takes for invalid is an error with its shape") {
  const Devices devices(std::vector<EmulatedDevice>(2));
  const auto backend = create_cuda_backend(1);
  const auto memory = backend->allocate(4096, "a test"), workspace = backend->allocate(1 << 20, "a test");
  backend->operations().set_workspace(workspace->data(), workspace->size());
  const auto matrix = [&](int64_t i) { return float_tensor(static_cast<float*>(memory->data()) + i * 64, 8, 8); };
  cuda_on_cpu::set_cublas_lt_answers(CUBLAS_STATUS_INVALID_VALUE, 0);
  check_refused(
      refusal([&] {
        backend->operations().linear_forward(
            {.y = matrix(0), .x = matrix(1), .weight = matrix(2), .bias = {}, .residual = {}});
      }),
      {"cuBLASLt takes the matrix product [8 x 8] = [8 x 8] [8 x 8] in float32 for invalid", "please report it"});
  CHECK(backend->notes().empty());
}

}  // namespace
}  // namespace cheems
