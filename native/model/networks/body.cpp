#include "model/networks/body.h"

namespace cheems::model {

const Body& body_of(const Architecture& architecture) {
  return architecture.position_buckets > 0 ? encoder_body() : decoder_body();
}

}  // namespace cheems::model
