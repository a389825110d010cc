// The folder that a run will write: config.json, tokenizer and facts, planned before the first step.

import type { EngineModel } from '../engine/types';
import type { FileSystem } from '../files/file_system';
import { makeConfig } from '../model_folder/config';
import { ModelFolderError } from '../model_folder/errors';
import type { ModelFolderPlan } from '../model_folder/export';
import { isScoreLayers, readSampleFacts } from '../scoring/model_facts';
import { PACKAGE_NAME, packageVersion } from '../support/package_version';
import { sha256 } from '../support/sha256';
import { TrainingError } from './errors';
import { sampleCompat, type TrainOptions } from './options';
import type { Say } from './output_folder';
import { planTokenizerFiles } from './tokenizer_plan';
import { sampleOptions, type TrainingData } from './training_data';

/** @throws TrainingError if no config.json can be made. */
export async function folderPlanOf(
  options: TrainOptions,
  data: TrainingData,
  { architecture, head }: Pick<EngineModel, 'architecture' | 'head'>,
  files: FileSystem,
  say: Say,
): Promise<ModelFolderPlan> {
  const { classPrefix, savedFamily, vocabSize } = architecture;
  const { lastTokens } = data;
  const keepsClass = head.kind !== 'linear';
  const made = await makeConfig(
    {
      baseFolder: options.model_path,
      classPrefix,
      savedFamily,
      vocabSize,
      lastTokens,
      keepsClass,
      sampleTokens: isScoreLayers(head) ? tokensOf(data) : undefined,
      dtype: options.dtype,
    },
    files,
  ).catch((error: unknown) => {
    throw error instanceof ModelFolderError ? new TrainingError(error.message) : error;
  });
  const { config, newPadToken, classFiles, missingClassFiles } = made;
  if (missingClassFiles.length > 0) {
    say(
      `config.json of ${options.model_path} names Python files that are not there (auto_map: ` +
        `${missingClassFiles.join(', ')}), so the trained folder names none: to load it with the model's own ` +
        'class, import that class yourself.',
      'warning',
    );
  }
  const { changes, found } = await planTokenizerFiles(
    {
      baseFolder: options.model_path,
      newPadToken,
      samples:
        data.chatTemplate === undefined
          ? undefined
          : {
              chatTemplateFile: options.chat_template,
              options: sampleOptions(options, architecture.rewardToken),
              conversations: data.conversations,
              lastTokens,
            },
    },
    files,
  );
  if (found && found.source === undefined) {
    say(
      `No chat template can say what is trained on: ${found.differing} of ${found.compared} samples that were ` +
        `tried get other tokens when a template's text is tokenized. cheems-native reads the trained folder ` +
        'right; other tools will read such samples otherwise.',
      'warning',
    );
  }
  const commonest = [...data.lastTokens].sort(([a, m], [b, n]) => n - m || a - b).slice(0, 16);
  return {
    baseFolder: options.model_path,
    config,
    tokenizerChanges: changes,
    classFiles,
    facts: {
      package: PACKAGE_NAME,
      package_version: packageVersion(),
      do_strip: options.do_strip,
      compat: sampleCompat(options) ?? null,
      special_tokens_in_text: options.special_tokens_in_text === 'escape' ? 'escape' : 'keep',
      max_length: options.max_length,
      truncation: options.truncation,
      chat_template_sha256: data.chatTemplate === undefined ? null : sha256(data.chatTemplate),
      reward_position: 'last token of the sample',
      reward_head: keepsClass ? head.source : 'score.weight',
      last_token_ids: commonest.map(([id]) => id),
    },
  };
}

/** Every id that occurs in a sample. */
function tokensOf({ train, test }: TrainingData): Set<number> {
  const tokens = new Set<number>();
  for (const { samples } of [...train, ...test])
    for (const { inputIds } of samples) for (const id of inputIds) tokens.add(id);
  return tokens;
}

/** The warning for a head that was trained to be read before padding but will be trained at the last token. */
export async function tellOtherPooling(
  { model_path: folder }: TrainOptions,
  { head, architecture: { padToken } }: EngineModel,
  data: TrainingData,
  say: Say,
): Promise<void> {
  if (head.source === 'new' || padToken === undefined) return;
  const { pooling } = await readSampleFacts(folder, { head });
  if (pooling === 'last_token') return;
  const isAtEnd = data.lastTokens.has(padToken);
  if (!isAtEnd && !(pooling === 'before_first_padding' && tokensOf(data).has(padToken))) return;
  say(
    `Samples ${isAtEnd ? 'end with' : 'hold'} the id that is padding in ${folder} (pad_token_id ${padToken}), ` +
      `before which the model's class reads the reward. Training reads it at the last token, and the trained ` +
      'folder names another pad token.',
    'warning',
  );
}
