/** Something is wrong with a predictor: its shape, its answer, or an error that it threw (then in `cause`). */
export class PredictorError extends Error {
  override readonly name: string = 'PredictorError';
}

/** Something is wrong with a judge's set-up: its template, parser or options. One sentence with place and remedy. */
export class JudgeError extends PredictorError {
  override readonly name = 'JudgeError';
}
