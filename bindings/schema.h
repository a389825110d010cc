// Reads what JavaScript passes to the engine, writes what it gets back, and exports both, all from the structs' own
// descriptions (core/description.h).
#pragma once

#include <napi.h>

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/description.h"
#include "core/dtype.h"
#include "core/error.h"
#include "model/heads/head.h"

namespace cheems::bindings {

// A non-empty string without NUL; `what` names it in the error.
std::string text_from(Napi::Value value, const char* what);
int32_t int32_from(Napi::Value value, const char* what);
// An Int32Array or an array of whole numbers of 32 bits.
std::vector<int32_t> int32s_from(Napi::Value value, const char* what);

// Reads the fields of an options object: a field that is absent or undefined keeps the struct's value. Throws Error,
// naming the field, for an invalid value.
class OptionsReader {
 public:
  explicit OptionsReader(Napi::Value options);

  template <class Value>
  void operator()(const char* name, Value& value, const char*, const Values& values = {}) {
    const Napi::Value given = object_.Get(name);
    // The engine itself reports what is wrong with a missing list.
    if (given.IsUndefined() && (!values.required || std::is_same_v<Value, std::vector<int32_t>>)) return;
    if constexpr (std::is_same_v<Value, bool>) {
      value = boolean(given, name);
    } else if constexpr (std::is_same_v<Value, std::string>) {
      value = text(given, name, values);
    } else if constexpr (std::is_same_v<Value, DType> || std::is_same_v<Value, std::optional<DType>>) {
      value = dtype(given, name);
    } else if constexpr (std::is_same_v<Value, std::vector<int32_t>>) {
      value = values.one_for_all && given.IsNumber() ? std::vector<int32_t>{int32_from(given, name)}
                                                     : int32s_from(given, name);
    } else if constexpr (std::is_floating_point_v<Value>) {
      value = static_cast<Value>(number(given, name, values));
    } else {
      static_assert(std::is_integral_v<Value>);
      value = static_cast<Value>(integer(given, name, values));
    }
  }

 private:
  static bool boolean(Napi::Value value, const char* name);
  static std::string text(Napi::Value value, const char* name, const Values& values);
  static DType dtype(Napi::Value value, const char* name);  // float32 or bfloat16
  static double number(Napi::Value value, const char* name, const Values& values);
  static int64_t integer(Napi::Value value, const char* name, const Values& values);

  Napi::Object object_;
};

// The struct that an options object describes.
template <class Struct>
Struct read_options(Napi::Value value, Struct options = {}) {
  OptionsReader reader(value);
  describe(reader, options);
  return options;
}

// Names and values, written as an object with these properties.
using TextPairs = std::vector<std::pair<std::string, std::string>>;

// Writes the fields of a result into a JS object; empty optionals are left out.
class ResultWriter {
 public:
  explicit ResultWriter(Napi::Object written) : object(written), env_(written.Env()) {}

  template <class Value>
  void operator()(const char* name, Value& value, const char*, const Values& values = {}) {
    if constexpr (std::is_same_v<Value, std::string>) {
      if (!values.stands_for_none || !value.empty()) object.Set(name, value);
    } else if constexpr (std::is_same_v<Value, bool>) {
      object.Set(name, value);
    } else if constexpr (std::is_same_v<Value, DType>) {
      object.Set(name, cheems::name(value));
    } else if constexpr (std::is_same_v<Value, TextPairs>) {
      Napi::Object pairs = Napi::Object::New(env_);
      for (const auto& [key, text] : value) pairs.Set(key, text);
      object.Set(name, pairs);
    } else if constexpr (std::is_same_v<Value, std::vector<std::string>>) {
      Napi::Array texts = Napi::Array::New(env_);
      for (const std::string& text : value) texts.Set(texts.Length(), text);
      object.Set(name, texts);
    } else if constexpr (std::is_arithmetic_v<Value>) {
      object.Set(name, static_cast<double>(value));
    } else if constexpr (std::is_same_v<Value, model::Readout>) {
      object.Set(name, model::name(value));
    } else if constexpr (std::is_same_v<Value, std::vector<float>>) {
      object.Set(name, array_of<Napi::Float32Array>(value));
    } else if constexpr (std::is_same_v<Value, std::vector<int32_t>>) {
      object.Set(name, array_of<Napi::Int32Array>(value));
    } else if constexpr (std::is_same_v<Value, std::vector<uint8_t>>) {
      object.Set(name, array_of<Napi::Uint8Array>(value));
    } else if constexpr (requires { describe(*this, value); }) {
      object.Set(name, written(value));
    } else if constexpr (requires { describe(*this, value.front()); }) {
      Napi::Array list = Napi::Array::New(env_);
      for (auto& entry : value) list.Set(list.Length(), written(entry));
      object.Set(name, list);
    } else if (value) {
      (*this)(name, *value, "");
    } else if (values.or_null) {
      object.Set(name, env_.Null());
    }
  }

  Napi::Object object;

 private:
  template <class Struct>
  Napi::Object written(Struct& result) {
    ResultWriter writer(Napi::Object::New(env_));
    describe(writer, result);
    return writer.object;
  }

  template <class Array, class Numbers>
  Array array_of(const Numbers& numbers) {
    auto array = Array::New(env_, numbers.size());
    std::copy(numbers.begin(), numbers.end(), array.Data());
    return array;
  }

  Napi::Env env_;
};

template <class Struct>
Napi::Object write_result(Napi::Env env, Struct& result) {
  ResultWriter writer(Napi::Object::New(env));
  describe(writer, result);
  return writer.object;
}

// The same, as properties of an existing object.
template <class Struct>
void write_properties(Napi::Object object, Struct& result) {
  ResultWriter writer(object);
  describe(writer, result);
}

// () -> the descriptions of all options, results and enums as JSON; scripts/generate/generate_engine_types.cjs makes
// lib/engine/types.generated.ts from it.
Napi::Value schema(const Napi::CallbackInfo& info);

}  // namespace cheems::bindings
