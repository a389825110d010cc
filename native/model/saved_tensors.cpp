#include "model/saved_tensors.h"

#include <vector>

namespace cheems::model {

void save_tensor(storage::SafetensorsWriter& writer, const storage::TensorDeclaration& declared, const Tensor& held,
                 Backend& backend) {
  constexpr uint64_t kElements = uint64_t{4} << 20;
  std::vector<char> own, written;
  std::vector<float> widened;
  writer.write_pieces(declared.name, kElements, [&](uint64_t first, uint64_t count) -> const void* {
    const size_t size = size_of(held.dtype);
    own.resize(count * size);
    backend.download(own.data(), static_cast<const char*>(held.data) + first * size, static_cast<int64_t>(own.size()));
    if (declared.dtype == held.dtype) return own.data();
    widened.resize(count);
    written.resize(count * size_of(declared.dtype));
    widen(own.data(), held.dtype, widened.data(), count);
    narrow(widened.data(), declared.dtype, written.data(), count);
    return written.data();
  });
}

}  // namespace cheems::model
