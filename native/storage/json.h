// nlohmann's JSON, whose class is compiled once, in json.cpp, instead of in each file that uses it.
#pragma once

#include <nlohmann/json.hpp>

extern template class nlohmann::basic_json<>;
