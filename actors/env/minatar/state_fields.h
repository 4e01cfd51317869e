#pragma once

#include <cstdint>
#include <vector>

#include "actors/env/minatar/board.h"
#include "common/base/byte_io.h"

namespace stillhouse::actors {

/// A game lists its state once, as a function that calls `visit(field, lowest, highest)` for
/// every field; these two visitors save and load it. Loading checks the ranges, since a state
/// outside them could index past the board.
class FieldWriter {
 public:
  explicit FieldWriter(ByteWriter& out) : out_(out) {}

  template <typename T>
  void operator()(const T& field, int /*lowest*/, int /*highest*/) {
    out_.Put(static_cast<std::int32_t>(field));
  }
  void operator()(const Board& board) {
    out_.Put(static_cast<std::uint64_t>(board));
    out_.Put(static_cast<std::uint64_t>(board >> 64));
  }
  /// A list: its length, then `visit_item` for each.
  template <typename T, typename VisitItem>
  void List(const std::vector<T>& items, VisitItem visit_item) {
    out_.Put(static_cast<std::uint32_t>(items.size()));
    for (const T& item : items) visit_item(item, *this);
  }

 private:
  ByteWriter& out_;
};

class FieldReader {
 public:
  explicit FieldReader(ByteReader& in) : in_(in) {}

  template <typename T>
  void operator()(T& field, int lowest, int highest) {
    const auto value = in_.Get<std::int32_t>();
    if (value < lowest || value > highest) {
      in_.Fail(fmt::format("state field is {}, must be {} to {}", value, lowest, highest));
    }
    field = static_cast<T>(value);
  }
  void operator()(Board& board) {
    const Board low = in_.Get<std::uint64_t>();
    const Board value = low | (Board{in_.Get<std::uint64_t>()} << 64);
    if (value > kAllCells) in_.Fail("a board has more than 100 cells");
    board = value;
  }
  template <typename T, typename VisitItem>
  void List(std::vector<T>& items, VisitItem visit_item) {
    const auto count = in_.Get<std::uint32_t>();
    items.clear();
    for (std::uint32_t i = 0; i < count; ++i) {  // grows only as far as bytes are there
      T item{};
      visit_item(item, *this);
      items.push_back(item);
    }
  }

 private:
  ByteReader& in_;
};

}  // namespace stillhouse::actors
