// Tables as the datasets library writes them: structs hold the keys of all rows, null where a row has none.

import { join } from 'node:path';
import test from 'ava';
import { readPreferenceDataset } from './dataset';

const CASES = join(__dirname, '..', '..', 'fixtures', 'cases');

test('ids beyond 2^53 keep their digits', async (t) => {
  const { prompts } = await readPreferenceDataset(join(CASES, 'score-big-integer-id', 'id.parquet'));
  t.deepEqual(
    prompts.map(({ id }) => id),
    [3, 4, 5, 6, 7].map((last) => `900719925474099${last}`),
  );
});

test("a rank's null is another row's response", async (t) => {
  const { prompts, report } = await readPreferenceDataset(join(CASES, 'rank-null-keys', 'group.parquet'));
  t.deepEqual(
    prompts.map(({ ranks, pairs }) => [ranks, pairs]),
    [
      [[1, 2], [[0, 1]]],
      [[1, 2], [[0, 1]]],
    ],
  );
  t.is(report.entries.size, 0);
});
