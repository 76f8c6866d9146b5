#include "ditmesh/topology/looks_like.hpp"

#include <gtest/gtest.h>

#include "topology/reader_fixtures.hpp"

namespace ditmesh {
namespace {

struct Look {
  std::string_view text;
  const char* is;
};

std::ostream& operator<<(std::ostream& out, const Look& look) { return out << look.is; }

class Looks : public ::testing::TestWithParam<Look> {};

TEST_P(Looks, AreNamed) { EXPECT_EQ(looks_like(GetParam().text), GetParam().is) << GetParam().text; }

const Look kLooks[] = {
    Look{"", "an empty file"},
    Look{"\xef\xbb\xbf \r\n\n", "an empty file"},
    Look{kSmiTable, "the output of nvidia-smi topo -m"},
    Look{"$ nvidia-smi topo -m\n\x1b[4mGPU0 GPU1\x1b[0m\nGPU0  X  SYS\n", "the output of nvidia-smi topo -m"},
    Look{" GPU0\tX\tNS\n GPU1\tNS\tX\n", "the output of nvidia-smi topo -p2p"},
    Look{"NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n",
         "an error message of nvidia-smi"},
    Look{"bash: nvidia-smi: command not found\n", "an error message of nvidia-smi"},
    Look{"GPU 0: NVIDIA H100 (UUID: GPU-12)\n", "the output of nvidia-smi -L"},
    Look{"+------+\n| NVIDIA-SMI 550.54  Driver Version: 550.54 |\n", "the output of nvidia-smi"},
    Look{"===== ROCm System Management Interface =====\n", "the output of rocm-smi"},
    Look{kNcclXml, "an NCCL topology (XML)"},
    Look{"\xef\xbb\xbf<system>", "an NCCL topology (XML)"},
    Look{"```xml\n<!-- a --><!DOCTYPE system>\n<system/>\n```\n", "an NCCL topology (XML)"},
    Look{"<graphs version=\"1\">", "an NCCL graph file (XML)"},
    Look{"<!DOCTYPE html><body>", "a web page (HTML)"},
    Look{"<HTML>", "a web page (HTML)"},
    Look{"<!DOCTYPE topology SYSTEM \"hwloc2.dtd\">\n<topology version=\"2.0\"/>", "an hwloc topology (XML)"},
    Look{"<domain type=\"kvm\"/>", "an XML file with the root element <domain>"},
    Look{"<!-- never ends", "text of another kind"},
    Look{"<3 topologies", "text of another kind"},
    Look{"{\"nodes\": []}", "JSON"},
    Look{"[\n  {}]", "JSON"},
    Look{"{}", "JSON"},
    Look{"[topology]\n", "text of another kind"},
    Look{"# tree\nswitchname=s0 Nodes=n[0-3]\n", "a Slurm topology.conf"},
    Look{"#BlockName=b0 Nodes=n[0-3]\nBlockSizes=4\n", "a Slurm topology.conf"},
    Look{"---\n# SwitchName=s0\n- topology: t\n  tree:\n", "a Slurm topology.yaml"},
    Look{"[Main]\nsw0: n[0-3]\n", "a ClusterShell topology file"},
    Look{std::string_view("\x7f"
                          "ELF\0\0\0",
                          7),
         "a binary file"},
    Look{"a\x01\x02\x03 b\x04", "a binary file"},
    Look{std::string_view("\xff\xfeG\0P\0", 6), "text in UTF-16"},
    Look{"\xc3\xa9t\xc3\xa9\n", "text of another kind"},
    Look{"n[0-3]\n", "text of another kind"}};

INSTANTIATE_TEST_SUITE_P(Table, Looks, ::testing::ValuesIn(kLooks));

TEST(LooksLike, IsQuickOnMegabytes) {
  for (const char* piece : {"NV1", "GPU0 ", "X", "<", "<!--", "\n", "[", "\x1b[", "\xc2\xa0", "a b\n"}) {
    std::string text;
    while (text.size() < (size_t{1} << 24)) text += piece;
    EXPECT_NE(looks_like(text), "") << piece;
  }
}

}  // namespace
}  // namespace ditmesh
