// The contract over MPI, on as many ranks as mpirun started; once more with
// messages cut into pieces of 5 bytes, smaller than any row.

#include "comm/communicator_contract.hpp"
#include "comm_mpi/mpi_communicator.hpp"
#include "comm_mpi/session.hpp"

namespace ditmesh::testing {
namespace {

struct Mpi {
  static void run(const std::function<void(Communicator&)>& body) { body(*session().world()); }
  static constexpr const char* kName = "Mpi";
};

struct MpiInPieces {
  static void run(const std::function<void(Communicator&)>& body) {
    body(*MpiCommunicator::duplicate(MPI_COMM_WORLD, "pieces", std::chrono::seconds(60), 5));
  }
  static constexpr const char* kName = "MpiInPieces";
};

struct WorldNames {
  template <typename World>
  static std::string GetName(int) {
    return World::kName;
  }
};

using Worlds = ::testing::Types<Mpi, MpiInPieces>;
INSTANTIATE_TYPED_TEST_SUITE_P(Worlds, CommunicatorContract, Worlds, WorldNames);

}  // namespace
}  // namespace ditmesh::testing
