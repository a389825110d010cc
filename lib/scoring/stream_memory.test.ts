// By itself, so that no other test's garbage is counted.

import test from 'ava';
import { linesTo } from '../continuing/row_output';
import type { Row } from '../data/rows';
import { heapPerTurn } from '../testing/heap';
import { scoreStream, type RowScorer } from './stream';

test('memory does not grow with the rows, nor with a signal that is never aborted', async (t) => {
  const { signal } = new AbortController();
  const rows = (turn: () => void) =>
    (async function* (): AsyncGenerator<Row> {
      for (let line = 1; line <= 60_000; line += 1) {
        turn();
        yield { value: { id: line, input_ids: [line % 9, 1] }, line };
      }
    })();
  const scorer: RowScorer = {
    tokenize: ({ responses }) =>
      responses.map(({ inputIds }, responseIndex) => ({ inputIds: inputIds!, truncated: false, responseIndex })),
    score: async (groups) => new Float32Array(groups.flat().length),
  };
  const bytes = await heapPerTurn(20_000, 50_000, (turn) =>
    scoreStream({ rows: rows(turn), name: 'in', scorer, output: linesTo(async () => {}), batchTokens: 4000, signal }),
  );
  t.true(bytes < 100, `${bytes.toFixed(0)} bytes per row`);
});
