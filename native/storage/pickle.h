// Reads Python pickles without running anything. A pickle is a program that calls functions by name. Here its opcodes
// only build a description of the calls, and a name outside a given list ends the reading with an Error. The caller
// interprets the calls (torch_file.cpp).
//
// Opcodes: those that Python's picklers write for dicts, lists, tuples, numbers, text and calls, protocols 2 to 5:
// https://github.com/python/cpython/blob/main/Lib/pickletools.py
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cheems::storage {

struct PickleValue {
  enum class Kind : std::uint8_t {
    none,
    boolean,  // integer: 0 or 1
    integer,
    real,        // its value is not kept
    text,        // text
    bytes,       // not kept
    global,      // text: "torch._utils._rebuild_tensor_v2"
    tuple,       // items
    list,        // items
    dict,        // items: key, value, key, value ...
    call,        // items: the global, the tuple of arguments, then keys and values that were set on the result
    persistent,  // items: the one value that names an object outside the pickle
  };
  Kind kind = Kind::none;
  std::int64_t integer = 0;
  std::string text;
  std::vector<std::uint32_t> items;  // indices into Pickle::values; cycles are possible
};

struct Pickle {
  std::vector<PickleValue> values;
  std::uint32_t root = 0;

  const PickleValue& operator[](std::uint32_t index) const { return values[index]; }
};

struct PickleRules {
  // Whether a global ("module.name") may be named at all; throws Error itself, or returns.
  std::function<void(const std::string& global)> check_global;
  // The globals whose results behave like a dict: keys may be set on them. An instance state (attributes, which
  // `collections.OrderedDict` has for PyTorch's notes) is skipped.
  std::string dict_like = "collections.OrderedDict";
};

// `name` is used in errors. Throws Error for what is no pickle, or uses opcodes outside the list above.
Pickle read_pickle(std::span<const std::byte> bytes, const PickleRules& rules, const std::string& name);

}  // namespace cheems::storage
