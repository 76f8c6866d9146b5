#include "ditmesh/comm_mpi/progress_channel.hpp"

#include <mpi.h>

#include <atomic>

#include "check_mpi.hpp"

namespace ditmesh {

struct ProgressChannel::State {
  MPI_Comm comm = MPI_COMM_NULL;
  int rank = 0;
  // On other ranks: the message under way.
  MPI_Request request = MPI_REQUEST_NULL;
  Counts sent{};
  // On rank 0: what each rank reported last; its own by another thread.
  std::vector<Counts> reported;
  std::array<std::atomic<int64_t>, kNumCounts> own{};
};

ProgressChannel::ProgressChannel() : state_(std::make_unique<State>()) {
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &state_->comm));
  check_mpi(MPI_Comm_rank(state_->comm, &state_->rank));
  int size = 0;
  check_mpi(MPI_Comm_size(state_->comm, &size));
  state_->reported.resize(static_cast<size_t>(size));
}

ProgressChannel::~ProgressChannel() {
  int finalized = 0;
  MPI_Finalized(&finalized);
  if (finalized != 0) return;
  // Every message is taken, or freeing would leave it behind.
  MPI_Wait(&state_->request, MPI_STATUS_IGNORE);
  MPI_Barrier(state_->comm);
  if (state_->rank == 0) totals();
  MPI_Comm_free(&state_->comm);
}

void ProgressChannel::report(const Counts& counts) {
  if (state_->rank == 0) {
    for (size_t i = 0; i < counts.size(); ++i) state_->own[i] = counts[i];
    return;
  }
  int done = 0;
  check_mpi(MPI_Test(&state_->request, &done, MPI_STATUS_IGNORE));
  if (done == 0) return;
  state_->sent = counts;
  check_mpi(MPI_Isend(state_->sent.data(), kNumCounts, MPI_INT64_T, 0, 0, state_->comm, &state_->request));
}

ProgressChannel::Counts ProgressChannel::totals() {
  while (true) {
    int found = 0;
    MPI_Status status;
    check_mpi(MPI_Iprobe(MPI_ANY_SOURCE, 0, state_->comm, &found, &status));
    if (found == 0) break;
    check_mpi(MPI_Recv(state_->reported[static_cast<size_t>(status.MPI_SOURCE)].data(), kNumCounts,
                       MPI_INT64_T, status.MPI_SOURCE, 0, state_->comm, MPI_STATUS_IGNORE));
  }
  Counts sums{};
  for (size_t i = 0; i < sums.size(); ++i) {
    for (const Counts& counts : state_->reported) sums[i] += counts[i];
    sums[i] += state_->own[i];
  }
  return sums;
}

}  // namespace ditmesh
