#include "ditmesh/topology/cluster_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "ditmesh/topology/cluster_json.hpp"

namespace ditmesh {
namespace {

// The example of topology/README.md.
Cluster example() {
  std::ifstream file(DITMESH_SOURCE_DIR "/topology/README.md");
  std::stringstream text;
  text << file.rdbuf();
  const std::string all = text.str();
  const size_t begin = all.find("```json\n") + 8;
  return cluster_from_json(parse_json(all.substr(begin, all.find("```", begin) - begin), "README.md"),
                           "README.md");
}

TEST(ClusterText, DrawsTheExampleOfTheReadme) {
  EXPECT_EQ(to_text(example()),
            "two-boxes: Two boxes of four GPUs\n"
            "2 nodes, 6 × a100-pcie-80gb (80.0 GiB) (and 2 not to be used)\n"
            "\n"
            "node type box\n"
            "  numa0 cores 0-15\n"
            "    bridge0 host bridge 25 GB/s\n"
            "      gpu[0-1]: a100-pcie-80gb ~25 GB/s\n"
            "      mlx5_0: infiniband 24 GB/s\n"
            "  numa1 cores 16-31\n"
            "    bridge1 host bridge 25 GB/s\n"
            "      gpu[2-3]: a100-pcie-80gb ~25 GB/s\n"
            "  NVLink, 12 links each: gpu0-gpu1\n"
            "  way and GB/s between its devices\n"
            "            gpu0      gpu1      gpu2      gpu3\n"
            "  gpu0      -         NVL 240   SYS 25.0  SYS 25.0\n"
            "  gpu1      NVL 240   -         SYS 25.0  SYS 25.0\n"
            "  gpu2      SYS 25.0  SYS 25.0  -         PHB 25.0\n"
            "  gpu3      SYS 25.0  SYS 25.0  PHB 25.0  -\n"
            "\n"
            "nodes\n"
            "  box[1-2]: 2 nodes of type box under leaf, not to be used: gpu3\n"
            "\n"
            "switches\n"
            "  spine\n"
            "  leaf → 200 GB/s → spine\n");
}

TEST(ClusterText, LeavesOutWhatIsNotThere) {
  Cluster cluster;
  cluster.name = "box";
  cluster.types = {{.name = "box"}};
  cluster.types[0].devices = {{.name = "gpu0"}};
  cluster.nodes = {{.name = "a"}};
  cluster.switches = {{.name = "leaf", .parent = 1}, {.name = "spine"}};
  EXPECT_EQ(to_text(cluster),
            "box\n"
            "1 node, 1 × devices of an unknown model\n"
            "\n"
            "node type box\n"
            "  gpu0: device of an unknown model ~12 GB/s\n"
            "\n"
            "nodes\n"
            "  a: 1 node of type box\n"
            "\n"
            "switches\n"
            "  leaf → spine\n"
            "  spine\n");
}

}  // namespace
}  // namespace ditmesh
