#pragma once
// Every raw MPI call goes through check_mpi.

#include <mpi.h>

#include <source_location>
#include <string>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

inline void check_mpi(int status, const std::source_location& where = std::source_location::current()) {
  if (status == MPI_SUCCESS) return;
  char reason[MPI_MAX_ERROR_STRING] = {};
  int size = 0;
  MPI_Error_string(status, reason, &size);
  throw CommError(cat("an MPI call failed in ", where.function_name(), ": ", reason));
}

}  // namespace ditmesh
