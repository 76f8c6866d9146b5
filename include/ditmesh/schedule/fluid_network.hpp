#pragma once
// Transfers in progress, as flows of a fluid through shared links.

#include <limits>
#include <queue>
#include <vector>

namespace ditmesh {

/// Links are shared max-min fairly by the flows that cross them: no flow could be faster but at the cost of a
/// slower one. A transfer is a bundle of flows that are equally fast, as those of a collective are, which is
/// over with its slowest; so a collective of 64 ranks is one thing to reckon with, not 4,032.
///
///   link of 10 B/s: one flow at 10; two at 5 each; two of which one is held to 2 elsewhere: 2 and 8
class FluidNetwork {
 public:
  /// Of a transfer: so many of its flows cross the link.
  struct Load {
    int link = 0;
    double flows = 0;

    bool operator==(const Load&) const = default;
  };

  /// `bytes_per_s`: of each link.
  explicit FluidNetwork(std::vector<double> bytes_per_s);

  /// Begins at `now` to move `bytes` in each flow. `loads`: each link once; kept by reference until the
  /// transfer has ended. `most_bytes_per_s`: of a flow, whatever the links give; 0: no limit. Returns a
  /// number for it, which is given again when it has ended.
  int start(double now, const std::vector<Load>& loads, double bytes, double most_bytes_per_s = 0);

  static constexpr double kNever = std::numeric_limits<double>::infinity();
  /// When the next transfer ends, if none begins before.
  double next_end();
  /// Ends one transfer whose end is next_end(), and says which.
  int end_next();

  /// Of each flow of the transfer, now.
  double bytes_per_s(int transfer);

 private:
  struct Transfer {
    const std::vector<Load>* loads = nullptr;
    double most_bytes_per_s = 0;
    double bytes = 0;  // left at `since`
    double since = 0;
    double bytes_per_s = 0;
    int version = 0;  // of its end in ends_
    bool is_active = false;
    bool is_touched = false;  // its rate is to be found again
  };
  struct End {
    double time;
    int transfer;
    int version;
    bool operator>(const End& other) const {
      return time != other.time ? time > other.time : transfer > other.transfer;
    }
  };

  void touch(int transfer);
  void touch_neighbours(const std::vector<Load>& loads);
  void settle();
  void share(const std::vector<int>& transfers);
  void set_rate(int transfer, double bytes_per_s);

  std::vector<double> bytes_per_s_;          // of links
  std::vector<std::vector<int>> transfers_;  // on each link
  std::vector<double> free_;                 // scratch of share(), by link
  std::vector<double> flows_;                // scratch of share(), by link
  std::vector<Transfer> all_;
  std::vector<int> unused_;  // of all_
  std::vector<int> touched_;
  std::priority_queue<End, std::vector<End>, std::greater<>> ends_;
  double now_ = 0;
};

}  // namespace ditmesh
