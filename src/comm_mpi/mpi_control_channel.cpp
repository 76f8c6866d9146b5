#include "ditmesh/comm_mpi/mpi_control_channel.hpp"

#include <mpi.h>

#include <list>
#include <set>
#include <utility>

#include "check_mpi.hpp"

namespace ditmesh {

struct MpiControlChannel::State {
  struct Sending {
    std::string bytes;
    MPI_Request request = MPI_REQUEST_NULL;
  };
  struct Receiving {
    int rank = 0;
    std::string bytes;
    MPI_Request request = MPI_REQUEST_NULL;
  };
  MPI_Comm comm = MPI_COMM_NULL;
  std::list<Sending> sending;
  std::list<Receiving> receiving;  // in the order in which they were announced
};

MpiControlChannel::MpiControlChannel() : state_(std::make_unique<State>()) {
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &state_->comm));
  check_mpi(MPI_Comm_set_errhandler(state_->comm, MPI_ERRORS_RETURN));
}

MpiControlChannel::~MpiControlChannel() {
  int finalized = 0;
  MPI_Finalized(&finalized);
  if (finalized != 0) return;
  // Its owner has seen to it that everything was received; what an error left behind goes with the process.
  if (state_->sending.empty()) MPI_Comm_free(&state_->comm);
}

void MpiControlChannel::send(int rank, std::string bytes) {
  is_sending();
  auto& message = state_->sending.emplace_back();
  message.bytes = std::move(bytes);
  check_mpi(MPI_Isend(message.bytes.data(), static_cast<int>(message.bytes.size()), MPI_BYTE, rank, 0,
                      state_->comm, &message.request));
}

std::optional<ControlChannel::Received> MpiControlChannel::receive() {
  while (true) {
    int found = 0;
    MPI_Message message = MPI_MESSAGE_NULL;
    MPI_Status status;
    check_mpi(MPI_Improbe(MPI_ANY_SOURCE, 0, state_->comm, &found, &message, &status));
    if (found == 0) break;
    int size_bytes = 0;
    check_mpi(MPI_Get_count(&status, MPI_BYTE, &size_bytes));
    auto& receiving = state_->receiving.emplace_back();
    receiving.rank = status.MPI_SOURCE;
    receiving.bytes.resize(static_cast<size_t>(size_bytes));
    // A long message is only announced yet: its sender, which may have been stopped, still has to give it.
    check_mpi(MPI_Imrecv(receiving.bytes.data(), size_bytes, MPI_BYTE, &message, &receiving.request));
  }
  std::set<int> unfinished;  // ranks: what they sent later must not overtake
  for (auto it = state_->receiving.begin(); it != state_->receiving.end(); ++it) {
    if (unfinished.contains(it->rank)) continue;
    int done = 0;
    check_mpi(MPI_Test(&it->request, &done, MPI_STATUS_IGNORE));
    if (done == 0) {
      unfinished.insert(it->rank);
      continue;
    }
    Received received{it->rank, std::move(it->bytes)};
    state_->receiving.erase(it);
    return received;
  }
  return std::nullopt;
}

bool MpiControlChannel::is_sending() {
  state_->sending.remove_if([](State::Sending& message) {
    int done = 0;
    check_mpi(MPI_Test(&message.request, &done, MPI_STATUS_IGNORE));
    return done != 0;
  });
  return !state_->sending.empty();
}

}  // namespace ditmesh
