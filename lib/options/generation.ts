// The options of generation, as the command line names them, in one table: `generate` takes its help and its checks
// from it, `LanguageModel` its own.

import { ENGINE_DEFAULTS } from '../engine/types.generated';
import { flag, number, optionalJson, optionalNumber, text, textList } from './kinds';
import { specialTokensInText } from './special_tokens';
import { RESOURCES } from './scoring';

const ANSWERS = 'Answers';

export const samplingTable = {
  max_tokens: number(
    512,
    { from: 1, integer: true },
    { group: ANSWERS, otherName: 'max_new_tokens', describe: 'tokens of an answer, thoughts included' },
  ),
  temperature: number(
    ENGINE_DEFAULTS.GenerationOptions.temperature,
    { from: 0 },
    { group: ANSWERS, describe: 'of sampling; 0: greedy' },
  ),
  top_p: number(
    ENGINE_DEFAULTS.GenerationOptions.topP,
    { above: 0, to: 1 },
    { group: ANSWERS, describe: 'draw among the likeliest tokens whose probabilities reach this sum' },
  ),
  top_k: number(
    ENGINE_DEFAULTS.GenerationOptions.topK,
    { from: 0, integer: true },
    { group: ANSWERS, describe: 'draw among this many likeliest tokens; 0: all' },
  ),
  seed: number(
    ENGINE_DEFAULTS.GenerationOptions.seed,
    { from: 0, to: 0xffffffff, integer: true },
    { group: ANSWERS, describe: 'of sampling' },
  ),
  stop: textList({ group: ANSWERS, describe: 'texts that end an answer, which is cut before them' }),
};

export const promptTable = {
  chat_template: text({ group: ANSWERS, describe: "file with a Jinja template, in place of the model folder's" }),
  template_options: optionalJson({
    group: ANSWERS,
    describe: 'variables of the chat template, as a JSON object: \'{"enable_thinking": false}\'',
  }),
  special_tokens_in_text: specialTokensInText(ANSWERS),
  raw: flag(false, { group: ANSWERS, describe: 'continue texts as they stand, without a chat template' }),
};

export const generationResources = {
  kv_cache_tokens: optionalNumber(
    { from: 1, integer: true },
    {
      group: RESOURCES,
      describe:
        'tokens of prompts and answers that generation keeps at once [default: as many as half the free memory takes]',
    },
  ),
};
