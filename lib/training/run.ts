// The steps of one run: batch, update, log, evaluate, save; stopping in an orderly way.
import type { TokenizedPrompt } from '../data/types';
import { closingNotes, newNotes } from '../engine/notes';
import type { EngineModel, EngineTrainer } from '../engine/types';
import type { StepResult } from '../engine/types.generated';
import { saveCheckpoint, type CheckpointReference } from './checkpoints';
import { TrainingError } from './errors';
import { messageOf } from '../support/thrown';
import { verdictsOf } from './comparison_arrays';
import { engineBatch, headline, metricsOf, pairStatistics, scorePrompts, type EngineBatch } from './evaluate';
import type { EvaluationResult, StepMetrics, TrainCallbacks } from './events';
import type { FileSystem } from '../files/file_system';
import { writeModelFolder, type ModelFolderPlan } from '../model_folder/export';
import { WEIGHTS_FILE } from '../model_folder/files';
import type { TrainOptions } from './options';
import type { RunLog } from './run_log';
import type { Place, StepPlan } from './step_plan';
import {
  deviceRecord,
  numericOptions,
  STATE_FILE,
  type DeviceRecord,
  type RunIdentity,
  type TrainerState,
} from './training_state';
import { join } from 'node:path';

export const OPTIMIZER_FILE = 'optimizer.safetensors';

/** After a failed save during the run, the time until the next attempt. */
const RETRY_IN_RUN_MS = 60_000;
/** At the end there is nothing else to do but to try again, for this long. */
const RETRY_AT_END_EVERY_MS = 10_000;
const RETRY_AT_END_FOR_MS = 10 * 60_000;

export interface RunParts {
  options: TrainOptions;
  plan: StepPlan;
  train: readonly TokenizedPrompt[];
  test: readonly TokenizedPrompt[];
  testCategories: readonly string[];
  model: EngineModel;
  trainer: EngineTrainer;
  folderPlan: ModelFolderPlan;
  identity: RunIdentity;
  packageVersion: string;
  log: RunLog;
  files: FileSystem;
  callbacks: TrainCallbacks;
  /** Abandons the work at once. */
  signal?: AbortSignal | undefined;
  /** Ends the run after the current step, with a checkpoint. */
  stop?: AbortSignal | undefined;
  /** Waits; replaced in tests. */
  sleep: (milliseconds: number) => Promise<void>;
}

/** Where a run begins: zeros, or the state in a checkpoint's trainer_state.json. */
export interface RunStartState {
  step: number;
  place: Place;
  computedTokens: number;
  seconds: number;
  /** The device of the checkpoint; absent for a new run, or if its version did not record it. */
  device?: DeviceRecord;
}

export class Run {
  private step: number;
  private place: Place;
  private computedTokens: number;
  private readonly secondsBefore: number;
  private readonly startedAt = Date.now();
  private readonly firstStep: number;
  private readonly freshNotes: () => string[];
  private newest: CheckpointReference | undefined;
  private retrySaveAt: number | undefined;
  private evaluation: EvaluationResult | undefined;

  constructor(
    private readonly parts: RunParts,
    start: RunStartState,
    resumedFrom?: CheckpointReference,
  ) {
    this.freshNotes = newNotes(parts.model);
    this.step = start.step;
    this.firstStep = start.step;
    this.place = start.place;
    this.computedTokens = start.computedTokens;
    this.secondsBefore = start.seconds;
    this.newest = resumedFrom;
  }

  /** Takes all remaining steps. Returns early, with everything saved, once `stop` is aborted. */
  async go(): Promise<{
    interrupted: boolean;
    step: number;
    checkpoint?: CheckpointReference;
    evaluation?: EvaluationResult;
  }> {
    const { plan } = this.parts;
    await this.catchUpEvaluation();
    while (this.step < plan.totalSteps && !this.isStopped) {
      await this.takeStep();
      const due = plan.dueAfter(this.step, this.place);
      if (due.evaluate) await this.evaluate();
      const isRetry = this.retrySaveAt !== undefined && Date.now() >= this.retrySaveAt;
      if (this.step < plan.totalSteps && (due.save || isRetry)) await this.saveOrGoOn();
    }
    if (this.newest?.step !== this.step && this.step > 0) await this.saveAtEnd();
    this.tellNotes();
    return {
      interrupted: this.step < plan.totalSteps,
      step: this.step,
      ...(this.newest ? { checkpoint: this.newest } : {}),
      ...(this.evaluation ? { evaluation: this.evaluation } : {}),
    };
  }

  private get isStopped(): boolean {
    this.parts.signal?.throwIfAborted();
    return this.parts.stop?.aborted ?? false;
  }

  private async takeStep(): Promise<void> {
    const { plan, train, trainer, options, signal } = this.parts;
    const step = this.step + 1;
    const batch = engineBatch(train, plan.batchAt(this.place).promptIndices);
    const learningRate = plan.learningRate(step);
    const { comparisons, ...samples } = batch;
    const began = performance.now();
    let result: StepResult;
    try {
      result = await trainer.step(
        samples,
        comparisons,
        {
          step,
          learningRate,
          beta1: options.adam_beta1,
          beta2: options.adam_beta2,
          epsilon: options.adam_epsilon,
          weightDecay: options.weight_decay,
          maxGradNorm: options.max_grad_norm,
        },
        signal ? { signal } : {},
      );
    } catch (error) {
      signal?.throwIfAborted();
      throw this.stepError(error, step);
    }
    const seconds = (performance.now() - began) / 1000;
    this.step = step;
    this.place = plan.next(this.place);
    this.computedTokens += result.computedTokens;
    this.reportStep(result, batch, learningRate, seconds);
    for (const note of this.freshNotes()) this.parts.callbacks.onLog?.({ level: 'warning', message: note });
  }

  /** The engine's notes, at the run's end: reported and logged. */
  private tellNotes(): void {
    const { model, log, callbacks } = this.parts;
    for (const { text, count } of model.notes()) log.write({ kind: 'note', step: this.step, text, count });
    for (const message of closingNotes(model)) callbacks.onLog?.({ level: 'warning', message });
  }

  private stepError(error: unknown, step: number): Error {
    const message = messageOf(error);
    const notFinite = /not finite|\bnan\b|\binf/i.test(message)
      ? ' The parameters are unchanged by this step. A lower learning_rate, a longer warm-up (warmup_ratio) or a ' +
        'smaller max_grad_norm usually helps; if it is the first step, look for NaN in the base model.'
      : '';
    const kept = this.newest ? ` The newest checkpoint is ${this.newest.folder}.` : '';
    return new TrainingError(`Step ${step} failed: ${message}${notFinite}${kept}`, { cause: error });
  }

  private reportStep(result: StepResult, batch: EngineBatch, learningRate: number, seconds: number): void {
    const { plan, log, callbacks } = this.parts;
    const { accuracy, margin } = pairStatistics(result.rewards, verdictsOf(batch.comparisons));
    const elapsed = (Date.now() - this.startedAt) / 1000;
    const metrics: StepMetrics = {
      step: this.step,
      totalSteps: plan.totalSteps,
      epoch: plan.epochsDone(this.place),
      loss: result.loss,
      rankingLoss: result.rankingLoss,
      regulariser: result.regulariser,
      accuracy,
      margin,
      learningRate,
      gradientNorm: result.gradientNorm,
      responses: batch.groups.length,
      pairs: batch.comparisons.pairs.length / 2,
      computedTokens: result.computedTokens,
      tokensPerSecond: result.computedTokens / Math.max(seconds, 1e-9),
      seconds,
      secondsLeft: (elapsed / (this.step - this.firstStep)) * (plan.totalSteps - this.step),
      logged: plan.dueAfter(this.step, this.place).log,
    };
    if (metrics.logged) {
      log.write({
        kind: 'train',
        step: metrics.step,
        epoch: metrics.epoch,
        loss: metrics.loss,
        ranking_loss: metrics.rankingLoss,
        regulariser: metrics.regulariser,
        accuracy,
        margin,
        learning_rate: learningRate,
        grad_norm: metrics.gradientNorm,
        responses: metrics.responses,
        pairs: metrics.pairs,
        computed_tokens: metrics.computedTokens,
        tokens_per_second: metrics.tokensPerSecond,
        seconds,
      });
    }
    callbacks.onStep?.(metrics);
  }

  /** A run stopped or killed during the evaluation after its last saved step must still make it. */
  private async catchUpEvaluation(): Promise<void> {
    const { plan, log } = this.parts;
    if (this.step === 0 || !plan.dueAfter(this.step, this.place).evaluate) return;
    if (!log.has('evaluation', this.step)) await this.evaluate();
  }

  private async evaluate(): Promise<void> {
    const { trainer, test, testCategories, callbacks, signal, log, plan } = this.parts;
    const began = performance.now();
    const rewards = await scorePrompts(trainer, test, {
      signal,
      isStopped: () => this.isStopped,
      onProgress: (done, total) => callbacks.onProgress?.({ phase: 'evaluating', done, total }),
    });
    if (!rewards) {
      callbacks.onLog?.({
        level: 'warning',
        message: `The evaluation after step ${this.step} was abandoned; a resumed run makes it first.`,
      });
      return;
    }
    const report = metricsOf(test, rewards, testCategories);
    const seconds = (performance.now() - began) / 1000;
    const responses = test.reduce((count, prompt) => count + prompt.samples.length, 0);
    this.evaluation = { step: this.step, epoch: plan.epochsDone(this.place), report, rewards, responses, seconds };
    log.write({
      kind: 'evaluation',
      step: this.step,
      epoch: this.evaluation.epoch,
      accuracy: headline(report).value,
      seconds,
      ...report.cheems,
      ...report.extras,
    });
    callbacks.onEvaluate?.(this.evaluation);
  }

  /**
   * The model is in memory, so a full disk is no reason to lose it: training continues, and the save is tried again
   * later.
   */
  private async saveOrGoOn(): Promise<void> {
    try {
      await this.save();
      this.retrySaveAt = undefined;
    } catch (error) {
      this.parts.signal?.throwIfAborted();
      this.retrySaveAt = Date.now() + RETRY_IN_RUN_MS;
      this.parts.callbacks.onLog?.({
        level: 'warning',
        message:
          `${messageOf(error)} Training continues, and the save is tried again when the next one is due, or after ` +
          'a minute at the latest.',
      });
    }
  }

  private async saveAtEnd(): Promise<void> {
    for (let waited = 0; ; waited += RETRY_AT_END_EVERY_MS) {
      try {
        return await this.save();
      } catch (error) {
        this.parts.signal?.throwIfAborted();
        if (waited >= RETRY_AT_END_FOR_MS) throw error;
        this.parts.callbacks.onLog?.({
          level: 'warning',
          message:
            `${messageOf(error)} The trained model is still in memory; trying again in ` +
            `${RETRY_AT_END_EVERY_MS / 1000} seconds.`,
        });
        await this.parts.sleep(RETRY_AT_END_EVERY_MS);
      }
    }
  }

  private async save(): Promise<void> {
    const { options, model, trainer, folderPlan, files, callbacks, log } = this.parts;
    callbacks.onProgress?.({ phase: 'saving', done: 0, total: 1 });
    // If someone removed the folder meanwhile, the model in memory is still saved.
    await files.makeFolders(options.output_dir);
    this.newest = await saveCheckpoint({
      outputDir: options.output_dir,
      step: this.step,
      totalLimit: options.save_total_limit,
      files,
      onWarning: (message) => callbacks.onLog?.({ level: 'warning', message }),
      write: async (folder, written) => {
        log.flush();
        await writeModelFolder(folder, folderPlan, model, options.dtype, files);
        written(WEIGHTS_FILE);
        await trainer.saveOptimizer(join(folder, OPTIMIZER_FILE));
        await files.writeDurably(join(folder, STATE_FILE), `${JSON.stringify(this.state(), null, 2)}\n`);
      },
    });
    callbacks.onSave?.(this.newest);
  }

  private state(): TrainerState {
    const { plan, identity, options } = this.parts;
    return {
      global_step: this.step,
      max_steps: plan.totalSteps,
      epoch: plan.epochsDone(this.place),
      cheems: {
        format: 1,
        next_epoch: this.place.epoch,
        next_batch: this.place.batch,
        computed_tokens: this.computedTokens,
        device: deviceRecord(this.parts.model),
        seconds: this.secondsBefore + (Date.now() - this.startedAt) / 1000,
        identity,
        options: { ...numericOptions(options), package_version: this.parts.packageVersion },
      },
    };
  }
}
