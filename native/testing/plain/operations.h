// Every operation in plain loops (ops/FOLDER/plain.cpp), which follow only the contract's formula. Accumulate is float
// or double: sums and intermediate values have that type, tensors keep their dtypes.
#pragma once

#include "ops/list.h"

namespace cheems::testing::plain {

#define CHEEMS_DECLARE(name, Contract, ...) \
  template <class Accumulate>               \
  void name(const Contract& a);
CHEEMS_OPERATIONS(CHEEMS_DECLARE)
#undef CHEEMS_DECLARE

// To be used at the end of a plain.cpp, for each of its operations.
#define CHEEMS_PLAIN(name, Contract)          \
  template void name<float>(const Contract&); \
  template void name<double>(const Contract&);

}  // namespace cheems::testing::plain
