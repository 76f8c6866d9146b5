#include "ditmesh/topology/nccl_xml.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/topology/typical_links.hpp"
#include "topology/reader_fixtures.hpp"

namespace ditmesh {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

NodeReading read(std::string_view text) {
  NodeReading reading = read_nccl_xml(text, "t.xml");
  check_reading(reading);
  return reading;
}

std::string changed(std::string_view from, std::string_view by) {
  return replaced(std::string(kNcclXml), from, by);
}

TEST(NcclXml, MakesATreeOfPlaces) {
  const NodeReading reading = read(kNcclXml);
  const NodeType& type = reading.type;
  EXPECT_THAT(type.places,
              ElementsAre(Place{.name = "numa0", .numa_id = 0, .cores = {0, 1, 2, 3, 4, 5, 6, 7}},
                          Place{.name = "bridge-0000:10:00.0", .kind = PlaceKind::host_bridge, .parent = 0},
                          Place{.name = "switch-0000:10:00.0",
                                .kind = PlaceKind::pcie_switch,
                                .parent = 1,
                                .uplink = pcie_link(32, 16)},
                          Place{.name = "numa1", .numa_id = 1, .cores = {8, 9, 10, 11, 12, 13, 14, 15}},
                          Place{.name = "bridge-0000:92:00.0", .kind = PlaceKind::host_bridge, .parent = 3}));
  EXPECT_THAT(type.devices,
              ElementsAre(Device{.name = "gpu0",
                                 .bus_id = "0000:12:00.0",
                                 .pci_id = "0x2330",
                                 .place = 2,
                                 .pcie = pcie_link(32, 16)},
                          Device{.name = "gpu1", .bus_id = "0000:92:00.0", .pci_id = "0x2330", .place = 4}));
  EXPECT_THAT(type.nics,
              ElementsAre(Nic{.name = "mlx5_0:1",
                              .bus_id = "0000:13:00.0",
                              .kind = NicKind::infiniband,
                              .place = 2,
                              .link = {25e9, 0}},
                          Nic{.name = "mlx5_0:2",
                              .bus_id = "0000:13:00.0",
                              .kind = NicKind::infiniband,
                              .place = 2,
                              .link = {12.5e9, 0}},
                          Nic{.name = "eth0", .kind = NicKind::ethernet, .place = 3, .link = {1.25e9, 0}}));
  EXPECT_THAT(type.nvlinks, ElementsAre(NvlinkPair{0, 1, 4}));
  EXPECT_THAT(reading.remarks, IsEmpty());
}

TEST(NcclXml, IsTheSameHoweverItIsWritten) {
  const NodeType type = read(kNcclXml).type;
  EXPECT_EQ(read(changed("\n", "\r\n")).type, type);
  EXPECT_EQ(read(changed("<?xml version=\"1.0\"?>\n<!-- made up for a test -->\n", "")).type, type);
  EXPECT_EQ(read(cat("\xef\xbb\xbf", kNcclXml)).type, type);
  EXPECT_EQ(read(cat("```xml\n", kNcclXml, "```\n")).type, type);
  EXPECT_EQ(read(changed("target=\"0000:", "target=\"")).type, type);
  EXPECT_EQ(read(changed("target=\"0000:", "target=\"00000000:")).type, type);
  EXPECT_EQ(read(changed("32.0 GT/s PCIe", "32 GT/s")).type, type);
  EXPECT_EQ(read(changed("affinity=\"00ff\"", "affinity=\"00000000,000000ff\"")).type, type);
}

TEST(NcclXml, NumbersDevicesAsTheSystemDoes) {
  const NodeReading reading = read(changed("dev=\"0\" sm", "dev=\"5\" sm"));
  EXPECT_EQ(reading.type.devices[0].name, "gpu1");
  EXPECT_EQ(reading.type.devices[1].name, "gpu5");
  EXPECT_THAT(reading.type.nvlinks, ElementsAre(NvlinkPair{0, 1, 4}));
}

// A topology as providers of virtual machines write it: classes alone.
constexpr std::string_view kClasses = R"(<system version="1">
  <cpu numaid="1">
    <pci busid="FFFF:FF:01.0" class="0x060400" link_speed="16 GT/s" link_width="16">
      <pci busid="0002:00:00.0" class="0x030200" link_speed="16 GT/s" link_width="16"/>
      <pci busid="0102:00:00.0" class="0x020700" link_speed="16 GT/s" link_width="16"/>
      <pci busid="0103:00:00.0" class="0x020000" vendor="0x1d0f"/>
      <pci busid="0104:00:00.0" class="0x020000" vendor="0x15b3"/>
      <pci busid="0105:00:00.0" class="0x020000"/>
      <pci busid="0106:00:00.0" class="0x010802"/>
    </pci>
    <pci busid="0001:00:00.0" class="0x030000" link_speed="Unknown" link_width="16"/>
    <pci busid="0003:00:00.0" class="0x030000" vendor="0x1a03"/>
  </cpu>
</system>
)";

TEST(NcclXml, TellsDevicesByTheirClassWhereNothingElseSays) {
  const NodeReading reading = read(kClasses);
  ASSERT_EQ(reading.type.devices.size(), 2U);
  EXPECT_EQ(reading.type.devices[0], (Device{.name = "gpu0", .bus_id = "0001:00:00.0", .place = 3}));
  EXPECT_EQ(reading.type.devices[1].bus_id, "0002:00:00.0");
  EXPECT_EQ(path_of(reading.type, reading.type.devices[1].place),
            "numa1 bridge-ffff:ff:01.0 switch-ffff:ff:01.0");
  std::vector<NicKind> kinds;
  for (const Nic& nic : reading.type.nics) kinds.push_back(nic.kind);
  EXPECT_THAT(kinds, ElementsAre(NicKind::infiniband, NicKind::efa, NicKind::roce, NicKind::unknown));
  EXPECT_EQ(reading.type.nics[3].name, "nic3");
  EXPECT_THAT(reading.remarks, IsEmpty());
}

// Two GPUs in one NUMA domain, with these NVLinks.
std::string with_nvlinks(const std::string& of_gpu0, const std::string& of_gpu1) {
  return cat(R"(<system version="1"><cpu numaid="0"><pci busid="0000:0A:00.0"><gpu dev="0">)", of_gpu0,
             R"(</gpu></pci><pci busid="0000:0b:00.0"><gpu dev="1">)", of_gpu1,
             "</gpu></pci></cpu></system>");
}

std::string nvlink(const std::string& target, const std::string& count,
                   const std::string& target_class = "0x030200") {
  return cat("<nvlink target=\"", target, "\" count=\"", count, "\" tclass=\"", target_class, "\"/>");
}

std::string of_both(const std::string& nvlinks) { return with_nvlinks(nvlinks, nvlinks); }

struct Linked {
  std::string (*text)();
  int nvswitch_links;  // of gpu0
  int pair;
  const char* remark;  // "": none
};

std::ostream& operator<<(std::ostream& out, const Linked& linked) { return out << linked.text(); }

class Nvlinks : public ::testing::TestWithParam<Linked> {};

TEST_P(Nvlinks, AreCounted) {
  const NodeReading reading = read(GetParam().text());
  EXPECT_EQ(reading.type.devices[0].nvswitch_links, GetParam().nvswitch_links);
  EXPECT_EQ(reading.type.nvlinks.empty() ? 0 : reading.type.nvlinks[0].links, GetParam().pair);
  EXPECT_EQ(join(reading.remarks, "\n"), GetParam().remark);
}

constexpr Linked kLinked[] = {
    Linked{[] { return with_nvlinks("", ""); }, 0, 0, ""},
    Linked{[] { return with_nvlinks(nvlink("0000:0B:00.0", "4"), nvlink("0000:0a:00.0", "4")); }, 0, 4, ""},
    Linked{[] { return with_nvlinks("", nvlink("0a:00.0", "4")); }, 0, 4, ""},
    Linked{[] { return with_nvlinks(nvlink("0b:00.0", "4") + nvlink("0b:00.0", "2"), ""); }, 0, 6, ""},
    Linked{[] { return with_nvlinks(nvlink("0b:00.0", "4"), nvlink("0a:00.0", "3")); }, 0, 3,
           "gpu0 says that it has 4 NVLinks to gpu1, and gpu1 says 3: the lower number was taken."},
    Linked{[] {
             return of_both(nvlink("0000:c4:00.0", "2", "0x068000") +
                            nvlink("0000:c5:00.0", "3", "0x068000"));
           },
           5, 0, ""},
    Linked{[] { return of_both(nvlink("fffffff:ff:ff.0", "18", "0x068000")); }, 18, 0, ""},
    Linked{[] { return of_both(nvlink("FFFFFFFF:FF:FF.F", "12", "0xffffff")); }, 12, 0, ""},
    Linked{[] { return of_both(nvlink("ffff:ff:ff.f", "12", "")); }, 12, 0, ""},
    Linked{[] { return with_nvlinks(nvlink("ffff:ff:ff.f", "18"), nvlink("ffff:ff:ff.f", "17")); }, 18, 0,
           "Some devices have fewer NVLinks to NVSwitches than the 18 of others: gpu1 (17)."},
    Linked{[] { return with_nvlinks(nvlink("0a:00.0", "12"), nvlink("0b:00.0", "12")); }, 12, 0,
           "NVLinks of gpu0, gpu1 lead to themselves: they were taken for links to NVSwitches."},
    Linked{[] { return with_nvlinks(nvlink("0c:00.0", "4"), ""); }, 0, 0,
           "NVLinks to 0c:00.0 were left out: it is none of the devices, and not said to be an NVSwitch."},
    Linked{[] { return with_nvlinks(nvlink("0004:04:00.0", "3", "0x068001"), ""); }, 0, 0,
           "NVLinks of gpu0 to the processor were left out."},
    Linked{[] { return with_nvlinks(nvlink("0b:00.0", "many") + nvlink("0b:00.0", "-1"), ""); }, 0, 0,
           "NVLinks with the count '-1', 'many' were left out."},
    Linked{[] { return with_nvlinks("<c2c bw=\"1000\" count=\"5\"/>", ""); }, 0, 0,
           "Links of the kind c2c, to the processor, were left out."},
    Linked{[] { return with_nvlinks("<xgmi target=\"0b:00.0\" count=\"1\"/>", ""); }, 0, 0,
           "Links of the kind xgmi were left out: only NVLink is known."}};

INSTANTIATE_TEST_SUITE_P(Table, Nvlinks, ::testing::ValuesIn(kLinked));

struct Remarked {
  std::string (*text)();
  const char* remark;
};

std::ostream& operator<<(std::ostream& out, const Remarked& remarked) { return out << remarked.remark; }

class Remarks : public ::testing::TestWithParam<Remarked> {};

TEST_P(Remarks, SayWhatWasAssumed) {
  EXPECT_THAT(read(GetParam().text()).remarks, ElementsAre(GetParam().remark));
}

constexpr Remarked kRemarked[] = {
    Remarked{[] { return changed("<system version=\"1\">", "<system version=\"2\">"); },
             "The system element has the version '2': it was read as version 1."},
    Remarked{[] { return changed("affinity=\"00ff\"", "affinity=\"0xff\""); },
             "The affinity of numa0, '0xff', is no mask in words of 8 hexadecimal digits: it was not used."},
    Remarked{[] { return changed("affinity=\"ff00\"", "affinity=\"00000000,ff00\""); },
             "The affinity of numa1 has another number of digits than that of numa0: one may be wrong."},
    Remarked{[] { return changed("affinity=\"ff00\"", "affinity=\"ff01\""); },
             "The affinities of numa0 and numa1 have cores in common."},
    Remarked{[] {
               return std::string(
                   "<system version=\"1\"><pci busid=\"0000:01:00.0\" class=\"0x030200\"/></system>");
             },
             "Some elements stand in no cpu element: they were put into an unnamed NUMA domain."},
    Remarked{[] { return changed("<gpu dev=\"1\"", "<gpu dev=\"0\""); },
             "The attributes dev do not number the GPUs: they were numbered by their PCI addresses."},
    Remarked{[] { return changed("name=\"eth0\"", "name=\"mlx5_0\" port=\"1\" x=\"\""); },
             "The NIC mlx5_0:1 stands in the file more than once: the first was taken."},
    Remarked{
        [] { return changed("</gpu>\n      </pci>", "</gpu><gpu dev=\"0\" mlopart=\"1\"/>\n      </pci>"); },
        "The GPU 0000:12:00.0 stands in the file more than once: the first was taken."},
    Remarked{[] {
               return changed(
                   "<pci busid=\"0000:10:00.0\" class=\"0x060400\" link_speed=\"32.0 GT/s PCIe\" "
                   "link_width=\"16\">",
                   "<pci busid=\"0000:10:00.0\" class=\"0x060400\" link_speed=\"2.5 GT/s PCIe\" "
                   "link_width=\"1\">");
             },
             "The uplink of switch-0000:10:00.0 is said to be far slower than the devices below: such "
             "numbers are often made up, correct them before you plan with them."},
    Remarked{[] {
               return std::string(
                   "<system version=\"1\"><cpu numaid=\"0\"><pci busid=\"0000:01:00.0\" "
                   "class=\"0x020000\"/></cpu></system>");
             },
             "The file names no GPU."}};

INSTANTIATE_TEST_SUITE_P(Table, Remarks, ::testing::ValuesIn(kRemarked));

TEST(NcclXml, ReadsTheFirstOfSeveralHosts) {
  const NodeReading reading = read(changed("numaid=\"0\"", "host_hash=\"0xa1\" numaid=\"0\""));
  EXPECT_EQ(reading.type.devices.size(), 2U) << "a cpu element without a hash is of the host";
  const NodeReading first = read(replaced(changed("numaid=\"0\"", "host_hash=\"0xa1\" numaid=\"0\""),
                                          "numaid=\"1\"", "host_hash=\"0xb2\" numaid=\"1\""));
  EXPECT_EQ(first.type.devices.size(), 1U);
  EXPECT_THAT(first.remarks,
              testing::Contains("The file describes 2 hosts: the first, of host_hash 0xa1, was read."));
}

TEST(NcclXml, GivesEachPlaceItsName) {
  const NodeReading reading = read(
      "<system version=\"1\"><cpu numaid=\"0\"><pci busid=\"x-2\"/><pci busid=\"x\"/><pci busid=\"x\"/></cpu>"
      "<cpu numaid=\"0\"><pci busid=\"x\"><gpu dev=\"0\"/></pci></cpu></system>");
  std::vector<std::string> names;
  for (const Place& place : reading.type.places) names.push_back(place.name);
  EXPECT_THAT(names, ElementsAre("numa0", "bridge-x-2", "bridge-x", "bridge-x-3", "numa0-2", "bridge-x-4"));
}

TEST(NcclXml, LeavesUnnamedADomainWithoutNumber) {
  for (const char* numaid : {"numaid=\"-1\"", "", "numaid=\"x\""}) {
    const NodeReading reading = read(changed("numaid=\"0\"", numaid));
    EXPECT_EQ(reading.type.places[0].name, "numa-unnamed") << numaid;
    EXPECT_EQ(reading.type.places[0].numa_id, -1);
  }
}

TEST(NcclXml, KnowsTheKindsOfNics) {
  const struct {
    const char* pci;
    const char* net;
    NicKind kind;
  } kTable[] = {{"class=\"0x020000\"", "name=\"mlx5_0\" gdr=\"0\"", NicKind::roce},
                {"class=\"0x020000\"", "name=\"ice0\" gdr=\"1\"", NicKind::roce},
                {"class=\"0x020000\"", "name=\"ice0\" gdr=\"0\"", NicKind::ethernet},
                {"class=\"0x020700\"", "name=\"mlx5_0\" gdr=\"1\"", NicKind::infiniband},
                {"class=\"0x020000\" vendor=\"0x1d0f\"", "name=\"rdmap16s27-rdm\"", NicKind::efa},
                {"class=\"0x020000\"", "name=\"hsn0\"", NicKind::slingshot},
                {"class=\"0x020000\"", "name=\"docker0\"", NicKind::ethernet},
                {"class=\"0x080100\" vendor=\"0x15b3\"", "name=\"rail0\" gdr=\"1\"", NicKind::unknown},
                {"", "name=\"mlx5_0\"", NicKind::unknown}};
  for (const auto& row : kTable) {
    const NodeReading reading =
        read(cat("<system version=\"1\"><cpu numaid=\"0\"><pci busid=\"01:00.0\" ", row.pci, "><nic><net ",
                 row.net, "/></nic></pci><pci busid=\"02:00.0\"><gpu dev=\"0\"/></pci></cpu></system>"));
    ASSERT_EQ(reading.type.nics.size(), 1U);
    EXPECT_EQ(reading.type.nics[0].kind, row.kind) << row.pci << " " << row.net;
    EXPECT_EQ(reading.type.nics[0].bus_id, "0000:01:00.0");
  }
}

struct Refused {
  std::string (*text)();
  const char* rule;
  const char* remedy;
};

std::ostream& operator<<(std::ostream& out, const Refused& refused) { return out << refused.rule; }

class RefusedXml : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedXml, SaysWhy) {
  EXPECT_THAT([] { read(GetParam().text()); },
              ThrowsMessage<ConfigError>(Eq(cat(GetParam().rule, ": ", GetParam().remedy))));
}

std::string nested(int depth) {
  std::string text = "<system version=\"1\"><cpu numaid=\"0\">";
  for (int i = 0; i < depth; ++i) text += "<pci class=\"0x060400\">";
  for (int i = 0; i < depth; ++i) text += "</pci>";
  return text + "</cpu></system>";
}

constexpr const char* kOther = "have NCCL write one with NCCL_TOPO_DUMP_FILE=topology.xml";
constexpr const char* kCut = "the file is cut or damaged, dump or fetch it again";

constexpr Refused kRefused[] = {
    Refused{[] { return std::string(""); },
            "t.xml is not an NCCL topology (XML): it looks like an empty file", kOther},
    Refused{[] { return std::string(kSmiTable); },
            "t.xml is not an NCCL topology (XML): it looks like the output of nvidia-smi topo -m", kOther},
    Refused{[] { return std::string("<graphs version=\"1\"/>"); },
            "t.xml is not an NCCL topology (XML): it looks like an NCCL graph file (XML)", kOther},
    Refused{[] { return std::string("<domain/>"); },
            "t.xml is not an NCCL topology (XML): it looks like an XML file with the root element "
            "<domain>",
            kOther},
    Refused{[] { return std::string(kNcclXml.substr(0, kNcclXml.find("<cpu numaid=\"1\""))); },
            "t.xml: line 19: the XML ends inside an element", kCut},
    Refused{[] { return std::string(kNcclXml.substr(0, kNcclXml.find("00:13:00.0"))); },
            "t.xml: line 11: error parsing element attribute", kCut},
    Refused{[] { return changed("</nic>\n      </pci>", "</net>\n      </pci>"); },
            "t.xml: line 15: start-end tags mismatch", kCut},
    Refused{[] { return std::string("<system version=\"1\"/><system version=\"1\"/>"); },
            "t.xml holds 2 system elements", "give the topology of one node"},
    Refused{[] {
              return std::string(
                  "<system version=\"1\"><cpu numaid=\"0\"><pci busid=\"0000:00:16.0\"/></cpu></system>");
            },
            "t.xml does not tell GPUs from NICs: its pci elements have no class, and there are no gpu "
            "elements",
            "dump the topology on the machine with NCCL_TOPO_DUMP_FILE"},
    Refused{[] { return nested(100000); }, "t.xml: pci elements stand deeper than 64 in each other",
            "the file is no topology of a machine, dump it again"}};

INSTANTIATE_TEST_SUITE_P(Table, RefusedXml, ::testing::ValuesIn(kRefused));

TEST(NcclXml, TakesADeepTree) { EXPECT_EQ(read(nested(60)).type.places.size(), 62U); }

}  // namespace
}  // namespace ditmesh
