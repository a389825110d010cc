// What the commands that generate text share: kinds of options, and the model that they describe.

import { LanguageModel } from '../generation/language_model';
import type { LanguageModelOptions } from '../generation/options';
import type { generationResources } from '../options/generation';
import { deviceLine, microBatchLine } from './device_line';
import { modelFolder } from './named_model';
import type { OptionValues } from './options';
import type { scoringResources } from '../options/scoring';
import { say } from './terminal';

/** The options of the engine and the chat template, as the command line names them. */
export function languageModelOptions(
  values: OptionValues<typeof scoringResources & typeof generationResources> & { chat_template?: string | undefined },
): LanguageModelOptions {
  const {
    device,
    precision,
    num_threads: numThreads,
    micro_batch_tokens: microBatchTokens,
    kv_cache_tokens: kvCacheTokens,
    chat_template: chatTemplateFile,
  } = values;
  return {
    device,
    precision,
    numThreads,
    microBatchTokens,
    kvCacheTokens,
    chatTemplateFile,
    deviceMemoryReserve: values.device_memory_reserve,
  };
}

/** Loads a model from a folder or the hub, and reports on stderr what was chosen and what is unusual. */
export async function loadLanguageModel(
  folderOrId: string,
  options: LanguageModelOptions,
  signal?: AbortSignal,
): Promise<LanguageModel> {
  const model = await LanguageModel.load(await modelFolder(folderOrId, signal), { ...options, signal });
  say(deviceLine(model.deviceChoice));
  if (model.device !== 'cpu' && options.microBatchTokens === 'auto') say(microBatchLine(model.microBatchTokens));
  for (const note of model.notes) say(note);
  return model;
}
