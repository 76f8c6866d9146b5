#pragma once
// The verbs over MPI on CPU tensors.

#include <mpi.h>

#include <chrono>

#include "ditmesh/comm/communicator.hpp"

namespace ditmesh {

/// MPI counts are ints: longer messages travel in pieces of this size.
inline constexpr int64_t kPieceBytes = int64_t{1} << 30;

/// Owns a duplicate of `parent`. All transfers are non-blocking and polled, so
/// that every wait has a deadline and several can be under way.
class MpiCommunicator final : public Communicator {
 public:
  static std::unique_ptr<MpiCommunicator> duplicate(MPI_Comm parent, std::string name,
                                                    std::chrono::seconds deadline,
                                                    int64_t piece_bytes = kPieceBytes);
  ~MpiCommunicator() override;

  void progress() override;
  std::unique_ptr<Communicator> split(int color, int key, std::string name) override;

 private:
  MpiCommunicator(MPI_Comm owned, int rank, int size, std::string name, std::chrono::seconds deadline,
                  int64_t piece_bytes);

  Work do_all_gather(const at::Tensor& out, const at::Tensor& in, const RowCounts& rows) override;
  Work do_all_to_all(const at::Tensor& out, const RowCounts& receive, const at::Tensor& in,
                     const RowCounts& send) override;
  Work do_broadcast(const at::Tensor& tensor, int root) override;
  Work do_exchange(std::vector<Message> messages) override;
  int do_agree(int status) override;

  static std::unique_ptr<MpiCommunicator> adopt(MPI_Comm owned, std::string name,
                                                std::chrono::seconds deadline, int64_t piece_bytes);
  // Work that ends when all requests have; `keep` holds what they use.
  Work finish(const std::string& verb, std::vector<MPI_Request> requests, std::vector<at::Tensor> keep) const;
  void wait_all(const std::string& who, std::vector<MPI_Request>& requests) const;

  MPI_Comm comm_;
  std::chrono::seconds deadline_;
  int64_t piece_bytes_;
};

}  // namespace ditmesh
