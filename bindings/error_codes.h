// The `code` of every error that JavaScript gets. lib/engine/errors.ts has the same names and says what they mean.
#pragma once

#include <string>
#include <utility>

#include "core/error.h"

namespace cheems::bindings::error_codes {

inline constexpr char kInvalidArgument[] = "INVALID_ARGUMENT";
inline constexpr char kDisposed[] = "DISPOSED";
inline constexpr char kDevice[] = "DEVICE";
inline constexpr char kModelFile[] = "MODEL_FILE";
inline constexpr char kFile[] = "FILE";
inline constexpr char kComputation[] = "COMPUTATION";
inline constexpr char kOutOfMemory[] = "OUT_OF_MEMORY";
inline constexpr char kDefect[] = "DEFECT";

}  // namespace cheems::bindings::error_codes

namespace cheems::bindings {

// An Error with a code other than the one that its job or call gives to errors.
class CodedError : public Error {
 public:
  CodedError(const char* code, const std::string& sentence) : Error(sentence), code(code) {}
  const char* const code;
};

template <typename... Parts>
[[noreturn]] void fail_with(const char* code, const Parts&... parts) {
  throw CodedError(code, sentence(parts...));
}

// Runs `work`; an Error that it throws gets the code.
template <typename Work>
auto coded(const char* code, const Work& work) {
  try {
    return work();
  } catch (const CodedError&) {
    throw;
  } catch (const Error& error) {
    throw CodedError(code, error.what());
  }
}

// What a job is for: a text that completes sentences ("The engine ran out of memory while <text>"), and the code of its
// errors.
struct Purpose {
  Purpose(std::string text, const char* code = error_codes::kComputation) : text(std::move(text)), code(code) {}
  Purpose(const char* text) : Purpose(std::string(text)) {}
  std::string text;
  const char* code;
};

}  // namespace cheems::bindings
