#include "ditmesh/comm_mpi/link_timing.hpp"

#include <algorithm>
#include <bit>

#include "check_mpi.hpp"
#include "ditmesh/base/seconds.hpp"

namespace ditmesh {

namespace {

constexpr int kTag = 3;
constexpr int kSmallWarmUps = 20;
constexpr int kSmallRepeats = 100;
constexpr int kLargeWarmUps = 1;
constexpr int kLargeRepeats = 7;
constexpr int64_t kSmallBytes = 8;
constexpr int64_t kLeastBytes = int64_t{64} << 10;
constexpr int64_t kMostBytes = int64_t{64} << 20;
constexpr int64_t kTrialBytes = int64_t{1} << 20;
constexpr double kWantedTime_s = 5e-3;  // of one large message

// The lower rank sends first and measures.
class Pair {
 public:
  Pair(const MpiSession& mpi, int peer) : peer_(peer), is_first_(mpi.rank() < peer) {}

  // Seconds of one way each; of the first rank.
  std::vector<double> bounce(int64_t bytes, int warm_ups, int repeats) {
    if (static_cast<int64_t>(buffer_.size()) < bytes) buffer_.assign(static_cast<size_t>(bytes), 1);
    std::vector<double> seconds;
    for (int i = -warm_ups; i < repeats; ++i) {
      const int64_t start_ns = nanoseconds_now();
      if (is_first_) send(bytes);
      receive(bytes);
      if (!is_first_) send(bytes);
      if (i >= 0) seconds.push_back(static_cast<double>(nanoseconds_now() - start_ns) * 1e-9 / 2);
    }
    return seconds;
  }

  // The first rank's number, on both.
  int64_t share(int64_t number) {
    if (is_first_) {
      check_mpi(MPI_Send(&number, 1, MPI_INT64_T, peer_, kTag, MPI_COMM_WORLD));
    } else {
      check_mpi(MPI_Recv(&number, 1, MPI_INT64_T, peer_, kTag, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    }
    return number;
  }

  std::vector<double> share(std::vector<double> numbers) {
    const int count = static_cast<int>(numbers.size());
    if (is_first_) {
      check_mpi(MPI_Send(numbers.data(), count, MPI_DOUBLE, peer_, kTag, MPI_COMM_WORLD));
    } else {
      check_mpi(MPI_Recv(numbers.data(), count, MPI_DOUBLE, peer_, kTag, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    }
    return numbers;
  }

 private:
  void send(int64_t bytes) {
    check_mpi(MPI_Send(buffer_.data(), static_cast<int>(bytes), MPI_BYTE, peer_, kTag, MPI_COMM_WORLD));
  }
  void receive(int64_t bytes) {
    check_mpi(MPI_Recv(buffer_.data(), static_cast<int>(bytes), MPI_BYTE, peer_, kTag, MPI_COMM_WORLD,
                       MPI_STATUS_IGNORE));
  }

  int peer_;
  bool is_first_;
  std::vector<char> buffer_;
};

}  // namespace

LinkTimes time_link(const MpiSession& mpi, int peer) {
  if (peer == mpi.rank()) throw InternalError("a rank has no link to itself");
  Pair pair(mpi, peer);
  LinkTimes times;
  times.latency_s = pair.share(pair.bounce(kSmallBytes, kSmallWarmUps, kSmallRepeats));
  const double trial_s = pair.bounce(kTrialBytes, 1, 1).front();
  const auto fitting = static_cast<uint64_t>(static_cast<double>(kTrialBytes) * kWantedTime_s / trial_s);
  times.bytes =
      pair.share(std::clamp(static_cast<int64_t>(std::bit_ceil(fitting | 1)), kLeastBytes, kMostBytes));
  for (const double seconds : pair.share(pair.bounce(times.bytes, kLargeWarmUps, kLargeRepeats)))
    times.bytes_per_s.push_back(static_cast<double>(times.bytes) / seconds);
  return times;
}

}  // namespace ditmesh
