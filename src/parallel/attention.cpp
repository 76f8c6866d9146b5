#include "ditmesh/parallel/attention.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>

#include "ditmesh/base/error.hpp"
#include "ditmesh/kernels/attention.hpp"

namespace ditmesh {

at::Tensor PlainAttention::operator()(int /*block*/, const std::vector<Range>& /*rows*/, const at::Tensor& q,
                                      const at::Tensor& k, const at::Tensor& v) {
  return attention(q, k, v);
}

SequenceAttention::SequenceAttention(Communicator& ulysses, Communicator& ring, std::vector<int64_t> counts)
    : ulysses_(ulysses), ring_(ring) {
  const auto degree = static_cast<size_t>(ulysses.size());
  if (counts.size() != degree * static_cast<size_t>(ring.size())) {
    throw InternalError("sequence attention needs one row count per rank of the sequence group");
  }
  for (size_t position = 0; position < static_cast<size_t>(ring.size()); ++position) {
    const auto first = counts.begin() + static_cast<std::ptrdiff_t>(position * degree);
    const std::vector<int64_t> group(first, first + static_cast<std::ptrdiff_t>(degree));
    if (position == static_cast<size_t>(ring.rank())) ulysses_counts_ = group;
    ring_counts_.push_back(sum(group));
  }
}

at::Tensor SequenceAttention::operator()(int /*block*/, const std::vector<Range>& /*rows*/,
                                         const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  if (ulysses_.size() == 1) return ring_attention(q, k, v);
  const int64_t batch = q.size(1);
  const int64_t heads = q.size(2);
  const int64_t head_dim = q.size(3);
  const int64_t own_rows = q.size(0);
  const std::vector<int64_t> head_counts = split_evenly(heads, ulysses_.size());
  const int64_t own_heads = head_counts[ulysses_.rank()];
  const int64_t all_rows = sum(ulysses_counts_);

  // One message per peer: its heads of q, k and v of our rows. Rows come first
  // in memory, so that what arrives from all peers is one tensor of all rows.
  std::vector<at::Tensor> pieces;
  RowCounts send;
  RowCounts receive;
  int64_t head = 0;
  for (int peer = 0; peer < ulysses_.size(); ++peer) {
    const int64_t count = head_counts[peer];
    const auto slice = [&](const at::Tensor& x) { return x.narrow(2, head, count); };
    pieces.push_back(at::cat({slice(q), slice(k), slice(v)}, 2).flatten());
    send.push_back(own_rows * batch * 3 * count * head_dim);
    receive.push_back(ulysses_counts_[peer] * batch * 3 * own_heads * head_dim);
    head += count;
  }
  const at::Tensor gathered = at::empty({sum(receive)}, q.options());
  ulysses_.all_to_all(gathered, receive, at::cat(pieces), send).wait();
  const at::Tensor qkv = gathered.view({all_rows, batch, 3, own_heads, head_dim});

  const at::Tensor out =
      ring_attention(qkv.select(2, 0), qkv.select(2, 1), qkv.select(2, 2)).contiguous().flatten();

  // Back: every peer's rows of our heads.
  for (int peer = 0; peer < ulysses_.size(); ++peer) {
    send[peer] = ulysses_counts_[peer] * batch * own_heads * head_dim;
    receive[peer] = own_rows * batch * head_counts[peer] * head_dim;
  }
  const at::Tensor returned = at::empty({sum(receive)}, q.options());
  ulysses_.all_to_all(returned, receive, out, send).wait();
  std::vector<at::Tensor> by_heads;
  int64_t place = 0;
  for (int peer = 0; peer < ulysses_.size(); ++peer) {
    by_heads.push_back(
        returned.narrow(0, place, receive[peer]).view({own_rows, batch, head_counts[peer], head_dim}));
    place += receive[peer];
  }
  return at::cat(by_heads, 2);
}

at::Tensor SequenceAttention::ring_attention(const at::Tensor& q, const at::Tensor& k,
                                             const at::Tensor& v) const {
  // More ranks than heads: the whole ring has none, and nothing to tell each other.
  if (q.size(2) == 0) return at::empty(q.sizes(), q.options());
  if (ring_.size() == 1) return q.numel() > 0 ? attention(q, k, v) : at::empty(q.sizes(), q.options());
  const int next = (ring_.rank() + 1) % ring_.size();
  const int previous = (ring_.rank() + ring_.size() - 1) % ring_.size();
  at::Tensor here = at::stack({k, v});  // (2, T, B, H, D)
  PartialAttention total;
  for (int round = 0; round < ring_.size(); ++round) {
    // What is here came from `round` places back; the next one is under way
    // while this one is attended to.
    at::Tensor coming;
    Work transfer;
    if (round + 1 < ring_.size()) {
      const int origin = (previous + ring_.size() - round) % ring_.size();
      std::vector<int64_t> shape = here.sizes().vec();
      shape[1] = ring_counts_[origin];
      coming = at::empty(shape, here.options());
      transfer = ring_.exchange(
          {{next, Message::Direction::send, here}, {previous, Message::Direction::receive, coming}});
    }
    // A rank without rows still passes on those of the others.
    if (q.numel() > 0 && here.numel() > 0) {
      const PartialAttention part = partial_attention(q, here[0], here[1]);
      if (total.out.defined()) {
        merge(total, part);
      } else {
        total = part;
      }
    }
    transfer.wait();
    here = coming;
  }
  return total.out.defined() ? total.out.to(q.scalar_type()) : at::empty(q.sizes(), q.options());
}

}  // namespace ditmesh
