#pragma once
// The MPI of this process: initialised once, finalised on leaving.

#include <memory>
#include <string>
#include <vector>

#include "ditmesh/comm/communicator.hpp"

namespace ditmesh {

/// MPI_Init_thread … MPI_Finalize. Throws EnvironmentError if the library does
/// not give MPI_THREAD_MULTIPLE. A process started without mpirun is a job of one rank.
class MpiSession {
 public:
  MpiSession(int* argc, char*** argv);
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  /// Ranks of this job on this host.
  int node_rank() const { return node_rank_; }
  int node_size() const { return node_size_; }

  /// Where another rank runs, and as which process.
  const std::string& host_of(int rank) const { return hosts_.at(static_cast<size_t>(rank)); }
  int64_t process_of(int rank) const { return processes_.at(static_cast<size_t>(rank)); }

  /// A communicator of all ranks on CPU tensors.
  std::unique_ptr<Communicator> world() const;

  /// The text of rank 0 on every rank.
  std::string broadcast(std::string text) const;
  /// Every rank's text, in order of the ranks; on all ranks.
  std::vector<std::string> all_gather(const std::string& text) const;

  /// Ends all processes of the job with this exit code; for errors that the
  /// other ranks do not know of.
  [[noreturn]] void abort(int exit_code) const;

  static std::string library_version();
  static std::string host_name();

 private:
  int rank_ = 0;
  int size_ = 1;
  int node_rank_ = 0;
  int node_size_ = 1;
  std::vector<std::string> hosts_;
  std::vector<int64_t> processes_;
};

}  // namespace ditmesh
