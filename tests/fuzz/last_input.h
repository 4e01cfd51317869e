#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace stillhouse::fuzz {

/// While it lives, this is the input to blame for a signal or a hang. Both are borrowed.
class LastInput {
 public:
  LastInput(const std::string& target, std::span<const std::uint8_t> input);
  ~LastInput();
  LastInput(const LastInput&) = delete;
  LastInput& operator=(const LastInput&) = delete;
};

/// Where an input that did harm is kept; its folder is made.
std::filesystem::path KillerFile(const std::string& target, const std::string& name);

}  // namespace stillhouse::fuzz
