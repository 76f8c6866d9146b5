#include <yaml-cpp/yaml.h>

#include <set>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/topology/hostlist.hpp"
#include "ditmesh/topology/looks_like.hpp"
#include "ditmesh/topology/slurm_topology.hpp"

namespace ditmesh {

namespace {

// The plug-ins of topology.yaml(5).
const std::vector<std::string> kPlugins = {"tree", "block", "flat", "ring", "torus3d"};

class YamlReader {
 public:
  YamlReader(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  SlurmTopology read() {
    const YAML::Node root = load();
    if (!root.IsSequence() || root.size() == 0 || !root[0].IsMap() || !root[0]["topology"]) {
      throw ConfigError(cat(name_, " is not a topology.yaml of Slurm: it looks like ", looks_like(text_)),
                        "it is a list of entries that begin with '- topology: NAME'");
    }
    const YAML::Node chosen = choose(root);
    topology_.name = scalar(chosen["topology"], "topology");
    where_ = cat(name_, ": topology '", topology_.name, "'");
    read_plugin(chosen);
    if (topology_.nodes().empty()) topology_.remarks.push_back(cat(where_, " names no node"));
    return std::move(topology_);
  }

 private:
  YAML::Node load() const {
    try {
      return YAML::Load(std::string(text_));
    } catch (const YAML::Exception& error) {
      throw ConfigError(cat(name_, " is not YAML: line ", error.mark.line + 1, ", column ",
                            error.mark.column + 1, ": ", error.msg, "; it looks like ", looks_like(text_)),
                        "give the topology.yaml of Slurm");
    }
  }

  [[noreturn]] void refuse(const YAML::Node& node, const std::string& rule) const {
    throw ConfigError(cat(where_.empty() ? name_ : where_, ": line ", node.Mark().line + 1, ": ", rule),
                      "see topology.yaml(5) of Slurm");
  }

  std::string scalar(const YAML::Node& node, std::string_view field) const {
    if (!node.IsScalar()) refuse(node, cat("'", field, "' must be a text"));
    return node.Scalar();
  }

  YAML::Node choose(const YAML::Node& root) {
    YAML::Node chosen;
    std::vector<std::string> names;
    std::set<std::string> seen;
    for (const YAML::Node& entry : root) {
      if (!entry.IsMap() || !entry["topology"])
        refuse(entry, "an entry does not begin with 'topology: NAME'");
      names.push_back(scalar(entry["topology"], "topology"));
      if (!seen.insert(names.back()).second) refuse(entry, cat("a second topology '", names.back(), "'"));
      const YAML::Node is_default = entry["cluster_default"];
      if (!chosen.IsDefined() || chosen.IsNull()) {
        if (is_default && to_lower_ascii(scalar(is_default, "cluster_default")) == "true")
          chosen.reset(entry);
      }
    }
    if (!chosen.IsDefined() || chosen.IsNull()) chosen.reset(root[0]);
    if (names.size() > 1) {
      topology_.remarks.push_back(cat("of the topologies ", join(names, ", "), " only ",
                                      chosen["topology"].Scalar(), " is read, the default of the cluster"));
    }
    return chosen;
  }

  void read_plugin(const YAML::Node& entry) {
    std::vector<std::string> given;
    for (const std::string& plugin : kPlugins) {
      if (entry[plugin]) given.push_back(plugin);
    }
    if (given.size() != 1) {
      refuse(entry, cat("has ", given.empty() ? "no plug-in" : join(given, " and "), ", one of ",
                        join(kPlugins, ", "), " is needed"));
    }
    const YAML::Node plugin = entry[given[0]];
    if (given[0] == "tree") {
      read_list(plugin, "switches", [&](const YAML::Node& each) {
        topology_.switches.push_back(
            {name_in(each, "switch"), names_in(each, "nodes"), names_in(each, "children")});
      });
    } else if (given[0] == "block") {
      read_sizes(plugin);
      read_list(plugin, "blocks", [&](const YAML::Node& each) {
        topology_.blocks.push_back({name_in(each, "block"), names_in(each, "nodes")});
      });
    } else if (given[0] == "ring") {
      read_list(plugin, "rings", [&](const YAML::Node& each) {
        topology_.rings.push_back({name_in(each, "ring"), names_in(each, "nodes")});
      });
    } else if (given[0] == "torus3d") {
      refuse(plugin, "a torus is not known to ditmesh: describe the cluster in JSON (see topology/)");
    }
  }

  // A list of maps, or a single map.
  template <typename Take>
  void read_list(const YAML::Node& plugin, const std::string& field, const Take& take) {
    if (!plugin.IsMap() || !plugin[field]) refuse(plugin, cat("has no '", field, "'"));
    const YAML::Node list = plugin[field];
    if (list.IsMap()) {
      take(list);
      return;
    }
    if (!list.IsSequence()) refuse(list, cat("'", field, "' must be a list"));
    for (const YAML::Node& each : list) {
      if (!each.IsMap()) refuse(each, cat("an entry of '", field, "' is no map"));
      take(each);
    }
  }

  std::string name_in(const YAML::Node& entry, const std::string& field) {
    if (!entry[field]) refuse(entry, cat("an entry has no '", field, "'"));
    std::string given = scalar(entry[field], field);
    if (!names_.insert(given).second) refuse(entry, cat("describes '", given, "' a second time"));
    return given;
  }

  std::vector<std::string> names_in(const YAML::Node& entry, const std::string& field) const {
    if (!entry[field] || entry[field].IsNull()) return {};
    return expand_hostlist(scalar(entry[field], field),
                           cat(where_, ": line ", entry[field].Mark().line + 1, ": ", field));
  }

  void read_sizes(const YAML::Node& block) {
    const YAML::Node sizes = block.IsMap() ? block["block_sizes"] : YAML::Node();
    if (!sizes || sizes.IsNull()) return;
    const auto add = [&](const YAML::Node& node) {
      const auto size = parse_int(scalar(node, "block_sizes"));
      if (!size || *size < 1) refuse(node, cat("block size '", node.Scalar(), "' is no number of nodes"));
      topology_.block_sizes.push_back(*size);
    };
    if (sizes.IsSequence()) {
      for (const YAML::Node& size : sizes) add(size);
    } else {
      add(sizes);
    }
  }

  std::string_view text_;
  const std::string& name_;
  std::string where_;
  SlurmTopology topology_;
  std::set<std::string> names_;
};

}  // namespace

SlurmTopology read_slurm_topology_yaml(std::string_view text, const std::string& name) {
  return YamlReader(text, name).read();
}

}  // namespace ditmesh
