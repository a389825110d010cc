// JSON files of a model folder, read strictly, so that damage is not hidden.
#pragma once

#include <string>
#include <string_view>

#include "storage/json.h"

namespace cheems::storage {

// Parses UTF-8 JSON of at most 64 MiB. NaN, Infinity and -Infinity, which Python's json module writes, become strings
// with these names: they are refused when a number is read and do no harm elsewhere. Throws Error, naming `file` and
// the position, for invalid JSON, a key that occurs twice in an object, and nesting deeper than 64.
nlohmann::json parse_strict_json(std::string_view text, const std::string& file);

// The same for a file.
nlohmann::json read_strict_json(const std::string& path);

}  // namespace cheems::storage
