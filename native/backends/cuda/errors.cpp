#include "backends/cuda/errors.h"

#include "core/error.h"

namespace cheems::cuda {

bool is_sticky(cudaError_t error) {
  // By number, since these are the driver's too: an uncorrectable ECC error, an exception in a kernel (illegal address,
  // timeout, assertion, …), a lost device, and the unknown error.
  const int code = static_cast<int>(error);
  return code == 214 || code == 226 || code == 700 || code == 702 || code == 710 || (code >= 714 && code <= 719) || code == 721 || code == 999;
}

void check(cudaError_t error, const std::string& call) {
  if (error == cudaSuccess) return;
  (void)cudaGetLastError();  // or the next check of a launch would report this error again
  fail("CUDA: ", call, " failed with ", cudaGetErrorName(error), " (", static_cast<int>(error), "): ", cudaGetErrorString(error), ".",
       is_sticky(error) ? " An error inside an earlier kernel or of the device is reported by whichever call comes next; the GPU can be used "
                          "again only after this process has been restarted."
                        : "");
}

}  // namespace cheems::cuda
