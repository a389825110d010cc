# Which GPUs the plug-in holds machine code for.
#
#   cheems_cuda_architectures(RELEASE|MACHINE NVCC)
#
# sets in the caller `architectures`, for CMAKE_CUDA_ARCHITECTURES, and `architecture_notes`, a sentence for each GPU of
# this machine that gets no machine code of its own. PTX of compute capability 8.0 is always included, so that every
# later card can compile it. RELEASE means release_architectures.txt, with an error if the compiler lacks one; MACHINE
# means this machine's GPUs. No "a" suffix: such code runs on only one capability, and no kernel needs its instructions.
#
# To see only the choice:
#   cmake -DCHEEMS_NVCC=nvcc -DCHEEMS_ARCHITECTURES_FOR=MACHINE -P architectures.cmake

cmake_policy(VERSION 3.22)
set(cheems_least_architecture 80)  # tensor-core products of bfloat16, and copies from global to shared memory (Ampere)
set(cheems_release_architectures_file "${CMAKE_CURRENT_LIST_DIR}/release_architectures.txt")

# The two-digit and three-digit architectures that the compiler can make code for.
function(cheems_compiler_architectures result nvcc)
  execute_process(COMMAND "${nvcc}" --list-gpu-arch OUTPUT_VARIABLE listed RESULT_VARIABLE status ERROR_QUIET)
  if(NOT status EQUAL 0)
    set(listed "")
  endif()
  string(REGEX MATCHALL "compute_[0-9]+" listed "${listed}")
  list(TRANSFORM listed REPLACE "compute_" "")
  set(${result} "${listed}" PARENT_SCOPE)
endfunction()

# The compute capabilities of this machine's GPUs as architectures (8.0 -> 80), each once; none if nvidia-smi is absent,
# fails, or prints something else.
function(cheems_machine_architectures result)
  set(found "")
  execute_process(COMMAND nvidia-smi --query-gpu=compute_cap --format=csv,noheader
    OUTPUT_VARIABLE said RESULT_VARIABLE status ERROR_QUIET TIMEOUT 60)
  if(status EQUAL 0)
    string(REGEX REPLACE "\r?\n" ";" lines "${said}")
    foreach(line IN LISTS lines)
      if(line MATCHES "^ *([0-9]+)\\.([0-9]) *$")
        list(APPEND found "${CMAKE_MATCH_1}${CMAKE_MATCH_2}")
      endif()
    endforeach()
    list(REMOVE_DUPLICATES found)
  endif()
  set(${result} "${found}" PARENT_SCOPE)
endfunction()

function(cheems_capability result architecture)
  string(REGEX REPLACE "^([0-9]+)([0-9])$" "\\1.\\2" text "${architecture}")
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

# The sentence about a GPU that gets no code of its own, or "".
function(cheems_note_on result architecture compiler_has)
  cheems_capability(capability ${architecture})
  set(note "")
  if(architecture LESS cheems_least_architecture)
    set(note
      "A GPU of this machine has compute capability ${capability}, below the 8.0 that the kernels need: nothing is compiled for it, and it cannot be used.")
  elseif(compiler_has AND NOT architecture IN_LIST compiler_has)
    set(note
      "A GPU of this machine has compute capability ${capability}, which this nvcc does not support: the driver will compile the PTX of 8.0 when it is first used (a newer toolkit has machine code for it).")
  endif()
  set(${result} "${note}" PARENT_SCOPE)
endfunction()

function(cheems_cuda_architectures purpose nvcc)
  cheems_compiler_architectures(compiler_has "${nvcc}")
  set(chosen "")
  set(notes "")
  if(purpose STREQUAL "RELEASE")
    file(READ "${cheems_release_architectures_file}" wanted)
    string(REGEX MATCHALL "[0-9]+" wanted "${wanted}")
    foreach(architecture IN LISTS wanted)
      if(NOT architecture IN_LIST compiler_has)
        message(FATAL_ERROR
          "A release holds machine code for sm_${architecture}, and ${nvcc} has none: use a newer toolkit.")
      endif()
    endforeach()
    set(chosen "${wanted}")
  else()
    cheems_machine_architectures(wanted)
    foreach(architecture IN LISTS wanted)
      cheems_note_on(note ${architecture} "${compiler_has}")
      if(note)
        list(APPEND notes "${note}")
      else()
        list(APPEND chosen "${architecture}")
      endif()
    endforeach()
  endif()
  # Without a GPU, machine code for the lowest architecture: then the PTX is compiled here too, and its errors show.
  if(NOT chosen OR cheems_least_architecture IN_LIST chosen)
    set(least ${cheems_least_architecture})
  else()
    set(least "${cheems_least_architecture}-virtual")
  endif()
  list(REMOVE_ITEM chosen ${cheems_least_architecture})
  list(TRANSFORM chosen APPEND "-real")
  list(PREPEND chosen ${least})
  set(architectures "${chosen}" PARENT_SCOPE)
  set(architecture_notes "${notes}" PARENT_SCOPE)
endfunction()

# "80;90-real" -> "sm_80 sm_90 PTX 8.0": what the library will hold.
function(cheems_images_text result architectures)
  set(machine_code "")
  set(ptx "")
  foreach(architecture IN LISTS architectures)
    string(REGEX REPLACE "-.*" "" number "${architecture}")
    if(NOT architecture MATCHES "-virtual$")
      list(APPEND machine_code "sm_${number}")
    endif()
    if(NOT architecture MATCHES "-real$")
      cheems_capability(capability "${number}")
      list(APPEND ptx "PTX ${capability}")
    endif()
  endforeach()
  list(JOIN machine_code " " machine_code)
  list(JOIN ptx " " ptx)
  string(STRIP "${machine_code} ${ptx}" text)
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  cheems_cuda_architectures("${CHEEMS_ARCHITECTURES_FOR}" "${CHEEMS_NVCC}")
  cheems_images_text(images "${architectures}")
  message("architectures ${architectures}")
  message("images ${images}")
  foreach(note IN LISTS architecture_notes)
    message("${note}")
  endforeach()
endif()
