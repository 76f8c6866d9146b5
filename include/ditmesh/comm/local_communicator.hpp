#pragma once
// The group of one rank.

#include "ditmesh/comm/communicator.hpp"

namespace ditmesh {

class LocalCommunicator final : public Communicator {
 public:
  explicit LocalCommunicator(std::string name = "local") : Communicator(0, 1, std::move(name)) {}

  std::unique_ptr<Communicator> split(int color, int key, std::string name) override;

 private:
  Work do_all_gather(const at::Tensor& out, const at::Tensor& in, const RowCounts& rows) override;
  Work do_all_to_all(const at::Tensor& out, const RowCounts& receive, const at::Tensor& in,
                     const RowCounts& send) override;
  Work do_broadcast(const at::Tensor& tensor, int root) override;
  Work do_exchange(std::vector<Message> messages) override;
  int do_agree(int status) override { return status; }
};

}  // namespace ditmesh
