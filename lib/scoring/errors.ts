/** A model folder cannot be used for scoring as requested: one sentence with place and remedy. */
export class ScoringError extends Error {
  override readonly name = 'ScoringError';
}
