import test from 'ava';
import { fuzzJsonl } from './fuzz_jsonl';

// scripts/testing/fuzz_jsonl.cjs runs as many as one likes; these keep the reader and the mutator honest.
test('3,000 damaged data files give a data set or a DataError', async (t) => {
  const result = await fuzzJsonl(3000, 1);
  t.is(result.datasets + result.refusedLines + result.refusedFiles, 3000);
  t.true(result.datasets > 300 && result.refusedLines > 1000 && result.refusedFiles > 10, JSON.stringify(result));
  t.true(result.messages.size > 40, [...result.messages].join('\n'));
});
