#include "backends/cuda/slow_products.h"

#include "core/error.h"

namespace cheems::cuda {

std::string shape_text(const MatrixProduct& p) {
  return sentence("[", p.rows, " x ", p.columns, "] = [", p.rows, " x ", p.inner, "] [", p.inner, " x ", p.columns,
                  "] in ", name(p.operands), p.result == p.operands ? "" : sentence(" into ", name(p.result)));
}

void SlowProducts::count(const std::string& operation, const MatrixProduct& p, const std::string& reason) {
  // A weight's gradient sums over the rows; for the others the rows are the result's.
  const bool is_over_rows = p.a_transposed;
  const std::string kind = sentence(operation, ' ', is_over_rows ? p.rows : p.inner, ' ', p.columns, ' ',
                                    name(p.operands), ' ', name(p.result));
  const std::lock_guard lock(guard_);
  BackendNote& note = by_kind_[kind];
  if (note.count == 0)
    note.text = sentence("The matrix product ", operation, ", ", shape_text(p), ", runs on a slow kernel, because ",
                         reason, ".");
  ++note.count;
}

std::vector<BackendNote> SlowProducts::notes() const {
  const std::lock_guard lock(guard_);
  std::vector<BackendNote> notes;
  for (const auto& [kind, note] : by_kind_) notes.push_back(note);
  return notes;
}

}  // namespace cheems::cuda
