import { PredictorError } from '../predictors/predictor';

/** Something is wrong with a judge's set-up: its template, parser or options. One sentence with place and remedy. */
export class JudgeError extends PredictorError {
  override readonly name = 'JudgeError';
}
