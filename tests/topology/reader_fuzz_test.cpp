// Damaged files: a reading that can be part of a cluster, or a refusal; nothing else.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <random>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/base/unicode.hpp"
#include "ditmesh/topology/looks_like.hpp"
#include "ditmesh/topology/nccl_xml.hpp"
#include "ditmesh/topology/nvidia_smi.hpp"
#include "topology/reader_fixtures.hpp"

namespace ditmesh {
namespace {

using Random = std::mt19937;

size_t below(Random& random, size_t end) { return end == 0 ? 0 : random() % end; }

void flip_byte(std::string& text, Random& random) {
  if (!text.empty()) text[below(random, text.size())] = static_cast<char>(random());
}

void cut(std::string& text, Random& random) { text.resize(below(random, text.size() + 1)); }

void drop_piece(std::string& text, Random& random) {
  const size_t at = below(random, text.size() + 1);
  text.erase(at, below(random, 30));
}

// Words of the formats are where readers decide something.
void swap_words(std::string& text, Random& random) {
  constexpr std::string_view kWords[] = {
      "NV4",   "SYS",          " X ", "GPU1", "NIC0",     "0-4294967296",     "-1",     "\"",
      "<pci>", "0000:12:00.0", "\t",  "\n",   "ffffffff", "<gpu dev=\"0\"/>", "class=", "16"};
  const std::string_view word = kWords[below(random, std::size(kWords))];
  text.replace(below(random, text.size()), below(random, 8), word);
}

void double_line(std::string& text, Random& random) {
  std::vector<std::string> lines = split(text, '\n');
  const size_t line = below(random, lines.size());
  lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(below(random, lines.size())), lines[line]);
  text = join(lines, "\n");
}

void drop_line(std::string& text, Random& random) {
  std::vector<std::string> lines = split(text, '\n');
  lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(below(random, lines.size())));
  text = join(lines, "\n");
}

std::string damaged(std::string_view text, Random& random) {
  constexpr void (*kDamages[])(std::string&, Random&) = {flip_byte,  cut,         drop_piece,
                                                         swap_words, double_line, drop_line};
  std::string result(text);
  for (size_t times = 1 + below(random, 3); times > 0; --times) {
    kDamages[below(random, std::size(kDamages))](result, random);
  }
  return result;
}

// How many of the damaged texts were read and how many refused.
std::pair<int, int> try_damaged(std::string_view text,
                                const std::function<NodeReading(std::string_view)>& read_text) {
  constexpr int kTimes = 6000;
  Random random(1);  // NOLINT: the same texts each time
  std::pair<int, int> counts;
  for (int i = 0; i < kTimes; ++i) {
    const std::string broken = damaged(text, random);
    EXPECT_FALSE(looks_like(broken).empty());
    std::optional<NodeReading> reading;
    try {
      reading = read_text(broken);
    } catch (const ConfigError&) {
      ++counts.second;
      continue;
    }
    ++counts.first;
    // A damaged name may be all that is wrong; cluster_of() refuses it.
    for (Nic& nic : reading->type.nics) nic.name = printable(nic.name, nic.name.size());
    for (Place& place : reading->type.places) place.name = printable(place.name, place.name.size());
    EXPECT_NO_THROW(check_reading(*reading)) << broken;
  }
  return counts;
}

TEST(DamagedFiles, OfNvidiaSmiAreReadOrRefused) {
  const auto [read, refused] =
      try_damaged(kSmiTable, [](std::string_view text) { return read_nvidia_smi_topo(text, "t"); });
  EXPECT_GT(read, 100);
  EXPECT_GT(refused, 100);
}

TEST(DamagedFiles, OfNcclAreReadOrRefused) {
  const auto [read, refused] =
      try_damaged(kNcclXml, [](std::string_view text) { return read_nccl_xml(text, "t"); });
  EXPECT_GT(read, 100);
  EXPECT_GT(refused, 100);
}

TEST(DamagedFiles, OfNoSenseAreRefused) {
  Random random(2);  // NOLINT: the same texts each time
  for (int i = 0; i < 2000; ++i) {
    std::string noise(below(random, 2000), '\0');
    std::generate(noise.begin(), noise.end(), [&] { return static_cast<char>(random()); });
    EXPECT_THROW(read_nvidia_smi_topo(noise, "t"), ConfigError);
    EXPECT_THROW(read_nccl_xml(noise, "t"), ConfigError);
  }
}

}  // namespace
}  // namespace ditmesh
