/** Figures cannot be computed, read or written as requested: one sentence with place and remedy. */
export class EvaluationError extends RangeError {
  override readonly name = 'EvaluationError';
}
