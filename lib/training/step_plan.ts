// The batch of each step, and what is due after it.
import type { GlobalBatch, GlobalBatchPlanner } from '../data/global_batches';
import { stepsOf, type TrainOptions } from './options';
import { learningRateAt, warmupStepCount, type Schedule } from './schedule';

/** A position in the run: the next batch. */
export interface Place {
  epoch: number;
  batch: number;
}

export interface DueAfterStep {
  log: boolean;
  evaluate: boolean;
  save: boolean;
}

export class StepPlan {
  readonly totalSteps: number;
  readonly warmupSteps: number;
  private readonly schedule: Schedule;

  constructor(
    private readonly planner: Pick<GlobalBatchPlanner, 'epoch' | 'stepsOf'>,
    private readonly options: TrainOptions,
  ) {
    this.totalSteps = options.max_steps > 0 ? options.max_steps : planner.stepsOf(options.num_train_epochs);
    this.warmupSteps = warmupStepCount(this.totalSteps, options.warmup_ratio, options.warmup_steps);
    this.schedule = {
      type: options.lr_scheduler_type,
      learningRate: options.learning_rate,
      warmupSteps: this.warmupSteps,
      totalSteps: this.totalSteps,
    };
  }

  batchAt(place: Place): GlobalBatch {
    const batch = this.planner.epoch(place.epoch)[place.batch];
    if (!batch) throw new RangeError(`epoch ${place.epoch} has no batch ${place.batch}`);
    return batch;
  }

  next(place: Place): Place {
    const isLast = place.batch + 1 >= this.planner.epoch(place.epoch).length;
    return isLast ? { epoch: place.epoch + 1, batch: 0 } : { epoch: place.epoch, batch: place.batch + 1 };
  }

  /** Epochs done, as Hugging Face counts them, when the batch at `place` comes next. */
  epochsDone(place: Place): number {
    return place.batch === 0 ? place.epoch : place.epoch + place.batch / this.planner.epoch(place.epoch).length;
  }

  learningRate(step: number): number {
    return learningRateAt(this.schedule, step);
  }

  /**
   * `next`: the position after the step. With the strategy 'steps', the end of an epoch counts too, as in the original.
   * At the end of the run everything is due, except an evaluation with strategy 'no'.
   */
  dueAfter(step: number, next: Place): DueAfterStep {
    const { options, totalSteps } = this;
    const isEnd = step >= totalSteps;
    const isEpochEnd = next.batch === 0;
    const every = (interval: number) => step % stepsOf(interval, totalSteps) === 0;
    const byStrategy = (strategy: 'no' | 'steps' | 'epoch', interval: number) =>
      strategy !== 'no' && (isEpochEnd || (strategy === 'steps' && every(interval)));
    return {
      log: isEnd || step === 1 || every(options.logging_steps),
      evaluate:
        options.evaluation_strategy !== 'no' && (isEnd || byStrategy(options.evaluation_strategy, options.eval_steps)),
      save: isEnd || byStrategy(options.save_strategy, options.save_steps),
    };
  }
}
