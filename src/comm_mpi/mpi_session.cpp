#include "ditmesh/comm_mpi/mpi_session.hpp"

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "ditmesh/base/json.hpp"
#include "ditmesh/base/seconds.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/comm_mpi/mpi_control_channel.hpp"
#include "check_mpi.hpp"
#include "mpi_communicator.hpp"

namespace ditmesh {

namespace {

// Longer than any step of a sane job; shorter than the patience of a queue.
constexpr std::chrono::seconds kDeadline{1800};
constexpr std::chrono::seconds kAbortPatience{10};
// The launcher may take its time until the last of many ranks has begun.
constexpr double kInitTimeout_s = 600;
constexpr int kClockTag = 1;
constexpr int kNodeTag = 2;
constexpr double kTimeout_s = Watchdog::kDefaultTimeout_s;

// Calls back from a thread of its own if it lives for too long: for calls that know no timeout, where no
// watchdog can run.
class TimeGuard {
 public:
  TimeGuard(double seconds, std::function<void()> too_long)
      : thread_([this, seconds, too_long = std::move(too_long)] {
          std::unique_lock lock(mutex_);
          if (!ended_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return has_ended_; }))
            too_long();
        }) {}
  ~TimeGuard() {
    {
      const std::lock_guard lock(mutex_);
      has_ended_ = true;
    }
    ended_.notify_all();
    thread_.join();
  }
  TimeGuard(const TimeGuard&) = delete;
  TimeGuard& operator=(const TimeGuard&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  bool has_ended_ = false;
  std::thread thread_;
};

CommError too_long_error(std::string_view what, double seconds) {
  return CommError(cat(what, " has not ended within ", seconds, " s: a rank is stopped or its host is lost"),
                   "look at the hosts of the job, and start the same command again");
}

}  // namespace

MpiSession::MpiSession(int* argc, char*** argv, OnTrouble on_trouble) : on_trouble_(std::move(on_trouble)) {
  std::optional<TimeGuard> init(std::in_place, kInitTimeout_s,
                                [this] { on_trouble_(*this, too_long_error("MPI_Init", kInitTimeout_s)); });
  int provided = MPI_THREAD_SINGLE;
  check_mpi(MPI_Init_thread(argc, argv, MPI_THREAD_MULTIPLE, &provided));
  init.reset();
  const TimeGuard guard(kTimeout_s,
                        [this] { on_trouble_(*this, too_long_error("the set-up of MPI", kTimeout_s)); });
  check_mpi(MPI_Comm_rank(MPI_COMM_WORLD, &rank_));
  check_mpi(MPI_Comm_size(MPI_COMM_WORLD, &size_));
  check_mpi(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
  if (provided != MPI_THREAD_MULTIPLE) {
    throw EnvironmentError(
        "MPI must give MPI_THREAD_MULTIPLE, this library (" + library_version() + ") does not",
        "use an Open MPI built with threads");
  }
  MPI_Comm node = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &node));
  check_mpi(MPI_Comm_rank(node, &node_rank_));
  check_mpi(MPI_Comm_size(node, &node_size_));
  check_mpi(MPI_Comm_free(&node));
  for (const std::string& where : all_gather(cat(::getpid(), ' ', host_name()))) {
    const size_t blank = where.find(' ');
    processes_.push_back(parse_int(where.substr(0, blank)).value_or(0));
    hosts_.push_back(where.substr(blank + 1));
  }
  watchdog_ = std::make_unique<Watchdog>(
      std::make_unique<MpiControlChannel>(), rank_, size_, activity_,
      Watchdog::Hooks{[this](const LostRank& lost) { on_trouble_(*this, error_of(lost)); },
                      [this](const std::exception_ptr& error) {
                        try {
                          std::rethrow_exception(error);
                        } catch (const std::exception& caught) {
                          on_trouble_(*this, caught);
                        }
                      }});
}

MpiSession::~MpiSession() {
  activity_.set("leaving");
  if (watchdog_) watchdog_->leave();
  const TimeGuard guard(kTimeout_s,
                        [this] { on_trouble_(*this, too_long_error("MPI_Finalize", kTimeout_s)); });
  watchdog_.reset();
  MPI_Finalize();
}

CommError MpiSession::error_of(const LostRank& lost) const {
  return CommError(
      cat("rank ", lost.rank, lost.last.coordinate.empty() ? "" : cat(" (", lost.last.coordinate, ")"),
          " on ", host_of(lost.rank), ", process ", process_of(lost.rank), ", ", lost.what()),
      "look at that host, and start the same command again: what is in journals and shards stays");
}

std::unique_ptr<Communicator> MpiSession::world() const {
  return MpiCommunicator::duplicate(MPI_COMM_WORLD, "world", kDeadline);
}

std::string MpiSession::broadcast(std::string text) const {
  const Activity::Waiting waiting(activity_);
  uint64_t size = text.size();
  check_mpi(MPI_Bcast(&size, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD));
  if (size > static_cast<uint64_t>(std::numeric_limits<int>::max())) {
    throw InternalError(cat("a broadcast text of ", size, " bytes is too long"));
  }
  text.resize(size);
  check_mpi(MPI_Bcast(text.data(), static_cast<int>(size), MPI_CHAR, 0, MPI_COMM_WORLD));
  return text;
}

std::vector<std::string> MpiSession::all_gather(const std::string& text) const {
  const Activity::Waiting waiting(activity_);
  const int own = static_cast<int>(text.size());
  std::vector<int> sizes(size_);
  check_mpi(MPI_Allgather(&own, 1, MPI_INT, sizes.data(), 1, MPI_INT, MPI_COMM_WORLD));
  std::vector<int> places(size_);
  for (int rank = 1; rank < size_; ++rank) places[rank] = places[rank - 1] + sizes[rank - 1];
  std::string all(static_cast<size_t>(places.back()) + static_cast<size_t>(sizes.back()), '\0');
  check_mpi(MPI_Allgatherv(text.data(), own, MPI_CHAR, all.data(), sizes.data(), places.data(), MPI_CHAR,
                           MPI_COMM_WORLD));
  std::vector<std::string> texts;
  for (int rank = 0; rank < size_; ++rank) {
    texts.push_back(all.substr(static_cast<size_t>(places[rank]), static_cast<size_t>(sizes[rank])));
  }
  return texts;
}

std::vector<std::string> MpiSession::gather_by_node(const std::vector<std::string>& nodes,
                                                    const std::string& text) const {
  const Activity::Waiting waiting(activity_);  // on all ranks, as they are counted
  std::vector<int> firsts;
  std::set<std::string> seen;
  for (int rank = 0; rank < size_; ++rank) {
    if (seen.insert(nodes.at(static_cast<size_t>(rank))).second) firsts.push_back(rank);
  }
  const auto found = std::find(firsts.begin(), firsts.end(), rank_);
  if (found == firsts.end()) return {};
  std::vector<std::string> texts = {text};
  const size_t mine = static_cast<size_t>(found - firsts.begin());
  for (size_t step = 1; step < firsts.size(); step *= 2) {
    if ((mine & step) != 0) {
      const std::string packed = Json(texts).dump();
      if (packed.size() > static_cast<size_t>(std::numeric_limits<int>::max()))
        throw InternalError(cat("a text of ", packed.size(), " bytes about nodes is too long"));
      check_mpi(MPI_Send(packed.data(), static_cast<int>(packed.size()), MPI_CHAR, firsts[mine - step],
                         kNodeTag, MPI_COMM_WORLD));
      return {};
    }
    if (mine + step >= firsts.size()) continue;
    MPI_Status status{};
    check_mpi(MPI_Probe(firsts[mine + step], kNodeTag, MPI_COMM_WORLD, &status));
    int size = 0;
    check_mpi(MPI_Get_count(&status, MPI_CHAR, &size));
    std::string packed(static_cast<size_t>(size), '\0');
    check_mpi(MPI_Recv(packed.data(), size, MPI_CHAR, firsts[mine + step], kNodeTag, MPI_COMM_WORLD,
                       MPI_STATUS_IGNORE));
    for (auto& each : Json::parse(packed)) texts.push_back(each.get<std::string>());
  }
  return texts;
}

ClockOffset MpiSession::measure_clock() const {
  // One that is held up on its way says little, the shortest of some says it well.
  constexpr int kRoundTrips = 16;
  const Activity::Waiting waiting(activity_);
  if (rank_ == 0) {
    for (int rank = 1; rank < size_; ++rank) {
      for (int trip = 0; trip < kRoundTrips; ++trip) {
        check_mpi(MPI_Recv(nullptr, 0, MPI_INT64_T, rank, kClockTag, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        const int64_t answer_ns = nanoseconds_now();
        check_mpi(MPI_Send(&answer_ns, 1, MPI_INT64_T, rank, kClockTag, MPI_COMM_WORLD));
      }
    }
    return {nanoseconds_now(), 0, 0};
  }
  std::vector<RoundTrip> trips(kRoundTrips);
  for (RoundTrip& trip : trips) {
    trip.asked_ns = nanoseconds_now();
    check_mpi(MPI_Send(nullptr, 0, MPI_INT64_T, 0, kClockTag, MPI_COMM_WORLD));
    check_mpi(MPI_Recv(&trip.answer_ns, 1, MPI_INT64_T, 0, kClockTag, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    trip.heard_ns = nanoseconds_now();
  }
  // The first ones may have waited for rank 0's turn: the shortest has not.
  return clock_offset(trips);
}

void MpiSession::abort(int exit_code) const {
  // MPI_Abort talks to others, who may not answer.
  std::thread([exit_code] {
    std::this_thread::sleep_for(kAbortPatience);
    std::_Exit(exit_code);
  }).detach();
  int initialized = 0;
  int finalized = 0;
  MPI_Initialized(&initialized);
  MPI_Finalized(&finalized);
  if (initialized != 0 && finalized == 0) MPI_Abort(MPI_COMM_WORLD, exit_code);
  std::_Exit(exit_code);
}

std::string MpiSession::library_version() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = {};
  int size = 0;
  MPI_Get_library_version(text, &size);
  return split(text, ',').front();
}

std::string MpiSession::host_name() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  return name;
}

}  // namespace ditmesh
