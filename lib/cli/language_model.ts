// What the commands that generate text share: kinds of options, and the model that they ask for.

import { z } from 'zod';
import { LanguageModel, type LanguageModelOptions } from '../generation';
import { modelFolder } from './model_folder';
import type { OptionValues } from './options';
import { optionalNumber } from '../training/option_kinds';
import { RESOURCES, type scoringResources } from './scoring_model';

interface Facts {
  group: string;
  describe: string;
}

/** A JSON object, as text or, in a configuration file, as it is. */
export function optionalJson(facts: Facts) {
  const fromText = (value: unknown): unknown => {
    if (typeof value !== 'string') return value;
    try {
      return JSON.parse(value);
    } catch {
      return value;
    }
  };
  return { description: { ...facts, type: 'string' as const }, schema: z.preprocess(fromText, z.record(z.string(), z.unknown(), 'expected a JSON object').optional()) };
}

/** Any number of texts, taken as they are. */
export function textList(facts: Facts) {
  const list = z.array(z.string('expected texts').min(1, 'must not be empty'), 'expected one or more texts');
  return { description: { ...facts, type: 'array' as const }, schema: z.preprocess((value) => (value === undefined ? [] : Array.isArray(value) ? value : [value]), list) };
}

export const generationResources = {
  kv_cache_tokens: optionalNumber({ from: 1, integer: true }, {
    group: RESOURCES,
    describe: 'tokens of prompts and answers that generation keeps at once [default: as many as half the free memory takes]',
  }),
};

/** The options of the engine and the chat template, as the command line names them. */
export function languageModelOptions(values: OptionValues<typeof scoringResources & typeof generationResources> & { chat_template?: string | undefined }): LanguageModelOptions {
  const { device, precision, num_threads: numThreads, micro_batch_tokens: microBatchTokens, kv_cache_tokens: kvCacheTokens, chat_template: chatTemplateFile } = values;
  return { device, precision, numThreads, microBatchTokens, kvCacheTokens, chatTemplateFile };
}

/** Loads a folder or a model of the hub, and tells on stderr what was taken and what is unusual. */
export async function loadLanguageModel(folderOrId: string, options: LanguageModelOptions, signal?: AbortSignal): Promise<LanguageModel> {
  const model = await LanguageModel.load(await modelFolder(folderOrId, signal), { ...options, signal });
  process.stderr.write(`${model.deviceChoice}\n`);
  for (const note of model.notes) process.stderr.write(`${note}\n`);
  return model;
}
