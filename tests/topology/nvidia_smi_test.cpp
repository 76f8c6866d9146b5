#include "ditmesh/topology/nvidia_smi.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "topology/reader_fixtures.hpp"

namespace ditmesh {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

NodeReading read(std::string_view text) {
  NodeReading reading = read_nvidia_smi_topo(text, "t.txt");
  check_reading(reading);
  return reading;
}

std::vector<std::string> device_paths(const NodeReading& reading) {
  std::vector<std::string> paths;
  for (const Device& device : reading.type.devices) paths.push_back(path_of(reading.type, device.place));
  return paths;
}

TEST(NvidiaSmi, MakesATreeOfPlaces) {
  const NodeReading reading = read(kSmiTable);
  const NodeType& type = reading.type;
  EXPECT_THAT(device_paths(reading), ElementsAre("numa0 bridge0 switch0 switch1", "numa0 bridge0 switch0",
                                                 "numa0", "numa1 switch2", "numa1"));
  EXPECT_EQ(type.devices[4], (Device{.name = "gpu4", .place = type.devices[4].place}));
  ASSERT_EQ(type.nics.size(), 3U);
  EXPECT_EQ(type.nics[0].name, "mlx5_0");
  EXPECT_EQ(type.nics[0].kind, NicKind::unknown);
  EXPECT_EQ(type.nics[2].kind, NicKind::roce) << "bonds are of Ethernet";
  EXPECT_EQ(path_of(type, type.nics[0].place), "numa0 bridge0 switch0 switch1");
  EXPECT_EQ(path_of(type, type.nics[1].place), "numa0 bridge0");
  EXPECT_EQ(path_of(type, type.nics[2].place), "numa1 switch2");
  EXPECT_EQ(type.places[0], (Place{.name = "numa0", .numa_id = 0, .cores = {0, 1, 2, 3, 8, 9, 10, 11}}));
  EXPECT_EQ(type.places[1], (Place{.name = "bridge0", .kind = PlaceKind::host_bridge, .parent = 0}));
  EXPECT_THAT(type.nvlinks, ElementsAre(NvlinkPair{0, 1, 4}, NvlinkPair{3, 4, 2}));
  EXPECT_THAT(reading.remarks, IsEmpty());
}

// The same machine, as people hand such tables around.
struct Written {
  const char* how;
  std::string (*write)(std::string);
};

std::ostream& operator<<(std::ostream& out, const Written& written) { return out << written.how; }

std::string each_line(const std::string& text, const std::function<std::string(const std::string&)>& change) {
  std::vector<std::string> lines = split(text, '\n');
  for (std::string& line : lines) line = change(line);
  return join(lines, "\n");
}

std::string without_header(const std::string& text) { return text.substr(text.find('\n') + 1); }

class SameTable : public ::testing::TestWithParam<Written> {};

TEST_P(SameTable, IsTheSameMachine) {
  const std::string text = GetParam().write(std::string(kSmiTable));
  const NodeReading reading = read(text);
  EXPECT_EQ(reading.type, read(kSmiTable).type) << text;
  EXPECT_THAT(reading.remarks, IsEmpty());
}

constexpr Written kWritten[] = {
        Written{"blanks", [](std::string table) { return replaced(table, "\t", "     "); }},
        Written{"several tabs and blanks",
                [](std::string table) { return replaced(replaced(table, "NODE\t", "NODE \t\t "), "PIX\t", "PIX  "); }},
        Written{"CRLF", [](std::string table) { return replaced(table, "\n", "\r\n"); }},
        Written{"CR alone", [](std::string table) { return replaced(table, "\n", "\r"); }},
        Written{"indented", [](std::string table) { return each_line(table, [](auto& line) { return "      " + line; }); }},
        Written{"quoted in a mail",
                [](std::string table) { return each_line(table, [](auto& line) { return "> " + line; }); }},
        Written{"a comment", [](std::string table) { return each_line(table, [](auto& line) { return "# " + line; }); }},
        Written{"a Markdown table",
                [](std::string table) {
                  return replaced(each_line(table, [](auto& line) { return "|" + line + "|"; }), "\t", " | ");
                }},
        Written{"a Markdown fence",
                [](std::string table) { return "# My machine\n\n```console\n" + table + "```\nIt has 5 GPUs.\n"; }},
        Written{"after a prompt",
                [](std::string table) { return "me@host7:~$ nvidia-smi topo -m\n" + table + "me@host7:~$ "; }},
        Written{"underlined by nvidia-smi",
                [](std::string table) {
                  return replaced(replaced(table, "\tGPU0\tGPU1", "\t\x1b[4mGPU0\tGPU1"), "GPU NUMA ID",
                                  "GPU NUMA ID\x1b[0m");
                }},
        Written{"underlined, without the escape",
                [](std::string table) {
                  return replaced(replaced(table, "\tGPU0\tGPU1", "\t[4mGPU0\tGPU1"), "GPU NUMA ID",
                                  "GPU NUMA ID[0m");
                }},
        Written{"blanks of a web page", [](std::string table) { return replaced(table, "\t", "\xc2\xa0\xc2\xa0 "); }},
        Written{"a byte order mark", [](std::string table) { return "\xef\xbb\xbf" + table; }},
        Written{"a header without its tab", [](std::string table) { return table.substr(1); }},
        Written{"a header of two tabs", [](std::string table) { return "\t" + table; }},
        Written{"a header in one word", [](std::string table) { return "\tGPU0GPU1GPU2" + table.substr(table.find("\tGPU3")); }},
        Written{"no header", [](std::string table) { return without_header(table); }},
        Written{"SOC, the word of old", [](std::string table) { return replaced(table, "SYS", "SOC"); }},
        Written{"no legend of the relations",
                [](std::string table) { return table.substr(0, table.find("Legend")) + table.substr(table.find("NIC Legend")); }},
        Written{"the names of the NICs as labels",
                [](std::string table) {
                  return replaced(replaced(replaced(table, "NIC0", "mlx5_0"), "NIC1", "mlx5_1"), "NIC2",
                                  "mlx5_bond_0");
                }},
        Written{"X without blanks, no last line end",
                [](std::string table) {
                  table = replaced(table, " X ", "X");
                  table.pop_back();
                  return table;
                }},
        Written{"topo -p2p behind it",
                [](std::string table) { return table + "\n\tGPU0\tGPU1\n GPU0\tX\tOK\n GPU1\tNS\tX\n"; }},
        Written{"a legend in one line, with notes",
                [](std::string table) {
                  return replaced(replaced(table, "\n  NIC1:", " -> ib0  NIC1:"), "\n  NIC2:", "    NIC2:");
                }},
        Written{"no GPU NUMA ID",
                [](std::string table) { return replaced(replaced(table, "\tGPU NUMA ID", ""), "\t\tN/A", ""); }}};

INSTANTIATE_TEST_SUITE_P(Table, SameTable, ::testing::ValuesIn(kWritten), [](const auto& test) {
  std::string name;
  for (const char c : std::string(test.param.how)) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) name += c;
  }
  return name;
});

// A GPU and what stands behind its cell.
struct Affinity {
  const char* text;
  int numa_id;
  size_t cores;
  bool placed = true;
  const char* remark = "";
};

std::ostream& operator<<(std::ostream& out, const Affinity& affinity) { return out << affinity.text; }

class Affinities : public ::testing::TestWithParam<Affinity> {};

TEST_P(Affinities, AreRead) {
  const Affinity& affinity = GetParam();
  const NodeReading reading = read(affinity.text);
  ASSERT_EQ(reading.type.devices[0].place, affinity.placed ? 0 : -1);
  if (affinity.placed) {
    EXPECT_EQ(reading.type.places[0].numa_id, affinity.numa_id);
    EXPECT_EQ(reading.type.places[0].cores.size(), affinity.cores);
  }
  EXPECT_THAT(join(reading.remarks, "\n"), HasSubstr(affinity.remark));
}

constexpr const char* kNotPlaced = "The table does not say in which NUMA domain GPU0 stands.";

constexpr Affinity kAffinities[] = {
    Affinity{"\tGPU0\tCPU Affinity\tNUMA Affinity\tGPU NUMA ID\nGPU0\t X \t0-63,128-191\t1\t\tN/A\n", 1, 128},
    Affinity{"\tGPU0\tCPU Affinity\tNUMA Affinity\nGPU0\t X \t0,2,4,6\t0\n", 0, 4},
    Affinity{"\tGPU0\tCPU Affinity\nGPU0\t X \t0-0,2-2,4-4,\n", -1, 3},
    Affinity{"\tGPU0\tCPU Affinity\tNUMA Affinity\tGPU NUMA ID\nGPU0\t X \t\t\t\tN/A\n", -1, 0, false,
             kNotPlaced},
    Affinity{"\tGPU0\tCPU Affinity\tNUMA Affinity\tGPU NUMA ID\nGPU0\t X \t\t3\t\tN/A\n", 3, 0},
    Affinity{"\tGPU0\tCPU Affinity\tNUMA Affinity\tGPU NUMA ID\nGPU0\t X \t4\t\t\tN/A\n", -1, 1},
    Affinity{"     GPU0  CPU Affinity  NUMA Affinity  GPU NUMA ID\nGPU0  X    0-3                        "
             " N/A\n",
             -1, 4},
    Affinity{"     GPU0  CPU Affinity  NUMA Affinity  GPU NUMA ID\nGPU0  X                               "
             " N/A\n",
             -1, 0, false, kNotPlaced},
    Affinity{"     GPU0  NUMA Affinity\nGPU0  X   2\n", 2, 0},
    Affinity{"GPU0 X 0-7 N/A N/A\n", -1, 8},
    Affinity{"GPU0 X\n", -1, 0, false, kNotPlaced},
    Affinity{"\tGPU0\tCPU Affinity\tNUMA Affinity\tGPU NUMA ID\nGPU0\t X \t0-71\t0,5-11\t4\n", 0, 72, true,
             "The NUMA affinity 0,5-11 names several domains: the lowest of them was taken."},
    Affinity{"\tGPU0\tCPU Affinity\tNUMA Affinity\nGPU0\t X \tall\tnone\n", -1, 0, true,
             "The affinity none of GPU0; all of GPU0 is no list of numbers: it was not used."},
    Affinity{"GPU0 X 0-999999999 0\n", 0, 0, true, "The affinity 0-999999999 of GPU0 is no list of numbers"}};

INSTANTIATE_TEST_SUITE_P(Table, Affinities, ::testing::ValuesIn(kAffinities));

// `cells` of n GPUs, each joined to the others by `links` NVLinks, with the numbers of their domains.
std::string all_to_all(int n, int links, const std::function<std::string(int)>& behind) {
  std::string text;
  for (int row = 0; row < n; ++row) {
    text += cat("GPU", row);
    for (int column = 0; column < n; ++column) text += row == column ? "\tX" : cat("\tNV", links);
    text += behind(row) + "\n";
  }
  return text;
}

struct Joined {
  int gpus;
  int links;
  int nvswitch_links;
  size_t pairs;
  const char* machine;
};

std::ostream& operator<<(std::ostream& out, const Joined& joined) { return out << joined.machine; }

class AllToAll : public ::testing::TestWithParam<Joined> {};

TEST_P(AllToAll, IsDirectWhereTheLinksSuffice) {
  const Joined& joined = GetParam();
  const NodeReading reading = read(all_to_all(joined.gpus, joined.links, [](int) { return "\t0-3\t0"; }));
  EXPECT_EQ(reading.type.nvlinks.size(), joined.pairs);
  for (const Device& device : reading.type.devices) EXPECT_EQ(device.nvswitch_links, joined.nvswitch_links);
}

constexpr Joined kJoined[] = {Joined{2, 2, 0, 1, "two cards with a bridge"},
                              Joined{4, 4, 0, 6, "four A100"},
                              Joined{4, 6, 0, 6, "four H100 or GH200"},
                              Joined{16, 6, 6, 0, "DGX-2"},
                              Joined{8, 12, 12, 0, "DGX A100"},
                              Joined{8, 8, 8, 0, "eight H800"},
                              Joined{8, 18, 18, 0, "DGX H100"},
                              Joined{3, 12, 12, 0, "three of a DGX A100"},
                              Joined{2, 36, 36, 0, "more links than a device had"}};

INSTANTIATE_TEST_SUITE_P(Table, AllToAll, ::testing::ValuesIn(kJoined));

TEST(NvidiaSmi, SaysThatTwoDevicesOfALargerMachineLookLikeABridge) {
  EXPECT_THAT(
      read(all_to_all(2, 18, [](int) { return ""; })).remarks,
      testing::Contains("The 18 NVLinks between gpu0 and gpu1 were taken for direct ones: through NVSwitches "
                        "they would look the same."));
  EXPECT_THAT(read(all_to_all(2, 4, [](int) { return "\t0-3\t0"; })).remarks, IsEmpty());
}

TEST(NvidiaSmi, CountsTheLinksOfADeviceThatLostSome) {
  const NodeReading reading = read(
      "GPU0 X NV18 NV17 NV18\n"
      "GPU1 NV18 X NV17 NV18\n"
      "GPU2 NV17 NV17 X NV17\n"
      "GPU3 NV18 NV18 NV17 X\n");
  std::vector<int> links;
  for (const Device& device : reading.type.devices) links.push_back(device.nvswitch_links);
  EXPECT_THAT(links, ElementsAre(18, 18, 17, 18));
  EXPECT_THAT(reading.remarks,
              testing::Contains("NVLinks through NVSwitches are not equal for gpu0, gpu1, gpu3: the "
                                "highest number was taken for each."));
}

TEST(NvidiaSmi, PlacesByAffinityWhatNvlinkHides) {
  const NodeReading reading =
      read(all_to_all(4, 12, [](int gpu) { return gpu < 2 ? "\t0-3\t0" : "\t4-7\t1"; }));
  EXPECT_THAT(device_paths(reading), ElementsAre("numa0", "numa0", "numa1", "numa1"));
}

TEST(NvidiaSmi, PlacesByWhatIsSharedWhatNvlinkHides) {
  const NodeReading reading = read(
      "GPU0   X   NV12 NV12 PXB 0-7 0\n"
      "GPU1  NV12  X   NV12 PXB 0-7 0\n"
      "GPU2  NV12 NV12  X   SYS 0-7 0\n"
      "hsn0  PXB  PXB  SYS   X\n");
  EXPECT_THAT(device_paths(reading), ElementsAre("numa0 switch0", "numa0 switch0", "numa0-2"));
  EXPECT_EQ(reading.type.nics[0].kind, NicKind::slingshot);
  EXPECT_THAT(
      reading.remarks,
      ElementsAre(
          "Devices with the affinity NUMA 0 are SYS to each other: they were put into 2 NUMA domains."));
}

TEST(NvidiaSmi, LeavesOpenWhatNvlinkHidesAndNothingElseSays) {
  const NodeReading reading = read(all_to_all(3, 12, [](int) { return ""; }));
  EXPECT_THAT(device_paths(reading), ElementsAre("", "", ""));
  EXPECT_THAT(reading.type.places, IsEmpty());
  EXPECT_THAT(reading.remarks,
              ElementsAre("The table does not say in which NUMA domain GPU0, GPU1, GPU2 stand."));
}

TEST(NvidiaSmi, TakesTheCloserRelationWhereTheTableContradictsItself) {
  const NodeReading reading = read(
      "GPU0  X   PIX NODE 0-3 0\n"
      "GPU1 PIX   X  PIX  0-3 0\n"
      "GPU2 NODE PIX  X   4-7 1\n");
  EXPECT_THAT(device_paths(reading), ElementsAre("numa0 switch0", "numa0 switch0", "numa0 switch0"));
  EXPECT_THAT(
      reading.remarks,
      ElementsAre(
          "The table contradicts itself in 1 pair (GPU0 and GPU2 are said to be NODE but are PIX by way "
          "of others): the closer relation was taken.",
          "Devices that are closer than SYS have different affinities (NUMA 0; NUMA 1): they were put "
          "into one NUMA domain."));
}

TEST(NvidiaSmi, KnowsNicsOfAnyName) {
  const NodeReading reading = read(
      "      GPU0 bnxt_re0 irdma0 rdmap16s27 rocep49s0f1 ib0 CPU Affinity\n"
      "GPU0   X  SYS SYS SYS SYS SYS 0-3\n"
      "bnxt_re0 SYS X SYS SYS SYS SYS\n"
      "irdma0 SYS SYS X SYS SYS SYS\n"
      "rdmap16s27 SYS SYS SYS X SYS SYS\n"
      "rocep49s0f1 SYS SYS SYS SYS X SYS\n"
      "ib0 SYS SYS SYS SYS SYS X\n");
  std::vector<NicKind> kinds;
  for (const Nic& nic : reading.type.nics) kinds.push_back(nic.kind);
  EXPECT_THAT(kinds,
              ElementsAre(NicKind::roce, NicKind::unknown, NicKind::efa, NicKind::roce, NicKind::infiniband));
}

TEST(NvidiaSmi, KeepsLabelsWhereTheLegendGivesOneNameTwice) {
  const NodeReading reading =
      read("GPU0 X SYS SYS 0-3\nNIC0 SYS X PIX\nNIC1 SYS PIX X\nNIC0: a0\nNIC1: a0\n");
  EXPECT_EQ(reading.type.nics[0].name, "NIC0");
  EXPECT_THAT(reading.remarks,
              ElementsAre("The legend gives one name to several NICs: they have their labels instead."));
}

struct Refused {
  std::string (*text)();
  const char* rule;
  const char* remedy;
};

std::ostream& operator<<(std::ostream& out, const Refused& refused) { return out << refused.rule; }

class RefusedTables : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedTables, SayWhy) {
  EXPECT_THAT([] { read(GetParam().text()); },
              ThrowsMessage<ConfigError>(Eq(cat(GetParam().rule, ": ", GetParam().remedy))));
}

std::string changed(std::string_view from, std::string_view by) {
  const std::string text(kSmiTable);
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.substr(0, at) + std::string(by) + text.substr(at + from.size());
}

constexpr const char* kAgain = "copy the table again as nvidia-smi topo -m prints it";
constexpr const char* kOther = "run nvidia-smi topo -m on a node and give what it prints";

constexpr Refused kRefused[] = {
    Refused{[] { return std::string(""); },
            "t.txt is not the output of nvidia-smi topo -m: it looks like an empty file", kOther},
    Refused{[] { return std::string(kNcclXml); },
            "t.txt is not the output of nvidia-smi topo -m: it looks like an NCCL topology (XML)", kOther},
    Refused{
        [] { return std::string("\tGPU0\tGPU1\n GPU0\tX\tOK\n GPU1\tOK\tX\n\nLegend:\n\n  X    = Self\n"); },
        "t.txt is not the output of nvidia-smi topo -m: it looks like the output of nvidia-smi topo "
        "-p2p",
        kOther},
    Refused{[] { return std::string("GPU[0]\t\t: (Topology) Numa Node: 0\n"); },
            "t.txt is not the output of nvidia-smi topo -m: it looks like the output of rocm-smi", kOther},
    Refused{[] { return std::string("NIC0 X PIX\nNIC1 PIX X\n"); }, "t.txt: the table has no row of a GPU",
            kAgain},
    Refused{[] { return changed("NODE\tNODE\t X \tSYS", "NODENODE\t X \tSYS"); },
            "t.txt: line 4: row GPU2, column GPU0: 'NODENODE' is two cells without a blank between them",
            kAgain},
    Refused{[] { return changed("\tNV4\t X \tNODE", "\tNV4\t X\tNODESYS"); },
            "t.txt: line 3: row GPU1, column GPU2: 'NODESYS' is two cells without a blank between them",
            kAgain},
    Refused{[] { return changed("SYS\t0-3", "SYS0-3"); },
            "t.txt: line 2: row GPU0, column NIC2: 'SYS0-3,8-11' is two cells without a blank between them",
            kAgain},
    Refused{[] { return changed("PXB\tPHB\tSYS\t0-3", "PXB\tSYS\t0-3"); },
            "t.txt: line 3: row GPU1, column NIC2: a cell is missing, the row has 7 of 8", kAgain},
    Refused{[] { return changed("GPU2\tNODE\tNODE\t X ", "GPU2\tNODE\t X "); },
            "t.txt: line 4: row GPU2, column GPU1: X stands for the device itself, so a cell before it "
            "is missing",
            kAgain},
    Refused{[] { return changed("GPU1\tNV4\t X ", "GPU1\tNV4\tNV4\t X "); },
            "t.txt: line 3: row GPU1, column GPU1: X must stand there, found NV4", kAgain},
    Refused{[] { return changed("SYS\t0-3", "SYS\tSYS\t0-3"); },
            "t.txt: line 2: row GPU0: 9 cells where there are 8 rows", kAgain},
    Refused{[] { return changed("NIC1\tPHB\tPHB", "NIC1\tPHB\tPXB"); },
            "t.txt: line 8: row NIC1, column GPU1: found PXB, but row GPU1, column NIC1 has PHB", kAgain},
    Refused{[] { return changed("GPU4\tSYS\tSYS\tSYS\tNV2", "GPU4\tSYS\tSYS\tSYS\tNV3"); },
            "t.txt: line 6: row GPU4, column GPU3: found NV3, but row GPU3, column GPU4 has NV2", kAgain},
    Refused{[] { return changed("PHB\tSYS\t0-3", "N/A\tSYS\t0-3"); },
            "t.txt: line 2: row GPU0, column NIC1: a cell is missing, the row has 6 of 8", kAgain},
    Refused{[] { return changed("\tPHB\tSYS\t0-3", "\tLAN\tSYS\t0-3"); },
            "t.txt: line 2: row GPU0, column NIC1: 'LAN' is none of X, NV#, PIX, PXB, PHB, NODE and SYS",
            kAgain},
    Refused{[] { return std::string(kSmiTable.substr(0, kSmiTable.find("NIC2\tSYS"))); },
            "t.txt: the row NIC2 is missing, the header has its column", kAgain},
    Refused{[] { return std::string(kSmiTable.substr(0, kSmiTable.find("\tNODE\tSYS\tSYS\t X \t\n"))); },
            "t.txt: line 9: row NIC2, column GPU4: a cell is missing, the row has 4 of 8", kAgain},
    Refused{[] { return std::string("GPU0 X NV2 SYS\nGPU1 NV2 X SYS\n"); },
            "t.txt: row GPU0 has 3 cells and there are 2 rows, so rows are missing", kAgain},
    Refused{[] { return cat(kSmiTable, kSmiTable); },
            "t.txt: line 25: a second row GPU0, the first is in line 2", "give the table of one node, once"}};

INSTANTIATE_TEST_SUITE_P(Table, RefusedTables, ::testing::ValuesIn(kRefused));

TEST(NvidiaSmi, RefusesMoreRowsThanAnyMachineHas) {
  std::string text;
  for (int i = 0; i < 100000; ++i) text += cat("GPU", i, " X\n");
  EXPECT_THAT(
      [&] { read(text); },
      ThrowsMessage<ConfigError>(Eq("t.txt: line 513: more than 512 rows: give the table of one node")));
}

}  // namespace
}  // namespace ditmesh
