#include "mpi_communicator.hpp"

#include <algorithm>
#include <limits>
#include <thread>

#include "check_mpi.hpp"

namespace ditmesh {

namespace {

// The type of one row, so that counts and displacements are in rows and
// messages of more than 2 GiB need no splitting.
class RowType {
 public:
  explicit RowType(const at::Tensor& tensor) {
    int64_t bytes = tensor.element_size();
    for (int64_t dimension = 1; dimension < tensor.dim(); ++dimension) bytes *= tensor.size(dimension);
    if (bytes > std::numeric_limits<int>::max()) {
      throw InternalError(
          cat("a row of ", human_bytes(static_cast<uint64_t>(bytes)), " is too long for MPI"));
    }
    check_mpi(MPI_Type_contiguous(static_cast<int>(bytes), MPI_BYTE, &type_));
    check_mpi(MPI_Type_commit(&type_));
  }
  ~RowType() { MPI_Type_free(&type_); }  // MPI keeps it until pending transfers are done
  RowType(const RowType&) = delete;
  RowType& operator=(const RowType&) = delete;

  MPI_Datatype get() const { return type_; }

 private:
  MPI_Datatype type_ = MPI_DATATYPE_NULL;
};

struct CountsAndPlaces {
  explicit CountsAndPlaces(const RowCounts& rows) {
    int64_t place = 0;
    for (const int64_t count : rows) {
      counts.push_back(static_cast<int>(count));
      places.push_back(static_cast<int>(place));
      place += count;
    }
    if (place > std::numeric_limits<int>::max()) {
      throw InternalError(cat(place, " rows are too many for one MPI call"));
    }
  }
  std::vector<int> counts;
  std::vector<int> places;
};

void require_cpu(const at::Tensor& tensor) {
  if (!tensor.is_cpu()) throw InternalError("the MPI communicator carries CPU tensors only");
}

}  // namespace

MpiCommunicator::MpiCommunicator(MPI_Comm owned, int rank, int size, std::string name,
                                 std::chrono::seconds deadline, int64_t piece_bytes)
    : Communicator(rank, size, std::move(name)),
      comm_(owned),
      deadline_(deadline),
      piece_bytes_(piece_bytes) {}

std::unique_ptr<MpiCommunicator> MpiCommunicator::adopt(MPI_Comm owned, std::string name,
                                                        std::chrono::seconds deadline, int64_t piece_bytes) {
  // Errors come back as codes, so that they become messages with context.
  check_mpi(MPI_Comm_set_errhandler(owned, MPI_ERRORS_RETURN));
  int rank = 0;
  int size = 0;
  check_mpi(MPI_Comm_rank(owned, &rank));
  check_mpi(MPI_Comm_size(owned, &size));
  return std::unique_ptr<MpiCommunicator>(
      new MpiCommunicator(owned, rank, size, std::move(name), deadline, piece_bytes));
}

std::unique_ptr<MpiCommunicator> MpiCommunicator::duplicate(MPI_Comm parent, std::string name,
                                                            std::chrono::seconds deadline,
                                                            int64_t piece_bytes) {
  MPI_Comm copy = MPI_COMM_NULL;
  check_mpi(MPI_Comm_dup(parent, &copy));
  return adopt(copy, std::move(name), deadline, piece_bytes);
}

MpiCommunicator::~MpiCommunicator() {
  int finalized = 0;
  MPI_Finalized(&finalized);
  if (finalized == 0) MPI_Comm_free(&comm_);
}

std::unique_ptr<Communicator> MpiCommunicator::split(int color, int key, std::string name) {
  MPI_Comm group = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split(comm_, color, key, &group));
  return adopt(group, std::move(name), deadline_, piece_bytes_);
}

void MpiCommunicator::progress() {
  int found = 0;
  check_mpi(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm_, &found, MPI_STATUS_IGNORE));
}

void MpiCommunicator::wait_all(const std::string& who, std::vector<MPI_Request>& requests) const {
  const auto end = std::chrono::steady_clock::now() + deadline_;
  for (uint64_t round = 0;; ++round) {
    int done = 0;
    check_mpi(MPI_Testall(static_cast<int>(requests.size()), requests.data(), &done, MPI_STATUSES_IGNORE));
    if (done != 0) return;
    // Spin while the answer is near; then leave the core to ranks that compute.
    if (round < 1000) {
      std::this_thread::yield();
      continue;
    }
    if (std::chrono::steady_clock::now() > end) {
      throw CommError(cat(who, ": no answer within ", deadline_.count(), " s"),
                      "a peer is lost or stuck, see the messages of the other ranks");
    }
    std::this_thread::sleep_for(std::chrono::microseconds(round < 10000 ? 20 : 500));
  }
}

Work MpiCommunicator::finish(const std::string& verb, std::vector<MPI_Request> requests,
                             std::vector<at::Tensor> keep) const {
  return Work([this, who = describe(verb), requests = std::move(requests), keep = std::move(keep)]() mutable {
    wait_all(who, requests);
  });
}

Work MpiCommunicator::do_all_gather(const at::Tensor& out, const at::Tensor& in, const RowCounts& rows) {
  require_cpu(in);
  const RowType row(out);
  // MPI reads the counts until the transfer is done.
  const auto from = std::make_shared<CountsAndPlaces>(rows);
  const at::Tensor own = out.narrow(0, from->places[rank()], rows[rank()]);
  if (own.data_ptr() != in.data_ptr()) own.copy_(in);
  std::vector<MPI_Request> requests(1);
  check_mpi(MPI_Iallgatherv(MPI_IN_PLACE, 0, row.get(), out.data_ptr(), from->counts.data(),
                            from->places.data(), row.get(), comm_, &requests[0]));
  return Work(
      [this, who = describe("all_gather"), from, out, requests]() mutable { wait_all(who, requests); });
}

Work MpiCommunicator::do_all_to_all(const at::Tensor& out, const RowCounts& receive, const at::Tensor& in,
                                    const RowCounts& send) {
  require_cpu(in);
  // Pairwise messages instead of MPI_Ialltoallv: no array of counts has to
  // outlive this call, and the largest transfers start first.
  std::vector<Message> messages;
  int64_t place = 0;
  for (int peer = 0; peer < size(); ++peer) {
    messages.push_back({peer, Message::Direction::receive, out.narrow(0, place, receive[peer])});
    place += receive[peer];
  }
  place = 0;
  for (int peer = 0; peer < size(); ++peer) {
    messages.push_back({peer, Message::Direction::send, in.narrow(0, place, send[peer])});
    place += send[peer];
  }
  // What a rank sends to itself is a copy, not a message.
  messages[rank()].tensor.copy_(messages[size() + rank()].tensor);
  messages.erase(messages.begin() + size() + rank());
  messages.erase(messages.begin() + rank());
  return do_exchange(std::move(messages));
}

Work MpiCommunicator::do_broadcast(const at::Tensor& tensor, int root) {
  require_cpu(tensor);
  std::vector<MPI_Request> requests;
  auto* bytes = static_cast<std::byte*>(tensor.data_ptr());
  const auto size_bytes = static_cast<int64_t>(tensor.nbytes());
  for (int64_t begin = 0; begin < size_bytes; begin += piece_bytes_) {
    requests.push_back(MPI_REQUEST_NULL);
    check_mpi(MPI_Ibcast(bytes + begin, static_cast<int>(std::min(piece_bytes_, size_bytes - begin)),
                         MPI_BYTE, root, comm_, &requests.back()));
  }
  return finish("broadcast", std::move(requests), {tensor});
}

Work MpiCommunicator::do_exchange(std::vector<Message> messages) {
  std::vector<MPI_Request> requests;
  std::vector<at::Tensor> keep;
  for (const Message& message : messages) {
    require_cpu(message.tensor);
    keep.push_back(message.tensor);
    auto* bytes = static_cast<std::byte*>(message.tensor.data_ptr());
    const auto size_bytes = static_cast<int64_t>(message.tensor.nbytes());
    for (int64_t begin = 0; begin < size_bytes; begin += piece_bytes_) {
      requests.push_back(MPI_REQUEST_NULL);
      const int count = static_cast<int>(std::min(piece_bytes_, size_bytes - begin));
      if (message.direction == Message::Direction::send) {
        check_mpi(MPI_Isend(bytes + begin, count, MPI_BYTE, message.peer, 0, comm_, &requests.back()));
      } else {
        check_mpi(MPI_Irecv(bytes + begin, count, MPI_BYTE, message.peer, 0, comm_, &requests.back()));
      }
    }
  }
  return finish("exchange", std::move(requests), std::move(keep));
}

int MpiCommunicator::do_agree(int status) {
  int worst = status;
  std::vector<MPI_Request> requests(1);
  check_mpi(MPI_Iallreduce(&status, &worst, 1, MPI_INT, MPI_MAX, comm_, &requests[0]));
  wait_all(describe("agree"), requests);
  return worst;
}

}  // namespace ditmesh
