// Tokenizing ahead gives the same samples as all at once, in order, as they become ready; and its threads end.

import { join } from 'node:path';
import test from 'ava';
import { datasetFromRows } from '../data/dataset';
import { DataError } from '../data/errors';
import type { TokenizedPrompt } from '../data/types';
import { TokenizerError } from './errors';
import { SampleBuilder } from './sample_builder';
import { tokenizeAhead } from './tokenize_ahead';
import { tokenizeDataset } from './tokenize_dataset';
import { JobError, TokenizerPool } from './tokenizer_pool';

const folder = join(__dirname, '../../data/tokenizer');
const rows = Array.from({ length: 160 }, (_, i) => ({
  input: `问题${i}`,
  responses: [0, 1, 2].map((r) =>
    i % 7 === 3 && r === 1
      ? { id: `r${r}`, input_ids: [1, 2, r] }
      : { id: `r${r}`, content: '好的，'.repeat((i * 5 + r * 31) % 90) },
  ),
  rank: { r0: 1, r1: 2, r2: 3 },
}));

async function all(generator: AsyncIterable<TokenizedPrompt | undefined>): Promise<(TokenizedPrompt | undefined)[]> {
  const list = [];
  for await (const one of generator) list.push(one);
  return list;
}

/** This process's threads beside the main one and Node's own. */
const poolThreads = () =>
  process.getActiveResourcesInfo().filter((name) => name === 'MessagePort' || name === 'Worker').length;

test.serial('the prompts of tokenizeDataset, in order; where all responses are too long, nothing', async (t) => {
  for (const options of [{}, { maxLength: 60 }, { maxLength: 30, truncation: true }]) {
    const dataset = datasetFromRows([...rows, { input: '长', responses: [{ id: 'a', content: '哈'.repeat(900) }] }]);
    const given = { tokenizer: { folder }, workers: 2, ...options };
    const ahead = await all(tokenizeAhead(dataset, given));
    t.is(ahead.length, dataset.prompts.length);
    const { prompts } = await tokenizeDataset(dataset, { ...given, dropUnpaired: false });
    t.deepEqual(
      ahead.filter((one) => one !== undefined),
      prompts,
    );
    t.deepEqual(
      ahead.map((one, i) => one?.prompt ?? dataset.prompts[i]),
      dataset.prompts,
    );
    t.is(ahead.at(-1) === undefined, 'maxLength' in options && !('truncation' in options));
  }
});

test.serial('the first prompts come before the last are made, and stopping early ends the threads', async (t) => {
  const many = datasetFromRows(
    Array.from({ length: 4000 }, (_, i) => ({
      input: `问${i}`,
      answer1: '答案是这样的。'.repeat(30),
      answer2: `另一个${i}`,
      preference: 1,
    })),
  );
  let done = 0;
  const ahead = tokenizeAhead(
    many,
    { tokenizer: { folder }, workers: 1 },
    { onProgress: (progress) => (done = progress.done) },
  );
  t.is((await ahead.next()).value?.prompt, many.prompts[0]);
  t.true(done < 8000, `${done} responses were made before the first prompt came`);
  await ahead.return();
  t.is(poolThreads(), 0);
  t.deepEqual(await ahead.next(), { done: true, value: undefined });
});

test.serial('ids outside the vocabulary end the work in their place, with file and line', async (t) => {
  const dataset = datasetFromRows(
    [...rows.slice(0, 40), { chosen_ids: [1], rejected_ids: [9_999_999] }, ...rows.slice(40)],
    'a.jsonl',
  );
  const seen: unknown[] = [];
  await t.throwsAsync(
    async () => {
      for await (const one of tokenizeAhead(dataset, { tokenizer: { folder }, vocabularySize: 8192, workers: 1 }))
        seen.push(one);
    },
    { instanceOf: DataError, message: /^a\.jsonl:41: response ".*" has token id 9999999/ },
  );
  t.is(seen.length, 40);
  t.is(poolThreads(), 0);
});

test.serial('aborted: the reason, and no thread is left', async (t) => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const ahead = tokenizeAhead(datasetFromRows(rows), { tokenizer: { folder } }, { signal: controller.signal });
  const first = ahead.next();
  controller.abort(reason);
  await t.throwsAsync(first, { is: reason });
  t.is(poolThreads(), 0);
});

test.serial('a pool answers each chunk by itself, says which job failed, and goes on', async (t) => {
  const pool = new TokenizerPool({ folder }, {}, { workers: 2 });
  const job = (content: string) => ({ prompt: '问', systemPrompt: undefined, content, messages: undefined });
  const builder = new SampleBuilder({ folder });
  const results = await Promise.all(
    ['甲', '乙乙', '丙丙丙', '丁'].map((text) => pool.build([job(text), job(`${text}。`)])),
  );
  for (const [i, text] of ['甲', '乙乙', '丙丙丙', '丁'].entries()) {
    t.deepEqual(
      [...results[i]!.ids],
      [
        ...builder.buildSample('问', undefined, text).inputIds,
        ...builder.buildSample('问', undefined, `${text}。`).inputIds,
      ],
    );
  }
  const bad = { ...job('x'), messages: [{ role: 'assistant' } as never] };
  const error = await t.throwsAsync(pool.build([job('a'), bad, job('b')]));
  if (error instanceof JobError) t.is(error.job, 1);
  t.is((await pool.build([job('又')])).counts.length, 1);
  const late = pool.build([job('晚'.repeat(5000))]);
  const closing = pool.close();
  await t.throwsAsync(late, { instanceOf: TokenizerError, message: /have been stopped/ });
  await closing;
  await t.throwsAsync(pool.build([job('a')]), { instanceOf: TokenizerError });
  t.is(poolThreads(), 0);
});
