// PreferenceDataset -> token ids per response, with what is too long dropped or cut, and counted.

import { comparisonCount } from '../data/comparisons';
import { DataError, show } from '../data/errors';
import { asMessages } from '../data/conversation/messages';
import { keepSamples, pruneUnpaired } from '../data/pruning';
import { emptyReport, note } from '../data/report';
import type {
  PreferenceDataset,
  PreferencePrompt,
  ReportEntry,
  Response,
  TokenizedPrompt,
  TokenizedSample,
} from '../data/types';
import { TokenizerError } from './errors';
import { cutIds, endingWith, type SampleOptions, type TokenizerSource } from './sample_builder';
import { cacheFile, readCache, writeCache } from './sample_cache';
import { specialKind } from './special_kind';
import { UnreadNames } from './template_names';
import { buildSamples } from './tokenizer_pool';
import type { ChunkResult, SampleJob } from './worker_messages';

export interface TokenizeOptions extends SampleOptions {
  /** Where the tokenizer is; not looked at where every response has `inputIds`. */
  tokenizer?: TokenizerSource | undefined;
  /** Ids from here on are refused. */
  vocabularySize?: number | undefined;
  /**
   * Drop responses in no pair, and prompts without pairs (the default, for training); false keeps them, for evaluation.
   */
  dropUnpaired?: boolean | undefined;
  /** Tokenizing threads; by default as many as the data and the processor are good for, at most eight. */
  workers?: number | undefined;
  /**
   * Keep tokenized texts here, one file for each (texts, tokenizer, template, options). Without it there is no cache.
   */
  cacheFolder?: string | undefined;
}

/** The prompts of a data set as token ids. */
export interface TokenizedDataset {
  prompts: TokenizedPrompt[];
  report: { entries: Map<string, ReportEntry> };
  /** What became of the cache: absent without `cacheFolder` or texts. A cache that cannot be written fails nothing. */
  cache?: { file: string; state: 'read' | 'written' | 'not written'; reason?: string };
}

export interface TokenizeControl {
  /** Rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Responses done, and all of them. */
  onProgress?: ((p: { done: number; total: number }) => void) | undefined;
}

/** A response's place, while its sample is being made. */
export interface Slot {
  prompt: PreferencePrompt;
  response: Response;
  sample: TokenizedSample;
  length: number;
  bosDoubled: boolean;
  specialInText: boolean;
}

/**
 * Makes every response's sample, on threads of its own where there is text to tokenize.
 *
 * Longer than `maxLength`: with `truncation` cut on the left; without, as the original's filter has it, the response
 * goes, then pairs that lack a side, then (`dropUnpaired`) responses in no pair, then prompts without pairs.
 * @throws DataError (file, line, response) for ids outside the vocabulary and for conversations that the template
 * refuses;
 *   TokenizerError where there is text and no usable tokenizer; the signal's reason when aborted.
 */
export async function tokenizeDataset(
  dataset: Pick<PreferenceDataset, 'prompts'>,
  options: TokenizeOptions,
  control: TokenizeControl = {},
): Promise<TokenizedDataset> {
  const report = emptyReport();
  const slots = dataset.prompts.map((prompt) => slotsOf(prompt, options));
  const texts = slots.flat().filter((slot) => slot.response.inputIds === undefined);
  const cache = await tokenizeTexts(texts, options, control, report);
  for (const slot of slots.flat()) checkVocabulary(slot, options.vocabularySize);
  const whole = slots.map((list, i) => assemble(dataset.prompts[i]!, list));
  const short = whole.flatMap((prompt, i) => dropTooLong(prompt, slots[i]!, options, report));
  const prompts = options.dropUnpaired === false ? short : pruneUnpaired(short, report);
  return { prompts, report, ...(cache ? { cache } : {}) };
}

export function slotsOf(prompt: PreferencePrompt, options: TokenizeOptions): Slot[] {
  return prompt.responses.map((response, responseIndex): Slot => {
    const ids = response.inputIds && endingWith(response.inputIds, options.rewardToken);
    const { maxLength } = options;
    const truncated =
      ids !== undefined && options.truncation === true && typeof maxLength === 'number' && ids.length > maxLength;
    const inputIds =
      ids === undefined ? new Int32Array(0) : truncated ? cutIds(ids, maxLength, options.tokenizer?.form) : ids;
    return {
      prompt,
      response,
      sample: { inputIds, truncated, responseIndex },
      length: ids?.length ?? 0,
      bosDoubled: false,
      specialInText: false,
    };
  });
}

/** Fills the slots, from the cache or by the threads; `onFilled` tells which, chunk by chunk. */
export async function tokenizeTexts(
  slots: Slot[],
  options: TokenizeOptions,
  control: TokenizeControl,
  report: TokenizedDataset['report'],
  onFilled: (first: number, count: number) => void = () => {},
): Promise<TokenizedDataset['cache']> {
  const [first] = slots;
  if (first === undefined) return undefined;
  const { tokenizer, cacheFolder } = options;
  if (!tokenizer) {
    throw new TokenizerError(
      `${placed(first)} is text, but no tokenizer was named; only rows with input_ids need none.`,
    );
  }
  for (const slot of slots) if (hasLongRun(slot)) note(report, 'slowTexts', sourceOf(slot));
  const jobs = slots.map(({ prompt, response }): SampleJob => ({
    prompt: prompt.prompt,
    systemPrompt: prompt.systemPrompt,
    content: response.content,
    messages: response.messages,
    templateVariables: prompt.templateVariables,
  }));
  noteUnread(slots, tokenizer, report);
  const file =
    cacheFolder === undefined ? undefined : cacheFile(cacheFolder, jobs, tokenizer, sampleOptionsOf(options));
  const cached = file === undefined ? undefined : await readCache(file, jobs.length);
  if (cached) {
    fill(slots, 0, cached);
    onFilled(0, slots.length);
    control.onProgress?.({ done: slots.length, total: slots.length });
  } else await runThreads(slots, jobs, tokenizer, options, control, onFilled);
  for (const slot of slots)
    if (slot.specialInText) note(report, specialKind(options.specialTokensInText), sourceOf(slot));
  for (const slot of slots)
    if (slot.bosDoubled && options.doubledBos !== 'drop') note(report, 'doubledBos', sourceOf(slot));
  if (file === undefined || cacheFolder === undefined) return undefined;
  if (cached) return { file, state: 'read' };
  try {
    await writeCache(cacheFolder, file, collected(slots));
    return { file, state: 'written' };
  } catch (error) {
    return { file, state: 'not written', reason: (error as Error).message };
  }
}

async function runThreads(
  slots: Slot[],
  jobs: SampleJob[],
  tokenizer: TokenizerSource,
  options: TokenizeOptions,
  control: TokenizeControl,
  onFilled: (first: number, count: number) => void,
): Promise<void> {
  await buildSamples(
    jobs,
    tokenizer,
    sampleOptionsOf(options),
    {
      signal: control.signal,
      workers: options.workers,
      onProgress: (done) => control.onProgress?.({ done, total: slots.length }),
    },
    (start, result) => {
      fill(slots, start, result);
      onFilled(start, result.counts.length);
    },
    (job, message) => {
      const slot = slots[job];
      return slot ? new DataError(sourceOf(slot), `${named(slot)}: ${message}`) : new TokenizerError(message);
    },
  );
}

function fill(slots: Slot[], start: number, result: ChunkResult): void {
  let at = 0;
  result.counts.forEach((count, i) => {
    const slot = slots[start + i]!;
    slot.sample.inputIds = result.ids.slice(at, at + count);
    slot.sample.truncated = result.truncated[i] === 1;
    slot.length = result.lengths[i]!;
    slot.bosDoubled = result.bosDoubled[i] === 1;
    slot.specialInText = result.specialInText[i] === 1;
    at += count;
  });
}

/** The inverse of `fill`, for the cache. */
function collected(slots: Slot[]): ChunkResult {
  const counts = Int32Array.from(slots, (slot) => slot.sample.inputIds.length);
  const ids = new Int32Array(counts.reduce((sum, count) => sum + count, 0));
  let at = 0;
  for (const { sample } of slots) {
    ids.set(sample.inputIds, at);
    at += sample.inputIds.length;
  }
  return {
    ids,
    counts,
    lengths: Int32Array.from(slots, (slot) => slot.length),
    truncated: Uint8Array.from(slots, (slot) => (slot.sample.truncated ? 1 : 0)),
    bosDoubled: Uint8Array.from(slots, (slot) => (slot.bosDoubled ? 1 : 0)),
    specialInText: Uint8Array.from(slots, (slot) => (slot.specialInText ? 1 : 0)),
  };
}

function sampleOptionsOf(options: TokenizeOptions): SampleOptions {
  const { doStrip, maxLength, truncation, addGenerationPrompt, doubledBos, rewardToken, specialTokensInText } = options;
  return { doStrip, maxLength, truncation, addGenerationPrompt, doubledBos, rewardToken, specialTokensInText };
}

/** Tells of what is given to the chat template and not read by it. */
function noteUnread(slots: readonly Slot[], tokenizer: TokenizerSource, report: TokenizedDataset['report']): void {
  const names = new UnreadNames(tokenizer);
  for (const slot of slots) {
    const { prompt, response } = slot;
    const unread = names.of(prompt, response);
    if (unread.length > 0) note(report, 'unreadByTemplate', sourceOf(slot), 1, unread);
  }
}

function sourceOf(slot: Slot): PreferencePrompt['source'] {
  return slot.response.source ?? slot.prompt.source;
}

function named(slot: Slot): string {
  return `response ${show(slot.response.id)}`;
}

function placed(slot: Slot): string {
  const { file, line } = sourceOf(slot);
  return `${file}:${line}: ${named(slot)}`;
}

const LONG_RUN = 1_000_000;

/** A run of equal characters is one word to the tokenizer: a million take about a second. */
function hasLongRun({ prompt, response }: Slot): boolean {
  const texts = [...asMessages(prompt.prompt).map((turn) => turn.content ?? ''), response.content ?? ''];
  return texts.some((text) => {
    let run = 1;
    for (let i = 1; i < text.length && text.length >= LONG_RUN; i += 1) {
      run = text.charCodeAt(i) === text.charCodeAt(i - 1) ? run + 1 : 1;
      if (run >= LONG_RUN) return true;
    }
    return false;
  });
}

export function checkVocabulary(slot: Slot, size: number | undefined): void {
  if (size === undefined) return;
  const position = slot.sample.inputIds.findIndex((id) => id < 0 || id >= size);
  if (position < 0) return;
  const id = slot.sample.inputIds[position];
  const hint = slot.response.inputIds
    ? 'were the ids made with another tokenizer?'
    : "the folder's tokenizer does not belong to the model.";
  throw new DataError(
    sourceOf(slot),
    `${named(slot)} has token id ${id} at position ${position}, outside the model's vocabulary of ${size} ` +
      `tokens; ${hint}`,
  );
}

export function assemble(prompt: PreferencePrompt, slots: Slot[]): TokenizedPrompt {
  return {
    prompt,
    samples: slots.map((slot) => slot.sample),
    pairs: prompt.pairs,
    ...(prompt.comparisons ? { comparisons: prompt.comparisons } : {}),
    ...(prompt.ranks ? { ranks: prompt.ranks } : {}),
  };
}

/**
 * The prompt without its too long responses, or none where nothing is left; with truncation only counts the cut ones.
 */
export function dropTooLong(
  prompt: TokenizedPrompt,
  slots: Slot[],
  options: TokenizeOptions,
  report: TokenizedDataset['report'],
): TokenizedPrompt[] {
  for (const slot of slots) if (slot.sample.truncated) note(report, 'truncatedResponses', sourceOf(slot));
  const limit = options.truncation === true ? Infinity : (options.maxLength ?? Infinity);
  const long = slots.filter((slot) => slot.length > limit);
  for (const slot of long) note(report, 'tooLongResponses', sourceOf(slot));
  const kept = long.length === 0 ? prompt : keepSamples(prompt, (i) => slots[i]!.length <= limit);
  const lost = comparisonCount(prompt) - comparisonCount(kept);
  if (lost > 0) note(report, 'pairsOfTooLong', sourceOf(long[0]!), lost);
  if (kept.samples.length > 0) return [kept];
  note(report, 'emptiedPrompts', prompt.prompt.source);
  return [];
}
