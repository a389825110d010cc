// What the kernels are compiled for, as a plug-in says it: "sm_80 sm_90 PTX 8.0".
#pragma once

#include <string>

namespace cheems::cuda {

// Of this plug-in; "" where its build did not say.
std::string kernel_images();

// Whether one of the images runs on a device of that compute capability (86 is 8.6): native code on its own and on
// later ones of the same major version, that of an architecture alone (sm_90a) on its own, PTX on every later one. True
// where `images` says nothing: then the device is asked.
bool has_image_for(const std::string& images, int capability);

}  // namespace cheems::cuda
