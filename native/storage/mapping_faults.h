// What is said when a mapped file cannot be read any more: the kernel answers a read of a page that is gone (the file
// was cut, the disk failed) with SIGBUS, which ends the process, and by itself says nothing.
#pragma once

#include <cstddef>
#include <string>

namespace cheems::storage {

// From now until forget_mapping, a SIGBUS in these bytes writes a sentence naming `path` to the standard error before
// the process ends as it would have (by whatever handled SIGBUS before). Safe from any thread. Of the first 1024
// mappings that live at once; a fault in a further one is not explained.
void explain_faults_in(const std::byte* data, std::size_t size, const std::string& path);
void forget_mapping(const std::byte* data);

}  // namespace cheems::storage
