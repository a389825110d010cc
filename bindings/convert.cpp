#include "convert.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <unordered_set>

#include "backends/plugin_loader.h"
#include "core/error.h"
#include "environment.h"
#include "model/networks/body.h"
#include "model/parameters/parameters.h"
#include "requests.h"

namespace cheems::bindings {
namespace {

// Copies the typed arrays that a struct describes. Sentences name them behind `prefix`.
class ArrayReader {
 public:
  ArrayReader(Napi::Object object, std::string prefix) : object_(object), prefix_(std::move(prefix)) {}

  void operator()(const char* name, std::vector<int32_t>& numbers, const char*) {
    numbers = copied<Napi::Int32Array, int32_t>(name, napi_int32_array, "an Int32Array");
  }
  void operator()(const char* name, std::vector<float>& numbers, const char*) {
    numbers = copied<Napi::Float32Array, float>(name, napi_float32_array, "a Float32Array");
  }
  template <class Number>
  void operator()(const char* name, std::optional<std::vector<Number>>& numbers, const char* doc) {
    if (!object_.Get(name).IsUndefined()) (*this)(name, numbers.emplace(), doc);
  }

 private:
  template <class Array, class Number>
  std::vector<Number> copied(const char* name, napi_typedarray_type type, const char* kind) {
    const Napi::Value value = object_.Get(name);
    if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type)
      fail(prefix_, name, " must be ", kind, ".");
    const auto array = value.As<Array>();
    const Number* const data = array.ElementLength() == 0 ? nullptr : array.Data();
    return {data, data + array.ElementLength()};
  }

  const Napi::Object object_;
  const std::string prefix_;
};

template <class Arrays>
Arrays arrays_from(Napi::Value value, const char* prefix) {
  Arrays arrays;
  ArrayReader reader(value.As<Napi::Object>(), prefix);
  describe(reader, arrays);
  return arrays;
}

void check_offsets(const OwnedSamples& samples) {
  const auto& offsets = samples.offsets;
  if (offsets.size() != samples.groups.size() + 1) {
    fail("batch.offsets must have one more entry than there are samples: batch.groups has ", samples.groups.size(),
         " entries and batch.offsets ", offsets.size(), ".");
  }
  if (offsets.front() != 0) fail("batch.offsets must begin with 0, not ", offsets.front(), ".");
  for (std::size_t s = 0; s + 1 < offsets.size(); ++s) {
    if (offsets[s + 1] <= offsets[s]) {
      fail("Sample ", s, " of the batch has no tokens: batch.offsets goes from ", offsets[s], " to ", offsets[s + 1],
           ".");
    }
  }
  if (static_cast<std::size_t>(offsets.back()) != samples.tokens.size()) {
    fail("batch.offsets must end with the number of tokens: it ends with ", offsets.back(), " and batch.tokens has ",
         samples.tokens.size(), " entries.");
  }
}

// Samples of one prompt must be adjacent, or their prompt would be computed more than once.
void check_groups(const std::vector<int32_t>& groups) {
  std::unordered_set<int32_t> seen;
  for (std::size_t s = 0; s < groups.size(); ++s) {
    if (s > 0 && groups[s] == groups[s - 1]) continue;
    if (!seen.insert(groups[s]).second) {
      fail("Samples of prompt ", groups[s], " are not next to each other: sample ", s,
           " of the batch comes after samples of another prompt.");
    }
  }
}

void check_pairs(const std::vector<int32_t>& pairs) {
  if (pairs.empty())
    fail("The batch has no pair of a chosen and a rejected sample: there is nothing to learn from it.");
  if (pairs.size() % 2 != 0) {
    fail("pairs must hold two sample numbers per pair, chosen and rejected; it has ", pairs.size(), " entries.");
  }
}

// One number for each comparison, where the array is given.
void set_numbers(const char* name, const std::optional<std::vector<float>>& numbers,
                 std::vector<Comparison>& comparisons, float Comparison::*field) {
  if (!numbers) return;
  if (numbers->size() != comparisons.size()) {
    fail(name, " must hold one number for each pair: it has ", numbers->size(), ", and there are ", comparisons.size(),
         " pairs.");
  }
  for (std::size_t i = 0; i < comparisons.size(); ++i) comparisons[i].*field = (*numbers)[i];
}

}  // namespace

OwnedSamples samples_from(Napi::Value batch) {
  if (!batch.IsObject()) fail("The batch must be an object with tokens, offsets and groups.");
  auto given = arrays_from<SampleArrays>(batch, "batch.");
  OwnedSamples samples{std::move(given.tokens), std::move(given.offsets), std::move(given.groups), {}, {}};
  if (given.readouts) {
    if (!given.readout_offsets) fail("batch.readoutOffsets must be an Int32Array.");
    samples.readouts = *std::move(given.readouts);
    samples.readout_offsets = *std::move(given.readout_offsets);
  }
  check_offsets(samples);
  check_groups(samples.groups);
  return samples;
}

std::vector<Comparison> comparisons_from(Napi::Value value, int64_t samples) {
  if (!value.IsObject() || value.IsTypedArray()) fail("The comparisons must be an object with pairs.");
  const auto given = arrays_from<ComparisonArrays>(value, "");
  check_pairs(given.pairs);
  auto comparisons = comparisons_of(given.pairs);
  set_numbers("targets", given.targets, comparisons, &Comparison::target);
  set_numbers("weights", given.weights, comparisons, &Comparison::weight);
  set_numbers("margins", given.margins, comparisons, &Comparison::margin);
  check_comparisons(comparisons, samples);
  return comparisons;
}

std::unique_ptr<Backend> backend_for(const DeviceOptions& options, std::string& choice) {
  return coded(error_codes::kDevice,
               [&] { return create_backend(options.device, static_cast<int>(options.num_threads), choice); });
}

ArchitectureInfo info_of(const model::Architecture& a) {
  ArchitectureInfo info{.family = a.family,
                        .class_prefix = a.class_prefix,
                        .saved_family = a.saved_family,
                        .sample_form = model::body_of(a).sample_form,
                        .hidden_size = a.hidden_size,
                        .intermediate_size = a.intermediate_size,
                        .num_layers = a.num_layers,
                        .num_heads = a.num_heads,
                        .num_key_value_heads = a.num_key_value_heads,
                        .head_size = a.head_size,
                        .vocab_size = a.vocab_size,
                        .max_position_embeddings = a.max_position_embeddings,
                        .parameters = model::ParameterLayout(a, DType::float32).count(),
                        .any_length = model::body_of(a).any_length,
                        .pad_token = {},
                        .reward_token = {},
                        .keeps_output_layer = {}};
  if (a.pad_token_id >= 0) info.pad_token = a.pad_token_id;
  if (a.reward_token_id >= 0) info.reward_token = a.reward_token_id;
  return info;
}

Napi::Value to_js(Napi::Env env, const std::vector<BackendNote>& notes) {
  Napi::Array array = Napi::Array::New(env);
  for (BackendNote note : notes) array.Set(array.Length(), write_result(env, note));
  return array;
}

Napi::Error to_js_error(Napi::Env env, const std::exception_ptr& failure, const Purpose& purpose,
                        const std::string& cancel_reason) {
  const auto make = [env](const std::string& message, const char* code) {
    const Napi::FunctionReference& error_class = environment(env).error_class;
    if (!error_class.IsEmpty())
      return Napi::Error(env, error_class.New({Napi::String::New(env, code), Napi::String::New(env, message)}));
    Napi::Error error = Napi::Error::New(env, message);
    error.Value().Set("code", code);
    return error;
  };
  try {
    std::rethrow_exception(failure);
  } catch (const Canceled& canceled) {
    if (!cancel_reason.empty()) return make(cancel_reason, error_codes::kDisposed);
    Napi::Error error = Napi::Error::New(env, canceled.what());
    error.Value().Set("code", "ABORT_ERR");
    error.Value().Set("name", "AbortError");
    return error;
  } catch (const CodedError& error) {
    return make(error.what(), error.code);
  } catch (const Error& error) {
    return make(error.what(), purpose.code);
  } catch (const std::bad_alloc&) {
    return make("The engine ran out of memory while " + purpose.text +
                    ": close other programs, or lower the tokens of a micro-batch or the size of the model.",
                error_codes::kOutOfMemory);
  } catch (const std::exception& error) {
    return make("The engine failed while " + purpose.text + ", which is a defect of cheems-native: " + error.what(),
                error_codes::kDefect);
  } catch (...) {
    return make("The engine failed while " + purpose.text + ", which is a defect of cheems-native.",
                error_codes::kDefect);
  }
}

}  // namespace cheems::bindings
