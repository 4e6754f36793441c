#include "model/packed_layer.hpp"

#include <algorithm>

namespace cecollm::model {

void PackedLinear::multiply(const PackedMatrix::Operands& operands, std::int64_t begin_panel,
                            std::int64_t end_panel) const {
  matrix.multiply(operands, begin_panel, end_panel);
  if (bias.empty()) return;
  const std::int64_t begin = begin_panel * panel_outputs;
  const std::int64_t end = std::min(end_panel * panel_outputs, matrix.outputs());
  for (std::int64_t row = 0; row < operands.rows; ++row) {
    float* y = operands.y + row * operands.y_stride;
    for (std::int64_t i = begin; i < end; ++i) y[i - begin] += bias[static_cast<std::size_t>(i)];
  }
}

}  // namespace cecollm::model
