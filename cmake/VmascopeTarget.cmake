# SPDX-License-Identifier: MIT
# Flags live here, on targets, and nowhere else.

include(CheckCCompilerFlag)

# The model's small structures are copied and cleared all the time; gcc's default for them is rep stos, which takes long to begin.
set(vmsc_small_copies -mmemset-strategy=vector_loop:512:noalign,libcall:-1:noalign
                      -mmemcpy-strategy=vector_loop:512:noalign,libcall:-1:noalign)
list(JOIN vmsc_small_copies " " small_copies)
check_c_compiler_flag("${small_copies}" VMSC_HAS_SMALL_COPIES)

# No stack protector: its canary is read through a TLS that a fresh thread may not have. Zero-initialised data stays in .data, so
# that the library brings no anonymous bss mapping that could merge with the program's.
set(vmsc_injected -fno-stack-protector -fno-zero-initialized-in-bss -ftls-model=initial-exec -O2 -g)

# vmascope_target(name [INJECTED]): INJECTED code runs inside other people's programs and is never sanitized.
function(vmascope_target name)
  cmake_parse_arguments(arg "INJECTED" "" "" ${ARGN})
  target_compile_features(${name} PRIVATE c_std_11)
  set_target_properties(${name} PROPERTIES C_EXTENSIONS ON C_VISIBILITY_PRESET hidden POSITION_INDEPENDENT_CODE ON)
  target_include_directories(${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                            $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_definitions(${name} PRIVATE _GNU_SOURCE VMSC_VERSION="${PROJECT_VERSION}")
  target_compile_options(${name} PRIVATE
    $<$<COMPILE_LANGUAGE:C>:-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef
      $<$<BOOL:${VMSC_WERROR}>:-Werror>>)
  if(VMSC_HAS_SMALL_COPIES)
    target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:C>:${vmsc_small_copies}>)
  endif()
  if(arg_INJECTED)
    target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:C>:${vmsc_injected}>)
  elseif(VMSC_SANITIZE)
    target_compile_options(${name} PRIVATE -fsanitize=${VMSC_SANITIZE} -fno-omit-frame-pointer
                                           -fno-sanitize-recover=all)
    target_link_options(${name} PUBLIC -fsanitize=${VMSC_SANITIZE})
  elseif(VMSC_COVERAGE)
    target_compile_options(${name} PRIVATE --coverage -O0 -fprofile-update=atomic)
    target_link_options(${name} PUBLIC --coverage)
  endif()
endfunction()

# vmascope_trained(name): what runs with each call of a program is laid out by what a run of it has taught the compiler.
# VMSC_PROFILE is `make` for the build that learns, `use` for the one that has learned: cmake/train.sh makes both.
function(vmascope_trained name)
  if(NOT CMAKE_C_COMPILER_ID STREQUAL "GNU")
    return()
  endif()
  if(VMSC_PROFILE STREQUAL "make")
    target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:C>:-fprofile-generate -fprofile-update=single>)
    target_link_options(${name} PRIVATE -fprofile-generate)
  elseif(VMSC_PROFILE STREQUAL "use")
    # Partial: what was not run is compiled as ever. Fat: for an ar without gcc's plugin.
    target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:C>:-flto=auto -ffat-lto-objects -fprofile-use
      -fprofile-partial-training -Wno-missing-profile -Wno-coverage-mismatch>)
    target_link_options(${name} PRIVATE -flto=auto ${vmsc_injected} $<$<BOOL:${VMSC_HAS_SMALL_COPIES}>:${vmsc_small_copies}>)
  endif()
endfunction()
