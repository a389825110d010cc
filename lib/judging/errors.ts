/** Something is wrong with a predictor: its interface, its answer, or an error that it threw (then in `cause`). */
export class PredictorError extends Error {
  override readonly name: string = 'PredictorError';
}

/**
 * Something is wrong with a judge's configuration: its template, parser or options. One sentence with place and
 * remedy.
 */
export class JudgeError extends PredictorError {
  override readonly name = 'JudgeError';
}
