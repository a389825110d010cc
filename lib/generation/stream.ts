// Answers a stream of rows, in waves. Each row is written after those before it.

import { digestOfValue } from '../continuing/digests';
import type { OutputRow, RowOutput } from '../continuing/row_output';
import { idText, type RowId, withId } from '../data/conversation/ids';
import { DataError } from '../data/errors';
import type { ReadingReport } from '../data/report';
import type { Row } from '../data/rows';
import type { Source } from '../data/types';
import { TokenizerError } from '../tokenization/errors';
import { GenerationError } from './errors';
import type { Answer } from './answer';
import type { LanguageModel, PreparedPrompt } from './language_model';
import type { Sampling } from './options';
import { parseGenerationRow } from './rows';

export interface GenerationCounts {
  /** Rows written in this run, and rows that an earlier run had written. */
  rows: number;
  skippedRows: number;
  promptTokens: number;
  /** Tokens of the answers. */
  tokens: number;
  /** Answers cut at the limit, and rows that were too long to be answered. */
  cut: number;
  tooLong: number;
}

export interface GenerationStreamOptions {
  rows: AsyncIterable<Row>;
  /** The input's name in messages. */
  name: string;
  model: Pick<LanguageModel, 'prepareRead' | 'answerAll'>;
  sampling: Sampling;
  raw: boolean;
  /** Rows that an earlier run has already written there are read, checked and skipped. */
  output: RowOutput;
  /** Collects what is unusual about the rows. */
  report?: ReadingReport;
  signal?: AbortSignal;
  onProgress?: (counts: GenerationCounts) => void;
}

interface Waiting extends PreparedPrompt {
  id: RowId;
  /** Digest of the row as it was read. */
  read: string;
  /** Its position among the rows answered by this run. */
  place: number;
}

/** A wave waits this many milliseconds for the next row, which another program may be producing. */
const PATIENCE = 100;

/**
 * Answers all rows. A row's random stream is its number in the input, so that a continued run draws the same numbers as
 * an uninterrupted one. The first bad row ends the work with an error, after the rows of the waves before it have been
 * written.
 */
export async function generateStream(options: GenerationStreamOptions): Promise<GenerationCounts> {
  const { model, sampling, signal } = options;
  const counts: GenerationCounts = { rows: 0, skippedRows: 0, promptTokens: 0, tokens: 0, cut: 0, tooLong: 0 };
  const ended = new Map<number, OutputRow>();
  let next = 0;
  let writing = Promise.resolve();
  const writeReady = (): Promise<void> => {
    const rows: OutputRow[] = [];
    for (; ended.has(next); next += 1) {
      rows.push(ended.get(next)!);
      ended.delete(next);
    }
    if (rows.length > 0) writing = writing.then(() => options.output.write(rows));
    return writing;
  };
  await model.answerAll(waitingRows(options, counts), sampling, {
    signal,
    patience: PATIENCE,
    onAnswer: ({ id, read, place }, answer) => {
      ended.set(place, { read, line: resultLine(id, answer) });
      count(counts, answer);
      options.onProgress?.({ ...counts });
      return writeReady();
    },
  });
  return counts;
}

async function* waitingRows(
  { rows, name, model, raw, output, report }: GenerationStreamOptions,
  counts: GenerationCounts,
): AsyncGenerator<Waiting> {
  let numbered: boolean | undefined;
  let sequence = -1;
  let place = 0;
  for await (const { value, line } of rows) {
    const source = { file: name, line };
    sequence += 1;
    const { id, item } = parseGenerationRow(value, source, report);
    numbered ??= id === undefined;
    if (numbered !== (id === undefined)) {
      throw new DataError(
        source,
        'this row has ' +
          `${numbered ? 'an "id", but the first row has none' : 'no "id", but the first row has one'}; give every ` +
          'row an id or none (rows are then named by their line)',
      );
    }
    const read = digestOfValue([idText(id ?? line), item]);
    if (await output.has(read, source)) counts.skippedRows += 1;
    else
      yield {
        ...placed(() => model.prepareRead(item, raw, source), source),
        id: id ?? line,
        read,
        sequence,
        place: place++,
      };
  }
}

/** Adds the row's file and line to an error about its prompt. */
function placed<T>(make: () => T, source: Source): T {
  try {
    return make();
  } catch (error) {
    throw error instanceof GenerationError || error instanceof TokenizerError
      ? new DataError(source, error.message)
      : error;
  }
}

function resultLine(id: RowId, { text, reasoning, finish, usage }: Answer): string {
  const fields = {
    text,
    ...(reasoning === undefined ? {} : { reasoning }),
    finish,
    prompt_tokens: usage.promptTokens,
    tokens: usage.completionTokens,
  };
  return withId(id, fields);
}

function count(counts: GenerationCounts, { finish, usage }: Answer): void {
  counts.rows += 1;
  counts.tokens += usage.completionTokens;
  if (finish === 'too_long') counts.tooLong += 1;
  else counts.promptTokens += usage.promptTokens;
  if (finish === 'length') counts.cut += 1;
}
