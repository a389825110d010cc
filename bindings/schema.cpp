#include "schema.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "convert.h"
#include "core/control.h"
#include "core/knobs.h"
#include "core/memory_plan.h"
#include "generation/next_token_reader.h"
#include "inference/scorer.h"
#include "requests.h"
#include "training/trainer.h"

namespace cheems::bindings {
namespace {

using nlohmann::ordered_json;

// The TypeScript names of described results, and of arrays that are given.
template <class Struct>
constexpr const char* kTypeName = nullptr;
template <>
constexpr const char* kTypeName<inference::Scorer::Result> = "ScoreResult";
template <>
constexpr const char* kTypeName<SampleArrays> = "SampleBatch";
template <>
constexpr const char* kTypeName<ComparisonArrays> = "ComparisonArrays";
template <>
constexpr const char* kTypeName<training::StepResult> = "StepResult";
template <>
constexpr const char* kTypeName<model::HeadFacts> = "HeadInfo";
template <>
constexpr const char* kTypeName<ArchitectureInfo> = "ArchitectureInfo";
template <>
constexpr const char* kTypeName<DeviceFacts> = "DeviceFacts";
template <>
constexpr const char* kTypeName<ModelInfo> = "ModelInfo";
template <>
constexpr const char* kTypeName<CausalModelInfo> = "CausalModelInfo";
template <>
constexpr const char* kTypeName<generation::NextTokens> = "NextTokens";
template <>
constexpr const char* kTypeName<generation::Generator::Advanced> = "GenerationStep";
template <>
constexpr const char* kTypeName<Progress> = "Progress";
template <>
constexpr const char* kTypeName<MemoryPlanEntry> = "MemoryPlanEntry";
template <>
constexpr const char* kTypeName<PlannedMemory> = "MemoryPlan";
template <>
constexpr const char* kTypeName<BackendNote> = "EngineNote";
template <>
constexpr const char* kTypeName<BackendInfo> = "BackendInfo";
template <>
constexpr const char* kTypeName<PluginReport::Library> = "CudaLibrary";
template <>
constexpr const char* kTypeName<PluginReport> = "CudaInfo";
template <>
constexpr const char* kTypeName<EngineInfo> = "EngineInfo";

// Collects fields as {name, type, doc, required?, default?}.
class SchemaWriter {
 public:
  template <class Value>
  void operator()(const char* name, const Value& value, const char* doc, const Values& values = {}) {
    ordered_json field = {{"name", name}, {"type", type_of<Value>(values)}, {"doc", doc}};
    if (values.or_null) field["orNull"] = true;
    if (values.one_for_all) field["oneForAll"] = true;
    if (values.required) field["required"] = true;
    else if (!values.stands_for_none) add_default(field, value);
    fields.push_back(field);
  }

  ordered_json fields = ordered_json::array();

 private:
  template <class Value>
  static std::string type_of(const Values& values) {
    if (values.one_of) return values.one_of;
    if constexpr (std::is_same_v<Value, bool>) return "boolean";
    else if constexpr (std::is_same_v<Value, std::string>) return values.stands_for_none ? "string?" : "string";
    else if constexpr (std::is_same_v<Value, TextPairs>) return "Record<string, string>";
    else if constexpr (std::is_same_v<Value, std::vector<std::string>>) return "string[]";
    else if constexpr (kTypeName<Value> != nullptr) return kTypeName<Value>;
    else if constexpr (std::is_same_v<Value, DType>) return "Precision";
    else if constexpr (std::is_same_v<Value, model::Readout>) return "Readout";
    else if constexpr (std::is_same_v<Value, std::vector<float>>) return "Float32Array";
    else if constexpr (std::is_same_v<Value, std::vector<int32_t>>) return "Int32Array";
    else if constexpr (std::is_same_v<Value, std::vector<uint8_t>>) return "Uint8Array";
    else if constexpr (std::is_arithmetic_v<Value>) return "number";
    else if constexpr (std::is_same_v<Value, std::vector<typename Value::value_type>>)
      return type_of<typename Value::value_type>(values) + "[]";
    else return type_of<typename Value::value_type>(values) + "?";
  }

  template <class Value>
  static void add_default(ordered_json& field, const Value& value) {
    if constexpr (std::is_same_v<Value, DType>) field["default"] = name(value);
    else if constexpr (std::is_same_v<Value, float>)
      field["default"] = std::stod(sentence(value));  // 0.1, not its value in float32
    else if constexpr (std::is_arithmetic_v<Value> || std::is_same_v<Value, std::string>) field["default"] = value;
  }
};

template <class Struct>
ordered_json fields_of() {
  SchemaWriter writer;
  Struct described;
  describe(writer, described);
  return writer.fields;
}

template <class... Structs>
ordered_json named() {
  ordered_json all;
  ((all[kTypeName<Structs>] = fields_of<Structs>()), ...);
  return all;
}

ordered_json names(std::initializer_list<const char*> list) { return ordered_json(list); }

}  // namespace

std::string text_from(Napi::Value value, const char* what) {
  if (!value.IsString()) fail(what, " must be a string.");
  std::string text = value.As<Napi::String>();
  if (text.empty()) fail(what, " must not be empty.");
  if (text.find('\0') != std::string::npos) fail(what, " must not contain a NUL character.");
  return text;
}

int32_t int32_from(Napi::Value value, const char* what) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : NAN;
  if (!(std::trunc(number) == number && std::abs(number) <= INT32_MAX))
    fail(what, " must hold whole numbers of 32 bits.");
  return static_cast<int32_t>(number);
}

std::vector<int32_t> int32s_from(Napi::Value value, const char* what) {
  if (value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_int32_array) {
    const auto array = value.As<Napi::Int32Array>();
    std::vector<int32_t> numbers;
    for (size_t i = 0; i < array.ElementLength(); ++i) numbers.push_back(array[i]);
    return numbers;
  }
  if (!value.IsArray()) fail(what, " must be an array of whole numbers.");
  const auto array = value.As<Napi::Array>();
  std::vector<int32_t> numbers;
  for (uint32_t i = 0; i < array.Length(); ++i) numbers.push_back(int32_from(array.Get(i), what));
  return numbers;
}

OptionsReader::OptionsReader(Napi::Value options) {
  if (!options.IsObject()) fail("The options must be an object.");
  object_ = options.As<Napi::Object>();
}

bool OptionsReader::boolean(Napi::Value value, const char* name) {
  if (!value.IsBoolean()) fail(name, " must be true or false.");
  return value.As<Napi::Boolean>();
}

std::string OptionsReader::text(Napi::Value value, const char* name, const Values& values) {
  std::string text = text_from(value, name);
  if (!values.one_of) return text;
  std::string choices;
  const std::string all = values.one_of;
  for (size_t begin = 0; begin < all.size();) {
    const size_t end = std::min(all.find(" | ", begin), all.size());
    const std::string choice = all.substr(begin, end - begin);
    if (text == choice) return text;
    choices += (begin == 0 ? "" : end == all.size() ? " or " : ", ") + choice;
    begin = end + 3;
  }
  fail(name, " must be ", choices, ", not ", text, ".");
}

DType OptionsReader::dtype(Napi::Value value, const char* name) {
  const std::string given = text_from(value, name);
  for (const DType dtype : {DType::float32, DType::bfloat16}) {
    if (given == cheems::name(dtype)) return dtype;
  }
  fail(name, " must be float32 or bfloat16, not ", in_quotes(given), ".");
}

double OptionsReader::number(Napi::Value value, const char* name, const Values& values) {
  if (!value.IsNumber() || !std::isfinite(value.As<Napi::Number>().DoubleValue()))
    fail(name, " must be a finite number.");
  const double number = value.As<Napi::Number>().DoubleValue();
  const bool is_above = values.below_most ? number >= values.most : number > values.most;
  if (number < values.least && values.least == 0 && std::isinf(values.most))
    fail(name, " must not be negative: it is ", number, ".");
  if (number < values.least || is_above) {
    fail(name, " must be at least ", values.least, " and ", values.below_most ? "below " : "at most ", values.most,
         ": it is ", number, ".");
  }
  return number;
}

int64_t OptionsReader::integer(Napi::Value value, const char* name, const Values& values) {
  constexpr double kExact = 9007199254740992.0;  // 2^53: JavaScript's numbers are exact up to here
  const double given = number(value, name, {}), least = std::max(values.least, -kExact),
               most = std::min(values.most, kExact);
  if (std::trunc(given) != given || given < least || given > most) {
    fail(name, " must be a whole number from ", static_cast<int64_t>(least), " to ", static_cast<int64_t>(most),
         ", not ", given, ".");
  }
  return static_cast<int64_t>(given);
}

Napi::Value schema(const Napi::CallbackInfo& info) {
  ordered_json knobs = ordered_json::array();
  for (const std::string_view knob : kKnobs) knobs.push_back(knob);
  using generation::Finish;
  const ordered_json described = {
      {"options",
       {{"ScorerOptions", fields_of<inference::ScorerOptions>()},
        {"TrainerOptions", fields_of<training::TrainerOptions>()},
        {"OptimizerStep", fields_of<training::OptimizerStep>()},
        {"ModelLoadOptions", fields_of<ModelRequest>()},
        {"CausalLoadOptions", fields_of<CausalRequest>()},
        {"GenerationOptions", fields_of<GenerationRequest>()},
        {"NextTokenOptions", fields_of<NextTokenRequest>()},
        {"InitializeOptions", fields_of<InitializeRequest>()},
        {"PlanningOptions", fields_of<PlanRequest>()}}},
      {"arrays", named<SampleArrays, ComparisonArrays>()},
      {"results", named<inference::Scorer::Result, training::StepResult, model::HeadFacts, ArchitectureInfo,
                        DeviceFacts, ModelInfo, CausalModelInfo, generation::NextTokens,
                        generation::Generator::Advanced, Progress, MemoryPlanEntry, PlannedMemory, BackendNote,
                        BackendInfo, PluginReport::Library, PluginReport, EngineInfo>()},
      {"enums",
       {{"Precision", names({name(DType::float32), name(DType::bfloat16)})},
        {"Readout", names({model::name(model::Readout::last_token), model::name(model::Readout::prompt_and_last),
                           model::name(model::Readout::every_step)})}}},
      {"knobs", knobs},
      {"codes",
       {{"Finish",
         {{"running", static_cast<int>(Finish::running)},
          {"stopToken", static_cast<int>(Finish::stop_token)},
          {"length", static_cast<int>(Finish::length)},
          {"byCaller", static_cast<int>(Finish::by_caller)}}}}}};
  return Napi::String::New(info.Env(), described.dump(1));
}

}  // namespace cheems::bindings
