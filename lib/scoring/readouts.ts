// Which tokens of a sample a reward head reads, if not only the last one.

import { ScoringError } from './errors';
import type { HeadInfo } from '../engine/types.generated';
import { readTokenizerFiles } from '../tokenization/tokenizer_files';
import { TextTokenizer } from '../tokenization/text_tokenizer';
import { knob } from '../text/knobs';

/** How to find them, if not as the model's family is published. Text is tokenized by the model folder's tokenizer. */
export interface ReadoutOptions {
  /**
   * For a gate that reads the prompt (ArmoRM, QRM): the tokens that begin the assistant's turn, as text or ids.
   * Default: the family's.
   */
  gatePattern?: string | readonly number[] | undefined;
  /** For a process reward model: the token that ends a step, as text or id. Default: <extra_0>. */
  stepToken?: string | number | undefined;
}

export interface ReadoutRule {
  /** Positions in the sample, ascending; empty if there is none to read. */
  positions(inputIds: Int32Array): number[];
  /** What is wrong with a sample that has none, as the end of a sentence. */
  missing: string;
}

/** Where the assistant's turn begins, in the chat templates of the families that gates were published for. */
const GATE_PATTERNS: Readonly<Record<string, string>> = {
  llama: '<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n',
  gemma2: '<end_of_turn>\n<start_of_turn>model\n',
};
/** Qwen2.5-Math-PRM's. */
const STEP_TOKEN = '<extra_0>';

/** Undefined for heads that read the last token. @throws Error if the tokens are neither given nor in the tokenizer. */
export function readoutRule(
  { readout, description }: HeadInfo,
  model: { folder: string; family: string },
  options: ReadoutOptions,
): ReadoutRule | undefined {
  if (readout === 'last_token') return undefined;
  if (readout === 'every_step') {
    const [id, ...more] = idsOf(
      options.stepToken ?? STEP_TOKEN,
      model.folder,
      `The model's head (${description}) rewards each step. Name the token that ends one with ` +
        `${knob('stepToken')}, as text or as its id.`,
    );
    if (id === undefined || more.length > 0)
      throw new ScoringError(
        `${knob('stepToken')} must be one token; ${JSON.stringify(options.stepToken ?? STEP_TOKEN)} is ` +
          `${more.length + 1} to the tokenizer of ${model.folder}.`,
      );
    return {
      positions: (inputIds) => Array.from(inputIds.keys()).filter((place) => inputIds[place] === id),
      missing:
        `the token that ends a step (${id}) is nowhere in the sample, so there is no step to reward; the response ` +
        `must have it after each step (${knob('stepToken')} names another)`,
    };
  }
  const pattern = options.gatePattern ?? GATE_PATTERNS[model.family];
  const how =
    `The model's head (${description}) reads the position in the prompt where the assistant's turn begins. Name ` +
    `its tokens with ${knob('gatePattern')}, as text or as ids.`;
  if (pattern === undefined) throw new ScoringError(how);
  const ids = idsOf(pattern, model.folder, how);
  return {
    positions: (inputIds) => {
      const place = lastOccurrence(inputIds, ids);
      return place === undefined ? [] : [place, inputIds.length - 1];
    },
    missing:
      `the tokens that begin the assistant's turn (${ids.join(', ')}) are nowhere in the sample, and the model's ` +
      `gate reads the prompt there; is it made with this model's chat template? (${knob('gatePattern')} names ` +
      'others)',
  };
}

function idsOf(given: string | number | readonly number[], folder: string, how: string): number[] {
  if (typeof given === 'number') return [given];
  if (typeof given !== 'string') return [...given];
  if (/^\d+(\s*,\s*\d+)*$/.test(given)) return given.split(',').map(Number);
  let ids: Int32Array;
  try {
    ids = new TextTokenizer(readTokenizerFiles(folder)).encode(given);
  } catch (error) {
    throw new ScoringError(`${how} (${(error as Error).message})`);
  }
  if (ids.length === 0) throw new ScoringError(`${how} (${JSON.stringify(given)} is not a token.)`);
  return [...ids];
}

function lastOccurrence(ids: Int32Array, pattern: readonly number[]): number | undefined {
  for (let begin = ids.length - pattern.length; begin >= 0; begin -= 1) {
    if (pattern.every((id, i) => ids[begin + i] === id)) return begin;
  }
  return undefined;
}
