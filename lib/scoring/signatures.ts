// What the functions of RewardModel take, checked when they are called.
import {
  abortSignal,
  filledText,
  list,
  made,
  optional,
  shape,
  text,
  textOr,
  type Signature,
} from '../arguments/checks';
import { optionsOf } from '../options/library_options';
import { rewardModelOptions, scoreItemsOptions } from './options';

export const LOAD: Signature = [
  ['folderOrId', filledText],
  ['options', optionsOf(rewardModelOptions)],
];
export const SCORE: Signature = [
  ['items', list(shape({}, 'an object with "prompt" or "messages", and "responses"'), 'a list of items')],
  ['options', optionsOf(scoreItemsOptions)],
];
const IDS = made('an Int32Array of token ids', 'BYTES_PER_ELEMENT', 'subarray');
export const SAMPLE = shape({ inputIds: IDS }, 'a tokenized sample');
const GROUPS = list(list(SAMPLE), 'a list of lists of tokenized samples');
export const GROUPS_AND_OPTIONS: Signature = [
  ['groups', GROUPS],
  ['options', optionsOf(scoreItemsOptions)],
];
export const GROUPS_AND_SIGNAL: Signature = [
  ['groups', GROUPS],
  ['signal', optional(abortSignal)],
];
export const SIGNAL_ALONE: Signature = [['signal', optional(abortSignal)]];
const PLACE = shape({ file: text }, 'a place in a file');
export const IDS_AND_PLACE: Signature = [
  ['inputIds', IDS],
  ['place', PLACE],
];
const PROMPT = textOr('text or a list of messages', { list: list(shape({}, 'a message')) });
export const ENTRY: Signature = [
  [
    'entry',
    shape(
      { prompt: PROMPT, responses: list(shape({}, 'a response'), 'a list of responses'), source: PLACE },
      'a prompt with its responses',
    ),
  ],
];
