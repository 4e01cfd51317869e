#pragma once

#include <cstdint>
#include <string>

namespace stillhouse {

/// `env.options` of the environments that are data sets (data/...): which files hold the examples
/// and how they become observations. Each of them reads only its own options.
struct DataSettings {
  std::string train_images;  ///< idx: files of the training split ...
  std::string train_labels;
  std::string test_images;  ///< ... and of the held-out one; empty: `held_out` cuts it off
  std::string test_labels;
  std::string train;            ///< text, csv: file of the training split
  std::string test;             ///< text, csv: file of the held-out one; empty: `held_out`
  std::string label = "label";  ///< csv: the column that is to be told
  std::int32_t scale = 255;     ///< idx: the pixel value that becomes 1
  std::int32_t resize = 0;      ///< digits, idx: rows = columns of the observation; 0: as they are
  std::int32_t vocabulary = 10000;  ///< text: tokens that are told apart, padding and unknown too
  std::int32_t length = 100;        ///< text: tokens of an observation
  double held_out = 0.2;            ///< share of the examples kept for evaluation, without a test
  std::int32_t omit = -1;           ///< class that the training split lacks; -1: none
  std::int32_t only = -1;           ///< class that alone is evaluated; -1: all
  bool operator==(const DataSettings&) const = default;
};

}  // namespace stillhouse
