#include "ditmesh/discovery/network.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "temporary_folder.hpp"

namespace ditmesh {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A sysfs of our own.
class Sysfs : public testing::TemporaryFolder {
 public:
  // A PCI function; returns its folder.
  std::string function(const std::string& bus_id, const std::string& driver) const {
    const std::string folder = "devices/pci0000:00/0000:00:01.0/" + bus_id;
    fs::create_directories(path() / folder);
    fs::create_directories(path() / "bus/pci/drivers" / driver);
    fs::create_directory_symlink(path() / "bus/pci/drivers" / driver, path() / folder / "driver");
    return folder;
  }

  void rdma(const std::string& name, const std::string& function, const std::string& layer,
            const std::string& rate, const std::string& state = "4: ACTIVE") const {
    const std::string adapter = "class/infiniband/" + name;
    write(adapter + "/ports/1/link_layer", layer + "\n");
    write(adapter + "/ports/1/rate", rate + "\n");
    write(adapter + "/ports/1/state", state + "\n");
    fs::create_directory_symlink(path() / function, path() / adapter / "device");
  }

  void net(const std::string& name, const std::string& function, const std::string& speed,
           const std::string& state = "up") const {
    const std::string interface = "class/net/" + name;
    write(interface + "/type", "1\n");
    write(interface + "/speed", speed + "\n");
    write(interface + "/operstate", state + "\n");
    if (!function.empty()) fs::create_directory_symlink(path() / function, path() / interface / "device");
  }
};

TEST(Network, TellsKindsApart) {
  const Sysfs sysfs;
  const std::string ib = sysfs.function("0000:0c:00.0", "mlx5_core");
  const std::string roce = sysfs.function("0000:2a:00.0", "mlx5_core");
  sysfs.rdma("mlx5_10", sysfs.function("0000:9a:00.0", "mlx5_core"), "InfiniBand", "400 Gb/sec (4X NDR)");
  sysfs.rdma("mlx5_0", ib, "InfiniBand", "400 Gb/sec (4X NDR)");
  sysfs.rdma("mlx5_1", roce, "Ethernet", "100 Gb/sec (4X EDR)");
  sysfs.rdma("rdmap0", sysfs.function("0000:3A:00.0", "efa"), "Unspecified", "100 Gb/sec (4X EDR)");
  sysfs.rdma("mlx5_9", sysfs.function("0000:4a:00.0", "mlx5_core"), "InfiniBand", "10 Gb/sec (4X)",
             "1: DOWN");
  sysfs.net("ens1", roce, "100000");                                           // told already
  sysfs.net("ens1f1", sysfs.function("0000:2a:00.1", "mlx5_core"), "100000");  // its second port
  sysfs.net("eth2", sysfs.function("0000:8a:00.0", "igb"), "1000", "lowerlayerdown");
  sysfs.net("hsn0", sysfs.function("0000:5a:00.0", "cxi_core"), "200000");
  sysfs.net("eth0", sysfs.function("0000:6a:00.0", "virtio_net"), "-1");
  sysfs.net("eth1", sysfs.function("0000:7a:00.0", "igb"), "1000", "down");
  sysfs.net("docker0", "", "10000");
  EXPECT_THAT(find_nics(sysfs.path()),
              ElementsAre(FoundNic{"mlx5_0", NicKind::infiniband, "0000:0c:00.0", 50e9},
                          FoundNic{"mlx5_1", NicKind::roce, "0000:2a:00.0", 12.5e9},
                          FoundNic{"mlx5_10", NicKind::infiniband, "0000:9a:00.0", 50e9},
                          FoundNic{"rdmap0", NicKind::efa, "0000:3a:00.0", 12.5e9},
                          FoundNic{"eth0", NicKind::ethernet, "0000:6a:00.0", 0},
                          FoundNic{"hsn0", NicKind::slingshot, "0000:5a:00.0", 25e9}));
}

TEST(Network, MayBeMissing) {
  const Sysfs sysfs;
  EXPECT_THAT(find_nics(sysfs.path()), IsEmpty());
  EXPECT_THAT(find_nics("/nowhere"), IsEmpty());
  EXPECT_NO_THROW(find_nics("/sys"));
}

}  // namespace
}  // namespace ditmesh
