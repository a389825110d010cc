// The events that a run reports to its caller.
import type { MetricReport } from '../evaluation/metrics/types';
import type { MemoryPlan, Precision } from '../engine/types.generated';
import type { CheckpointReference } from './checkpoints';
import type { RoundingEffect } from './rounding';

/** One optimizer step. Losses, accuracy and margin are those of its global batch before the update. */
export interface StepMetrics {
  /** The step that was taken, from 1. */
  step: number;
  /** Steps of the whole run. */
  totalSteps: number;
  /** Epochs done, with the fraction. */
  epoch: number;
  /** What was minimized: the ranking loss plus reg_coef times the regularizer. */
  loss: number;
  /** Mean of -log sigmoid(chosen - rejected) over the pairs of the batch. */
  rankingLoss: number;
  /** Mean square reward, before reg_coef. */
  regulariser: number;
  /** Fraction of the batch's pairs with the chosen response above the rejected one. */
  accuracy: number;
  /** Mean of chosen minus rejected reward over the batch's pairs. */
  margin: number;
  /** The learning rate that the step was taken with. */
  learningRate: number;
  /** Global norm before clipping. */
  gradientNorm: number;
  /** Responses in the batch. */
  responses: number;
  /** Pairs of a chosen and a rejected response in the batch. */
  pairs: number;
  /** Tokens computed; each shared prompt counts once. */
  computedTokens: number;
  /** Tokens computed per second of this step. */
  tokensPerSecond: number;
  /** Wall time of the step. */
  seconds: number;
  /** Estimated from this run's steps so far, including evaluations and saves. */
  secondsLeft: number;
  /** Whether logging_steps makes this a line of the log. */
  logged: boolean;
}

/** An evaluation during training. */
export interface EvaluationResult {
  /** The step after which it was evaluated. */
  step: number;
  /** Epochs done, with the fraction. */
  epoch: number;
  /** The metrics on test_data_path. */
  report: MetricReport;
  /** The rewards of each test prompt's responses. */
  rewards: Float32Array[];
  /** Responses that were scored. */
  responses: number;
  /** Wall time of the evaluation. */
  seconds: number;
}

/** What is known about a run before its first step. */
export interface RunStart {
  /** Steps of the whole run. */
  totalSteps: number;
  /** Steps already done by the run that is resumed; 0 for a new one. */
  resumedStep: number;
  /** Steps in which the learning rate rises. */
  warmupSteps: number;
  /** Prompts that are trained on. */
  prompts: number;
  /** Responses that are trained on. */
  responses: number;
  /** Pairs that are trained on. */
  pairs: number;
  /** Prompts of test_data_path; 0 without it. */
  testPrompts: number;
  /** Number of parameters of the model. */
  parameters: number;
  /** 'cpu', 'cuda:0', … */
  device: string;
  /** Which device was chosen and why: a sentence. */
  deviceChoice: string;
  /** Dtype of the activations and weights in computation. */
  precision: Precision;
  /** The memory that the run needs, by kind. */
  memory: MemoryPlan;
  /** The run's output folder. */
  outputDir: string;
}

export type Phase = 'reading' | 'tokenizing' | 'loading' | 'evaluating' | 'saving';

/** All optional; none may throw. */
export interface TrainCallbacks {
  /** A sentence for people: what was decided, merged, dropped or cut. */
  onLog?: (entry: { level: 'info' | 'warning'; message: string }) => void;
  /** `total` is 0 if it is not known. */
  onProgress?: (progress: { phase: Phase; done: number; total: number }) => void;
  /** The memory that the run will need. Without this callback it is logged as a table. */
  onMemoryPlan?: (plan: MemoryPlan) => void;
  /** Called once, before the first step. */
  onStart?: (start: RunStart) => void;
  /** Called after each step. */
  onStep?: (metrics: StepMetrics) => void;
  /** Called after each evaluation. */
  onEvaluate?: (result: EvaluationResult) => void;
  /** The checkpoint is durable: from here on a kill cannot lose it. */
  onSave?: (checkpoint: CheckpointReference) => void;
}

/** The result of a training run. */
export interface TrainResult {
  /** Stopped by `stop` before the last step; a resumed run continues from the checkpoint. */
  interrupted: boolean;
  /** Steps done. */
  step: number;
  /** Steps of the whole run. */
  totalSteps: number;
  /** The newest checkpoint; absent if the run was stopped before its first step. */
  checkpoint?: CheckpointReference;
  /** The folder that holds the finished model; absent when interrupted. */
  modelFolder?: string;
  /** The last evaluation; absent without test data. */
  evaluation?: EvaluationResult;
  /** For a finished model that is saved in float32, if there are test prompts: the effect of loading it in bfloat16. */
  rounding?: RoundingEffect;
}
