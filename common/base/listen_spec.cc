#include "common/base/listen_spec.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace stillhouse {
namespace {

/// The characters of names, addresses and subnets.
bool IsPlace(std::string_view text, std::string_view more) {
  return !text.empty() && text.size() <= 255 && std::all_of(text.begin(), text.end(), [&](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           more.find(c) != std::string_view::npos;
  });
}

}  // namespace

std::optional<ListenSpec> ListenSpec::Parse(std::string_view text) {
  ListenSpec spec;
  std::string_view rest;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    spec.where = text.substr(1, close - 1);
    rest = text.substr(close + 1);
    if (!IsPlace(spec.where, ":./%")) return std::nullopt;
  } else {
    const auto colon = text.find(':');
    spec.where = text.substr(0, colon);
    if (colon != std::string_view::npos) rest = text.substr(colon);
    if (!IsPlace(spec.where, "._-/")) return std::nullopt;
  }
  if (rest.empty()) return spec;
  const std::string_view port = rest.substr(1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), spec.port);
  if (rest.front() != ':' || error != std::errc() || end != port.data() + port.size()) {
    return std::nullopt;
  }
  return spec;
}

}  // namespace stillhouse
