#include "ditmesh/comm/local_communicator.hpp"

#include <deque>

#include "ditmesh/base/error.hpp"

namespace ditmesh {

std::unique_ptr<Communicator> LocalCommunicator::split(int /*color*/, int /*key*/, std::string name) {
  return std::make_unique<LocalCommunicator>(std::move(name));
}

Work LocalCommunicator::do_all_gather(const at::Tensor& out, const at::Tensor& in,
                                      const RowCounts& /*rows*/) {
  out.copy_(in);
  return {};
}

Work LocalCommunicator::do_all_to_all(const at::Tensor& out, const RowCounts& /*receive*/,
                                      const at::Tensor& in, const RowCounts& /*send*/) {
  out.copy_(in);
  return {};
}

Work LocalCommunicator::do_broadcast(const at::Tensor& /*tensor*/, int /*root*/) { return {}; }

Work LocalCommunicator::do_exchange(std::vector<Message> messages) {
  std::deque<at::Tensor> sent;
  for (const Message& message : messages) {
    if (message.direction == Message::Direction::send) sent.push_back(message.tensor);
  }
  for (const Message& message : messages) {
    if (message.direction == Message::Direction::send) continue;
    if (sent.empty()) throw InternalError(describe("exchange") + " receives more than it sends itself");
    message.tensor.copy_(sent.front());
    sent.pop_front();
  }
  return {};
}

}  // namespace ditmesh
