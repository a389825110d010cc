// What a run tells its caller while it goes.
import type { MetricReport } from '../evaluation/metrics';
import type { MemoryPlan, Precision } from '../engine/types';
import type { CheckpointReference } from './checkpoints';
import type { RoundingEffect } from './rounding';

/** One optimiser step. Losses, accuracy and margin are those of its global batch before the update. */
export interface StepMetrics {
  step: number;
  totalSteps: number;
  /** Epochs done, with the fraction. */
  epoch: number;
  loss: number;
  rankingLoss: number;
  /** Mean square reward, before reg_coef. */
  regulariser: number;
  /** Share of the batch's pairs with the chosen response above the rejected one. */
  accuracy: number;
  /** Mean of chosen minus rejected reward over the batch's pairs. */
  margin: number;
  learningRate: number;
  /** Global norm before clipping. */
  gradientNorm: number;
  responses: number;
  pairs: number;
  /** Tokens computed, each shared prompt once. */
  computedTokens: number;
  tokensPerSecond: number;
  seconds: number;
  /** Estimated from this run's steps so far; evaluations and saves are counted in. */
  secondsLeft: number;
  /** Whether logging_steps makes this a line of the log. */
  logged: boolean;
}

export interface EvaluationResult {
  step: number;
  epoch: number;
  report: MetricReport;
  /** Of each test prompt's responses. */
  rewards: Float32Array[];
  responses: number;
  seconds: number;
}

export interface RunStart {
  totalSteps: number;
  /** Steps already done by the run that is resumed; 0 for a fresh one. */
  resumedStep: number;
  warmupSteps: number;
  prompts: number;
  responses: number;
  pairs: number;
  testPrompts: number;
  parameters: number;
  device: string;
  /** What was taken and why: a sentence. */
  deviceChoice: string;
  precision: Precision;
  memory: MemoryPlan;
  outputDir: string;
}

export type Phase = 'reading' | 'tokenising' | 'loading' | 'evaluating' | 'saving';

/** All optional; none may throw. */
export interface TrainCallbacks {
  onLog?: (entry: { level: 'info' | 'warning'; message: string }) => void;
  /** `total` is 0 where it is not known. */
  onProgress?: (progress: { phase: Phase; done: number; total: number }) => void;
  /** What the run will take of the memory. Without this callback it is logged as a table. */
  onMemoryPlan?: (plan: MemoryPlan) => void;
  onStart?: (start: RunStart) => void;
  onStep?: (metrics: StepMetrics) => void;
  onEvaluate?: (result: EvaluationResult) => void;
  /** The checkpoint is durable: a kill from here on cannot lose it. */
  onSave?: (checkpoint: CheckpointReference) => void;
}

export interface TrainResult {
  /** Stopped by `stop` before the last step; the checkpoint is what a resumed run goes on from. */
  interrupted: boolean;
  step: number;
  totalSteps: number;
  /** The newest checkpoint; absent where the run was stopped before its first step. */
  checkpoint?: CheckpointReference;
  /** The folder that holds the finished model; absent when interrupted. */
  modelFolder?: string;
  evaluation?: EvaluationResult;
  /** Of a finished model that is saved in float32, where there are test prompts: what loading it in bfloat16 does. */
  rounding?: RoundingEffect;
}
