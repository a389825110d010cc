// The options of generation, as the command line names them, in one table: `generate` takes its help and checks from
// it, and `LanguageModel` its options.

import { ENGINE_DEFAULTS } from '../engine/types.generated';
import { flag, number, optionalJson, optionalNumber, text, textList } from './kinds';
import { specialTokensInText } from './special_tokens';
import { RESOURCES } from './scoring';

const ANSWERS = 'Answers';

export const samplingTable = {
  max_tokens: number(
    512,
    { from: 1, integer: true },
    {
      group: ANSWERS,
      otherName: 'max_new_tokens',
      describe: 'maximum number of tokens of an answer, reasoning included',
    },
  ),
  temperature: number(
    ENGINE_DEFAULTS.GenerationOptions.temperature,
    { from: 0 },
    { group: ANSWERS, describe: 'sampling temperature; 0: greedy' },
  ),
  top_p: number(
    ENGINE_DEFAULTS.GenerationOptions.topP,
    { above: 0, to: 1 },
    { group: ANSWERS, describe: 'sample from the most likely tokens whose probabilities add up to this' },
  ),
  top_k: number(
    ENGINE_DEFAULTS.GenerationOptions.topK,
    { from: 0, integer: true },
    { group: ANSWERS, describe: 'sample from this many most likely tokens; 0: all' },
  ),
  seed: number(
    ENGINE_DEFAULTS.GenerationOptions.seed,
    { from: 0, to: 0xffffffff, integer: true },
    { group: ANSWERS, describe: 'seed of the sampling' },
  ),
  stop: textList({ group: ANSWERS, describe: 'stop strings: an answer ends before the first of them' }),
};

export const promptTable = {
  chat_template: text({ group: ANSWERS, describe: "file with a Jinja template to use instead of the model folder's" }),
  template_options: optionalJson({
    group: ANSWERS,
    describe: 'variables of the chat template, as a JSON object: \'{"enable_thinking": false}\'',
  }),
  special_tokens_in_text: specialTokensInText(ANSWERS),
  raw: flag(false, { group: ANSWERS, describe: 'continue texts as they are, without a chat template' }),
};

export const generationResources = {
  kv_cache_tokens: optionalNumber(
    { from: 1, integer: true },
    {
      group: RESOURCES,
      describe:
        'size of the key/value cache: tokens of prompts and answers held at once [default: as many as fit into ' +
        'half of the free memory]',
    },
  ),
};
