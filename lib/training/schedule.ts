// Learning-rate schedules, by the formulas of Hugging Face's transformers/optimization.py
// (get_constant_schedule_with_warmup, get_linear_schedule_with_warmup, get_cosine_schedule_with_warmup).

export type SchedulerType = 'constant' | 'linear' | 'cosine';

export interface Schedule {
  type: SchedulerType;
  /** Peak learning rate, reached at the end of the warm-up. */
  learningRate: number;
  warmupSteps: number;
  totalSteps: number;
}

/** Steps of warm-up: `warmupSteps` if above 0, else ceil(warmupRatio * totalSteps), as Hugging Face rounds it. */
export function warmupStepCount(totalSteps: number, warmupRatio: number, warmupSteps: number): number {
  return warmupSteps > 0 ? warmupSteps : Math.ceil(totalSteps * warmupRatio);
}

/**
 * The learning rate of one optimizer step; `step` is 1 for the first.
 *
 * Hugging Face's scheduler counts finished updates, so the first update uses the value at 0. With a warm-up that is a
 * learning rate of 0: the first step changes no weights (but fills the optimizer's moments). The last step of a run
 * uses the value at totalSteps - 1, just above the end of the curve.
 *
 *   warm-up:   lr * n / max(1, w)                        n = step - 1 < w
 *   constant:  lr
 *   linear:    lr * max(0, (T - n) / max(1, T - w))
 *   cosine:    lr * max(0, (1 + cos(pi * (n - w) / max(1, T - w))) / 2)
 */
export function learningRateAt(schedule: Schedule, step: number): number {
  const { type, learningRate, warmupSteps, totalSteps } = schedule;
  const finished = step - 1;
  if (finished < warmupSteps) return learningRate * (finished / Math.max(1, warmupSteps));
  const decaySteps = Math.max(1, totalSteps - warmupSteps);
  switch (type) {
    case 'constant':
      return learningRate;
    case 'linear':
      return learningRate * Math.max(0, (totalSteps - finished) / decaySteps);
    case 'cosine': {
      const progress = (finished - warmupSteps) / decaySteps;
      return learningRate * Math.max(0, 0.5 * (1 + Math.cos(Math.PI * progress)));
    }
  }
}
