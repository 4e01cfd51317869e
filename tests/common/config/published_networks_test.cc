// The networks under configs/networks have the parameters that their papers' authors publish.
#include <gtest/gtest.h>

#include "common/config/config_load.h"
#include "common/model/network_spec.h"

namespace stillhouse {
namespace {

NetworkSpec Published(const std::string& name) {
  const RunConfig config = LoadConfigText("{include: " STILLHOUSE_SOURCE_DIR "/configs/networks/" +
                                              name + ".yaml, env: {id: data/idx}}",
                                          "c.yaml");
  return NetworkSpec::Create(config.teacher.network, {ElementKind::kUnitBytes, {3, 224, 224}},
                             1000);
}

TEST(PublishedNetworksTest, ResNet50) {
  const NetworkSpec spec = Published("resnet50");
  EXPECT_EQ(spec.ParameterCount(), 25'557'032);  // torchvision's resnet50
  // 4.09 G by torchvision's count, which leaves norms and pools out as well.
  EXPECT_NEAR(static_cast<double>(spec.Macs()), 4.09e9, 0.01e9);
  EXPECT_EQ(spec.Shapes()[spec.Shapes().size() - 3], (std::vector<std::int64_t>{2048, 7, 7}));
}

TEST(PublishedNetworksTest, MobileNetV2) {
  const NetworkSpec spec = Published("mobilenet_v2");
  EXPECT_EQ(spec.ParameterCount(), 3'504'872);  // torchvision's mobilenet_v2
  EXPECT_NEAR(static_cast<double>(spec.Macs()), 0.30e9, 0.005e9);
}

}  // namespace
}  // namespace stillhouse
