// The data of a run: read, tokenized, filtered; with their identification and what the model folder must record about
// them.
import { join } from 'node:path';
import { readPreferenceDataset } from '../data/dataset';
import { formatReport } from '../data/report';
import type { PreferenceDataset, TokenizedPrompt } from '../data/types';
import { readTokenizerFiles } from '../tokenization/tokenizer_files';
import type { WholeSampleOptions } from '../tokenization/sample_builder';
import type { Conversation } from '../tokenization/sample_template';
import { tokenizeDataset, type TokenizeOptions } from '../tokenization/tokenize_dataset';
import { TrainingError } from './errors';
import type { Phase, TrainCallbacks } from './events';
import type { FileDigest, FileSystem } from '../files/file_system';
import { sampleCompat, type TrainOptions } from './options';
import { TOKENIZER_FILE } from '../model_folder/files';

const TRIED_CONVERSATIONS = 256;

export interface TrainingData {
  /** At least one prompt; each has at least one pair, and every response is in one. */
  train: TokenizedPrompt[];
  /** Empty without test_data_path. */
  test: TokenizedPrompt[];
  testCategories: string[];
  /** What reading and tokenizing merged, cut or dropped, as sentences. */
  notes: string[];
  /** Of the training files, in order. */
  fileDigests: FileDigest[];
  /** Undefined and null if every sample came as token ids. */
  chatTemplate: string | undefined;
  tokenizerSha256: string | null;
  /** Tokens of the longest sample of all. */
  longestSample: number;
  /** Conversations that samples were made of, from all over the data: at most `TRIED_CONVERSATIONS`. */
  conversations: Conversation[];
  /** How often each id ends a sample. */
  lastTokens: Map<number, number>;
}

export interface LoadContext {
  /** Of the model. */
  vocabularySize: number;
  /** The token that the model's samples end with, if the model requires one. */
  rewardToken?: number | undefined;
  /** Where tokenized texts are cached; absent: nowhere. */
  cacheFolder?: string | undefined;
  files: FileSystem;
  callbacks: TrainCallbacks;
  signal?: AbortSignal | undefined;
}

interface Part {
  dataset: PreferenceDataset;
  prompts: TokenizedPrompt[];
  notes: string[];
}

/** @throws DataError, TokenizerError, or a TrainingError if nothing is left to train or evaluate on. */
export async function loadTrainingData(options: TrainOptions, context: LoadContext): Promise<TrainingData> {
  // The original also leaves responses that are in no pair out of its test set. Without `compat` they stay, so that the
  // figures equal those of `eval` on the same files.
  const train = await loadPart(options, options.train_data_path, 'training', true, context);
  const test =
    options.test_data_path.length === 0
      ? undefined
      : await loadPart(options, options.test_data_path, 'test', sampleCompat(options) === 'cheems', context);
  const samples = [...train.prompts, ...(test?.prompts ?? [])].flatMap((prompt) => prompt.samples);
  const fileDigests: FileDigest[] = [];
  for (const file of options.train_data_path) fileDigests.push(await context.files.digest(file));
  const hasText = [train, test].some((part) =>
    part?.dataset.prompts.some(({ responses }) => responses.some(({ inputIds }) => !inputIds)),
  );
  return {
    train: train.prompts,
    test: test?.prompts ?? [],
    testCategories: test?.dataset.categories ?? [],
    notes: [...train.notes, ...(test?.notes ?? [])],
    fileDigests,
    chatTemplate: hasText
      ? readTokenizerFiles(options.model_path, options.chat_template).chatTemplate?.source
      : undefined,
    tokenizerSha256: hasText ? (await context.files.digest(join(options.model_path, TOKENIZER_FILE))).sha256 : null,
    conversations: conversationsOf([train, ...(test ? [test] : [])]),
    longestSample: samples.reduce((longest, { inputIds }) => Math.max(longest, inputIds.length), 0),
    lastTokens: countLastTokens(samples),
  };
}

async function loadPart(
  options: TrainOptions,
  paths: string[],
  name: 'training' | 'test',
  dropUnpaired: boolean,
  context: LoadContext,
): Promise<Part> {
  const { callbacks, signal } = context;
  const progress = (phase: Phase, done: number, total: number) => callbacks.onProgress?.({ phase, done, total });
  const dataset = await readPreferenceDataset(paths, {
    compat: sampleCompat(options),
    signal,
    onProgress: ({ rows }) => progress('reading', rows, 0),
  });
  const tokenized = await tokenizeDataset(dataset, tokenizeOptions(options, dropUnpaired, context), {
    signal,
    onProgress: ({ done, total }) => progress('tokenizing', done, total),
  });
  const notes = [...formatReport(dataset.report), ...formatReport(tokenized.report)].map(
    (line) => `${name} data: ${line}`,
  );
  if (tokenized.cache?.state === 'read')
    notes.push(`${name} data: tokenized before; read from ${tokenized.cache.file}`);
  if (tokenized.cache?.state === 'not written')
    notes.push(
      `${name} data: could not be kept in ${tokenized.cache.file} ` +
        `(${tokenized.cache.reason ?? 'no reason given'}), so the next run tokenizes them again`,
    );
  if (tokenized.prompts.length === 0) {
    throw new TrainingError(
      [
        `Nothing is left of the ${name} data (${paths.join(', ')}): ` +
          `${name === 'training' ? 'no prompt has a pair of responses' : 'no prompt has a response'} within ` +
          `max_length (${options.max_length} tokens).`,
        ...notes,
      ].join('\n'),
    );
  }
  return { dataset, prompts: tokenized.prompts, notes };
}

function tokenizeOptions(options: TrainOptions, dropUnpaired: boolean, context: LoadContext): TokenizeOptions {
  return {
    tokenizer: { folder: options.model_path, chatTemplateFile: options.chat_template },
    ...sampleOptions(options, context.rewardToken),
    maxLength: options.max_length,
    truncation: options.truncation,
    vocabularySize: context.vocabularySize,
    cacheFolder: context.cacheFolder,
    dropUnpaired,
  };
}

/** How a whole sample is built, whatever its length. */
export function sampleOptions(options: TrainOptions, rewardToken: number | undefined): WholeSampleOptions {
  const { special_tokens_in_text: specialTokensInText } = options;
  return {
    doStrip: options.do_strip,
    doubledBos: sampleCompat(options) === 'cheems' ? 'keep' : 'drop',
    rewardToken,
    specialTokensInText,
  };
}

function conversationsOf(parts: readonly Part[]): Conversation[] {
  const texts = parts.flatMap(({ dataset }) =>
    dataset.prompts.flatMap(({ prompt, systemPrompt, templateVariables, responses }) =>
      responses
        .filter(({ inputIds }) => inputIds === undefined)
        .map((response): Conversation => ({ prompt, systemPrompt, templateVariables, response })),
    ),
  );
  const every = Math.max(1, Math.ceil(texts.length / TRIED_CONVERSATIONS));
  return texts.filter((_, index) => index % every === 0);
}

function countLastTokens(samples: readonly { inputIds: Int32Array }[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { inputIds } of samples) {
    const last = inputIds.at(-1);
    if (last !== undefined) counts.set(last, (counts.get(last) ?? 0) + 1);
  }
  return counts;
}
