#include "ditmesh/schedule/fluid_network.hpp"

#include <algorithm>

namespace ditmesh {

FluidNetwork::FluidNetwork(std::vector<double> bytes_per_s)
    : bytes_per_s_(std::move(bytes_per_s)),
      transfers_(bytes_per_s_.size()),
      free_(bytes_per_s_.size()),
      flows_(bytes_per_s_.size()) {}

int FluidNetwork::start(double now, const std::vector<Load>& loads, double bytes, double most_bytes_per_s) {
  now_ = now;
  int number = static_cast<int>(all_.size());
  if (unused_.empty()) {
    all_.emplace_back();
  } else {
    number = unused_.back();
    unused_.pop_back();
  }
  Transfer& transfer = all_[static_cast<size_t>(number)];
  transfer = {&loads, most_bytes_per_s, bytes, now, 0, transfer.version + 1, true, false};
  for (const Load& load : loads) transfers_[static_cast<size_t>(load.link)].push_back(number);
  touch(number);
  return number;
}

double FluidNetwork::next_end() {
  settle();
  while (!ends_.empty()) {
    const End& end = ends_.top();
    const Transfer& transfer = all_[static_cast<size_t>(end.transfer)];
    if (transfer.is_active && transfer.version == end.version) return end.time;
    ends_.pop();
  }
  return kNever;
}

int FluidNetwork::end_next() {
  now_ = next_end();
  const int number = ends_.top().transfer;
  ends_.pop();
  Transfer& transfer = all_[static_cast<size_t>(number)];
  transfer.is_active = false;
  for (const Load& load : *transfer.loads) {
    auto& here = transfers_[static_cast<size_t>(load.link)];
    here.erase(std::find(here.begin(), here.end(), number));
  }
  touch_neighbours(*transfer.loads);
  unused_.push_back(number);
  return number;
}

double FluidNetwork::bytes_per_s(int transfer) {
  settle();
  return all_[static_cast<size_t>(transfer)].bytes_per_s;
}

void FluidNetwork::touch(int number) {
  Transfer& transfer = all_[static_cast<size_t>(number)];
  if (transfer.is_touched) return;
  transfer.is_touched = true;
  touched_.push_back(number);
}

void FluidNetwork::touch_neighbours(const std::vector<Load>& loads) {
  for (const Load& load : loads) {
    for (const int other : transfers_[static_cast<size_t>(load.link)]) touch(other);
  }
}

// Rates change only among transfers that are joined by links, directly or over others.
void FluidNetwork::settle() {
  if (touched_.empty()) return;
  for (size_t i = 0; i < touched_.size(); ++i) {
    const Transfer& transfer = all_[static_cast<size_t>(touched_[i])];
    if (transfer.is_active) touch_neighbours(*transfer.loads);
  }
  std::vector<int> active;
  for (const int number : touched_) {
    Transfer& transfer = all_[static_cast<size_t>(number)];
    transfer.is_touched = false;
    if (transfer.is_active) active.push_back(number);
  }
  touched_.clear();
  share(active);
}

// Progressive filling: all flows grow alike until a link is full or a flow at its limit; those stay, the
// others go on.
void FluidNetwork::share(const std::vector<int>& transfers) {
  std::vector<int> links;
  for (const int number : transfers) {
    for (const Load& load : *all_[static_cast<size_t>(number)].loads) {
      const auto link = static_cast<size_t>(load.link);
      if (flows_[link] == 0) {
        links.push_back(load.link);
        free_[link] = bytes_per_s_[link];
      }
      flows_[link] += load.flows;
    }
  }
  std::vector<int> growing = transfers;
  while (!growing.empty()) {
    double rate = kNever;
    for (const int number : links) {
      const auto link = static_cast<size_t>(number);
      if (flows_[link] > 0) rate = std::min(rate, free_[link] / flows_[link]);
    }
    for (const int number : growing) {
      const double most = all_[static_cast<size_t>(number)].most_bytes_per_s;
      if (most > 0) rate = std::min(rate, most);
    }
    // A hair of slack: shares of full links differ in their last bits.
    const double full = rate * (1 + 1e-9);
    const auto stays = [&](int number) {
      const Transfer& transfer = all_[static_cast<size_t>(number)];
      if (transfer.most_bytes_per_s > 0 && transfer.most_bytes_per_s <= full) return true;
      return transfer.loads->empty() ||
             std::any_of(transfer.loads->begin(), transfer.loads->end(), [&](const Load& load) {
               const auto link = static_cast<size_t>(load.link);
               return free_[link] <= full * flows_[link];
             });
    };
    const auto first = std::partition(growing.begin(), growing.end(), [&](int n) { return !stays(n); });
    for (auto it = first; it != growing.end(); ++it) {
      set_rate(*it, rate);
      for (const Load& load : *all_[static_cast<size_t>(*it)].loads) {
        const auto link = static_cast<size_t>(load.link);
        free_[link] = std::max(0.0, free_[link] - rate * load.flows);
        flows_[link] -= load.flows;
        if (flows_[link] < 1e-9) flows_[link] = 0;
      }
    }
    growing.erase(first, growing.end());
  }
  for (const int number : links) flows_[static_cast<size_t>(number)] = 0;
}

void FluidNetwork::set_rate(int number, double bytes_per_s) {
  Transfer& transfer = all_[static_cast<size_t>(number)];
  if (transfer.bytes_per_s == bytes_per_s) return;  // its end is known
  const double moved = transfer.bytes_per_s > 0 ? transfer.bytes_per_s * (now_ - transfer.since) : 0;
  transfer.bytes = std::max(0.0, transfer.bytes - moved);
  transfer.since = now_;
  transfer.bytes_per_s = bytes_per_s;
  ++transfer.version;
  ends_.push({now_ + transfer.bytes / bytes_per_s, number, transfer.version});
}

}  // namespace ditmesh
