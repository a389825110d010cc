/** Figures cannot be computed, read or written as asked: one sentence with place and remedy. */
export class EvaluationError extends RangeError {
  override readonly name = 'EvaluationError';
}
