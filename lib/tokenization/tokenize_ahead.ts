// Prompts tokenized on threads while those before them are computed.

import { emptyReport, type ReadingReport } from '../data/report';
import type { PreferenceDataset, TokenizedPrompt } from '../data/types';
import {
  assemble,
  checkVocabulary,
  dropTooLong,
  slotsOf,
  tokenizeTexts,
  type TokenizeControl,
  type TokenizeOptions,
} from './tokenize_dataset';

/**
 * What `tokenizeDataset` with `dropUnpaired: false` gives, prompt by prompt in their order, each as soon as its
 * responses are tokenized; undefined for a prompt all of whose responses are too long. The threads go on meanwhile.
 * They end with the last prompt, with an error, and when the caller stops (`return`).
 * @throws what `tokenizeDataset` throws, at the latest in the place of the prompt that it is about.
 */
export async function* tokenizeAhead(
  dataset: Pick<PreferenceDataset, 'prompts'>,
  options: Omit<TokenizeOptions, 'dropUnpaired' | 'cacheFolder'>,
  control: TokenizeControl = {},
  report: ReadingReport = emptyReport(),
): AsyncGenerator<TokenizedPrompt | undefined, void, undefined> {
  const slots = dataset.prompts.map((prompt) => slotsOf(prompt, options));
  const texts = slots.map((list) => list.filter(({ response }) => response.inputIds === undefined));
  const missing = texts.map(({ length }) => length);
  const promptOf = texts.flatMap((list, prompt) => list.map(() => prompt));
  const stop = new AbortController();
  const signal = control.signal ? AbortSignal.any([control.signal, stop.signal]) : stop.signal;
  let wake = (): void => {};
  const work = tokenizeTexts(texts.flat(), options, { ...control, signal }, report, (first, count) => {
    for (const prompt of promptOf.slice(first, first + count)) missing[prompt]! -= 1;
    wake();
  });
  const ended = work.then(() => {});
  let isEnded = false;
  const end = (): void => {
    isEnded = true;
    wake();
  };
  ended.then(end, end); // a failure shows when it is awaited
  try {
    for (const [i, list] of slots.entries()) {
      while (missing[i]! > 0) {
        if (isEnded) await ended;
        // No race against `ended`: it would keep a reaction for each wait until the end.
        else await new Promise<void>((resolve) => (wake = resolve));
      }
      for (const slot of list) checkVocabulary(slot, options.vocabularySize);
      yield dropTooLong(assemble(dataset.prompts[i]!, list), list, options, report)[0];
    }
    await ended;
  } finally {
    stop.abort();
    await ended.catch(() => {});
  }
}
