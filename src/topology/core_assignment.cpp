#include <algorithm>
#include <set>

#include "ditmesh/base/range.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/topology/assignment.hpp"

namespace ditmesh {

namespace {

using Cores = std::vector<int>;

// Ranks that may use a common core belong together, and so on: 0-3, 0-3, 4-7 → {0, 1}, {2}.
std::vector<std::vector<size_t>> groups_of(const std::vector<RankStart>& ranks) {
  std::vector<std::vector<size_t>> groups;
  std::vector<std::set<int>> cores_of;
  for (size_t rank = 0; rank < ranks.size(); ++rank) {
    std::vector<size_t> members;
    std::set<int> cores(ranks[rank].cores.begin(), ranks[rank].cores.end());
    for (size_t i = 0; i < groups.size();) {
      const bool meet = std::any_of(ranks[rank].cores.begin(), ranks[rank].cores.end(),
                                    [&](int core) { return cores_of[i].contains(core); });
      if (!meet) {
        ++i;
        continue;
      }
      members.insert(members.end(), groups[i].begin(), groups[i].end());
      cores.merge(cores_of[i]);
      groups.erase(groups.begin() + static_cast<std::ptrdiff_t>(i));
      cores_of.erase(cores_of.begin() + static_cast<std::ptrdiff_t>(i));
    }
    members.push_back(rank);
    std::sort(members.begin(), members.end());
    groups.push_back(std::move(members));
    cores_of.push_back(std::move(cores));
  }
  return groups;
}

// The domains as far as `allowed` goes; what is of none is one more.
std::vector<Cores> allowed_domains(std::set<int> allowed, const std::vector<Cores>& numa_domains) {
  std::vector<Cores> domains;
  for (const Cores& domain : numa_domains) {
    domains.emplace_back();
    for (const int core : domain) {
      if (allowed.erase(core) > 0) domains.back().push_back(core);
    }
    if (domains.back().empty()) domains.pop_back();
  }
  if (!allowed.empty()) domains.emplace_back(allowed.begin(), allowed.end());
  return domains;
}

std::vector<Cores> deal(int64_t num_ranks, const std::vector<Cores>& domains) {
  std::vector<Cores> dealt;
  const auto num_domains = static_cast<int64_t>(domains.size());
  if (num_ranks < num_domains) {  // whole domains
    for (int64_t rank = 0; rank < num_ranks; ++rank) {
      dealt.emplace_back();
      const Range mine = part_of(num_domains, num_ranks, rank);
      for (int64_t i = mine.begin; i < mine.end; ++i) {
        const Cores& domain = domains[static_cast<size_t>(i)];
        dealt.back().insert(dealt.back().end(), domain.begin(), domain.end());
      }
    }
    return dealt;
  }
  for (int64_t i = 0; i < num_domains; ++i) {
    const Cores& domain = domains[static_cast<size_t>(i)];
    const auto num_cores = static_cast<int64_t>(domain.size());
    const int64_t here = part_of(num_ranks, num_domains, i).size();
    for (int64_t rank = 0; rank < here; ++rank) {
      if (here > num_cores) {
        dealt.push_back({domain[static_cast<size_t>(rank % num_cores)]});
      } else {
        const Range mine = part_of(num_cores, here, rank);
        dealt.emplace_back(domain.begin() + mine.begin, domain.begin() + mine.end);
      }
    }
  }
  return dealt;
}

bool includes(const Cores& all, const Cores& some) {
  return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

// What `allowed` has of the domains that `mine` touches; all, where the host shows no domains.
Cores neighbourhood(const Cores& mine, const Cores& allowed, const std::vector<Cores>& numa_domains) {
  if (numa_domains.empty()) return allowed;
  std::set<int> near(mine.begin(), mine.end());
  for (const Cores& domain : numa_domains) {
    const bool touches = std::any_of(domain.begin(), domain.end(), [&](int core) {
      return std::binary_search(mine.begin(), mine.end(), core);
    });
    if (touches) near.insert(domain.begin(), domain.end());
  }
  Cores found;
  std::set_intersection(near.begin(), near.end(), allowed.begin(), allowed.end(), std::back_inserter(found));
  return found;
}

}  // namespace

std::vector<Cores> assign_cores(const std::vector<RankStart>& ranks, const std::vector<Cores>& numa_domains) {
  std::vector<Cores> assigned(ranks.size());
  for (const std::vector<size_t>& group : groups_of(ranks)) {
    if (group.size() == 1) {  // bound by the launcher, or alone
      assigned[group[0]] = ranks[group[0]].cores;
      continue;
    }
    std::set<int> allowed;
    for (const size_t rank : group) allowed.insert(ranks[rank].cores.begin(), ranks[rank].cores.end());
    const auto dealt = deal(static_cast<int64_t>(group.size()), allowed_domains(allowed, numa_domains));
    for (size_t i = 0; i < group.size(); ++i) {
      assigned[group[i]] = dealt[i];
      std::sort(assigned[group[i]].begin(), assigned[group[i]].end());
    }
  }
  return assigned;
}

std::vector<std::optional<CoreBinding>> bind_ranks(
    const std::vector<RankStart>& ranks, const std::map<std::string, std::vector<Cores>>& numa_domains) {
  std::vector<std::optional<CoreBinding>> bindings(ranks.size());
  std::map<std::string, std::vector<size_t>> nodes;
  for (size_t rank = 0; rank < ranks.size(); ++rank) nodes[ranks[rank].node].push_back(rank);
  for (const auto& [node, members] : nodes) {
    std::vector<RankStart> here;
    for (const size_t rank : members) here.push_back(ranks[rank]);
    const auto known = numa_domains.find(node);
    const std::vector<Cores> domains = known == numa_domains.end() ? std::vector<Cores>() : known->second;
    const std::vector<Cores> assigned = assign_cores(here, domains);
    std::set<int> used;
    size_t num_used = 0;
    for (const Cores& cores : assigned) {
      used.insert(cores.begin(), cores.end());
      num_used += cores.size();
    }
    if (num_used > used.size()) continue;  // more ranks than cores
    for (size_t i = 0; i < members.size(); ++i) {
      const Cores& mine = assigned[i];
      if (mine == here[i].cores || !includes(here[i].cores, mine)) continue;
      bindings[members[i]] = {mine, neighbourhood(mine, here[i].cores, domains)};
    }
  }
  return bindings;
}

std::optional<LaunchTrouble> short_of_cores(const std::vector<RankStart>& ranks,
                                            const std::vector<std::optional<CoreBinding>>& bindings,
                                            int threads) {
  std::optional<LaunchTrouble> told;
  int64_t num_ranks = 0;
  for (size_t rank = 0; rank < ranks.size(); ++rank) {
    const Cores& cores = bindings[rank] ? bindings[rank]->computing : ranks[rank].cores;
    const auto num_cores = static_cast<int64_t>(cores.size());
    if (num_cores >= threads || ++num_ranks > 1) continue;
    told = {cat("rank ", rank, " on ", ranks[rank].node, " has ", counted(num_cores, "core"), " for its ",
                counted(threads, "thread")),
            cat("start fewer ranks, and let each have ", threads, " cores: mpirun --map-by slot:pe=", threads,
                ", srun --cpus-per-task=", threads, "; or give --threads ", std::max<int64_t>(num_cores, 1))};
  }
  if (num_ranks > 1) told->rule += cat(" (as have ", counted(num_ranks - 1, "other rank"), " too few)");
  return told;
}

}  // namespace ditmesh
