// How a model's samples are built and where its rewards are read: from what training wrote into the folder, or, for
// other tools' folders, from what their files reveal about the trainer.

import { ScoringError } from './errors';
import { readFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { HeadInfo } from '../engine/types.generated';
import type { Stripping } from '../tokenization/sample_builder';
import type { Pooling } from './pooling';
import { ModelFolderError } from '../model_folder/errors';
import { readSampleChoices } from '../model_folder/facts';
import { CONFIG_FILE, FACTS_FILE, VALUE_HEAD_FILES } from '../model_folder/files';
import { parseModelJson } from '../model_folder/json';

/** How samples must be built and read for this model; any other way costs accuracy. */
export interface SampleFacts {
  doStrip: Stripping;
  /** 'cheems': a doubled BOS token stays, as in the original. */
  compat: 'cheems' | null;
  pooling: Pooling;
  /** Special tokens within texts. */
  specialTokensInText: 'keep' | 'escape';
  /** The reason for the choice of `doStrip`, for people. */
  reason: string;
}

/** What is known about the model besides its folder. */
export interface FactsRequest {
  /** A template to use instead of the folder's own. */
  chatTemplateFile?: string | undefined;
  /** Absent before the model is loaded. */
  head?: Pick<HeadInfo, 'kind' | 'source'> | undefined;
}

/** @throws Error naming the file if cheems.json is broken. */
export async function readSampleFacts(
  folder: string,
  { chatTemplateFile, head }: FactsRequest = {},
): Promise<SampleFacts> {
  const facts = await readSampleChoices(folder).catch((error: unknown) => {
    throw error instanceof ModelFolderError ? new ScoringError(error.message) : error;
  });
  if (facts === undefined) return factsOfOthers(folder, chatTemplateFile !== undefined, head);
  return {
    doStrip: facts.do_strip ?? true,
    compat: facts.compat === 'cheems' ? 'cheems' : null,
    pooling: 'last_token',
    specialTokensInText: facts.special_tokens_in_text ?? 'keep',
    reason: `${FACTS_FILE} in its folder`,
  };
}

/**
 * For folders without cheems.json. None gets a doubled BOS. Text is read as the chat template writes it, as in model
 * cards, except for the folders of trainers that strip. Templates for models older than templates leave BOS to the
 * tokenizer.
 */
async function factsOfOthers(folder: string, givenTemplate: boolean, head: FactsRequest['head']): Promise<SampleFacts> {
  const classes = await architecturesOf(folder);
  const [first] = classes;
  const as = (doStrip: Stripping, reason: string): SampleFacts => ({
    doStrip,
    compat: null,
    pooling: poolingOf(classes, head),
    specialTokensInText: 'keep',
    reason,
  });
  if (classes.includes('RewardModel')) {
    return head === undefined || head.source === 'v_head.weight'
      ? as(true, "the class RewardModel in config.json with the original's v_head")
      : as('newlines', "the class RewardModel in config.json with OpenRLHF's head");
  }
  if (head?.source.startsWith('v_head.summary') || VALUE_HEAD_FILES.some((name) => existsSync(join(folder, name)))) {
    return as(false, 'a value head as LLaMA-Factory and TRL write it; they do not strip');
  }
  if (first?.endsWith('ForSequenceClassification') && head?.source !== 'v_head.weight')
    return as(false, `the class ${first} in config.json, whose trainers do not strip`);
  if (givenTemplate) return as(true, 'a template given for a model whose folder shows no trainer');
  return as(false, "the folder's own template");
}

/** Classes that find the token by the padding id: transformers' own, and the published ones of these heads. */
function poolingOf(classes: readonly string[], head: FactsRequest['head']): Pooling {
  if (!head) return 'last_token';
  const isClassifier = classes[0]?.endsWith('ForSequenceClassification') === true;
  if (head.kind === 'linear' && head.source === 'score.weight' && isClassifier) return 'last_not_padding';
  const isStarling =
    head.kind === 'linear' && head.source === 'v_head.weight' && (isClassifier || classes[0] === 'LlamaForCausalLM');
  return isStarling || isScoreLayers(head) || ['gated_attributes', 'label_distribution'].includes(head.kind)
    ? 'before_first_padding'
    : 'last_token';
}

/** INF-ORM, Qwen2.5-Math-RM: their classes read before the first padding, whatever the samples were trained as. */
export const isScoreLayers = ({ kind, source }: Pick<HeadInfo, 'kind' | 'source'>): boolean =>
  kind === 'relu_layers' && source.startsWith('score.');

async function architecturesOf(folder: string): Promise<string[]> {
  try {
    const { architectures } = parseModelJson(await readFile(join(folder, CONFIG_FILE), 'utf8')) as {
      architectures?: unknown;
    };
    return Array.isArray(architectures) ? architectures.filter((name): name is string => typeof name === 'string') : [];
  } catch {
    return []; // the engine reports what is wrong with it
  }
}
