// The options of scoring, as the command line names them, in one table: `score` and `eval` take their help and their
// checks from it, `RewardModel.load` its own.

import { ENGINE_DEFAULTS } from '../engine/types.generated';
import { device, deviceMemoryReserve, microBatchTokens, numThreads, precision } from './engine';
import { flag, optionalChoice, optionalFlag, optionalNumber, text } from './kinds';
import { specialTokensInText } from './special_tokens';

/** How the rewards of a response's steps become one. */
export const STEP_REWARDS = ['min', 'mean', 'product', 'last'] as const;
export type StepReward = (typeof STEP_REWARDS)[number];

const SAMPLES = 'Samples';
export const RESOURCES =
  'Memory and speed (of these, precision alone changes a reward, and a GPU rounds otherwise than a CPU)';

export const scoringResources = {
  micro_batch_tokens: microBatchTokens(RESOURCES, ENGINE_DEFAULTS.ScorerOptions.microBatchTokens),
  device_memory_reserve: deviceMemoryReserve(RESOURCES),
  num_threads: numThreads(RESOURCES),
  device: device(RESOURCES),
  precision: precision(RESOURCES),
};

/** What the weights are taken for. */
const MODEL = 'Model';
export const scoringWeights = {
  dtype: optionalChoice(['float32', 'bfloat16'], {
    otherName: 'torch_dtype',
    group: MODEL,
    describe:
      "'bfloat16': round every weight to it first, as tools do that load the folder in 16 bits [default: the weights as stored]",
  }),
};

export const scoringSamples = {
  max_length: optionalNumber(
    { from: 1, integer: true },
    {
      group: SAMPLES,
      describe:
        'tokens of prompt and response together; longer samples are an error unless --truncation [default: no limit]',
    },
  ),
  truncation: flag(false, { group: SAMPLES, describe: 'cut longer samples from the left' }),
  do_strip: optionalFlag({
    group: SAMPLES,
    describe:
      "strip white space around the templated text [default: as the folder's trainer did, by cheems.json or by the class and head that it shows; the choice is printed]",
  }),
  compat: optionalChoice(['cheems'], {
    group: SAMPLES,
    describe: "'cheems': do exactly as the original does, doubled BOS included [default: what cheems.json says]",
  }),
  reward_head: text({
    group: SAMPLES,
    describe:
      "where the folder has more than one reward head: the head's kind or its tensor's name; 'vocabulary_row': the logit of vocabulary id 0 (Nemotron)",
  }),
  normalize_reward: flag(ENGINE_DEFAULTS.ModelLoadOptions.normalizeReward, {
    group: SAMPLES,
    describe: "apply the mean and std of config.json (OpenRLHF's heads)",
  }),
  gate_pattern: text({
    group: SAMPLES,
    describe:
      "of a gate that reads the prompt (ArmoRM, QRM): the tokens that begin the assistant's turn, as text or ids [default: the family's]",
  }),
  step_token: text({
    group: SAMPLES,
    describe: 'of a process reward model: the token that ends a step, as text or its id [default: <extra_0>]',
  }),
  step_reward: optionalChoice([...STEP_REWARDS], {
    group: SAMPLES,
    describe: "of a process reward model: how the steps' rewards become one",
  }),
  special_tokens_in_text: specialTokensInText(SAMPLES, "as in the model's training, by its cheems.json, else keep"),
  chat_template: text({ group: SAMPLES, describe: "file with a Jinja template, in place of the model folder's" }),
};
