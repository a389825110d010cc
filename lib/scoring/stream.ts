// Scores a stream of rows: in order, in batches of bounded size, with two of them at the engine at once. Rows are read
// and tokenized ahead while it computes.

import { digestOfValue } from '../continuing/digests';
import type { OutputRow, RowOutput } from '../continuing/row_output';
import { exactText } from '../data/conversation/numbers';
import { idText, type RowId, withId } from '../data/conversation/ids';
import { DataError } from '../data/errors';
import type { ReadingReport } from '../data/report';
import type { Row } from '../data/rows';
import type { Message, TokenizedSample } from '../data/types';
import { unlessAborted, within } from '../support/abort';
import { callsInOrder } from './calls_in_order';
import { parseScoreRow, type ScoreRow } from './rows';
import { commonPrefix } from './sample_batch';

/** What scores: the reward model of this package, or a test's replacement. */
export interface RowScorer {
  /**
   * One sample per response of the row, in order. Throws DataError with the row's place if that is not possible. Called
   * for several rows before the first has its answer.
   */
  tokenize(row: ScoreRow): TokenizedSample[] | Promise<TokenizedSample[]>;
  /** The number of rewards of a sample: one per step for a process reward model. Absent: every sample has one. */
  stepsOf?: ((sample: TokenizedSample) => number) | undefined;
  /** The rewards of all samples in order; the samples of a group may share their prefix. */
  score(groups: TokenizedSample[][], signal?: AbortSignal): Promise<Float32Array>;
}

export interface ScoreStreamProgress {
  /** Rows written in this run, and rows that an earlier run had written. */
  rows: number;
  skippedRows: number;
  samples: number;
  tokens: number;
  truncated: number;
}

export interface ScoreStreamOptions {
  rows: AsyncIterable<Row>;
  /** The input's name in messages. */
  name: string;
  scorer: RowScorer;
  /** Rows that an earlier run has already written are read, checked and skipped. */
  output: RowOutput;
  /** Receives what is unusual about the rows. */
  report?: ReadingReport;
  /** Tokens collected for one call of the engine; affects memory, not the result. */
  batchTokens: number;
  signal?: AbortSignal;
  onProgress?: (progress: ScoreStreamProgress) => void;
}

interface PendingRow {
  id: RowId;
  row: ScoreRow;
  read: string;
  samples: TokenizedSample[];
}

interface Batch {
  rows: PendingRow[];
  /** The error that stopped the collecting; thrown once the rows before it are written. */
  failure?: { error: unknown };
  end: boolean;
}

/**
 * Rows that arrive slowly (from a pipe that another program writes) are scored after this wait, however full the batch
 * is.
 */
const PATIENCE_MILLISECONDS = 100;
const MOST_ROWS = 4096;
/** Read and tokenized before they are needed: enough for several threads, bounded in memory. */
const ROWS_AHEAD = 256;
const CHARACTERS_AHEAD = 1_000_000;

/**
 * Scores all rows. The first bad row ends the run with an error, after all rows before it have been written. If the
 * first row has no id, every row's id is its line number and no row may have one.
 */
export async function scoreStream(options: ScoreStreamOptions): Promise<ScoreStreamProgress> {
  const progress: ScoreStreamProgress = { rows: 0, skippedRows: 0, samples: 0, tokens: 0, truncated: 0 };
  const reader = new BatchReader(options, progress);
  const { scorer, output, signal } = options;
  const rewardsOf = async ({ rows }: Batch, stop: AbortSignal): Promise<Float32Array> =>
    rows.length > 0 ? scorer.score(groupRows(rows), stop) : new Float32Array(0);
  try {
    for await (const [batch, rewards] of callsInOrder(reader.batches(), rewardsOf, signal)) {
      if (batch.rows.length > 0) {
        await output.write(formatRows(batch.rows, rewards, scorer.stepsOf));
        countRows(batch.rows, progress);
      }
      options.onProgress?.({ ...progress });
      if (batch.failure) throw batch.failure.error;
    }
    return progress;
  } finally {
    reader.close();
  }
}

/** A row on its way through the tokenizer, or how the rows ended. */
type Coming =
  | { id: RowId; row: ScoreRow; read: string; size: number; samples: Promise<TokenizedSample[]> }
  | { failure?: { error: unknown } };

/** Reads ahead by itself, as far as its bounds allow. */
class RowReader {
  private readonly coming: Coming[] = [];
  private characters = 0;
  private numbered: boolean | undefined;
  private closed = false;
  private wakeReader = (): void => {};
  private wakeTaker = (): void => {};
  private readonly rows: AsyncIterator<Row>;

  constructor(
    private readonly options: ScoreStreamOptions,
    private readonly progress: ScoreStreamProgress,
  ) {
    this.rows = options.rows[Symbol.asyncIterator]();
    void this.read();
  }

  /** Does not wait: a pending read ends when its stream does. */
  close(): void {
    this.closed = true;
    this.wakeReader();
    void this.rows.return?.().catch(() => {});
  }

  /** The next row, or the end, which is returned again; undefined if none has arrived within the wait. */
  async next(wait: number | undefined): Promise<Coming | undefined> {
    this.options.signal?.throwIfAborted();
    if (this.coming.length === 0) {
      const arrival = new Promise<true>((resolve) => (this.wakeTaker = () => resolve(true)));
      if ((wait === undefined ? await arrival : await within(arrival, wait)) === undefined) return undefined;
    }
    const first = this.coming[0]!;
    if (!('row' in first)) return first;
    this.coming.shift();
    this.characters -= first.size;
    this.wakeReader();
    return first;
  }

  private async read(): Promise<void> {
    try {
      for (;;) {
        while (!this.closed && (this.coming.length >= ROWS_AHEAD || this.characters >= CHARACTERS_AHEAD))
          await new Promise<void>((resolve) => (this.wakeReader = resolve));
        if (this.closed) return;
        this.options.signal?.throwIfAborted();
        // A read from a pipe may never end by itself.
        const result = await unlessAborted(this.rows.next(), this.options.signal);
        if (result.done === true) return this.add({});
        const row = await this.take(result.value);
        if (row) this.add(row);
      }
    } catch (error) {
      this.add({ failure: { error } });
    }
  }

  private add(one: Coming): void {
    if ('row' in one) {
      one.samples.catch(() => {}); // reported when it is awaited
      this.characters += one.size;
    }
    this.coming.push(one);
    this.wakeTaker();
  }

  private async take({ value, line }: Row): Promise<Coming | undefined> {
    const row = parseScoreRow(value, { file: this.options.name, line }, this.options.report);
    this.numbered ??= row.id === undefined;
    if (this.numbered && row.id !== undefined)
      throw new DataError(
        row.source,
        'this row has an "id", but the first row has none; give every row an id or none (rows are then named by ' +
          'their line)',
      );
    if (!this.numbered && row.id === undefined)
      throw new DataError(
        row.source,
        'this row has no "id", but the first row has one; give every row an id or none (rows are then named by ' +
          'their line)',
      );
    const id = row.id ?? line;
    const read = digestOfValue([idText(id), { ...row, id: undefined, source: undefined }]);
    if (await this.options.output.has(read, row.source)) {
      this.progress.skippedRows += 1;
      return undefined;
    }
    return { id, row, read, size: sizeOf(row), samples: (async () => this.options.scorer.tokenize(row))() };
  }
}

/** Characters and ids; the prompt counts once per response. */
function sizeOf({ prompt, responses }: ScoreRow): number {
  const own = typeof prompt === 'string' ? prompt.length : charactersOf(prompt);
  return responses.reduce(
    (sum, { content, inputIds, messages }) =>
      sum + own + (inputIds?.length ?? 0) + (messages ? charactersOf(messages) : (content?.length ?? 0)),
    0,
  );
}

const charactersOf = (messages: readonly Message[]): number =>
  messages.reduce((sum, { content }) => sum + (content?.length ?? 0), 0);

class BatchReader {
  private readonly reader: RowReader;

  constructor(
    private readonly options: ScoreStreamOptions,
    progress: ScoreStreamProgress,
  ) {
    this.reader = new RowReader(options, progress);
  }

  close(): void {
    this.reader.close();
  }

  /** Up to the last sentence, which says what went wrong, if anything did. */
  async *batches(): AsyncGenerator<Batch, void, undefined> {
    for (let isLast = false; !isLast;) {
      const batch = await this.next();
      isLast = batch.end || batch.failure !== undefined;
      yield batch;
    }
  }

  private async next(): Promise<Batch> {
    const batch: Batch = { rows: [], end: false };
    let tokens = 0;
    try {
      while (tokens < this.options.batchTokens && batch.rows.length < MOST_ROWS) {
        const one = await this.reader.next(batch.rows.length > 0 ? PATIENCE_MILLISECONDS : undefined);
        if (one === undefined) break;
        if (!('row' in one)) {
          if (one.failure) batch.failure = one.failure;
          else batch.end = true;
          break;
        }
        const samples = await unlessAborted(one.samples, this.options.signal);
        batch.rows.push({ id: one.id, row: one.row, read: one.read, samples });
        tokens += samples.reduce((sum, sample) => sum + sample.inputIds.length, 0);
      }
    } catch (error) {
      batch.failure = { error };
    }
    return batch;
  }
}

/**
 * Neighboring rows of one prompt, or whose ids share at least half of the shorter one as a prefix, share their prefix.
 */
function groupRows(rows: readonly PendingRow[]): TokenizedSample[][] {
  const groups: TokenizedSample[][] = [];
  let previous: PendingRow | undefined;
  for (const row of rows) {
    if (previous && belongTogether(previous, row)) groups.at(-1)!.push(...row.samples);
    else groups.push([...row.samples]);
    previous = row;
  }
  return groups;
}

function belongTogether(a: PendingRow, b: PendingRow): boolean {
  const isNamed = a.row.prompt.length > 0 && b.row.prompt.length > 0;
  if (isNamed) return beginningOf(a) === beginningOf(b);
  const [x, y] = [a.samples[0]!.inputIds, b.samples[0]!.inputIds];
  return 2 * commonPrefix(x, y) >= Math.min(x.length, y.length);
}

const beginningOf = ({ row }: PendingRow): string => exactText([row.prompt, row.systemPrompt, row.templateVariables]);

function formatRows(rows: readonly PendingRow[], rewards: Float32Array, stepsOf: RowScorer['stepsOf']): OutputRow[] {
  let next = 0;
  return rows.map(({ id, row, read, samples }) => {
    const values = samples.map((sample) => {
      if (!stepsOf) return formatReward(rewards[next++]!);
      return Array.from(rewards.subarray(next, (next += stepsOf(sample))), formatReward);
    });
    const tokens = samples.map((sample) => sample.inputIds.length);
    const truncated = samples.map((sample) => sample.truncated);
    const result = row.isList
      ? { rewards: values, tokens, truncated }
      : { [stepsOf ? 'rewards' : 'reward']: values[0], tokens: tokens[0], truncated: truncated[0] };
    return { read, line: withId(id, result) };
  });
}

/** Nine digits distinguish every float32 from its neighbors. */
function formatReward(reward: number): number {
  return Number(reward.toPrecision(9));
}

function countRows(rows: readonly PendingRow[], progress: ScoreStreamProgress): void {
  for (const { samples } of rows) {
    progress.rows += 1;
    progress.samples += samples.length;
    for (const sample of samples) {
      progress.tokens += sample.inputIds.length;
      if (sample.truncated) progress.truncated += 1;
    }
  }
}
