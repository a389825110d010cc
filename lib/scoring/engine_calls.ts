// How samples are distributed over calls of the engine.
import type { TokenizedSample } from '../data/types';

/** Micro-batches per call of the engine: progress is reported between calls. */
const MICRO_BATCHES_A_CALL = 8;

const tokensIn = (samples: readonly TokenizedSample[]): number =>
  samples.reduce((sum, { inputIds }) => sum + inputIds.length, 0);
export const samplesIn = (groups: readonly TokenizedSample[][]): number =>
  groups.reduce((sum, group) => sum + group.length, 0);

/** The input of one call of the engine: groups until their tokens are enough. */
export async function* callsOf(
  groups: Iterable<TokenizedSample[]> | AsyncIterable<TokenizedSample[]>,
  microBatchTokens: number,
): AsyncGenerator<TokenizedSample[][], void, undefined> {
  let call: TokenizedSample[][] = [];
  let tokens = 0;
  for await (const group of groups) {
    call.push(group);
    tokens += tokensIn(group);
    if (tokens < MICRO_BATCHES_A_CALL * microBatchTokens) continue;
    yield call;
    call = [];
    tokens = 0;
  }
  if (call.length > 0) yield call;
}
