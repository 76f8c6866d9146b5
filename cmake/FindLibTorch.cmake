# LibTorch as the Python wheel ships it: the folder `torch` with include/ and lib/.
# Looked for in CMAKE_PREFIX_PATH (the folder itself, its parent, or a Python
# prefix) and where the set-up script puts it.
#
# Gives LibTorch::LibTorch, with CUDA when DITMESH_CUDA is ON.

set(_variant cpu)
if(DITMESH_CUDA)
  set(_variant cuda)
endif()
if(DEFINED ENV{DITMESH_DEPS})
  set(_deps $ENV{DITMESH_DEPS})
else()
  set(_deps $ENV{HOME}/.cache/ditmesh)
endif()
file(GLOB _python_prefixes ${_deps}/libtorch-2.11.0-${_variant})
foreach(_prefix IN LISTS CMAKE_PREFIX_PATH)
  file(GLOB _found ${_prefix}/lib/python3*/site-packages)
  list(APPEND _python_prefixes ${_found})
endforeach()

find_path(LibTorch_ROOT_DIR NAMES lib/libtorch_cpu.so PATHS ${_python_prefixes} PATH_SUFFIXES torch)
mark_as_advanced(LibTorch_ROOT_DIR)
if(LibTorch_ROOT_DIR AND EXISTS ${LibTorch_ROOT_DIR}/version.py)
  file(STRINGS ${LibTorch_ROOT_DIR}/version.py _line REGEX "^__version__")
  string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" LibTorch_VERSION "${_line}")
elseif(LibTorch_ROOT_DIR AND EXISTS ${LibTorch_ROOT_DIR}/build-version)
  file(STRINGS ${LibTorch_ROOT_DIR}/build-version _line LIMIT_COUNT 1)
  string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" LibTorch_VERSION "${_line}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch REQUIRED_VARS LibTorch_ROOT_DIR VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "run scripts/setup, or put the folder that holds torch/ on CMAKE_PREFIX_PATH")

if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  set(_lib ${LibTorch_ROOT_DIR}/lib)
  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  # As system headers: their warnings are not ours.
  target_include_directories(LibTorch::LibTorch SYSTEM INTERFACE ${LibTorch_ROOT_DIR}/include)
  target_link_libraries(LibTorch::LibTorch INTERFACE ${_lib}/libtorch_cpu.so ${_lib}/libc10.so)

  # The wheel's neighbours: libtorch_cpu.so itself needs the CUDA runtime and CUPTI.
  file(GLOB _nvidia ${LibTorch_ROOT_DIR}/../nvidia/*/lib)
  target_link_options(LibTorch::LibTorch INTERFACE -Wl,-rpath,${_lib})
  foreach(_folder IN LISTS _nvidia)
    target_link_options(LibTorch::LibTorch INTERFACE -Wl,-rpath,${_folder} -Wl,-rpath-link,${_folder})
  endforeach()

  if(DITMESH_CUDA)
    find_package(CUDAToolkit 12 REQUIRED)
    target_link_libraries(LibTorch::LibTorch INTERFACE CUDA::cudart ${_lib}/libc10_cuda.so)
    # Nothing calls into libtorch_cuda by name: its operators register when it is loaded.
    target_link_options(LibTorch::LibTorch INTERFACE
                        -Wl,--push-state,--no-as-needed ${_lib}/libtorch_cuda.so -Wl,--pop-state)
  endif()
endif()
