// How sentences for people name an option: by the name that it has in JavaScript, in backticks. The command line writes
// its flag in that place (lib/cli/flags.ts), so what is listed here is a flag there, too, in snake_case.
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
  // Of kKnobs, or the program does not compile.
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
inline std::string knob(Knob knob) { return "`" + std::string(knob.name()) + "`"; }
// `device: cpu`
inline std::string knob(Knob knob, std::string_view value) {
  return "`" + std::string(knob.name()) + ": " + std::string(value) + "`";
}

}  // namespace cheems
