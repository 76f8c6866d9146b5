#include "ditmesh/comm/communicator.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/base/range.hpp"

namespace ditmesh {

namespace {

bool none_negative(const RowCounts& rows) {
  return std::all_of(rows.begin(), rows.end(), [](int64_t count) { return count >= 0; });
}

int64_t bytes_of(const at::Tensor& tensor) { return static_cast<int64_t>(tensor.nbytes()); }

}  // namespace

Work& Work::operator=(Work&& other) noexcept {
  std::swap(finish_, other.finish_);  // the other waits for what was ours
  return *this;
}

Work::~Work() {
  try {
    wait();
  } catch (...) {
    // The error that unwinds us, or the next verb, tells what happened.
  }
}

void Work::wait() {
  if (const auto finish = std::exchange(finish_, nullptr)) finish();
}

// A verb takes the host's time twice: when it is begun, and when it is waited for.
template <typename Verb>
Work Communicator::recorded(int64_t bytes_sent, const Verb& verb) {
  if (recorder_ == nullptr) return verb();
  recorder_->add_bytes_sent(group_, bytes_sent);
  Span span;
  span.phase = Phase::communicate;
  span.group = group_;
  span.bytes = bytes_sent;
  auto work = std::make_shared<Work>();
  {
    const auto scope = trace_.scope(span);
    *work = verb();
  }
  if (work->is_done()) return {};
  span.bytes = 0;
  return Work([work, span, trace = trace_] {
    const auto scope = trace.scope(span);
    work->wait();
  });
}

Work Communicator::all_reduce(const at::Tensor& tensor) {
  start("all_reduce", {tensor});
  if (size_ == 1) return {};
  // A reduce-scatter and an all-gather, each of which sends all parts but one.
  return recorded(2 * bytes_of(tensor) * (size_ - 1) / size_, [&] { return do_all_reduce(tensor); });
}

Work Communicator::all_gather(const at::Tensor& out, const at::Tensor& in, const RowCounts& rows) {
  start("all_gather", {out, in});
  require(rows.size() == static_cast<size_t>(size_) && none_negative(rows) && in.size(0) == rows[rank_] &&
              out.size(0) == sum(rows),
          "all_gather", "needs one row count per rank that match the tensors");
  require_alike(out, in, "all_gather");
  return recorded(bytes_of(in) * (size_ - 1), [&] { return do_all_gather(out, in, rows); });
}

Work Communicator::reduce_scatter(const at::Tensor& out, const at::Tensor& in, const RowCounts& rows) {
  start("reduce_scatter", {out, in});
  require(rows.size() == static_cast<size_t>(size_) && none_negative(rows) && out.size(0) == rows[rank_] &&
              in.size(0) == sum(rows),
          "reduce_scatter", "needs one row count per rank that match the tensors");
  require_alike(out, in, "reduce_scatter");
  return recorded(bytes_of(in) - bytes_of(out), [&] { return do_reduce_scatter(out, in, rows); });
}

Work Communicator::all_to_all(const at::Tensor& out, const RowCounts& receive, const at::Tensor& in,
                              const RowCounts& send) {
  start("all_to_all", {out, in});
  require(receive.size() == static_cast<size_t>(size_) && send.size() == receive.size() &&
              none_negative(receive) && none_negative(send) && out.size(0) == sum(receive) &&
              in.size(0) == sum(send),
          "all_to_all", "needs one row count per rank that match the tensors");
  require_alike(out, in, "all_to_all");
  const int64_t row_bytes = in.size(0) > 0 ? bytes_of(in) / in.size(0) : 0;
  return recorded(bytes_of(in) - send[rank_] * row_bytes,
                  [&] { return do_all_to_all(out, receive, in, send); });
}

Work Communicator::broadcast(const at::Tensor& tensor, int root) {
  start("broadcast", {tensor});
  require(root >= 0 && root < size_, "broadcast", "needs a root inside the group");
  if (size_ == 1) return {};
  return recorded(rank_ == root ? bytes_of(tensor) * (size_ - 1) : 0,
                  [&] { return do_broadcast(tensor, root); });
}

Work Communicator::exchange(std::vector<Message> messages) {
  std::vector<at::Tensor> tensors;
  for (const Message& message : messages) tensors.push_back(message.tensor);
  start("exchange", tensors);
  for (const Message& message : messages) {
    require(message.peer >= 0 && message.peer < size_, "exchange", "needs peers inside the group");
  }
  int64_t bytes_sent = 0;
  for (const Message& message : messages) {
    if (message.direction == Message::Direction::send && message.peer != rank_)
      bytes_sent += bytes_of(message.tensor);
  }
  return recorded(bytes_sent, [&] { return do_exchange(std::move(messages)); });
}

int Communicator::agree(int status) {
  start("agree", {});
  if (size_ == 1) return status;
  int agreed = status;
  recorded(0, [&] {
    agreed = do_agree(status);
    return Work{};
  });
  return agreed;
}

void Communicator::record(Recorder& recorder, size_t group) {
  if (size_ == 1 || !recorder.is_on()) return;
  recorder_ = &recorder;
  trace_ = recorder.lane(Lane::generate);
  group_ = static_cast<uint8_t>(group);
}

Work Communicator::do_reduce_scatter(const at::Tensor& out, const at::Tensor& in, const RowCounts& rows) {
  // Every rank gets all ranks' versions of its own rows and adds them in order
  // of the ranks: the sum does not depend on timing or on the group's shape.
  std::vector<int64_t> shape = out.sizes().vec();
  shape[0] *= size_;
  const at::Tensor parts = at::empty(shape, in.options());
  auto transfer = std::make_shared<Work>(do_all_to_all(parts, RowCounts(size_, rows[rank_]), in, rows));
  return Work([transfer, parts, out, own = rows[rank_], size = size_] {
    transfer->wait();
    at::Tensor total = parts.narrow(0, 0, own).to(
        at::isReducedFloatingType(out.scalar_type()) ? at::kFloat : out.scalar_type(), false, true);
    for (int peer = 1; peer < size; ++peer) total.add_(parts.narrow(0, peer * own, own));
    out.copy_(total);
  });
}

Work Communicator::do_all_reduce(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.view({-1});
  const RowCounts rows = split_evenly(flat.size(0), size_);
  const at::Tensor own = at::empty({rows[rank_]}, flat.options());
  do_reduce_scatter(own, flat, rows).wait();
  auto gather = std::make_shared<Work>(do_all_gather(flat, own, rows));
  return Work([gather, own] { gather->wait(); });
}

std::string Communicator::describe(const std::string& verb) const {
  return cat(verb, " number ", sequence_, " of group '", name_, "', rank ", rank_, " of ", size_);
}

void Communicator::start(const std::string& verb, const std::vector<at::Tensor>& tensors) {
  ++sequence_;
  for (const at::Tensor& tensor : tensors) {
    require(tensor.defined() && tensor.is_contiguous() && tensor.dim() >= 1, verb,
            "needs contiguous tensors of at least one dimension");
  }
}

void Communicator::require_alike(const at::Tensor& out, const at::Tensor& in, const std::string& verb) const {
  require(out.scalar_type() == in.scalar_type() && out.sizes().slice(1) == in.sizes().slice(1), verb,
          "needs rows of one dtype and shape");
}

void Communicator::require(bool rule, const std::string& verb, const std::string& text) const {
  if (!rule) throw InternalError(cat(describe(verb), " ", text));
}

}  // namespace ditmesh
