#include "backends/cuda/images.h"

#include <sstream>

namespace cheems::cuda {

// The emulated device has its own (native/testing/cuda_on_cpu/device_table.cpp); tests set them.
#ifndef CHEEMS_CUDA_ON_CPU
std::string kernel_images() {
#ifdef CHEEMS_CUDA_IMAGES
  return CHEEMS_CUDA_IMAGES;
#else
  return "";
#endif
}
#endif

bool has_image_for(const std::string& images, int capability) {
  bool any = false;
  std::istringstream words(images);
  for (std::string word; words >> word;) {
    int major = 0, minor = 0;
    char rest = 0;
    any = true;
    if (word == "PTX" && words >> major && words.get() == '.' && words >> minor) {
      if (major * 10 + minor <= capability) return true;
    } else if (word.rfind("sm_", 0) == 0) {
      std::istringstream number(word.substr(3));
      int compiled = 0;
      if (!(number >> compiled)) return true;  // an unknown name
      const bool exact = static_cast<bool>(number >> rest);
      if (compiled == capability || (!exact && compiled / 10 == capability / 10 && compiled < capability)) return true;
    }
  }
  return !any;
}

}  // namespace cheems::cuda
