#pragma once
// Communication on tensors among the ranks of a group. The same verbs run on
// one rank, on threads, over MPI and over NCCL.

#include <ATen/core/Tensor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ditmesh/trace/recorder.hpp"

namespace ditmesh {

/// Rows of dimension 0 per rank, in order of the ranks; zero is allowed.
using RowCounts = std::vector<int64_t>;

/// Communication under way. wait() makes the current stream (CUDA) or the host
/// (CPU) wait; tensors given to a verb may not be touched before it. A Work
/// that is dropped waits first.
class Work {
 public:
  Work() = default;  // already done
  explicit Work(std::function<void()> finish) : finish_(std::move(finish)) {}
  Work(Work&& other) noexcept : finish_(std::exchange(other.finish_, nullptr)) {}
  Work& operator=(Work&& other) noexcept;
  ~Work();

  void wait();
  bool is_done() const { return !finish_; }

 private:
  std::function<void()> finish_;
};

/// One message of an exchange.
struct Message {
  enum class Direction { send, receive };
  int peer = 0;
  Direction direction = Direction::send;
  at::Tensor tensor;  // contiguous; a received one is written
};

/// Verbs of a group of ranks. Outputs are the caller's and contiguous, of the
/// inputs' dtype and row shape; row counts are known on all ranks. There are no tags: the messages of a pair
/// match in order, all members call in the same order, each from one thread.
/// Every verb has a sequence number and a deadline; past it, or when a peer is
/// lost, the verb throws CommError that names verb, number, group and rank.
/// Calls that break the rules above throw InternalError.
class Communicator {
 public:
  virtual ~Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  const std::string& name() const { return name_; }

  /// Sum over the ranks, in place. 16-bit sums accumulate in fp32, in order of
  /// the ranks: every rank gets the same bits.
  ///   rank 0 [1 2], rank 1 [10 20]  →  both [11 22]
  Work all_reduce(const at::Tensor& tensor);

  /// out: the inputs of all ranks, one below the other; rank r gives rows[r] rows.
  ///   rows 1 2: rank 0 [a], rank 1 [b c]  →  both [a b c]
  Work all_gather(const at::Tensor& out, const at::Tensor& in, const RowCounts& rows);

  /// out: this rank's rows of the sum of `in` over all ranks (accumulated as all_reduce).
  ///   rows 1 2: rank 0 [1 2 3], rank 1 [10 20 30]  →  rank 0 [11], rank 1 [22 33]
  Work reduce_scatter(const at::Tensor& out, const at::Tensor& in, const RowCounts& rows);

  /// send[r] rows of `in` go to rank r, receive[r] rows of `out` come from it.
  ///   rank 0 [a b] send 1 1, rank 1 [c d] send 1 1  →  rank 0 [a c], rank 1 [b d]
  Work all_to_all(const at::Tensor& out, const RowCounts& receive, const at::Tensor& in,
                  const RowCounts& send);

  /// Every rank gets root's tensor.
  Work broadcast(const at::Tensor& tensor, int root);

  /// Sends and receives, all under way at once.
  ///   rank 0 {1, send, x} {1, receive, y}, rank 1 {0, send, y} {0, receive, x}
  Work exchange(std::vector<Message> messages);

  /// The largest status of all ranks (0 = well); waits for everyone.
  int agree(int status);

  /// Lets transfers advance; called by compute on the CPU between tiles.
  virtual void progress() {}

  /// From now on the host's waits in verbs, and the bytes that this rank sends, are recorded as those of
  /// `group`, a place in RankInfo::groups. A group of one rank records nothing. The recorder outlives the
  /// communicator.
  void record(Recorder& recorder, size_t group);

  /// Groups of the ranks with the same color, ordered by (key, rank).
  virtual std::unique_ptr<Communicator> split(int color, int key, std::string name) = 0;

 protected:
  Communicator(int rank, int size, std::string name) : rank_(rank), size_(size), name_(std::move(name)) {}

  virtual Work do_all_gather(const at::Tensor& out, const at::Tensor& in, const RowCounts& rows) = 0;
  virtual Work do_all_to_all(const at::Tensor& out, const RowCounts& receive, const at::Tensor& in,
                             const RowCounts& send) = 0;
  virtual Work do_broadcast(const at::Tensor& tensor, int root) = 0;
  virtual Work do_exchange(std::vector<Message> messages) = 0;
  virtual int do_agree(int status) = 0;
  // Made from all-to-all and all-gather unless a library does better.
  virtual Work do_all_reduce(const at::Tensor& tensor);
  virtual Work do_reduce_scatter(const at::Tensor& out, const at::Tensor& in, const RowCounts& rows);

  /// "all_gather number 17 of group 'tensor', rank 1 of 2".
  std::string describe(const std::string& verb) const;

 private:
  template <typename Verb>
  Work recorded(int64_t bytes_sent, const Verb& verb);
  void start(const std::string& verb, const std::vector<at::Tensor>& tensors);
  void require_alike(const at::Tensor& out, const at::Tensor& in, const std::string& verb) const;
  void require(bool rule, const std::string& verb, const std::string& text) const;

  int rank_;
  int size_;
  std::string name_;
  uint64_t sequence_ = 0;
  Recorder* recorder_ = nullptr;
  LaneRecorder trace_;
  uint8_t group_ = 0;
};

}  // namespace ditmesh
