import test from 'ava';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { datasetFromRows } from '../../data/dataset';
import type { Message } from '../../data/types';
import { bothOrders, pairsToJudge, singleOrder } from '../../judging/pair_orders';
import { findJudgeTemplate } from '../../judging/templates/registry';
import { letterProbability } from '../../judging/letters';
import type { Completer, Completion, CompletionOptions } from '../../judging/completer';
import { evaluate } from '../evaluate';
import { formatEvaluation } from '../../reporting/table';
import { judgePredictor, type JudgePredictorOptions } from './judge';
import { writeResults } from '../results';

const folder = mkdtempSync(join(tmpdir(), 'judge-predictor-'));
const bare = join(folder, 'bare.yaml');
writeFileSync(bare, 'user: "{prompt}|{response_a}|{response_b}"\nparser: letter\n');

/** Answers from what it is shown. */
function judgeBy(
  verdict: (a: string, b: string, prompt: string) => Partial<Completion>,
): Completer & { asked: { messages: readonly Message[]; options: CompletionOptions }[] } {
  const asked: { messages: readonly Message[]; options: CompletionOptions }[] = [];
  return {
    name: 'by-rule',
    asked,
    complete: async (conversations, options, control) =>
      Array.from(conversations, (messages, index) => {
        asked.push({ messages, options });
        const [prompt, a, b] = messages.at(-1)!.content!.split('|') as [string, string, string];
        const completion: Completion = { text: '', finish: 'stop', ...verdict(a, b, prompt) };
        control?.onCompletion?.(index, completion);
        return completion;
      }),
  };
}
// one for each test: they run side by side
const longer = () => judgeBy((a, b) => ({ text: a.length > b.length ? 'A' : a.length < b.length ? 'B' : 'C' }));

const ranked = () =>
  datasetFromRows(
    [
      {
        id: 'p',
        input: 'q',
        responses: ['aaa', 'bb', 'c', 'dd'].map((content, i) => ({ id: `r${i}`, content })),
        rank: { r0: '1', r1: '2', r2: '3', r3: '2' },
        category: ['写作'],
      },
      {
        id: 's',
        input: 'short',
        responses: ['x', 'yy'].map((content, i) => ({ id: `r${i}`, content })),
        rank: { r0: '1', r1: '2' },
        category: ['代码'],
      },
      {
        id: 't',
        input: 'tied',
        responses: ['x', 'yy'].map((content, i) => ({ id: `r${i}`, content })),
        rank: { r0: '1', r1: '1' },
        category: ['代码'],
      },
    ],
    'data',
  );

async function run(completer: Completer, options: Partial<JudgePredictorOptions> = {}, dataset = ranked()) {
  const predictor = judgePredictor({ completer, templates: await findJudgeTemplate(bare), ...options });
  const progress: number[] = [];
  const evaluation = await evaluate({
    datasets: [{ name: 'data', dataset }],
    predictor,
    bootstrap: { resamples: 50 },
    onProgress: ({ done }) => progress.push(done),
  });
  return { evaluation, file: evaluation.files[0]!, progress };
}

test('both orders of every pair of different rank; shares of wins as rewards', async (t) => {
  const judge = longer();
  const { evaluation, file, progress } = await run(judge);
  t.is(judge.asked.length, 2 * (5 + 1));
  t.deepEqual(
    file.scores.map(({ rewards }) => rewards),
    [
      [1, 0.5, 0, 0.5],
      [0, 1],
      [null, null],
    ],
  );
  t.deepEqual(file.report.cheems, {
    'accuracy-rank': 1 / 2,
    'exact_match-rank': 1 / 2,
    'accuracy-rank-写作': 1,
    'exact_match-rank-写作': 1,
    'accuracy-rank-代码': 0,
    'exact_match-rank-代码': 0,
  });
  t.is(evaluation.overall, 1 / 2);
  t.like(file.report.judge, { pairs: 6, judgements: 12, consistency: 1, position_bias: 0 });
  t.regex(file.report.notes.join(), /in no pair of known order and were not judged: 2\./);
  t.is(progress.at(-1), 8);
  t.like(evaluation.predictor.description, {
    judge: 'by-rule',
    mode: 'text',
    order: 'both',
    template: { name: 'bare' },
    parser: { name: 'letter' },
    sampling: { temperature: 0, maxTokens: 4096 },
  });
});

test('one order, drawn by the seed', async (t) => {
  const shown = async (seed: number) => {
    const judge = judgeBy(() => ({ text: 'A' }));
    const { file } = await run(judge, { orders: singleOrder(seed) });
    t.is(file.report.judge!.judgements, 6);
    return judge.asked.map(({ messages }) => messages[0]!.content);
  };
  t.deepEqual(await shown(1), await shown(1));
  t.notDeepEqual(await shown(1), await shown(2));
});

test('letter logits: one token is asked for, and both orders are weighed', async (t) => {
  // It favors the first response, but recognizes the longer one.
  const judge = judgeBy((a, b) => {
    const p = 0.6 + (a.length > b.length ? 0.35 : -0.35);
    return {
      firstTokens: [
        { token: ' A', logprob: Math.log(p * 0.8) },
        { token: 'B', logprob: Math.log((1 - p) * 0.8) },
        { token: '好', logprob: Math.log(0.2) },
      ],
      finish: 'length',
    };
  });
  const { file } = await run(judge, { mode: 'logits' });
  t.like(judge.asked[0]!.options, { maxTokens: 1, firstTokens: 20, temperature: 0 });
  t.is(file.report.cheems['accuracy-rank-写作'], 1);
  const [first] = file.scores[0]!.comparisons!;
  t.true(Math.abs(first!.judgements[0]!.probability! - 0.95) < 1e-9);
  t.is(file.report.judge!.unparsable, 0);
  await t.throwsAsync(
    run(
      judgeBy(() => ({ text: 'A' })),
      { mode: 'logits' },
    ),
    { name: 'PredictorError', message: /gives no probabilities .* use `judgeMode: text`/ },
  );
});

test('the probability of a letter is summed over its spellings', (t) => {
  const tokens = (...list: [string, number][]) => list.map(([token, p]) => ({ token, logprob: Math.log(p) }));
  const letters = { a: 'A', b: 'B' };
  t.true(
    Math.abs(
      letterProbability(tokens(['A', 0.3], [' a', 0.1], ['▁A', 0.1], ['Ｂ', 0.25], ['[[B', 0.25]), letters)! - 0.5,
    ) < 1e-12,
  );
  t.is(letterProbability(tokens(['A', 0.3], ['An', 0.6]), letters), 1);
  t.is(letterProbability(tokens(['好', 0.3]), letters), undefined);
  t.true(Math.abs(letterProbability(tokens(['1', 0.2], ['2', 0.6]), { a: '1', b: '2' })! - 0.25) < 1e-12);
});

test('answers without a verdict are counted by their reason, told, and never right', async (t) => {
  let n = 0;
  const kinds: Partial<Completion>[] = [
    { text: 'hm' },
    { text: 'thinking …', finish: 'length' },
    { finish: 'filtered' },
    { finish: 'too_long' },
  ];
  const { file } = await run(judgeBy(() => kinds[n++ % 4]!));
  t.deepEqual(file.report.judge!.unparsable_because, { no_verdict: 3, cut_off: 3, filtered: 3, too_long: 3 });
  t.is(file.report.cheems['accuracy-rank'], 0);
  t.regex(
    file.report.notes.join(),
    /without a verdict, which never make a pair right: 12 of 12 \(cut off at the token limit: 3; refused by a content filter: 3; too long for the judge: 3; no verdict in the answer: 3\)/,
  );
});

test('pairs of a data set: ranks where there are any, else annotations, each once', (t) => {
  const source = { file: 'f', line: 1 };
  const responses = ['x', 'y', 'z'].map((content, i) => ({ id: String(i), content }));
  const prompts = [
    {
      id: '0',
      prompt: 'q',
      responses,
      pairs: [
        [0, 1],
        [0, 1],
        [2, 2],
      ] as [number, number][],
      source,
    },
  ];
  t.deepEqual(pairsToJudge(prompts), [[[0, 1]]]);
  t.deepEqual(pairsToJudge([...prompts, { ...prompts[0]!, ranks: [3, 1, 3] }]), [
    [],
    [
      [1, 0],
      [1, 2],
    ],
  ]);
  t.is(bothOrders.showings(prompts[0]!, [[0, 1]]).length, 2);
});

test('benchmarks of pairs read the verdicts: right once and undecided once passes, right once and wrong once does not', async (t) => {
  const rows = ['sure', 'half', 'biased'].map((question, i) => ({
    id: String(i),
    prompt: question,
    chosen: 'good',
    rejected: 'bad',
  }));
  const judge = judgeBy((a, _, question) => ({
    text: question === 'biased' ? 'A' : question === 'half' && a === 'bad' ? 'neither' : a === 'good' ? 'A' : 'B',
  }));
  const predictor = judgePredictor({ completer: judge, templates: await findJudgeTemplate(bare) });
  const { tables, overall } = await evaluate({
    datasets: [{ name: 'd', dataset: datasetFromRows(rows, 'd') }],
    predictor,
    benchmark: 'pairs',
    bootstrap: { resamples: 0 },
  });
  t.true(Math.abs(overall - 2 / 3) < 1e-12, JSON.stringify([overall, tables]));
});

test('responses without text are refused by file and line', async (t) => {
  const dataset = datasetFromRows([{ chosen_ids: [1, 2], rejected_ids: [1, 3] }], 'ids.jsonl');
  await t.throwsAsync(run(longer(), {}, dataset), {
    name: 'DataError',
    message: /ids\.jsonl.*a judge reads texts, but response .* holds only token ids/,
  });
});

test('results.json, judgements.jsonl and the table', async (t) => {
  const { evaluation } = await run(longer());
  const written = await writeResults(join(folder, 'out'), evaluation);
  const results = JSON.parse(readFileSync(written.results, 'utf8'));
  t.like(results.files.data.judge, { judgements: 12, consistency: 1, unparsable_share: 0 });
  t.truthy(results.files.data.judge.formulas.position_bias);
  t.is(results.meta.model.judge, 'by-rule');
  const rows = readFileSync(written.judgements!, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.is(rows.length, 12);
  t.deepEqual(rows[1], {
    file: 'data',
    prompt_id: 'p',
    chosen: 'r0',
    rejected: 'r1',
    first: 'r1',
    second: 'r0',
    finish: 'stop',
    answer: 'B',
    verdict: 'B',
  });
  for (const width of [40, 80, 120]) {
    const text = formatEvaluation(evaluation, { lines: true, width }).replaceAll(/\s+/g, ' ');
    t.regex(text, /12 judgements of 6 pairs: right 0\.833, ties 0\.000, unparsable 0\.000/);
    t.regex(text, /consistency 1\.000/);
    t.regex(text, /position bias 0\.000/);
    t.notRegex(text, /reward n\/a|NaN/);
  }
});
