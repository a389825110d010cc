// What the kernels are compiled for, as a plug-in reports it: "sm_80 sm_90 PTX 8.0".
#pragma once

#include <string>

namespace cheems::cuda {

// Of this plug-in; "" if its build did not record it.
std::string kernel_images();

// Whether one of the images runs on a device of that compute capability (86 is 8.6). Native code runs on its own
// capability and on later ones of the same major version, that of a single architecture (sm_90a) only on its own, PTX
// on every later one. True if `images` is empty: then the device is asked.
bool has_image_for(const std::string& images, int capability);

}  // namespace cheems::cuda
