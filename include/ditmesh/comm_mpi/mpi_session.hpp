#pragma once
// The MPI of this process: initialised once, finalised on leaving.

#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ditmesh/base/error.hpp"
#include "ditmesh/comm/communicator.hpp"
#include "ditmesh/job/watchdog.hpp"
#include "ditmesh/trace/clock_model.hpp"

namespace ditmesh {

/// MPI_Init_thread … MPI_Finalize, with a watchdog over all ranks in between. A process started without
/// mpirun is a job of one rank.
class MpiSession {
 public:
  /// What to do about a rank that is lost, or about MPI calls at the very beginning or end that do not come
  /// back: say the error, and abort(). Called from other threads.
  using OnTrouble = std::function<void(const MpiSession&, const std::exception&)>;

  /// Throws EnvironmentError if the library does not give MPI_THREAD_MULTIPLE.
  MpiSession(int* argc, char*** argv, OnTrouble on_trouble);
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

  /// What this rank does now, as the watchdog tells it if it is lost.
  Activity& activity() const { return activity_; }
  /// On rank 0: silence after which a rank is lost, in seconds; 120 before it is called.
  void set_timeout(double seconds) const { watchdog_->set_timeout(seconds); }

  /// A communicator of all ranks on CPU tensors.
  std::unique_ptr<Communicator> world() const;

  /// The text of rank 0 on every rank.
  std::string broadcast(std::string text) const;
  /// Every rank's text, in order of the ranks; on all ranks.
  std::vector<std::string> all_gather(const std::string& text) const;

  /// The texts of the first ranks of all nodes, on rank 0, in the order of these ranks; elsewhere nothing.
  /// `nodes`: the node of every rank, the same on all. What other ranks give is not looked at. Each rank
  /// sends or receives at most log2(nodes) + 1 messages, along a tree:
  ///
  ///   nodes a b a c d (first ranks 0 1 3 4): 1 → 0 and 4 → 3, then 3 → 0, with the texts of c and d
  std::vector<std::string> gather_by_node(const std::vector<std::string>& nodes,
                                          const std::string& text) const;

  /// Rank 0's clock seen from this rank, by round trips; all ranks together.
  ClockOffset measure_clock() const;

  /// Ends all processes of the job with this exit code; for errors that the
  /// other ranks do not know of.
  [[noreturn]] void abort(int exit_code) const;

  static std::string library_version();
  static std::string host_name();

 private:
  CommError error_of(const LostRank& lost) const;

  OnTrouble on_trouble_;
  int rank_ = 0;
  int size_ = 1;
  int node_rank_ = 0;
  int node_size_ = 1;
  std::vector<std::string> hosts_;
  std::vector<int64_t> processes_;
  mutable Activity activity_;
  std::unique_ptr<Watchdog> watchdog_;
};

}  // namespace ditmesh
