// The options of scoring, as the command line names them, in one table: `score` and `eval` take their help and checks
// from it, `RewardModel.load` its own options.

import { ENGINE_DEFAULTS } from '../engine/types.generated';
import { device, deviceMemoryReserve, microBatchTokens, numThreads, precision } from './engine';
import { flag, optionalChoice, optionalFlag, optionalNumber, text } from './kinds';
import { specialTokensInText } from './special_tokens';

/** How the rewards of a response's steps are combined into one. */
export const STEP_REWARDS = ['min', 'mean', 'product', 'last'] as const;
export type StepReward = (typeof STEP_REWARDS)[number];

const SAMPLES = 'Samples';
export const RESOURCES = 'Memory and speed (only precision changes a result; a GPU rounds differently from a CPU)';

export const scoringResources = {
  micro_batch_tokens: microBatchTokens(RESOURCES, ENGINE_DEFAULTS.ScorerOptions.microBatchTokens),
  device_memory_reserve: deviceMemoryReserve(RESOURCES),
  num_threads: numThreads(RESOURCES),
  device: device(RESOURCES),
  precision: precision(RESOURCES),
};

/** The group of the options that choose how the model is read. */
const MODEL = 'Model';
export const scoringWeights = {
  dtype: optionalChoice(['float32', 'bfloat16'], {
    otherName: 'torch_dtype',
    group: MODEL,
    describe:
      "'bfloat16': round every weight to it first, like tools that load the folder in 16 bits [default: the " +
      'weights as stored]',
  }),
};

export const scoringSamples = {
  max_length: optionalNumber(
    { from: 1, integer: true },
    {
      group: SAMPLES,
      describe:
        'maximum number of tokens of prompt and response together; longer samples are an error unless ' +
        '--truncation is given [default: no limit]',
    },
  ),
  truncation: flag(false, { group: SAMPLES, describe: 'cut longer samples from the left' }),
  do_strip: optionalFlag({
    group: SAMPLES,
    describe:
      "strip white space around the text that the chat template makes [default: as in the model's training, " +
      "according to cheems.json or, without it, to the model's class and head; the choice is printed]",
  }),
  compat: optionalChoice(['cheems'], {
    group: SAMPLES,
    describe:
      "'cheems': build samples exactly as the original does, with its doubled BOS [default: what cheems.json says]",
  }),
  reward_head: text({
    group: SAMPLES,
    describe:
      'if the folder has more than one reward head: the kind or the tensor name of the one to use; ' +
      "'vocabulary_row': the logit of vocabulary id 0 (Nemotron)",
  }),
  normalize_reward: flag(ENGINE_DEFAULTS.ModelLoadOptions.normalizeReward, {
    group: SAMPLES,
    describe: "normalize rewards by the mean and std in config.json (OpenRLHF's heads)",
  }),
  gate_pattern: text({
    group: SAMPLES,
    describe:
      "for a gate that reads the prompt (ArmoRM, QRM): the tokens that begin the assistant's turn, as text or " +
      "ids [default: the family's]",
  }),
  step_token: text({
    group: SAMPLES,
    describe: 'for a process reward model: the token that ends a step, as text or id [default: <extra_0>]',
  }),
  step_reward: optionalChoice([...STEP_REWARDS], {
    group: SAMPLES,
    describe: "for a process reward model: how the steps' rewards are combined into one",
  }),
  special_tokens_in_text: specialTokensInText(
    SAMPLES,
    "as in the model's training, according to its cheems.json; else keep",
  ),
  chat_template: text({ group: SAMPLES, describe: "file with a Jinja template to use instead of the model folder's" }),
};
