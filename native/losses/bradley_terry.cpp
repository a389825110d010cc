#include "losses/loss.h"
#include "ops/ranking_loss/ranking_loss.h"

namespace cheems::losses {
namespace {

class BradleyTerry final : public Loss {
 public:
  explicit BradleyTerry(float reg_coef) : reg_coef_(reg_coef) {}

  void add(Operations& operations, const LossInput& input) const override {
    operations.ranking_loss({.sums = input.sums,
                             .d_rewards = input.d_rewards,
                             .rewards = input.rewards,
                             .comparisons = input.comparisons,
                             .total_comparisons = input.total_comparisons,
                             .total_rewards = input.total_rewards,
                             .reg_coef = reg_coef_});
  }

  double total(double comparisons, double regularizer) const override {
    return comparisons + (reg_coef_ > 0 ? static_cast<double>(reg_coef_) * regularizer : 0.0);
  }

 private:
  float reg_coef_;
};

}  // namespace

std::unique_ptr<Loss> bradley_terry(float reg_coef) { return std::make_unique<BradleyTerry>(reg_coef); }

}  // namespace cheems::losses
