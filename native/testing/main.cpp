// The entry point of the C++ tests: every test.cpp of native/ is linked into this one program.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
