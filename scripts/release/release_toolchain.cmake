# Compiles against the folder that scripts/release/fetch_sysroot.sh made (see scripts/release/configure_release.sh).
#   -DCHEEMS_ARCHITECTURE=amd64|arm64 -DCHEEMS_SYSROOT=FOLDER
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES CHEEMS_ARCHITECTURE CHEEMS_SYSROOT)
if(CHEEMS_ARCHITECTURE STREQUAL "arm64")
  set(CMAKE_SYSTEM_PROCESSOR aarch64)
else()
  set(CMAKE_SYSTEM_PROCESSOR x86_64)
endif()
set(CMAKE_SYSTEM_NAME Linux)
set(triplet ${CMAKE_SYSTEM_PROCESSOR}-linux-gnu)
set(CMAKE_CXX_COMPILER ${triplet}-g++-12)
set(CMAKE_SYSROOT "${CHEEMS_SYSROOT}")
set(CMAKE_FIND_ROOT_PATH "${CHEEMS_SYSROOT}/headers" "${CHEEMS_SYSROOT}")
set(CMAKE_LIBRARY_ARCHITECTURE ${triplet})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L "${CHEEMS_SYSROOT}")

# The compiler's own C++ library and unwinder may be of another version than the folder's.
set(headers "${CHEEMS_SYSROOT}/usr/include")
set(CMAKE_CXX_FLAGS_INIT
  "-nostdinc++ -isystem ${headers}/c++/12 -isystem ${headers}/${triplet}/c++/12 -isystem ${headers}/c++/12/backward")
# A cross-compiler has another C library's headers beside itself.
if(CHEEMS_ARCHITECTURE STREQUAL "arm64")
  string(APPEND CMAKE_CXX_FLAGS_INIT " -isystem ${headers}/${triplet} -isystem ${headers}")
endif()
# The compiler would look beside itself before it looks there.
set(link_flags
  "-L${CHEEMS_SYSROOT}/runtime -B${CHEEMS_SYSROOT}/usr/lib/${triplet}/ -L${CHEEMS_SYSROOT}/usr/lib/${triplet} -L${CHEEMS_SYSROOT}/lib/${triplet}")
set(CMAKE_EXE_LINKER_FLAGS_INIT "${link_flags}")
# Of libpthread and libdl only programs ask (scripts/release/fetch_sysroot.sh).
set(CMAKE_MODULE_LINKER_FLAGS_INIT "-L${CHEEMS_SYSROOT}/runtime-of-node ${link_flags}")
