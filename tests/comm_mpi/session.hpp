#pragma once
// The MPI of this test process, as main.cpp made it.

#include "ditmesh/comm_mpi/mpi_session.hpp"

namespace ditmesh::testing {

MpiSession& session();

}  // namespace ditmesh::testing
