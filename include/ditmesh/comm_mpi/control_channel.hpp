#pragma once
// Short messages between any two ranks, apart from the tensors.

#include <memory>
#include <optional>
#include <string>

namespace ditmesh {

/// On a communicator of its own. Nothing here waits, so that one thread can serve many ranks and a clock.
/// Messages of a pair arrive in order. Used by one thread per rank; made and destroyed by all ranks together,
/// when every message has been received.
class ControlChannel {
 public:
  ControlChannel();
  ~ControlChannel();
  ControlChannel(const ControlChannel&) = delete;
  ControlChannel& operator=(const ControlChannel&) = delete;

  /// `bytes` may go to this rank itself.
  void send(int rank, std::string bytes);

  struct Received {
    int rank = 0;
    std::string bytes;
  };
  /// A message that has come in, if any.
  std::optional<Received> receive();

  /// Messages of this rank that are still on their way.
  bool is_sending();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ditmesh
