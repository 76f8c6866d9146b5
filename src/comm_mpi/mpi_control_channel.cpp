#include "ditmesh/comm_mpi/mpi_control_channel.hpp"

#include <mpi.h>

#include <list>

#include "check_mpi.hpp"

namespace ditmesh {

struct MpiControlChannel::State {
  struct Sending {
    std::string bytes;
    MPI_Request request = MPI_REQUEST_NULL;
  };
  MPI_Comm comm = MPI_COMM_NULL;
  std::list<Sending> sending;
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
  int found = 0;
  MPI_Status status;
  check_mpi(MPI_Iprobe(MPI_ANY_SOURCE, 0, state_->comm, &found, &status));
  if (found == 0) return std::nullopt;
  int size_bytes = 0;
  check_mpi(MPI_Get_count(&status, MPI_BYTE, &size_bytes));
  Received received{status.MPI_SOURCE, std::string(static_cast<size_t>(size_bytes), '\0')};
  // Its envelope is here, so it comes in without waiting for anybody's next call but the sender's library.
  check_mpi(MPI_Recv(received.bytes.data(), size_bytes, MPI_BYTE, status.MPI_SOURCE, 0, state_->comm,
                     MPI_STATUS_IGNORE));
  return received;
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
