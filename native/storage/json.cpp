#include "storage/json.h"

template class nlohmann::basic_json<>;
