#include "ditmesh/topology/measurements.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

using Pairs = std::vector<std::pair<int, int>>;

constexpr size_t kMostOfANode = 16;
constexpr size_t kMostRounds = 63;  // between nodes
constexpr size_t kMostLines = 40;

// A tournament of `players` by turning all but the first around a circle: every two meet once.
std::vector<Pairs> tournament(std::vector<int> players) {
  constexpr int kBye = -1;
  if (players.size() < 2) return {};
  if (players.size() % 2 == 1) players.push_back(kBye);
  const size_t count = players.size();
  std::vector<Pairs> rounds;
  for (size_t round = 0; round + 1 < count; ++round) {
    rounds.emplace_back();
    for (size_t i = 0; i < count / 2; ++i) {
      const auto [less, more] = std::minmax(players[i], players[count - 1 - i]);
      if (less != kBye) rounds.back().emplace_back(less, more);
    }
    std::rotate(players.begin() + 1, players.end() - 1, players.end());
  }
  return rounds;
}

// At most `most` of `all`, spread evenly.
template <typename Thing>
std::vector<Thing> some_of(const std::vector<Thing>& all, size_t most) {
  if (all.size() <= most) return all;
  std::vector<Thing> some;
  for (size_t i = 0; i < most; ++i) some.push_back(all[i * all.size() / most]);
  return some;
}

// The one NIC that a node has plugged in; nothing if there are more or none.
std::optional<size_t> only_nic(const Node& node) {
  std::optional<size_t> only;
  for (size_t nic = 0; nic < node.leaves.size(); ++nic) {
    if (node.leaves[nic] == -1) continue;
    if (only) return std::nullopt;
    only = nic;
  }
  return only;
}

std::string end_name(const Cluster& cluster, int node, const std::string& part) {
  return cat(cluster.nodes[static_cast<size_t>(node)].name, ": ", part);
}

std::string text_of(const Spread& spread, double unit) {
  const double median = spread.median / unit;
  const int digits = median < 10 ? 2 : median < 1000 ? 1 : 0;
  return cat(fixed(median, digits), " (", fixed(spread.least / unit, digits), "-",
             fixed(spread.most / unit, digits), ")");
}

using Row = std::vector<std::string>;

std::string table(const std::vector<Row>& rows) {
  std::vector<size_t> widths(rows[0].size(), 0);
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line = " ";
    for (size_t i = 0; i < row.size(); ++i) {
      line += " " + row[i];
      if (i + 1 < row.size()) line.append(widths[i] - row[i].size() + 1, ' ');
    }
    text += line + "\n";
  }
  return text;
}

// Of all measurements of a kind together.
Row summary(const Cluster& cluster, const std::vector<const Measurement*>& alike) {
  const auto overall = [&](auto member) {
    std::vector<double> medians;
    Spread all = alike[0]->*member;
    for (const Measurement* one : alike) {
      medians.push_back((one->*member).median);
      all.least = std::min(all.least, (one->*member).least);
      all.most = std::max(all.most, (one->*member).most);
    }
    all.median = spread_of(medians).median;
    return all;
  };
  const Measurement& slowest =
      **std::min_element(alike.begin(), alike.end(), [](const Measurement* a, const Measurement* b) {
        return a->bytes_per_s.median < b->bytes_per_s.median;
      });
  return {cat(alike.size(), " pairs"),
          cat("slowest ", end_name(cluster, slowest.from_node, slowest.from), " → ",
              end_name(cluster, slowest.to_node, slowest.to)),
          slowest.way,
          slowest.by,
          text_of(overall(&Measurement::latency_s), 1e-6),
          text_of(overall(&Measurement::bytes_per_s), 1e9)};
}

}  // namespace

std::vector<Pairs> measuring_rounds(const std::vector<std::string>& nodes) {
  std::map<std::string, std::vector<int>> members;
  for (size_t rank = 0; rank < nodes.size(); ++rank) members[nodes[rank]].push_back(static_cast<int>(rank));
  std::vector<Pairs> rounds;
  std::vector<int> firsts;
  for (const auto& [node, ranks] : members) {
    firsts.push_back(ranks[0]);
    const auto here = tournament(some_of(ranks, kMostOfANode));
    if (rounds.size() < here.size()) rounds.resize(here.size());
    for (size_t i = 0; i < here.size(); ++i)
      rounds[i].insert(rounds[i].end(), here[i].begin(), here[i].end());
  }
  const auto across = some_of(tournament(firsts), kMostRounds);
  rounds.insert(rounds.end(), across.begin(), across.end());
  return rounds;
}

Spread spread_of(std::vector<double> values) {
  if (values.empty()) throw InternalError("there is no spread of no measurements");
  std::sort(values.begin(), values.end());
  return {values.front(), values[values.size() / 2], values.back()};
}

Cluster with_measurements(Cluster cluster, std::vector<Measurement> measured) {
  std::map<std::pair<int, size_t>, Link> best;  // by type and NIC
  for (const Measurement& one : measured) {
    if (one.by != "MPI" || one.from_node == one.to_node) continue;
    for (const int end : {one.from_node, one.to_node}) {
      const Node& node = cluster.nodes[static_cast<size_t>(end)];
      const auto nic = only_nic(node);
      if (!nic) continue;
      const auto [found, is_new] =
          best.emplace(std::pair(node.type, *nic), Link{one.bytes_per_s.median, one.latency_s.median});
      Link& link = found->second;
      link.bytes_per_s = std::max(link.bytes_per_s, one.bytes_per_s.median);
      link.latency_s = std::min(link.latency_s, one.latency_s.median);
    }
  }
  for (const auto& [which, link] : best)
    cluster.types[static_cast<size_t>(which.first)].nics[which.second].link = link;
  cluster.measured.insert(cluster.measured.end(), measured.begin(), measured.end());
  return cluster;
}

std::string measured_text(const Cluster& cluster) {
  std::map<std::pair<std::string, std::string>, std::vector<const Measurement*>> kinds;
  for (const Measurement& one : cluster.measured) kinds[{one.by, one.way}].push_back(&one);
  std::vector<Row> rows = {{"from", "to", "way", "by", "µs: median (min-max)", "GB/s"}};
  for (const auto& [kind, alike] : kinds) {
    if (alike.size() > kMostLines) {
      rows.push_back(summary(cluster, alike));
      continue;
    }
    for (const Measurement* one : alike) {
      rows.push_back({end_name(cluster, one->from_node, one->from), end_name(cluster, one->to_node, one->to),
                      one->way, one->by, text_of(one->latency_s, 1e-6), text_of(one->bytes_per_s, 1e9)});
    }
  }
  return table(rows);
}

}  // namespace ditmesh
