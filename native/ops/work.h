// FLOPs of the matrix products in one call of an operation, for the benchmarks (ops/FOLDER/work.cpp). A multiply-add
// counts twice.
#pragma once

#include "ops/list.h"

namespace cheems {

#define CHEEMS_DECLARE_none(name, Contract)
#define CHEEMS_DECLARE_products(name, Contract) double name##_work(const Contract&);
#define CHEEMS_DECLARE(name, Contract, cpu, cuda, work) CHEEMS_DECLARE_##work(name, Contract)
CHEEMS_OPERATIONS(CHEEMS_DECLARE)
#undef CHEEMS_DECLARE
#undef CHEEMS_DECLARE_products
#undef CHEEMS_DECLARE_none

}  // namespace cheems
