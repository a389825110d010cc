// Whether a text contains a part; a failing test shows the text.
#pragma once

#include <doctest/doctest.h>

#include <string>

namespace cheems::testing {

inline bool contains(const std::string& text, const std::string& part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) MESSAGE("not in: " << text);
  return found;
}

}  // namespace cheems::testing
