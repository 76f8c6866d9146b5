#include "ditmesh/topology/looks_like.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "ditmesh/base/text.hpp"
#include "plain_text.hpp"
#include "smi_table.hpp"
#include "xml_root.hpp"

namespace ditmesh {

namespace {

constexpr size_t kLookedAt_bytes = size_t{1} << 22;

// Windows writes it when output is sent to a file.
bool is_utf16(std::string_view text) { return text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff"); }

bool is_binary(std::string_view text) {
  constexpr size_t kProbe_bytes = size_t{1} << 16;
  constexpr size_t kTolerated = 20;  // one control character in so many
  text = text.substr(0, kProbe_bytes);
  const auto odd = std::count_if(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' &&
           c != '\x1b';
  });
  return text.find('\0') != std::string_view::npos || static_cast<size_t>(odd) * kTolerated > text.size();
}

std::optional<std::string> look_at_xml(std::string_view text) {
  const std::string root = xml_root(text);
  if (root.empty()) return std::nullopt;
  if (root == "system") return "an NCCL topology (XML)";
  if (root == "topology") return "an hwloc topology (XML)";
  if (root == "graphs") return "an NCCL graph file (XML)";
  if (to_lower_ascii(root) == "html") return "a web page (HTML)";
  return cat("an XML file with the root element <", root, ">");
}

bool is_json(std::string_view text) {
  if (text.empty() || (text.front() != '{' && text.front() != '[')) return false;
  if (text.front() == '{') return true;
  const std::string_view rest = trim(text.substr(1));
  return !rest.empty() && std::string_view("{[\"]-0123456789").find(rest.front()) != std::string_view::npos;
}

// What single lines say. The first kind of this order that any line is of wins.
enum class Kind {
  topo,
  topo_p2p,
  smi_error,
  smi_list,
  smi,
  rocm,
  slurm_yaml,
  slurm_conf,
  clustershell,
  none
};

bool begins_with_key(std::string_view line, std::string_view key) {
  return to_lower_ascii(line.substr(0, key.size())) == key;
}

bool is_slurm_line(std::string_view line) {
  // A file may have all of its lines commented out.
  while (!line.empty() && (line.front() == '#' || line.front() == ' ')) line.remove_prefix(1);
  for (const std::string_view key : {"switchname=", "blockname=", "blocksizes=", "ringname="}) {
    if (begins_with_key(line, key)) return true;
  }
  return false;
}

bool contains(std::string_view line, std::string_view part) {
  return line.find(part) != std::string_view::npos;
}

Kind kind_of_line(std::string_view line) {
  const std::vector<std::string> words = words_of(line.substr(0, 4096));
  if (words.empty()) return Kind::none;
  if (is_smi_p2p_row(words)) return Kind::topo_p2p;
  if (is_smi_row(words)) return Kind::topo;
  line = trim(line);
  if (contains(line, "NVIDIA-SMI has failed") || contains(line, "nvidia-smi: command not found") ||
      contains(line, "nvidia-smi: not found") || contains(line, "Failed to initialize NVML"))
    return Kind::smi_error;
  if (line.starts_with("GPU 0:") && contains(line, "(UUID:")) return Kind::smi_list;
  if (contains(line, "| NVIDIA-SMI ")) return Kind::smi;
  if (contains(line, "ROCm System Management") || contains(line, "ROCm SMI") || line.starts_with("GPU[0]"))
    return Kind::rocm;
  if (is_slurm_line(line)) return Kind::slurm_conf;
  if (line == "[Main]" || line == "[routes]") return Kind::clustershell;
  if (line.starts_with("- topology:") || line.starts_with("topology:") || line.starts_with("block_sizes:") ||
      line.starts_with("- switch:") || line.starts_with("- block:"))
    return Kind::slurm_yaml;
  return Kind::none;
}

std::string look_at_lines(std::string_view text) {
  Kind best = Kind::none;
  for (const std::string& line : plain_lines(text)) best = std::min(best, kind_of_line(line));
  switch (best) {
    case Kind::topo:
      return "the output of nvidia-smi topo -m";
    case Kind::topo_p2p:
      return "the output of nvidia-smi topo -p2p";
    case Kind::smi_error:
      return "an error message of nvidia-smi";
    case Kind::smi_list:
      return "the output of nvidia-smi -L";
    case Kind::smi:
      return "the output of nvidia-smi";
    case Kind::rocm:
      return "the output of rocm-smi";
    case Kind::slurm_conf:
      return "a Slurm topology.conf";
    case Kind::slurm_yaml:
      return "a Slurm topology.yaml";
    case Kind::clustershell:
      return "a ClusterShell topology file";
    case Kind::none:
      break;
  }
  return "text of another kind";
}

}  // namespace

std::string looks_like(std::string_view text) {
  text = text.substr(0, kLookedAt_bytes);
  if (is_utf16(text)) return "text in UTF-16";
  const std::string_view content = trim(without_byte_order_mark(text));
  if (content.empty()) return "an empty file";
  if (is_binary(content)) return "a binary file";
  if (const auto xml = look_at_xml(content)) return *xml;
  if (is_json(content)) return "JSON";
  return look_at_lines(content);
}

}  // namespace ditmesh
