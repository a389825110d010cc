// Where a run begins: from the base model, or from a checkpoint; what a resumed run must agree with, and the trained
// model.
import { join } from 'node:path';
import type { Engine, EngineModel, EngineTrainer } from '../engine/types';
import type { FileSystem } from '../files/file_system';
import { modelDigest } from '../model_folder/digest';
import { CONFIG_FILE } from '../model_folder/files';
import { packageVersion } from '../support/package_version';
import { sha256 } from '../support/sha256';
import type { CheckpointReference } from './checkpoints';
import type { PlannedTrainOptions, TrainOptions } from './options';
import type { Say } from './output_folder';
import { OPTIMIZER_FILE, type RunStartState } from './run';
import type { TrainingData } from './training_data';
import { checkResumable, microBatchTokensOf, readState, type RunIdentity } from './training_state';

export interface Start extends RunStartState {
  /** The requested number; 'auto' keeps the number of the checkpoint's run. */
  microBatchTokens: TrainOptions['micro_batch_tokens'];
}

export async function startState(
  resumed: CheckpointReference | undefined,
  identity: RunIdentity,
  asked: TrainOptions,
  files: FileSystem,
  say: Say,
): Promise<Start> {
  const { micro_batch_tokens: microBatchTokens } = asked;
  if (!resumed) return { step: 0, place: { epoch: 0, batch: 0 }, computedTokens: 0, seconds: 0, microBatchTokens };
  const state = await readState(resumed.folder, files);
  const options =
    microBatchTokens === 'auto'
      ? { ...asked, micro_batch_tokens: microBatchTokensOf(state) ?? microBatchTokens }
      : asked;
  for (const change of checkResumable(resumed.folder, state, identity, options, packageVersion()))
    say(change, 'warning');
  say(`Continuing from ${resumed.folder}, after step ${state.global_step}.`);
  const { next_epoch: epoch, next_batch: batch, computed_tokens: computedTokens, seconds, device } = state.cheems;
  return {
    step: state.global_step,
    place: { epoch, batch },
    computedTokens,
    seconds,
    microBatchTokens: options.micro_batch_tokens,
    ...(device ? { device } : {}),
  };
}

export async function loadModel(
  engine: Engine,
  options: PlannedTrainOptions,
  paddingToken: number | null,
  resumed: CheckpointReference | undefined,
  signal: AbortSignal | undefined,
): Promise<{ model: EngineModel; trainer: EngineTrainer }> {
  const model = await engine.loadModel(
    {
      folder: resumed?.folder ?? options.model_path,
      device: options.device,
      numThreads: options.num_threads,
      createHead: !resumed,
      seed: options.seed,
      float32Copy: options.optimizer_state === 'float32',
      dtype: options.dtype,
      ...(options.precision ? { precision: options.precision } : {}),
      ...(options.reward_head === undefined || resumed ? {} : { rewardHead: options.reward_head }),
    },
    signal ? { signal } : {},
  );
  try {
    const trainer = await model.createTrainer({
      microBatchTokens: options.micro_batch_tokens,
      gradientCheckpointing: options.gradient_checkpointing,
      optimizerState: options.optimizer_state,
      seed: options.seed,
      regCoef: options.reg_coef,
      ...(paddingToken === null ? {} : { paddingToken }),
    });
    if (resumed) await trainer.loadOptimizer(join(resumed.folder, OPTIMIZER_FILE));
    return { model, trainer };
  } catch (error) {
    await model.dispose();
    throw error;
  }
}

export async function identityOf(
  options: TrainOptions,
  data: TrainingData,
  paddingToken: number | null,
  files: FileSystem,
): Promise<RunIdentity> {
  return {
    data: data.fileDigests,
    tokenizer_sha256: data.tokenizerSha256,
    chat_template_sha256: data.chatTemplate === undefined ? null : sha256(data.chatTemplate),
    base_config_sha256: sha256(await files.readText(join(options.model_path, CONFIG_FILE))),
    base_model_digest: await modelDigest(options.model_path),
    reward_head: options.reward_head ?? null,
    special_tokens_in_text: options.special_tokens_in_text ?? 'keep',
    seed: options.seed,
    do_shuffle: options.do_shuffle,
    global_batch_size: options.global_batch_size,
    max_length: options.max_length,
    truncation: options.truncation,
    do_strip: options.do_strip,
    compat: options.compat ?? null,
    padding_token: paddingToken,
    dtype: options.dtype,
  };
}
