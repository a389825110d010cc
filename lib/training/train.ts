// Training as the library offers it: the model may be on the hub; signals and callbacks are passed together.

import { engine } from '../engine/engine';
import { localModelFolder } from '../hub/fetch_model';
import type { TrainCallbacks, TrainResult } from './events';
import { train as trainWith } from './loop';
import { underOwnNames, withoutAbsent, type TrainOptionsInput } from './options';

export interface TrainControl extends TrainCallbacks {
  /** Abandons the run at once; what was saved stays. The promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /**
   * Ends the run in an orderly way: the current step is finished, a checkpoint saved, and the result has `interrupted`
   * set.
   */
  stop?: AbortSignal;
}

/**
 * Trains a reward model: the same as `cheems-native train`, with the same option names. All work runs on the engine's
 * own thread. The same options, data and seed give the same bits, stopped and resumed on the way or not.
 *
 *     await train(
 *       { model_path: 'models/base', train_data_path: 'train.jsonl', output_dir: 'runs/rm', learning_rate: 1e-5 },
 *       { onStep: ({ step, loss, accuracy }) => console.log(step, loss, accuracy) },
 *     );
 *
 * @throws TrainingError, DataError, TokenizerError or the engine's error: one message that says what, where and what to
 * do.
 */
export async function train(options: TrainOptionsInput, control: TrainControl = {}): Promise<TrainResult> {
  const { signal, stop, ...callbacks } = control;
  const { model_path: named, ...others } = underOwnNames(withoutAbsent(options));
  const folder = typeof named === 'string' ? await localModelFolder(named, { signal }) : named;
  return trainWith(
    { ...others, model_path: folder },
    { engine, callbacks, ...(signal ? { signal } : {}), ...(stop ? { stop } : {}) },
  );
}
