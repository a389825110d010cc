// How a struct that crosses into another language describes its fields: once, in a function beside the struct, for
// whoever parses it, writes it, or makes types of it.
//
//   template <class Visitor>
//   void describe(Visitor& visit, TrainerOptions& options) {
//     visit("microBatchTokens", options.micro_batch_tokens, "Tokens computed at once.", {.least = 1});
//   }
//
// The name is the field's in JavaScript; the text is the documentation of the field's type. An option's default is what
// the struct is made with. A field may be int64_t, uint64_t, double, float, bool, std::string, DType, std::optional of
// them, or a vector.
#pragma once

#include <limits>

namespace cheems {

// What an option may be.
struct Values {
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  bool below_most = false;       // `most` itself is excluded
  bool required = false;         // without a default
  bool stands_for_none = false;  // the struct's own default says that the option is absent, and is no value of it
  bool one_for_all = false;      // of a list: one number stands for all its entries
  const char* one_of = nullptr;  // of a text, the values that it may have: "train | score"
};

}  // namespace cheems
