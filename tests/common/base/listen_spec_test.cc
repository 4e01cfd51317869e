#include "common/base/listen_spec.h"

#include <string>

#include <gtest/gtest.h>

namespace stillhouse {
namespace {

std::string Parsed(const std::string& text) {
  const auto spec = ListenSpec::Parse(text);
  return spec ? spec->where + " " + std::to_string(spec->port) : "no";
}

TEST(ListenSpecTest, APortIsOptional) {
  EXPECT_EQ(Parsed("auto"), "auto 0");
  EXPECT_EQ(Parsed("auto:7000"), "auto 7000");
  EXPECT_EQ(Parsed("127.0.0.1:0"), "127.0.0.1 0");
  EXPECT_EQ(Parsed("10.0.0.0/24"), "10.0.0.0/24 0");
  EXPECT_EQ(Parsed("10.0.0.0/24:65535"), "10.0.0.0/24 65535");
  EXPECT_EQ(Parsed("enp3s0.7:80"), "enp3s0.7 80");
}

TEST(ListenSpecTest, Ipv6StandsInBrackets) {
  EXPECT_EQ(Parsed("[::1]"), "::1 0");
  EXPECT_EQ(Parsed("[2001:db8::/32]:7000"), "2001:db8::/32 7000");
  EXPECT_EQ(Parsed("::1"), "no");
  EXPECT_EQ(Parsed("[::1"), "no");
  EXPECT_EQ(Parsed("[::1]7000"), "no");
}

TEST(ListenSpecTest, WhatIsNeitherIsRefused) {
  for (const char* text : {"", ":7000", "host:", "host:port", "host:65536", "host:-1", "host:1 ",
                           "two words", "host:1:2", "[]:1", "a$b"}) {
    EXPECT_EQ(Parsed(text), "no") << text;
  }
}

}  // namespace
}  // namespace stillhouse
