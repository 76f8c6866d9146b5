// Watchdogs on threads as ranks.

#include "ditmesh/job/watchdog.hpp"

#include <gtest/gtest.h>

#include "mail_channel.hpp"

namespace ditmesh {
namespace {

using testing::Mail;
using testing::MailChannel;

struct Ranks {
  explicit Ranks(int num_ranks) : mail(num_ranks), activities(static_cast<size_t>(num_ranks)) {
    for (int rank = 0; rank < num_ranks; ++rank) {
      dogs.push_back(std::make_unique<Watchdog>(
          std::make_unique<MailChannel>(mail, rank), rank, num_ranks, activities[static_cast<size_t>(rank)],
          Watchdog::Hooks{[this, rank](const LostRank& who) { tell(rank, who); },
                          [](const std::exception_ptr&) { ADD_FAILURE() << "a watchdog failed"; }}));
    }
  }

  // Both ends notice silence; who is not cut off tells.
  void tell(int teller, const LostRank& rank) {
    const std::lock_guard lock(mutex);
    if (teller != cut_off && !lost) lost = rank;
  }
  std::optional<LostRank> told() {
    const std::lock_guard lock(mutex);
    return lost;
  }
  void cut(int rank) {
    const std::lock_guard lock(mutex);
    cut_off = rank;
    mail.cut_off(rank);
  }
  void leave() {
    std::vector<std::thread> leaving;
    for (auto& dog : dogs) leaving.emplace_back([&dog] { dog->leave(); });
    for (std::thread& one : leaving) one.join();
  }

  Mail mail;
  std::vector<Activity> activities;
  std::mutex mutex;
  int cut_off = -1;
  std::optional<LostRank> lost;
  std::vector<std::unique_ptr<Watchdog>> dogs;
};

std::optional<LostRank> wait_for_lost(Ranks& ranks) {
  for (int i = 0; i < 500 && !ranks.told(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  return ranks.told();
}

TEST(Watchdog, AllLeaveTogether) {
  for (const int num_ranks : {1, 2, 5}) {
    Ranks ranks(num_ranks);
    ranks.leave();
    EXPECT_FALSE(ranks.told());
  }
}

TEST(Watchdog, ARankThatIsCutOffIsNamedWithWhatItDid) {
  for (const int cut_off : {0, 2}) {
    Ranks ranks(3);
    ranks.activities[2].set_coordinate("data=2");
    ranks.activities[2].set("reading the weights");
    ranks.dogs[0]->set_timeout(0.5);
    std::this_thread::sleep_for(std::chrono::milliseconds(1200));
    EXPECT_FALSE(ranks.told());
    ranks.cut(cut_off);
    const auto lost = wait_for_lost(ranks);
    ASSERT_TRUE(lost);
    EXPECT_EQ(lost->rank, cut_off);
    EXPECT_TRUE(lost->is_silent);
    if (cut_off == 2) {
      EXPECT_EQ(lost->last.doing, "reading the weights");
      EXPECT_EQ(lost->last.coordinate, "data=2");
    }
    ranks.cut(-1);
    ranks.leave();
  }
}

TEST(Watchdog, ARankThatDoesNotLeaveIsNamed) {
  Ranks ranks(2);
  ranks.dogs[0]->set_timeout(0.3);
  std::thread leaving([&] { ranks.dogs[0]->leave(); });
  ranks.cut(1);
  EXPECT_EQ(wait_for_lost(ranks).value_or(LostRank{}).rank, 1);
  ranks.cut(-1);
  ranks.dogs[1]->leave();
  leaving.join();
}

}  // namespace
}  // namespace ditmesh
