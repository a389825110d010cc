// Every kind of published reward head, from the model folder to the rewards, with the real engine.
// fixtures/reference/models/README.md tells the numbers' source.
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { readRows } from '../data/rows';
import { RewardModel } from './reward_model';
import type { RewardModelOptions } from './options';
import { scoreStream } from './stream';
import { linesTo } from '../continuing/row_output';

interface Reference {
  kind: string;
  token_rules?: { gating_pattern?: number[]; step_token_id?: number; reward_token_id?: number };
  pad_rule_eval?: { case: string; ids: number[]; reward_f64: number }[];
  eval: { ids: number[]; scored_position: number | number[]; reward_f64: number | number[] }[];
}

const ROOT = join(process.cwd(), 'fixtures', 'reference');
const FOLDERS = ['models', 'heads']
  .flatMap((room) => readdirSync(join(ROOT, room)).map((name) => join(ROOT, room, name)))
  .filter((folder) => existsSync(join(folder, 'reference.json')));
const readReference = (folder: string): Reference =>
  JSON.parse(readFileSync(join(folder, 'reference.json'), 'utf8')) as Reference;
const open = (name: string): string => FOLDERS.find((folder) => folder.endsWith(`/${name}`))!;

function optionsFor(
  folder: string,
  { token_rules: { gating_pattern } = {}, eval: [first] }: Reference,
): RewardModelOptions {
  const { scored_position: scored, ids } = first!;
  return {
    device: 'cpu',
    ...(gating_pattern ? { gatePattern: gating_pattern } : {}),
    ...(Array.isArray(scored) ? { stepToken: ids[scored[0]!] } : {}),
    ...(folder.endsWith('/nemotron') ? { rewardHead: 'vocabulary_row' } : {}),
  };
}

const close = (found: number, expected: number): boolean =>
  Math.abs(found - expected) <= 3e-5 * Math.max(1, Math.abs(expected));

for (const folder of FOLDERS) {
  const reference = readReference(folder);
  if (reference.kind !== 'reward') continue;
  test(`rewards of ${folder.slice(ROOT.length + 1)} are those of its published definition`, async (t) => {
    const model = await RewardModel.load(folder, optionsFor(folder, reference));
    const item = { responses: reference.eval.map(({ ids }) => ({ inputIds: ids })) };
    const rewards = model.rewardsSteps ? (await model.scoreSteps([item]))[0]! : (await model.score([item]))[0]!;
    for (const [i, { reward_f64: expected }] of reference.eval.entries()) {
      const [found, wanted] = [[rewards[i]!].flat(), [expected].flat()];
      t.is(found.length, wanted.length);
      for (const [step, reward] of found.entries())
        t.true(close(reward, wanted[step]!), `${reward} for ${wanted[step]}`);
    }
    await model.dispose();
  });
}

test('the reward token is put behind samples that lack it', async (t) => {
  const folder = open('internlm2-reward');
  const { eval: cases } = readReference(folder);
  const model = await RewardModel.load(folder, { device: 'cpu' });
  const [rewards] = await model.score([
    {
      responses: cases.map(({ ids }) => ({ inputIds: ids.slice(0, -1) })).filter(({ inputIds }) => inputIds.length > 0),
    },
  ]);
  for (const [i, reward] of rewards!.entries()) t.true(close(reward, cases[i]!.reward_f64 as number));
  await model.dispose();
});

test(
  'classifiers of transformers are read before padding, by its id, which is told once; folders with cheems.json ' +
    'at the last token',
  async (t) => {
    const notes: string[] = [];
    const source = join(ROOT, 'huggingface', 'qwen2-gqa'); // pad_token_id is 0 there
    const model = await RewardModel.load(source, { device: 'cpu', onNote: (sentence) => notes.push(sentence) });
    const [[bare, inside]] = (await model.score([{ responses: [{ inputIds: [5, 7] }, { inputIds: [5, 0, 7] }] }])) as [
      [number, number],
    ];
    t.deepEqual(notes, []);
    // transformers: the rightmost id that is not padding; of padding alone the first.
    const item = {
      responses: [{ inputIds: [5, 7, 0] }, { inputIds: [5, 0, 7, 0, 0] }, { inputIds: [0, 0] }, { inputIds: [0] }],
    };
    const [[one, two, only, first]] = (await model.score([item])) as [[number, number, number, number]];
    t.deepEqual([one, two, only], [bare, inside, first]);
    t.is(notes.length, 1);
    t.regex(notes[0]!, /pad_token_id 0, .* at the last token that is not padding/);
    await model.dispose();

    const folder = mkdtempSync(join(tmpdir(), 'cheems-pooling-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    cpSync(source, folder, { recursive: true });
    writeFileSync(join(folder, 'cheems.json'), JSON.stringify({ do_strip: true, compat: null }));
    const ours = await RewardModel.load(folder, { device: 'cpu' });
    const [[last]] = (await ours.score([{ responses: [{ inputIds: [5, 7, 0] }] }])) as [[number]];
    t.not(last, bare);
    await ours.dispose();
  },
);

for (const folder of FOLDERS) {
  const { pad_rule_eval: cases, ...reference } = readReference(folder);
  if (!cases) continue;
  test(`rewards of ${folder.slice(ROOT.length + 1)} are read where its published class finds the padding`, async (t) => {
    const model = await RewardModel.load(folder, optionsFor(folder, reference));
    const [rewards] = await model.score([{ responses: cases.map(({ ids }) => ({ inputIds: ids })) }]);
    for (const [i, { reward_f64: expected, case: name }] of cases.entries())
      t.true(close(rewards![i]!, expected), `${name}: ${rewards![i]!} for ${expected}`);
    await model.dispose();
  });
}

test('a language model is refused unless its row 0 is said to be the reward', async (t) => {
  const error = await t.throwsAsync(RewardModel.load(open('nemotron'), { device: 'cpu' }));
  t.regex(error.message, /no reward head.*`rewardHead: vocabulary_row`/);
});

test('a gate without its pattern, and a sample without it, are told with what to do', async (t) => {
  const folder = open('armorm');
  const error = await t.throwsAsync(RewardModel.load(folder, { device: 'cpu' }));
  t.regex(error.message, /`gatePattern`.*tokenizer\.json/);
  const model = await RewardModel.load(folder, optionsFor(folder, readReference(folder)));
  const missing = await t.throwsAsync(model.score([{ responses: [{ inputIds: [3, 4, 5] }] }]));
  t.regex(missing.message, /items:1.*nowhere in the sample.*`gatePattern`/);
  await model.dispose();
});

test('steps become one reward as asked, and are refused where one is needed and nothing was asked', async (t) => {
  const folder = open('qwen2-math-prm');
  const reference = readReference(folder);
  const options = optionsFor(folder, reference);
  const responses = reference.eval.map(({ ids }) => ({ inputIds: ids }));
  const steps = await RewardModel.load(folder, options);
  const refused = await t.throwsAsync(steps.score([{ responses }]));
  t.regex(refused.message, /rewards each step.*`stepReward: min/);
  await steps.dispose();
  const wanted = reference.eval.map(({ reward_f64 }) => reward_f64 as number[]);
  const joined = {
    min: (x: number[]) => Math.min(...x),
    mean: (x: number[]) => x.reduce((a, b) => a + b, 0) / x.length,
    product: (x: number[]) => x.reduce((a, b) => a * b, 1),
    last: (x: number[]) => x.at(-1)!,
  };
  for (const [stepReward, join] of Object.entries(joined) as [keyof typeof joined, (x: number[]) => number][]) {
    const model = await RewardModel.load(folder, { ...options, stepReward });
    const [rewards] = await model.score([{ responses }]);
    for (const [i, reward] of rewards!.entries()) t.true(close(reward, join(wanted[i]!)), stepReward);
    await model.dispose();
  }
});

test('score writes the rewards of all steps, one list per response', async (t) => {
  const folder = open('qwen2-math-prm');
  const reference = readReference(folder);
  const scratch = mkdtempSync(join(tmpdir(), 'cheems-steps-'));
  t.teardown(() => rmSync(scratch, { recursive: true }));
  const input = join(scratch, 'rows.jsonl');
  writeFileSync(input, reference.eval.map(({ ids }, id) => JSON.stringify({ id, input_ids: ids })).join('\n'));
  const model = await RewardModel.load(folder, optionsFor(folder, reference));
  let text = '';
  await scoreStream({
    rows: readRows(input),
    name: input,
    batchTokens: 1000,
    scorer: {
      tokenize: (row) => model.tokenize(row),
      score: (groups, stop) => model.scoreGroups(groups, stop),
      stepsOf: (sample) => model.rewardCount(sample),
    },
    output: linesTo(async (lines) => void (text += lines)),
  });
  const rows = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { id: number; rewards: number[] });
  for (const [i, { id, rewards }] of rows.entries()) {
    t.is(id, i);
    const wanted = reference.eval[i]!.reward_f64 as number[];
    t.true(rewards.length === wanted.length && rewards.every((reward, step) => close(reward, wanted[step]!)));
  }
  await model.dispose();
});
