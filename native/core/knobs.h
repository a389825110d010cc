// How sentences for people name an option: by its JavaScript name, in backticks. The command line replaces it by its
// flag (lib/cli/flags.ts), so every option listed here must also be a flag there, in snake_case.
#pragma once

#include <string>
#include <string_view>

namespace cheems {

inline constexpr std::string_view kKnobs[] = {"device",
                                              "deviceMemoryReserve",
                                              "dtype",
                                              "globalBatchSize",
                                              "gradientCheckpointing",
                                              "learningRate",
                                              "maxLength",
                                              "microBatchTokens",
                                              "normalizeReward",
                                              "optimizerState",
                                              "precision",
                                              "rewardHead",
                                              "truncation",
                                              "warmupRatio"};

class Knob {
 public:
  // Must be in kKnobs; otherwise the program does not compile.
  consteval Knob(const char* name) : name_(name) {
    for (const std::string_view known : kKnobs) {
      if (known == name_) return;
    }
    throw "not in kKnobs";
  }
  std::string_view name() const { return name_; }

 private:
  std::string_view name_;
};

// `microBatchTokens`
inline std::string knob(Knob knob) { return std::string("`").append(knob.name()).append("`"); }
// `device: cpu`
inline std::string knob(Knob knob, std::string_view value) {
  return std::string("`").append(knob.name()).append(": ").append(value).append("`");
}

}  // namespace cheems
