#pragma once
// Short messages between any two ranks, apart from the tensors.

#include <optional>
#include <string>

namespace ditmesh {

/// Nothing here waits, so that one thread can serve many ranks and a clock. Messages of a pair arrive in
/// order. Used by one thread per rank.
class ControlChannel {
 public:
  virtual ~ControlChannel() = default;

  /// `bytes` may go to this rank itself.
  virtual void send(int rank, std::string bytes) = 0;

  struct Received {
    int rank = 0;
    std::string bytes;
  };
  /// A message that has come in, if any.
  virtual std::optional<Received> receive() = 0;

  /// Messages of this rank are still on their way.
  virtual bool is_sending() = 0;
};

}  // namespace ditmesh
