#include "common/messages/gradients.h"

namespace stillhouse {

void GradientShare::Encode(ByteWriter& out) const {
  out.Put(update);
  out.Put(rows);
  out.Put(loss);
  out.Put(q_mean);
  out.Put(check);
  out.PutVector(gradient);
}

GradientShare GradientShare::Decode(ByteReader& in) {
  GradientShare message;
  message.update = in.Get<std::uint64_t>();
  message.rows = in.Get<std::uint32_t>();
  message.loss = in.Get<double>();
  message.q_mean = in.Get<double>();
  message.check = in.Get<std::uint32_t>();
  message.gradient = in.GetVector<float>();
  return message;
}

void GradientMean::Encode(ByteWriter& out) const {
  out.Put(update);
  out.PutVector(gradient);
}

GradientMean GradientMean::Decode(ByteReader& in) {
  GradientMean message;
  message.update = in.Get<std::uint64_t>();
  message.gradient = in.GetVector<float>();
  return message;
}

}  // namespace stillhouse
