#pragma once
// The control channel over MPI.

#include <memory>

#include "ditmesh/job/control_channel.hpp"

namespace ditmesh {

/// On a communicator of its own. Made and destroyed by all ranks together, when every message has been
/// received.
class MpiControlChannel final : public ControlChannel {
 public:
  MpiControlChannel();
  ~MpiControlChannel() override;
  MpiControlChannel(const MpiControlChannel&) = delete;
  MpiControlChannel& operator=(const MpiControlChannel&) = delete;

  void send(int rank, std::string bytes) override;
  std::optional<Received> receive() override;
  bool is_sending() override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ditmesh
