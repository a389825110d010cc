// How a struct that crosses into another language describes its fields: once, in a function beside the struct. The
// description is used to parse it, to write it, and to generate its TypeScript types.
//
//   template <class Visitor>
//   void describe(Visitor& visit, TrainerOptions& options) {
//     visit("microBatchTokens", options.micro_batch_tokens, "Tokens computed at once.", {.least = 1});
//   }
//
// The name is the field's in JavaScript; the text is the documentation in the field's type. An option's default is the
// struct's initial value. A field may be int64_t, uint64_t, double, float, bool, std::string, DType, std::optional of
// them, or a vector. A field of a result may also be another described struct, a vector of them or of texts, or pairs
// of texts.
#pragma once

#include <limits>

namespace cheems {

// The constraints of an option.
struct Values {
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  bool below_most = false;       // `most` itself is excluded
  bool required = false;         // without a default
  bool stands_for_none = false;  // the struct's default means that the option is absent; it is not a valid value
  bool or_null = false;          // for a result: null if it is absent
  bool one_for_all = false;      // for a list: one number is allowed for all its entries
  const char* one_of = nullptr;  // for a text: the allowed values: "train | score"
};

}  // namespace cheems
