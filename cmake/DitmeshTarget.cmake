# One layer = one library = one folder: src/NAME/*.cpp, include/ditmesh/NAME/,
# tests/NAME/*.cpp. A new file needs no line here.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # The base folder makes a second clone hit what the first one compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE})
endif()

add_library(ditmesh_flags INTERFACE)
target_compile_options(ditmesh_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
                       $<$<BOOL:${DITMESH_WARNINGS_AS_ERRORS}>:-Werror>)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 warns of impossible sizes in std::string's own code (its bug 105329).
  target_compile_options(ditmesh_flags INTERFACE -Wno-restrict -Wno-stringop-overflow)
endif()
if(DITMESH_SANITIZE)
  target_compile_options(ditmesh_flags INTERFACE -fsanitize=${DITMESH_SANITIZE} -fno-omit-frame-pointer -g1)
  target_link_options(ditmesh_flags INTERFACE -fsanitize=${DITMESH_SANITIZE})
endif()

# Open MPI leaks, from plug-ins that are unloaded when LeakSanitizer asks whose it was.
if(DITMESH_SANITIZE MATCHES address)
  set(DITMESH_MPI_SANITIZER_ENVIRONMENT ASAN_OPTIONS=detect_leaks=0)
endif()

# ditmesh_target(NAME [TORCH] [PUBLIC lib…] [PRIVATE lib…] [MPI_RANKS n…])
# MPI_RANKS: the tests bring their own main() and are run by mpirun on so many ranks each.
function(ditmesh_target name)
  cmake_parse_arguments(ARG "TORCH" "" "PUBLIC;PRIVATE;MPI_RANKS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cpp)
  add_library(ditmesh_${name} STATIC ${sources})
  target_include_directories(ditmesh_${name} PUBLIC ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(ditmesh_${name} PUBLIC ${ARG_PUBLIC} PRIVATE ditmesh_flags ${ARG_PRIVATE})
  if(ARG_TORCH)
    target_link_libraries(ditmesh_${name} PUBLIC LibTorch::LibTorch)
    ditmesh_use_torch_pch(ditmesh_${name})
  endif()

  file(GLOB tests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${name}/*.cpp)
  if(BUILD_TESTING AND tests)
    add_executable(test_${name} ${tests})
    target_link_libraries(test_${name} PRIVATE ditmesh_${name} ditmesh_flags ${ARG_PRIVATE} GTest::gmock)
    target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
    target_compile_definitions(test_${name} PRIVATE DITMESH_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    if(ARG_TORCH)
      ditmesh_use_torch_pch(test_${name})
    endif()
    if(ARG_MPI_RANKS)
      target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/src)
      ditmesh_add_mpi_tests(${name} ${ARG_MPI_RANKS})
    else()
      target_link_libraries(test_${name} PRIVATE GTest::gtest_main)
      add_test(NAME ${name} COMMAND test_${name})
      set_tests_properties(${name} PROPERTIES LABELS "${name}" TIMEOUT 600
                           ENVIRONMENT "LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/lsan.supp")
    endif()
  endif()
endfunction()

# NAME.n1, NAME.n2, …: the same executable on so many ranks; more than cores is all right.
function(ditmesh_add_mpi_tests name)
  set(environment OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
                  OMP_NUM_THREADS=1 ${DITMESH_MPI_SANITIZER_ENVIRONMENT})
  foreach(ranks IN LISTS ARGN)
    add_test(NAME ${name}.n${ranks}
             COMMAND ${MPIEXEC_EXECUTABLE} --oversubscribe -n ${ranks} $<TARGET_FILE:test_${name}>)
    set_tests_properties(${name}.n${ranks} PROPERTIES LABELS "${name};mpi" PROCESSORS ${ranks} TIMEOUT 120
                         ENVIRONMENT "${environment}")
  endforeach()
endfunction()

# The tensor headers cost seconds a file: compiled once, used everywhere.
function(ditmesh_use_torch_pch target)
  target_precompile_headers(${target} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/torch_pch.hpp)
  if(NOT CMAKE_DISABLE_PRECOMPILE_HEADERS)
    target_compile_options(${target} PRIVATE -fpch-preprocess) # ccache asks for it
  endif()
endfunction()
