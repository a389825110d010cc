/** A model folder cannot be scored with as asked: one sentence with place and remedy. */
export class ScoringError extends Error {
  override readonly name = 'ScoringError';
}
