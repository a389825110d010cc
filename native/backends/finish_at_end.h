// Downloads that are under way write into memory of the caller: this waits for them however the scope is left.
#pragma once

#include <exception>

#include "backends/backend.h"

namespace cheems {

// Declared after the memory that the downloads write to.
class FinishAtEnd {
 public:
  explicit FinishAtEnd(Backend& backend) : backend_(backend) {}
  FinishAtEnd(const FinishAtEnd&) = delete;
  ~FinishAtEnd() {
    try {
      backend_.finish();
    } catch (const std::exception&) {
      // The device has failed: nothing more will be written, and the error that reported it is already on its way.
    }
  }

 private:
  Backend& backend_;
};

}  // namespace cheems
