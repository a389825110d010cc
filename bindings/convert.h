// Converts JS values to engine values and back. Invalid arguments throw cheems::Error with a sentence that names them.
#pragma once

#include <napi.h>

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "batch/samples.h"
#include "core/comparison.h"
#include "core/dtype.h"
#include "error_codes.h"
#include "job.h"
#include "model/architecture.h"
#include "model/heads/head.h"
#include "schema.h"

namespace cheems::bindings {

// Samples that own their memory: JS may change or detach its arrays while the engine works.
struct OwnedSamples {
  std::vector<int32_t> tokens, offsets, groups, readouts, readout_offsets;
  Samples view() const { return {tokens, offsets, groups, readouts, readout_offsets}; }
  int64_t count() const { return static_cast<int64_t>(groups.size()); }
};

// What JavaScript gives as samples.
struct SampleArrays {
  std::vector<int32_t> tokens, offsets, groups;
  std::optional<std::vector<int32_t>> readouts, readout_offsets;
};

template <class Visitor>
void describe(Visitor& visit, SampleArrays& samples) {
  visit("tokens", samples.tokens, "All ids; sample s is `tokens.subarray(offsets[s], offsets[s + 1])`.");
  visit("offsets", samples.offsets, "One more entry than there are samples; the first is 0.");
  visit("groups", samples.groups, "The number of each sample's prompt; samples of one prompt are adjacent.");
  visit("readouts", samples.readouts,
        "Positions within each sample that the model's head reads: those of sample s are "
        "`readouts.subarray(readoutOffsets[s], readoutOffsets[s + 1])`. Absent: the last token.");
  visit("readoutOffsets", samples.readout_offsets, "Goes with `readouts`.");
}

// What JavaScript gives as comparisons.
struct ComparisonArrays {
  std::vector<int32_t> pairs;
  std::optional<std::vector<float>> targets, weights, margins;
};

template <class Visitor>
void describe(Visitor& visit, ComparisonArrays& arrays) {
  visit("pairs", arrays.pairs, "[2 P]: the two samples of each pair, alternating.");
  visit("targets", arrays.targets, "[P]: the probability that the first is the better one; 1 by default.");
  visit("weights", arrays.weights, "[P]: the pair's weight in the loss; 1 by default.");
  visit("margins", arrays.margins, "[P]: by how much the first one's reward should exceed the second's; 0 by default.");
}

// From SampleArrays; checks all but the ids against the vocabulary.
OwnedSamples samples_from(Napi::Value batch);
// From ComparisonArrays, of sample numbers below `samples`.
std::vector<Comparison> comparisons_from(Napi::Value comparisons, int64_t samples);
Napi::Value to_js(Napi::Env env, const std::vector<BackendNote>& notes);

// Makes an EngineError from a failure. cheems::Error: its sentence, with its own code or else the purpose's. Canceled
// by the caller: name 'AbortError', code 'ABORT_ERR'. Canceled because its object was disposed, as `cancel_reason`
// says: code DISPOSED. bad_alloc: a sentence about memory. Anything else is a defect of the engine.
Napi::Error to_js_error(Napi::Env env, const std::exception_ptr& failure, const Purpose& purpose,
                        const std::string& cancel_reason);

// Returns what `begin` returns, or a promise that is rejected with what it throws.
template <class Begin>
Napi::Value promise_of(Napi::Env env, const Begin& begin) {
  const auto rejected = [env](Napi::Value reason) -> Napi::Value {
    const auto deferred = Napi::Promise::Deferred::New(env);
    deferred.Reject(reason);
    return deferred.Promise();
  };
  try {
    return begin();
  } catch (const Napi::Error& error) {
    return rejected(error.Value());
  } catch (...) {
    return rejected(
        to_js_error(env, std::current_exception(), {"starting work", error_codes::kInvalidArgument}, "").Value());
  }
}

// Exported functions that return a promise.
template <Napi::Value (*function)(const Napi::CallbackInfo&)>
Napi::Value promised(const Napi::CallbackInfo& info) {
  return promise_of(info.Env(), [&] { return function(info); });
}

// Exported functions that return at once: a C++ exception becomes a JS one.
template <Napi::Value (*function)(const Napi::CallbackInfo&)>
Napi::Value guarded(const Napi::CallbackInfo& info) {
  try {
    return function(info);
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw to_js_error(info.Env(), std::current_exception(), {"starting work", error_codes::kInvalidArgument}, "");
  }
}

}  // namespace cheems::bindings
