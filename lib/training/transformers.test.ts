// What `train` writes, transformers loads as …ForSequenceClassification with the same rewards.
//
// Each case is a base folder taken through a whole `train` at learning rate 0, so the written weights must be the
// base's to the bit. Where a Python with transformers is found (CHEEMS_PYTHON, else python3), it scores the written
// folders, each sample alone and all of a case in one padded batch. Everywhere the rewards are compared with those
// recorded from it in fixtures/reference/transformers/recorded.json, beside the digests of the files that it scored: a
// record of other bytes proves nothing and fails. UPDATE_RECORDED=1 with such a Python writes the record anew.
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { engine } from '../engine/engine';
import { readSafetensors } from '../testing/fake_engine';
import { parseKeepingNumbers, stringifyKeepingNumbers } from '../files/exact_json';
import { train } from './loop';
import { sha256 } from '../support/sha256';

const run = promisify(execFile);
const ROOT = join(__dirname, '..', '..');
const FIXTURES = join(ROOT, 'fixtures', 'reference', 'huggingface');
const RECORD_FILE = join(ROOT, 'fixtures', 'reference', 'transformers', 'recorded.json');
const SCRIPT = join(ROOT, 'scripts', 'testing', 'verify_with_transformers.py');
const UPDATING = process.env['UPDATE_RECORDED'] === '1';

/** Where the tolerance of a float32 reward comes from: fixtures/reference/huggingface/README.md. */
const tolerance = (reward: number): number => 2e-5 * Math.max(1, Math.abs(reward));

interface Case {
  name: string;
  fixture: string;
  config?: 'config.legacy.json';
  /** What the base's config.json says otherwise. */
  change?: Record<string, unknown>;
  /** model.safetensors made another. */
  weights?: (file: Buffer) => Buffer;
  /** An id that ends every sample, as an end-of-turn marker does. */
  ending?: number;
  /** The base has no reward head: train makes one. */
  newHead?: boolean;
}

const CLASSIFIERS = [
  'llama-gqa',
  'llama3-rope',
  'mistral-sliding',
  'qwen2-gqa',
  'qwen2-tied',
  'qwen3-qknorm',
  'gemma-mqa',
  'gemma2-softcap',
];
const CLASS_PREFIXES = {
  gemma2: 'Gemma2',
  gemma: 'Gemma',
  llama: 'Llama',
  mistral: 'Mistral',
  qwen2: 'Qwen2',
  qwen3: 'Qwen3',
};
const LANGUAGE_MODELS = ['qwen2-causal', 'qwen2-causal-tied'];
/** Samples for the language models, whose fixtures have none with rewards; the same vocabulary. */
const SAMPLES_OF_OTHERS = 'qwen2-gqa';

/** As the original saves a reward model: a language model with its lm_head, and the head beside it. */
function asOriginal(file: Buffer): Buffer {
  const length = Number(file.readBigUInt64LE(0));
  const { 'score.weight': head, ...header } = JSON.parse(file.toString('utf8', 8, 8 + length)) as Record<
    string,
    { data_offsets: [number, number] }
  >;
  const data = file.subarray(8 + length);
  const embedding = header['model.embed_tokens.weight']!;
  const lmHead = data.subarray(...embedding.data_offsets);
  const text = Buffer.from(
    JSON.stringify({
      ...header,
      'v_head.weight': head,
      'lm_head.weight': { ...embedding, data_offsets: [data.length, data.length + lmHead.length] },
    }),
  );
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([size, text, data, lmHead]);
}

const spellings = (fixture: string, more: Partial<Case> = {}): Case[] => [
  { name: fixture, fixture, ...more },
  { name: `${fixture}, config.legacy.json`, fixture, config: 'config.legacy.json', ...more },
];

const CASES: Case[] = [
  ...CLASSIFIERS.flatMap((fixture) => spellings(fixture)),
  ...LANGUAGE_MODELS.flatMap((fixture) => spellings(fixture, { newHead: true })),
  {
    name: "the original's v_head.weight",
    fixture: 'qwen2-gqa',
    change: { architectures: ['RewardModel'] },
    weights: asOriginal,
  },
  // transformers reads the reward at the last id that is not pad_token_id: with the base's it would be one token early.
  {
    name: "a base whose pad token is the samples' end token",
    fixture: 'qwen2-gqa',
    change: { pad_token_id: 43 },
    ending: 43,
  },
  { name: 'a base without a pad token', fixture: 'llama-gqa', change: { pad_token_id: null }, ending: 96 },
];

interface Reference {
  eval: { ids: number[]; reward_f64: number }[];
  train: { groups: { prompt: number[]; responses: number[][]; indices: number[] }[]; pairs: [number, number][] };
}

interface PythonReward {
  /** The sample alone. */
  reward: number;
  /** The sample in a padded batch with all others of its case. */
  padded_reward: number;
}

interface CaseRecord {
  /** SHA-256 of model.safetensors, and of config.json less transformers_version. */
  weights: string;
  config: string;
  rewards: PythonReward[];
}

interface RecordFile {
  about: string;
  transformers: string;
  torch: string;
  cases: Record<string, CaseRecord>;
}

interface Written {
  base: string;
  folder: string;
  rowsFile: string;
  samples: number[][];
  ownRewards: number[];
}

const readJson = <T>(...path: string[]): T => JSON.parse(readFileSync(join(...path), 'utf8')) as T;

function referenceOf({ fixture }: Case): Reference {
  return readJson(FIXTURES, LANGUAGE_MODELS.includes(fixture) ? SAMPLES_OF_OTHERS : fixture, 'reference.json');
}

function makeBase(one: Case, folder: string): void {
  mkdirSync(folder);
  // transformers refuses a 30 where it wants a 30.0.
  const config = {
    ...(parseKeepingNumbers(readFileSync(join(FIXTURES, one.fixture, one.config ?? 'config.json'), 'utf8')) as object),
    ...one.change,
  };
  writeFileSync(join(folder, 'config.json'), stringifyKeepingNumbers(config));
  const weights = readFileSync(join(FIXTURES, one.fixture, 'model.safetensors'));
  writeFileSync(join(folder, 'model.safetensors'), one.weights?.(weights) ?? weights);
}

function trainingRows({ ending }: Case, { train: { groups, pairs } }: Reference): string {
  const end = ending === undefined ? [] : [ending];
  return groups
    .map(({ prompt, responses, indices }, group) =>
      JSON.stringify({
        input: `group ${group}`,
        responses: responses.map((response, i) => ({
          id: String(indices[i]),
          input_ids: [...prompt, ...response, ...end],
        })),
        annotations: pairs
          .filter(([chosen]) => indices.includes(chosen))
          .map(([chosen, rejected]) => [String(chosen), String(rejected), '1']),
      }),
    )
    .join('\n');
}

async function scoreHere(folder: string, samples: number[][]): Promise<number[]> {
  const model = await engine.loadModel({ folder, numThreads: 1 });
  const offsets = Int32Array.from([0, ...samples.map((_, i) => samples.slice(0, i + 1).flat().length)]);
  const { rewards } = await model.score({
    tokens: Int32Array.from(samples.flat()),
    offsets,
    groups: Int32Array.from(samples.keys()),
  });
  await model.dispose();
  return [...rewards];
}

/** Trains a case's base at learning rate 0 and scores what was written. */
async function write(one: Case, root: string): Promise<Written> {
  const place = join(root, String(CASES.indexOf(one)));
  mkdirSync(place);
  const base = join(place, 'base');
  makeBase(one, base);
  const reference = referenceOf(one);
  const data = join(place, 'train.jsonl');
  writeFileSync(data, trainingRows(one, reference));
  const { modelFolder } = await train(
    {
      model_path: base,
      train_data_path: data,
      output_dir: join(place, 'out'),
      report_to: 'none',
      max_steps: 1,
      global_batch_size: 11,
      learning_rate: 0,
      weight_decay: 0.01,
      seed: 7,
      num_threads: 1,
    },
    { engine },
  );
  const samples = reference.eval.map(({ ids }) => (one.ending === undefined ? ids : [...ids, one.ending]));
  const rowsFile = join(place, 'rows.jsonl');
  writeFileSync(rowsFile, samples.map((input_ids, id) => `${JSON.stringify({ id, input_ids })}\n`).join(''));
  return { base, folder: modelFolder!, rowsFile, samples, ownRewards: await scoreHere(modelFolder!, samples) };
}

interface Python {
  command: string;
  transformers: string;
  torch: string;
}

/** Undefined where python3 has no transformers; CHEEMS_PYTHON without it is an error. */
async function findPython(): Promise<Python | undefined> {
  const chosen = process.env['CHEEMS_PYTHON'];
  const command = chosen ?? 'python3';
  try {
    const { stdout } = await run(command, [
      '-c',
      'import json, torch, transformers; print(json.dumps({"transformers": transformers.__version__, "torch": ' +
        'torch.__version__}))',
    ]);
    return { command, ...(JSON.parse(stdout) as { transformers: string; torch: string }) };
  } catch (error) {
    if (chosen !== undefined)
      throw new Error(
        `CHEEMS_PYTHON is ${chosen}, but that cannot import transformers and torch: ${(error as Error).message}`,
      );
    if (UPDATING)
      throw new Error('UPDATE_RECORDED=1 needs a Python with transformers and torch: name it in CHEEMS_PYTHON.');
    return undefined;
  }
}

/** transformers' rewards of several folders, from one process: starting it is what takes the time. */
async function scoreInPython(
  { command }: Python,
  jobs: { folder: string; rowsFile: string; samples: number[][] }[],
): Promise<PythonReward[][]> {
  const { stdout } = await run(
    command,
    [SCRIPT, '--padded-batch', ...jobs.flatMap(({ folder, rowsFile }) => [folder, rowsFile])],
    { env: { ...process.env, OMP_NUM_THREADS: '1' } },
  );
  const rows = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as PythonReward & { id: number });
  return jobs.map(({ samples }) =>
    rows.splice(0, samples.length).map(({ reward, padded_reward }) => ({ reward, padded_reward })),
  );
}

function describeWritten({ folder }: Written): Pick<CaseRecord, 'weights' | 'config'> {
  const { transformers_version: _, ...config } = readJson<Record<string, unknown>>(folder, 'config.json');
  return { weights: sha256(readFileSync(join(folder, 'model.safetensors'))), config: sha256(JSON.stringify(config)) };
}

function saveRecord({ transformers, torch }: Python): void {
  const about =
    'Rewards by transformers of the folders that lib/training/transformers.test.ts makes: each sample alone, ' +
    'and in one padded batch. weights: SHA-256 of model.safetensors; config: SHA-256 of config.json without ' +
    'transformers_version, as JSON.stringify writes it. Written anew by UPDATE_RECORDED=1.';
  const cases = Object.fromEntries(
    CASES.map(({ name }) => [name, { ...describeWritten(written.get(name)!), rewards: live.get(name)! }]),
  );
  const text = JSON.stringify({ about, transformers, torch, cases } satisfies RecordFile, null, 1);
  // One line per sample.
  writeFileSync(
    RECORD_FILE,
    `${text.replace(/\{\s+("reward": [^,]+),\s+("padded_reward": [^\s}]+)\s+\}/g, '{$1, $2}')}\n`,
  );
}

const written = new Map<string, Written>();
const live = new Map<string, PythonReward[]>();
/** By transformers too, but with the base's own pad_token_id. */
const underBasePad = new Map<string, PythonReward[]>();
let python: Python | undefined;
let root: string;

test.before(async () => {
  root = mkdtempSync(join(tmpdir(), 'cheems-transformers-'));
  for (const one of CASES) written.set(one.name, await write(one, root));
  python = await findPython();
  if (!python) return;
  const padded = CASES.filter(({ change }) => typeof change?.['pad_token_id'] === 'number');
  const jobs = [
    ...CASES.map(({ name }) => written.get(name)!),
    ...padded.map(({ name }) => ({ ...written.get(name)!, folder: written.get(name)!.base })),
  ];
  const rewards = await scoreInPython(python, jobs);
  for (const [i, { name }] of CASES.entries()) live.set(name, rewards[i]!);
  for (const [i, { name }] of padded.entries()) underBasePad.set(name, rewards[CASES.length + i]!);
  if (UPDATING) saveRecord(python);
});

test.after.always(() => rmSync(root, { recursive: true, force: true }));

/** Our rewards against transformers', alone and padded; logs the largest differences. */
function compare(t: ExecutionContext, one: Case, own: number[], theirs: PythonReward[], from: string): void {
  // What float32 costs transformers itself, which counts for Gemma 2.
  const theirError = LANGUAGE_MODELS.includes(one.fixture)
    ? 0
    : readJson<{ eval_hf_f32_max_err: number }>(FIXTURES, one.fixture, 'reference.json').eval_hf_f32_max_err;
  t.is(theirs.length, own.length);
  const differences = { reward: 0, padded_reward: 0 };
  for (const [i, reward] of own.entries()) {
    for (const kind of ['reward', 'padded_reward'] as const) {
      const expected = theirs[i]![kind];
      const difference = Math.abs(reward - expected);
      differences[kind] = Math.max(differences[kind], difference);
      t.true(
        difference <= tolerance(expected) + theirError,
        `sample ${i}: ${reward} here, ${expected} (${kind}) ${from}`,
      );
    }
  }
  t.log(
    `largest difference ${from}: ${differences.reward.toExponential(1)} alone, ` +
      `${differences.padded_reward.toExponential(1)} in a padded batch`,
  );
}

for (const one of CASES) {
  test(`${one.name}: the written folder is a classifier with the base's weights, to the bit`, (t) => {
    const { base, folder } = written.get(one.name)!;
    const config = readJson<{ architectures: string[]; num_labels: number; id2label: object }>(folder, 'config.json');
    const [, prefix] = Object.entries(CLASS_PREFIXES).find(([family]) => one.fixture.startsWith(family))!;
    t.like(config, {
      architectures: [`${prefix}ForSequenceClassification`],
      num_labels: 1,
      id2label: { 0: 'LABEL_0' },
    });
    const {
      'lm_head.weight': _,
      'v_head.weight': originalHead,
      ...source
    } = readSafetensors(join(base, 'model.safetensors'));
    const { 'score.weight': head, ...body } = readSafetensors(join(folder, 'model.safetensors'));
    const { 'score.weight': sourceHead = originalHead, ...sourceBody } = source;
    t.deepEqual(Object.keys(body).sort(), Object.keys(sourceBody).sort());
    const bits = (values: Float32Array) => Buffer.from(values.buffer, values.byteOffset, values.byteLength);
    for (const [name, values] of Object.entries(sourceBody)) t.true(bits(values).equals(bits(body[name]!)), name);
    if (one.newHead) t.true(head!.some((value) => value !== 0));
    else t.true(bits(sourceHead!).equals(bits(head!)), 'score.weight');
  });

  test(`${one.name}: transformers' rewards are ours`, (t) => {
    const { ownRewards } = written.get(one.name)!;
    const theirs = live.get(one.name);
    if (theirs) compare(t, one, ownRewards, theirs, `by transformers ${python!.transformers}`);
    else t.log('no Python with transformers here (CHEEMS_PYTHON names one): compared with the recorded rewards only');

    const record = readJson<RecordFile>(RECORD_FILE);
    const recorded = record.cases[one.name];
    if (!recorded) return t.fail(`${RECORD_FILE} has no "${one.name}"; record it with UPDATE_RECORDED=1`);
    const { rewards, ...files } = recorded;
    t.deepEqual(
      describeWritten(written.get(one.name)!),
      files,
      'other bytes are written than those that the record is about; convert it with UPDATE_RECORDED=1',
    );
    compare(t, one, ownRewards, rewards, `as recorded of transformers ${record.transformers}`);
  });
}

for (const { name, change } of CASES.filter(({ change }) => change && 'pad_token_id' in change)) {
  test(`${name}: the written config.json has a pad_token_id that ends no sample`, (t) => {
    const { folder, samples, ownRewards } = written.get(name)!;
    const { pad_token_id: pad } = readJson<{ pad_token_id: unknown }>(folder, 'config.json');
    t.true(Number.isInteger(pad));
    t.false(samples.some((sample) => sample.at(-1) === pad));
    const wrong = underBasePad.get(name);
    if (wrong)
      t.true(
        wrong.some(({ reward }, i) => Math.abs(reward - ownRewards[i]!) > 1e-3),
        `with pad_token_id ${String(change!['pad_token_id'])} transformers must read another token, or this ` +
          'case shows nothing',
      );
  });
}
