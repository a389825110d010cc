// Downloads that are under way end in memory of the caller: they are waited for whichever way it is left.
#pragma once

#include <exception>

#include "backends/backend.h"

namespace cheems {

// Declared after the memory that the downloads end in.
class FinishAtEnd {
 public:
  explicit FinishAtEnd(Backend& backend) : backend_(backend) {}
  FinishAtEnd(const FinishAtEnd&) = delete;
  ~FinishAtEnd() {
    try {
      backend_.finish();
    } catch (const std::exception&) {
      // The device failed: nothing more will be written, and the error that told it is on its way already.
    }
  }

 private:
  Backend& backend_;
};

}  // namespace cheems
