// Where a checkpoint keeps a parameter.
#pragma once

#include <cstdint>
#include <string>

namespace cheems::model {

struct StoredTensor {
  std::string name;  // of the tensor in the checkpoint
  // Which of its rows make the parameter, in order: `count` rows from `first` on, and again every `step` rows to its
  // end. count = 0: all of them, in their order.
  int64_t first = 0, count = 0, step = 0;
};

}  // namespace cheems::model
