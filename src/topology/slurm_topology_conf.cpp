#include <algorithm>
#include <map>
#include <set>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/topology/hostlist.hpp"
#include "ditmesh/topology/looks_like.hpp"
#include "ditmesh/topology/slurm_topology.hpp"

namespace ditmesh {

namespace {

const std::vector<std::string> kKeys = {"BlockName", "BlockSizes", "LinkSpeed", "Nodes",
                                        "RingName",  "SwitchName", "Switches"};

// One line of the file: KEY=VALUE pairs with blanks between them.
struct Line {
  int64_t number = 0;
  std::map<std::string, std::string> values;

  const std::string* find(const std::string& key) const {
    const auto found = values.find(key);
    return found == values.end() ? nullptr : &found->second;
  }
};

class ConfReader {
 public:
  ConfReader(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  SlurmTopology read() {
    for (const Line& line : lines()) add(line);
    if (!topology_.switches.empty() + !topology_.blocks.empty() + !topology_.rings.empty() > 1) {
      throw ConfigError(cat(name_, " has lines of several plug-ins (SwitchName, BlockName, RingName)"),
                        "Slurm uses one of them: give the lines of that one");
    }
    if (topology_.nodes().empty()) topology_.remarks.push_back(cat(name_, " names no node"));
    return std::move(topology_);
  }

 private:
  [[noreturn]] void refuse(int64_t number, const std::string& rule) const {
    throw ConfigError(cat(name_, ": line ", number, " ", rule), "see topology.conf(5) of Slurm");
  }

  [[noreturn]] void refuse_format() const {
    throw ConfigError(cat(name_, " is not a topology.conf of Slurm: it looks like ", looks_like(text_)),
                      "its lines begin with SwitchName=, BlockName=, RingName= or BlockSizes=");
  }

  std::vector<Line> lines() const {
    std::vector<Line> found;
    const std::vector<std::string> raw = split(text_, '\n');
    for (size_t i = 0; i < raw.size(); ++i) {
      const auto number = static_cast<int64_t>(i + 1);
      std::string whole(trim(std::string_view(raw[i]).substr(0, raw[i].find('#'))));
      while (whole.ends_with('\\') && i + 1 < raw.size()) {
        whole.pop_back();
        ++i;
        whole += trim(std::string_view(raw[i]).substr(0, raw[i].find('#')));
      }
      if (whole.empty()) continue;
      found.push_back({number, {}});
      read_pairs(whole, found.back(), found.size() == 1);
    }
    return found;
  }

  void read_pairs(const std::string& whole, Line& line, bool is_first) const {
    std::string_view rest = whole;
    while (!(rest = trim(rest)).empty()) {
      const size_t equals = rest.find('=');
      const std::string_view key = trim(rest.substr(0, equals));
      const auto known = std::find_if(kKeys.begin(), kKeys.end(), [&](const std::string& candidate) {
        return to_lower_ascii(candidate) == to_lower_ascii(key);
      });
      if (equals == std::string_view::npos || known == kKeys.end()) {
        if (is_first) refuse_format();
        refuse(line.number,
               cat("has '", key.substr(0, 60), "', where KEY=VALUE is expected", did_you_mean(key, kKeys)));
      }
      rest = trim(rest.substr(equals + 1));
      const bool is_quoted = rest.starts_with('"');
      const size_t end = is_quoted ? rest.find('"', 1) : std::min(rest.find_first_of(" \t"), rest.size());
      if (end == std::string_view::npos) refuse(line.number, "has a quotation mark that is not closed");
      const std::string value(is_quoted ? rest.substr(1, end - 1) : rest.substr(0, end));
      if (value.empty() || value.find('=') != std::string::npos) {
        refuse(line.number,
               cat("gives ", *known, " the value '", value, "', a name or a list of names is expected"));
      }
      if (!line.values.emplace(*known, value).second) refuse(line.number, cat("gives ", *known, " twice"));
      rest = rest.substr(is_quoted ? end + 1 : end);
    }
  }

  std::vector<std::string> names_in(const Line& line, const std::string& key) const {
    const std::string* text = line.find(key);
    if (text == nullptr) return {};
    return expand_hostlist(*text, cat(name_, ": line ", line.number, ": ", key));
  }

  // The name that a line gives, once in a file.
  std::string name_in(const Line& line, const std::string& key) {
    const std::string& given = line.values.at(key);
    if (!names_.insert(given).second) refuse(line.number, cat("describes '", given, "' a second time"));
    return given;
  }

  void add(const Line& line) {
    if (line.find("SwitchName") != nullptr) {
      topology_.switches.push_back(
          {name_in(line, "SwitchName"), names_in(line, "Nodes"), names_in(line, "Switches")});
      if (line.find("LinkSpeed") != nullptr && !has_speed_remark_) {
        has_speed_remark_ = true;
        topology_.remarks.push_back("LinkSpeed is left out: its unit is anyone's, and Slurm does not use it");
      }
    } else if (line.find("BlockName") != nullptr) {
      topology_.blocks.push_back({name_in(line, "BlockName"), names_in(line, "Nodes")});
    } else if (line.find("RingName") != nullptr) {
      topology_.rings.push_back({name_in(line, "RingName"), names_in(line, "Nodes")});
    } else if (const std::string* sizes = line.find("BlockSizes")) {
      read_sizes(*sizes, line.number);
    } else {
      refuse(line.number, "names neither a switch, nor a block, nor a ring");
    }
  }

  void read_sizes(const std::string& sizes, int64_t number) {
    for (const std::string& part : split(sizes, ',')) {
      const auto size = parse_int(trim(part));
      if (!size || *size < 1) refuse(number, cat("has the block size '", part, "', not a number of nodes"));
      topology_.block_sizes.push_back(*size);
    }
  }

  std::string_view text_;
  const std::string& name_;
  SlurmTopology topology_;
  std::set<std::string> names_;
  bool has_speed_remark_ = false;
};

}  // namespace

SlurmTopology read_slurm_topology_conf(std::string_view text, const std::string& name) {
  return ConfReader(text, name).read();
}

}  // namespace ditmesh
