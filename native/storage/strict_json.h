// JSON files of a model folder, read without the leniency that hides damage.
#pragma once

#include <string>
#include <string_view>

#include "storage/json.h"

namespace cheems::storage {

// Parses UTF-8 JSON of at most 64 MiB. Python's NaN, Infinity and -Infinity, which its json module writes, become texts
// of these names, so that they are refused where a number is read and stand in nobody's way elsewhere. Throws Error,
// naming `file` and the place, for invalid JSON, a key that occurs twice in an object, and nesting deeper than 64.
nlohmann::json parse_strict_json(std::string_view text, const std::string& file);

// The same for a file.
nlohmann::json read_strict_json(const std::string& path);

}  // namespace cheems::storage
