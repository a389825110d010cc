// Errors meant for the person who runs the program: one full sentence that says what is wrong, where
// (file, tensor, option), and what to do about it. Anything else that throws is a defect of this engine.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace cheems {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Joins its parts into one string: `sentence("tensor ", name, " has ", count, " entries")`.
template <typename... Parts>
std::string sentence(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

// Throws an Error whose sentence is the parts joined.
template <typename... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  throw Error(sentence(parts...));
}

}  // namespace cheems
