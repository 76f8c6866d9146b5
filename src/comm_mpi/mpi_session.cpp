#include "ditmesh/comm_mpi/mpi_session.hpp"

#include <unistd.h>

#include <cstdlib>
#include <limits>
#include <thread>

#include "check_mpi.hpp"
#include "mpi_communicator.hpp"

namespace ditmesh {

namespace {

// Longer than any step of a sane job; shorter than the patience of a queue.
constexpr std::chrono::seconds kDeadline{1800};
constexpr std::chrono::seconds kAbortPatience{10};

}  // namespace

MpiSession::MpiSession(int* argc, char*** argv) {
  int provided = MPI_THREAD_SINGLE;
  check_mpi(MPI_Init_thread(argc, argv, MPI_THREAD_MULTIPLE, &provided));
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
}

MpiSession::~MpiSession() { MPI_Finalize(); }

std::unique_ptr<Communicator> MpiSession::world() const {
  return MpiCommunicator::duplicate(MPI_COMM_WORLD, "world", kDeadline);
}

std::string MpiSession::broadcast(std::string text) const {
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

void MpiSession::abort(int exit_code) const {
  // MPI_Abort talks to others, who may not answer.
  std::thread([exit_code] {
    std::this_thread::sleep_for(kAbortPatience);
    std::_Exit(exit_code);
  }).detach();
  MPI_Abort(MPI_COMM_WORLD, exit_code);
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
