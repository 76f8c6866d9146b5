#pragma once
// A control channel in memory, for threads as ranks.

#include <deque>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "ditmesh/job/control_channel.hpp"

namespace ditmesh::testing {

/// The mail of all ranks; a rank may be cut off.
class Mail {
 public:
  explicit Mail(int num_ranks) : boxes_(static_cast<size_t>(num_ranks)) {}

  void put(int from, int to, std::string bytes) {
    const std::lock_guard lock(mutex_);
    if (from != cut_off_ && to != cut_off_)
      boxes_[static_cast<size_t>(to)].push_back({from, std::move(bytes)});
  }
  std::optional<ControlChannel::Received> take(int rank) {
    const std::lock_guard lock(mutex_);
    auto& box = boxes_[static_cast<size_t>(rank)];
    if (box.empty()) return std::nullopt;
    auto first = std::move(box.front());
    box.pop_front();
    return first;
  }
  void cut_off(int rank) {
    const std::lock_guard lock(mutex_);
    cut_off_ = rank;
  }

 private:
  std::mutex mutex_;
  std::vector<std::deque<ControlChannel::Received>> boxes_;
  int cut_off_ = -1;
};

class MailChannel final : public ControlChannel {
 public:
  MailChannel(Mail& mail, int rank) : mail_(mail), rank_(rank) {}
  void send(int rank, std::string bytes) override { mail_.put(rank_, rank, std::move(bytes)); }
  std::optional<Received> receive() override { return mail_.take(rank_); }
  bool is_sending() override { return false; }

 private:
  Mail& mail_;
  int rank_;
};

}  // namespace ditmesh::testing
