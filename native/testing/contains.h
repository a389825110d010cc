// Whether a text has a part; a test that fails on it shows the text.
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
