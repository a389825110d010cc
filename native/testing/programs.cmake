# The programs of C++ tests: all of a device's tests in one, and those of each operation in one of its own, which is
# soon built again.

# Test code is compiled without the optimizer, in half the time: what it waits for is the engine, which has it. The
# plain loops, the yardstick of every operation, are optimized; like the entry point, they are the same for every
# device.
file(GLOB plain_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/native/ops/*/plain.cpp")
add_library(cheems_test_support OBJECT EXCLUDE_FROM_ALL "${PROJECT_SOURCE_DIR}/native/testing/main.cpp"
  "${PROJECT_SOURCE_DIR}/native/testing/plain_backend.cpp" ${plain_sources})
target_compile_options(cheems_test_support PRIVATE -O2)
set_source_files_properties("${PROJECT_SOURCE_DIR}/native/testing/main.cpp" PROPERTIES COMPILE_OPTIONS -O0)
cheems_compile_rooms(cheems_test_support)
# Tests that compute much themselves.
set_source_files_properties("${PROJECT_SOURCE_DIR}/native/backends/cpu/matrix_product_test.cpp" PROPERTIES
  COMPILE_OPTIONS -O2
  SKIP_PRECOMPILE_HEADERS ON)
target_include_directories(cheems_test_support PUBLIC "${PROJECT_SOURCE_DIR}/native")
target_link_libraries(cheems_test_support PUBLIC cheems_flags doctest::doctest nlohmann_json::nlohmann_json)

# What all test code of a device is compiled with. `device`: the libraries under test.
function(cheems_test_settings target device)
  target_compile_options(${target} PRIVATE -O0)
  # Tests read fixtures/reference/ from here, whatever folder they are run in; the loader's open the plug-in that needs
  # no GPU.
  target_compile_definitions(${target} PRIVATE "CHEEMS_SOURCE_DIRECTORY=\"${PROJECT_SOURCE_DIR}\""
    "CHEEMS_PLUGIN_FOLDER=\"${CHEEMS_PLUGIN_FOLDER}\"")
  target_link_libraries(${target} PRIVATE ${device} doctest::doctest)
endfunction()

# cheems_test_program(TARGET DEVICE SOURCE…). The plain loops come first, so that the linker takes their templates as
# they were optimized.
function(cheems_test_program target device)
  add_executable(${target} EXCLUDE_FROM_ALL $<TARGET_OBJECTS:cheems_test_support> ${ARGN})
  cheems_test_settings(${target} "${device}")
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
endfunction()

# cheems_test_programs(WHOLE FILE SUFFIX DEVICE [COMMON SOURCE…] SOURCES SOURCE…): WHOLE, the program of all sources;
# and of each operation's FILE a program test_<operation><SUFFIX>, which has the COMMON sources beside it.
function(cheems_test_programs whole file suffix device)
  cmake_parse_arguments(PARSE_ARGV 4 tests "" "" "COMMON;SOURCES")
  # The precompiled headers are a target of their own: a program that took them from WHOLE would have WHOLE built first.
  add_library(${whole}_headers OBJECT EXCLUDE_FROM_ALL "${PROJECT_SOURCE_DIR}/native/testing/precompiled_headers.cpp")
  cheems_test_settings(${whole}_headers "${device}")
  # g++ takes them only where the code is position-independent in the same way, and programs are as programs.
  set_target_properties(${whole}_headers PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${whole}_headers PRIVATE ${CMAKE_CXX_COMPILE_OPTIONS_PIE})
  cheems_precompile_headers(${whole}_headers <doctest/doctest.h>)
  cheems_test_program(${whole} "${device}" ${tests_COMMON} ${tests_SOURCES})
  target_precompile_headers(${whole} REUSE_FROM ${whole}_headers)
  cheems_compile_rooms(${whole} KEPT "/elementary_test")
  file(GLOB operation_tests CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/native/ops/*/${file}")
  foreach(source IN LISTS operation_tests)
    get_filename_component(folder "${source}" DIRECTORY)
    get_filename_component(operation "${folder}" NAME)
    cheems_test_program(test_${operation}${suffix} "${device}" "${source}" ${tests_COMMON})
    target_precompile_headers(test_${operation}${suffix} REUSE_FROM ${whole}_headers)
  endforeach()
endfunction()
