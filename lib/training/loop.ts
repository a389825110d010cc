// A training run from options to finished model: data, memory plan, model, steps, checkpoints.
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { comparisonCount } from '../data/comparisons';
import { GlobalBatchPlanner } from '../data/global_batches';
import { formatReport } from '../data/report';
import type { Engine, EngineModel, EngineTrainer } from '../engine/types';
import type { MemoryPlan } from '../engine/types.generated';
import type { CheckpointReference } from './checkpoints';
import { refuseFullDisk } from './disk_space';
import { TrainingError } from './errors';
import { folderPlanOf, tellOtherPooling } from './folder_plan';
import { messageOf } from '../support/thrown';
import type { TrainCallbacks, TrainResult } from './events';
import { realFileSystem, type FileSystem } from '../files/file_system';
import { memoryReserve } from '../options/engine';
import { formatMemoryPlan } from '../reporting/memory_table';
import { planOrRefuse } from './memory';
import { exportModel, type ModelFolderPlan } from '../model_folder/export';
import { NO_TOKENS_ADDED, replacesSampleTemplate } from '../tokenization/tokenizer_files';
import { rebuiltTokenizerNote } from '../tokenization/transformers_classes';
import { parseTrainOptions, type PlannedTrainOptions, type TrainOptions } from './options';
import { openOutputFolder, removeEarlier, takeOutputFolder, type Say } from './output_folder';
import { packageVersion } from '../support/package_version';
import { readPaddingToken } from './padding_token';
import { Run } from './run';
import { compareRewards } from '../evaluation/metrics/reward_shift';
import { rewardsOfFolder, type RoundingEffect } from './rounding';
import { RunLog } from './run_log';
import { identityOf, loadModel, startState, type Start } from './start';
import { StepPlan } from './step_plan';
import { loadTrainingData, type TrainingData } from './training_data';
import { deviceChange, type RunIdentity } from './training_state';

export interface TrainContext {
  engine: Engine;
  callbacks?: TrainCallbacks;
  /** Abandons the run at once; what was saved stays. `train` then rejects with the signal's reason. */
  signal?: AbortSignal;
  /**
   * Ends the run in an orderly way: the current step is finished, a checkpoint saved, and `train` returns
   * {interrupted: true}.
   */
  stop?: AbortSignal;
  /** Replaced in tests. */
  files?: FileSystem;
  sleep?: (milliseconds: number) => Promise<unknown>;
}

/**
 * Trains a reward model. `input` holds options as `parseTrainOptions` takes them.
 *
 * The same options, data and seed give the same bits, whether or not the run was killed and resumed.
 * @throws TrainingError (options, memory, disk, checkpoints), DataError, TokenizerError, or the engine's error: one
 * message that says what, where, and what to do. What was reported as saved stays complete in every case.
 */
export async function train(input: object, context: TrainContext): Promise<TrainResult> {
  const options = parseTrainOptions(input);
  const files = context.files ?? realFileSystem;
  await refuseOwnBase(options);
  const lock = await takeOutputFolder(options.output_dir, files);
  try {
    return await trainLocked(options, context, files);
  } finally {
    await lock.release();
  }
}

async function trainLocked(options: TrainOptions, context: TrainContext, files: FileSystem): Promise<TrainResult> {
  const { engine, callbacks = {}, signal } = context;
  const say: Say = (message, level = 'info') => callbacks.onLog?.({ level, message });
  const { resumed, doomed } = await openOutputFolder(options, files, say);
  const architecture = await engine.readArchitecture(options.model_path);
  if (architecture.sampleForm === 'pair') {
    throw new TrainingError(
      `The model in ${options.model_path} is an encoder (${architecture.family}): it can score and be ` +
        'evaluated, but only decoders can be trained (llama, qwen2, gemma2, …).',
    );
  }
  const paddingToken =
    options.compat === undefined ? null : await readPaddingToken(options.model_path, architecture, files);
  if (paddingToken !== null) {
    say(
      `The embedding row of token ${paddingToken} (pad_token_id of the base model) gets no gradient, as in ` +
        `transformers (compat ${options.compat}).`,
    );
  }
  const data = await loadTrainingData(options, {
    vocabularySize: architecture.vocabSize,
    rewardToken: architecture.rewardToken,
    cacheFolder: options.cache_dir ?? join(options.output_dir, 'cache'),
    files,
    callbacks,
    signal,
  });

  if (replacesSampleTemplate(options.model_path, options.chat_template)) say(NO_TOKENS_ADDED, 'warning');
  const rebuilt = rebuiltTokenizerNote(options.model_path);
  if (rebuilt !== undefined) say(rebuilt);
  const planner = new GlobalBatchPlanner(data.train, {
    globalBatchSize: options.global_batch_size,
    seed: options.seed,
    shuffle: options.do_shuffle,
  });
  for (const line of [...data.notes, ...formatReport(planner.report)]) say(line);
  const plan = new StepPlan(planner, options);
  const identity = await identityOf(options, data, paddingToken, files);
  const start = await startState(resumed, identity, options, files, say);

  const memory = await planOrRefuse(engine, {
    folder: resumed?.folder ?? options.model_path,
    purpose: 'train',
    microBatchTokens: start.microBatchTokens,
    mostTokens: options.global_batch_size * data.longestSample,
    gradientCheckpointing: options.gradient_checkpointing,
    longestSample: data.longestSample,
    numThreads: options.num_threads,
    device: options.device,
    optimizerState: options.optimizer_state,
    dtype: options.dtype,
    ...(options.reward_head === undefined || resumed ? {} : { rewardHead: options.reward_head }),
    ...memoryReserve(options.device_memory_reserve),
    ...(options.precision ? { precision: options.precision } : {}),
  });
  if (callbacks.onMemoryPlan) callbacks.onMemoryPlan(memory);
  else say(formatMemoryPlan(memory));
  await refuseFullDisk(options, memory.checkpointBytes ?? 0, plan.totalSteps, files, { resumed, doomed });

  callbacks.onProgress?.({ phase: 'loading', done: 0, total: 1 });
  // The number of tokens decides how sums of gradients are grouped and so affects the run's bits; checkpoints record
  // it.
  const planned: PlannedTrainOptions = { ...options, micro_batch_tokens: memory.microBatchTokens };
  const { model, trainer } = await loadModel(engine, planned, paddingToken, resumed, signal);
  try {
    const folderPlan = await folderPlanOf(options, data, model, files, say);
    await removeEarlier(doomed, files, say);
    if (resumed && start.device) {
      const change = deviceChange(resumed.folder, start.device, model);
      if (change !== undefined) say(change, 'warning');
    }
    if (model.head.source === 'new')
      say(
        `${options.model_path} has no reward head: a new one is made, normal with standard deviation 1/(hidden ` +
          `size + 1), seed ${options.seed}.`,
      );
    else if (!resumed)
      say(`Training continues with the reward head of ${options.model_path}: ${model.head.description}.`);
    if (!resumed) await tellOtherPooling(options, model, data, say);
    return await runSteps({
      options: planned,
      context,
      files,
      data,
      plan,
      folderPlan,
      identity,
      start,
      resumed,
      model,
      trainer,
      memory,
    });
  } finally {
    await trainer.dispose();
    await model.dispose();
  }
}

interface Prepared {
  options: PlannedTrainOptions;
  context: TrainContext;
  files: FileSystem;
  data: TrainingData;
  plan: StepPlan;
  folderPlan: ModelFolderPlan;
  identity: RunIdentity;
  start: Start;
  resumed: CheckpointReference | undefined;
  model: EngineModel;
  trainer: EngineTrainer;
  memory: MemoryPlan;
}

async function runSteps(prepared: Prepared): Promise<TrainResult> {
  const { options, context, files, data, plan, folderPlan, identity, start, resumed, model, trainer, memory } =
    prepared;
  const { callbacks = {}, signal, stop } = context;
  const log = new RunLog({
    outputDir: options.output_dir,
    resumedStep: start.step,
    tensorboard: options.report_to !== 'none',
    onWarning: (message) => callbacks.onLog?.({ level: 'warning', message }),
  });
  try {
    callbacks.onStart?.({
      totalSteps: plan.totalSteps,
      resumedStep: start.step,
      warmupSteps: plan.warmupSteps,
      prompts: data.train.length,
      responses: data.train.reduce((sum, { samples }) => sum + samples.length, 0),
      pairs: data.train.reduce((sum, prompt) => sum + comparisonCount(prompt), 0),
      testPrompts: data.test.length,
      parameters: model.architecture.parameters,
      device: model.device,
      deviceChoice: model.deviceChoice,
      precision: model.precision,
      memory,
      outputDir: options.output_dir,
    });
    const run = new Run(
      {
        options,
        plan,
        train: data.train,
        test: data.test,
        testCategories: data.testCategories,
        model,
        trainer,
        folderPlan,
        identity,
        packageVersion: packageVersion(),
        log,
        files,
        callbacks,
        signal,
        stop,
        sleep: async (milliseconds) => void (await (context.sleep ?? sleep)(milliseconds)),
      },
      start,
      resumed,
    );
    const outcome = await run.go();
    const result: TrainResult = { ...outcome, totalSteps: plan.totalSteps };
    if (outcome.interrupted || !outcome.checkpoint) return result;
    await exportModel(outcome.checkpoint.folder, options.output_dir, files);
    result.modelFolder = options.output_dir;
    // The folder is loaded again, after the trained model has been disposed of.
    await trainer.dispose();
    await model.dispose();
    const rounding = await measureRounding(prepared, result, log);
    return { ...result, ...(rounding ? { rounding } : {}) };
  } finally {
    log.close();
  }
}

/**
 * What loading the finished float32 folder in bfloat16 does to the test prompts; undefined where there is nothing to
 * say or it is on record.
 */
async function measureRounding(
  { options, context, data: { test } }: Prepared,
  { step, evaluation }: TrainResult,
  log: RunLog,
): Promise<RoundingEffect | undefined> {
  const { engine, callbacks = {}, signal, stop } = context;
  if (options.dtype !== 'float32' || test.length === 0 || log.has('rounding', step)) return undefined;
  const work = { signal, isStopped: () => stop?.aborted ?? false };
  try {
    const before =
      evaluation?.step === step ? evaluation.rewards : await rewardsOfFolder(engine, options, test, 'float32', work);
    const after = before && (await rewardsOfFolder(engine, options, test, 'bfloat16', work));
    if (!after) return undefined;
    const effect: RoundingEffect = { step, dtype: 'bfloat16', ...compareRewards(test, before, after) };
    log.write({
      kind: 'rounding',
      step,
      dtype: effect.dtype,
      pairs: effect.pairs,
      changed_pairs: effect.changedPairs,
      accuracy_before: effect.accuracyBefore,
      accuracy_after: effect.accuracyAfter,
      rms_shift: effect.rmsShift,
      largest_shift: effect.largestShift,
      standard_deviation: effect.standardDeviation,
    });
    return effect;
  } catch (error) {
    signal?.throwIfAborted();
    callbacks.onLog?.({
      level: 'warning',
      message:
        'The model is saved, but what loading it in bfloat16 does to the test pairs could not be determined: ' +
        `${messageOf(error)}`,
    });
    return undefined;
  }
}

/** The finished model is written to output_dir itself, so that must not be the base model's folder. */
async function refuseOwnBase(options: TrainOptions): Promise<void> {
  const [base, output] = await Promise.all(
    [options.model_path, options.output_dir].map((path) => realpath(path).catch(() => path)),
  );
  if (base === output)
    throw new TrainingError(
      `output_dir (${options.output_dir}) is the folder of the base model, which the trained model would ` +
        'overwrite. Choose another.',
    );
}
