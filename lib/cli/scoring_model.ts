// What the scoring commands share: their options for samples and memory, and the model that these describe.

import { memoryReserve } from '../options/engine';
import { engine } from '../engine/engine';
import { RewardModel } from '../scoring/reward_model';
import type { scoringResources, scoringSamples, scoringWeights } from '../options/scoring';
import { planOrRefuse } from '../training/memory';
import { deviceLine, microBatchLine } from './device_line';
import type { OptionValues } from './options';
import { say } from './terminal';

type ScoringValues = OptionValues<typeof scoringSamples & typeof scoringResources & typeof scoringWeights>;

/**
 * @param comparing also in float32 afterwards: the memory of both is planned, and both compute the same micro-batches.
 * @throws what `planOrRefuse` and `RewardModel.load` throw.
 */
export async function loadScoringModel(
  folder: string,
  values: ScoringValues,
  signal: AbortSignal,
  comparing = false,
): Promise<RewardModel> {
  // The weights and one micro-batch must fit; nothing is known about the samples yet except max_length.
  const { micro_batch_tokens: asked } = values;
  const longestSample = asked === 'auto' ? values.max_length : Math.min(values.max_length ?? Infinity, asked);
  const plan = (precision: ScoringValues['precision']) =>
    planOrRefuse(engine, {
      folder,
      purpose: 'score',
      microBatchTokens: asked,
      keep16Bit: true,
      ...(longestSample === undefined ? {} : { longestSample }),
      numThreads: values.num_threads,
      device: values.device,
      ...memoryReserve(values.device_memory_reserve),
      ...(precision ? { precision } : {}),
      ...(values.dtype ? { dtype: values.dtype } : {}),
    });
  const plans = [await plan(values.precision), ...(comparing ? [await plan('float32')] : [])];
  const microBatchTokens = Math.min(...plans.map((own) => own.microBatchTokens));
  const model = await RewardModel.load(folder, {
    device: values.device,
    precision: values.precision,
    dtype: values.dtype,
    numThreads: values.num_threads,
    microBatchTokens,
    maxLength: values.max_length,
    truncation: values.truncation,
    doStrip: values.do_strip,
    compat: values.compat,
    chatTemplateFile: values.chat_template,
    specialTokensInText: values.special_tokens_in_text,
    rewardHead: values.reward_head,
    normalizeReward: values.normalize_reward,
    gatePattern: values.gate_pattern,
    stepToken: values.step_token,
    stepReward: values.step_reward,
    onNote: say,
    signal,
  });
  say(deviceLine(model.deviceChoice));
  if (model.device !== 'cpu' && asked === 'auto') say(microBatchLine(microBatchTokens));
  say(`Reward head: ${model.head.description}.`);
  if (model.architecture.sampleForm !== 'pair') say(model.sampleChoice);
  if (model.tokenizerNote !== undefined) say(model.tokenizerNote);
  return model;
}
