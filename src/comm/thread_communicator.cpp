#include "ditmesh/comm/thread_communicator.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <thread>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

// Shared by all groups of one run_thread_ranks: a rank that fails releases everybody.
struct Fate {
  std::atomic<bool> failed{false};
  std::chrono::milliseconds deadline;
};

// What one rank shows to the others during a collective.
struct Slot {
  at::Tensor in;
  RowCounts send;
  int number = 0;
  int key = 0;
};

// The meeting place of one group.
class Hub {
 public:
  Hub(int size, std::shared_ptr<Fate> fate) : slots(size), size_(size), fate_(std::move(fate)) {}

  // Returns when all ranks of the group have come here.
  void meet(const std::string& who) {
    std::unique_lock lock(mutex_);
    const uint64_t round = round_;
    if (++arrived_ == size_) {
      arrived_ = 0;
      ++round_;
      changed_.notify_all();
      return;
    }
    wait(lock, who, [&] { return round_ != round; });
  }

  void post(int from, int to, at::Tensor tensor) {
    const std::lock_guard lock(mutex_);
    mail_[{from, to}].push_back(std::move(tensor));
    changed_.notify_all();
  }

  at::Tensor take(int from, int to, const std::string& who) {
    std::unique_lock lock(mutex_);
    auto& box = mail_[{from, to}];
    wait(lock, who, [&] { return !box.empty(); });
    at::Tensor tensor = std::move(box.front());
    box.pop_front();
    return tensor;
  }

  const std::shared_ptr<Fate>& fate() const { return fate_; }

  // Written by their own rank before a meeting, read by all before the next.
  std::vector<Slot> slots;
  std::map<int, std::shared_ptr<Hub>> children;

 private:
  template <typename Ready>
  void wait(std::unique_lock<std::mutex>& lock, const std::string& who, Ready ready) {
    const auto end = std::chrono::steady_clock::now() + fate_->deadline;
    while (!ready()) {
      if (fate_->failed) throw CommError(cat(who, ": another rank failed"));
      if (std::chrono::steady_clock::now() > end) {
        throw CommError(cat(who, ": no answer within ", fate_->deadline.count(), " ms"));
      }
      // Short, so that a failure elsewhere is seen without touching every hub.
      changed_.wait_for(lock, std::chrono::milliseconds(20));
    }
  }

  int size_;
  std::shared_ptr<Fate> fate_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int arrived_ = 0;
  uint64_t round_ = 0;
  std::map<std::pair<int, int>, std::deque<at::Tensor>> mail_;
};

class ThreadCommunicator final : public Communicator {
 public:
  ThreadCommunicator(std::shared_ptr<Hub> hub, int rank, std::string name)
      : Communicator(rank, static_cast<int>(hub->slots.size()), std::move(name)), hub_(std::move(hub)) {}

  std::unique_ptr<Communicator> split(int color, int key, std::string name) override {
    own().number = color;
    own().key = key;
    hub_->meet(describe("split"));
    std::vector<int> members;
    for (int peer = 0; peer < size(); ++peer) {
      if (hub_->slots[peer].number == color) members.push_back(peer);
    }
    std::stable_sort(members.begin(), members.end(),
                     [&](int a, int b) { return hub_->slots[a].key < hub_->slots[b].key; });
    const auto place = std::find(members.begin(), members.end(), rank()) - members.begin();
    hub_->meet(describe("split"));
    // One rank at a time adds to the map of groups: rank 0 for everybody.
    if (rank() == 0) {
      hub_->children.clear();
      for (const Slot& slot : hub_->slots) {
        const auto count = std::count_if(hub_->slots.begin(), hub_->slots.end(),
                                         [&](const Slot& other) { return other.number == slot.number; });
        hub_->children.try_emplace(slot.number, std::make_shared<Hub>(static_cast<int>(count), hub_->fate()));
      }
    }
    hub_->meet(describe("split"));
    auto group = hub_->children.at(color);
    hub_->meet(describe("split"));
    return std::make_unique<ThreadCommunicator>(std::move(group), static_cast<int>(place), std::move(name));
  }

 private:
  Slot& own() { return hub_->slots[rank()]; }

  // Shows `in`, lets `copy` read from everybody, and keeps `in` alive until all have.
  template <typename Copy>
  void together(const std::string& verb, Slot slot, Copy copy) {
    own() = std::move(slot);
    hub_->meet(describe(verb));
    copy(hub_->slots);
    hub_->meet(describe(verb));
    own() = {};
  }

  Work do_all_gather(const at::Tensor& out, const at::Tensor& in, const RowCounts& rows) override {
    together("all_gather", {.in = in, .send = {}}, [&](const std::vector<Slot>& slots) {
      int64_t row = 0;
      for (int peer = 0; peer < size(); ++peer) {
        out.narrow(0, row, rows[peer]).copy_(slots[peer].in);
        row += rows[peer];
      }
    });
    return {};
  }

  Work do_all_to_all(const at::Tensor& out, const RowCounts& receive, const at::Tensor& in,
                     const RowCounts& send) override {
    together("all_to_all", {.in = in, .send = send}, [&](const std::vector<Slot>& slots) {
      int64_t row = 0;
      for (int peer = 0; peer < size(); ++peer) {
        const Slot& slot = slots[peer];
        int64_t begin = 0;
        for (int before = 0; before < rank(); ++before) begin += slot.send[before];
        out.narrow(0, row, receive[peer]).copy_(slot.in.narrow(0, begin, slot.send[rank()]));
        row += receive[peer];
      }
    });
    return {};
  }

  Work do_broadcast(const at::Tensor& tensor, int root) override {
    together("broadcast", {.in = tensor, .send = {}}, [&](const std::vector<Slot>& slots) {
      if (rank() != root) tensor.copy_(slots[root].in);
    });
    return {};
  }

  Work do_exchange(std::vector<Message> messages) override {
    for (const Message& message : messages) {
      if (message.direction == Message::Direction::send) {
        hub_->post(rank(), message.peer, message.tensor.clone());
      }
    }
    for (const Message& message : messages) {
      if (message.direction == Message::Direction::receive) {
        message.tensor.copy_(hub_->take(message.peer, rank(), describe("exchange")));
      }
    }
    return {};
  }

  int do_agree(int status) override {
    int worst = status;
    together("agree", {.in = {}, .send = {}, .number = status}, [&](const std::vector<Slot>& slots) {
      for (const Slot& slot : slots) worst = std::max(worst, slot.number);
    });
    return worst;
  }

  std::shared_ptr<Hub> hub_;
};

}  // namespace

void run_thread_ranks(int num_ranks, const std::function<void(Communicator&)>& body,
                      std::chrono::milliseconds deadline) {
  const auto fate = std::make_shared<Fate>();
  fate->deadline = deadline;
  const auto hub = std::make_shared<Hub>(num_ranks, fate);
  std::vector<std::exception_ptr> errors(num_ranks);
  std::atomic<int> first_failed{-1};
  std::vector<std::thread> threads;
  for (int rank = 0; rank < num_ranks; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        ThreadCommunicator communicator(hub, rank, "threads");
        body(communicator);
      } catch (...) {
        errors[rank] = std::current_exception();
        int none = -1;
        first_failed.compare_exchange_strong(none, rank);
        fate->failed = true;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (first_failed >= 0) std::rethrow_exception(errors[first_failed]);
}

}  // namespace ditmesh
