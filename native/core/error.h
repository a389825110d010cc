// Errors meant for the person who runs the program: one full sentence that says what is wrong, where
// (file, tensor, option), and what to do about it. Anything else that throws is a defect of this engine.
#pragma once

#include <cstddef>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

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

// A name from a file, made fit for a sentence: in quotes, without control characters, and cut (between UTF-8
// characters) if it is absurdly long. Not called `quoted`: for a std::string that would find std::quoted, which does
// neither.
inline std::string in_quotes(std::string_view name) {
  constexpr std::size_t longest = 160;
  std::size_t length = name.size();
  if (length > longest) {
    length = longest;
    while (length > 0 && (static_cast<unsigned char>(name[length]) & 0xc0) == 0x80) --length;
  }
  std::string text = "\"";
  for (const char c : name.substr(0, length)) text += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return text + (length < name.size() ? "...\"" : "\"");
}

}  // namespace cheems
