// The message for a mapped file that can no longer be read: if a page is gone (the file was cut, the disk failed), the
// kernel answers a read with SIGBUS, which ends the process without any message.
#pragma once

#include <cstddef>
#include <string>

namespace cheems::storage {

// From now until forget_mapping, a SIGBUS in these bytes writes a sentence with `path` to the standard error before the
// process ends as it would have (through the previous handler of SIGBUS). Safe from any thread. Covers the first 1024
// mappings that exist at once; a fault in another one is not explained.
void explain_faults_in(const std::byte* data, std::size_t size, const std::string& path);
void forget_mapping(const std::byte* data);

}  // namespace cheems::storage
