// Reward models whose head has several layers go on being trained: their tensors, class and labels stay, so that their
// own code reads what comes out.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { engine } from '../engine/engine';
import { RewardModel } from '../scoring/reward_model';
import { readSafetensors } from '../testing/fake_engine';
import type { TrainCallbacks } from './events';
import { train } from './loop';

const ROOT = join(__dirname, '..', '..', 'fixtures', 'reference');
const folderOf = (name: string): string => join(ROOT, name === 'grm-mlp-deep' ? 'heads' : 'models', name);

function temporaryFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'cheems-layers-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const configIn = (folder: string) =>
  JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as Record<string, unknown>;

/** The reference's samples, of which no two have the same prompt: each pair is one prompt with two responses. */
function optionsFor(folder: string, name: string, more: object = {}): Record<string, unknown> {
  const { eval: cases } = JSON.parse(readFileSync(join(folderOf(name), 'reference.json'), 'utf8')) as {
    eval: { ids: number[] }[];
  };
  const rows = [0, 2, 4].map((i) =>
    JSON.stringify({
      input: `prompt ${i}`,
      responses: [i, i + 1].map((sample) => ({ id: String(sample), input_ids: cases[sample]!.ids })),
      annotations: [[String(i + 1), String(i), '1']],
    }),
  );
  const file = join(folder, 'rows.jsonl');
  writeFileSync(file, rows.join('\n'));
  return {
    model_path: folderOf(name),
    train_data_path: file,
    test_data_path: file,
    output_dir: join(folder, 'out'),
    report_to: 'none',
    global_batch_size: 6,
    max_steps: 4,
    evaluation_strategy: 'steps',
    eval_steps: 4,
    learning_rate: 1e-3,
    lr_scheduler_type: 'constant',
    warmup_ratio: 0,
    num_threads: 1,
    device: 'cpu',
    ...more,
  };
}

for (const name of ['inf-orm', 'qwen2-math-rm', 'grm-mlp', 'grm-mlp-deep']) {
  test(`${name}: trains, goes on as if never stopped, and its folder scores what was trained`, async (t) => {
    const folder = temporaryFolder(t);
    const losses: number[] = [];
    const options = optionsFor(folder, name);
    const whole = await train(options, { engine, callbacks: { onStep: ({ loss }) => losses.push(loss) } });
    t.is(losses.length, 4);
    t.true(losses[3]! < losses[0]!, losses.join());

    const stopped = { ...options, output_dir: join(folder, 'stopped') };
    const stop = new AbortController();
    const onStep: TrainCallbacks['onStep'] = ({ step }) => (step === 2 ? stop.abort() : undefined);
    t.true((await train(stopped, { engine, stop: stop.signal, callbacks: { onStep } })).interrupted);
    const resumed = await train({ ...stopped, resume_if_possible: true }, { engine });
    for (const file of ['model.safetensors', 'config.json', 'cheems.json'])
      t.deepEqual(readFileSync(join(resumed.modelFolder!, file)), readFileSync(join(whole.modelFolder!, file)), file);

    const [before, after] = [folderOf(name), whole.modelFolder!].map((one) =>
      readSafetensors(join(one, 'model.safetensors')),
    );
    const isOfHead = (tensor: string) => /^(score|v_head)\./.test(tensor);
    t.deepEqual(Object.keys(after!).filter(isOfHead).sort(), Object.keys(before!).filter(isOfHead).sort());
    for (const tensor of Object.keys(after!)) t.notDeepEqual(after![tensor], before![tensor], tensor);
    const [base, trained] = [configIn(folderOf(name)), configIn(whole.modelFolder!)];
    for (const [key, value] of Object.entries(base)) if (key !== 'pad_token_id') t.deepEqual(trained[key], value, key);
    const facts = JSON.parse(readFileSync(join(whole.modelFolder!, 'cheems.json'), 'utf8')) as { reward_head: string };

    const model = await RewardModel.load(whole.modelFolder!, { device: 'cpu' });
    t.is(model.head.kind, 'relu_layers');
    t.is(model.head.source, facts.reward_head);
    const ids = readFileSync(options['test_data_path'] as string, 'utf8')
      .split('\n')
      .flatMap((row) => (JSON.parse(row) as { responses: { input_ids: number[] }[] }).responses)
      .map(({ input_ids: inputIds }) => ({ inputIds }));
    t.deepEqual(
      (await model.score([{ responses: ids }])).flat(),
      whole.evaluation!.rewards.flatMap((rewards) => [...rewards]),
    );
    await model.dispose();
  });
}

test('a class that reads before the first padding gets a pad token that no sample holds', async (t) => {
  const folder = temporaryFolder(t);
  const base = join(folder, 'base');
  cpSync(folderOf('inf-orm'), base, { recursive: true });
  const options = optionsFor(folder, 'inf-orm', { model_path: base, max_steps: 1 });
  const held = new Set(
    readFileSync(options['train_data_path'] as string, 'utf8')
      .split('\n')
      .flatMap((row) => (JSON.parse(row) as { responses: { input_ids: number[] }[] }).responses)
      .flatMap(({ input_ids }) => input_ids.slice(0, -1)),
  );
  const [inside] = [...held].filter((id) => id > 2);
  writeFileSync(join(base, 'config.json'), JSON.stringify({ ...configIn(base), pad_token_id: inside }));
  const said: string[] = [];
  const { modelFolder } = await train(options, { engine, callbacks: { onLog: ({ message }) => said.push(message) } });
  t.false(held.has(configIn(modelFolder!)['pad_token_id'] as number));
  t.true(said.some((line) => /Samples (hold|end with) the id that is padding/.test(line)));
});

test(
  "the Python files of the model's class go along with it; where one is missing, config.json names none and the " +
    'run says so',
  async (t) => {
    const folder = temporaryFolder(t);
    const base = join(folder, 'base');
    mkdirSync(base);
    cpSync(folderOf('inf-orm'), base, { recursive: true });
    const autoMap = {
      AutoModel: 'modeling_x.X',
      AutoConfig: 'owner/name--configuration_x.C',
      AutoTokenizer: ['t.T', null],
    };
    writeFileSync(join(base, 'config.json'), JSON.stringify({ ...configIn(base), auto_map: autoMap }));
    writeFileSync(join(base, 'modeling_x.py'), 'import torch\nfrom .layers_x import Layers\n');
    writeFileSync(join(base, 'layers_x.py'), 'class Layers: pass\n');
    writeFileSync(join(base, 'unrelated.py'), '');
    const options = optionsFor(folder, 'inf-orm', { model_path: base, max_steps: 1 });
    const { modelFolder } = await train(options, { engine });
    t.deepEqual(configIn(modelFolder!)['auto_map'], { AutoModel: autoMap.AutoModel, AutoConfig: autoMap.AutoConfig });
    for (const file of ['modeling_x.py', 'layers_x.py'])
      t.deepEqual(readFileSync(join(modelFolder!, file)), readFileSync(join(base, file)));
    t.throws(() => readFileSync(join(modelFolder!, 'unrelated.py')));

    rmSync(join(base, 'layers_x.py'));
    const said: string[] = [];
    const other = await train(
      { ...options, output_dir: join(folder, 'other') },
      { engine, callbacks: { onLog: ({ message }) => said.push(message) } },
    );
    t.false('auto_map' in configIn(other.modelFolder!));
    t.true(said.some((line) => line.includes('auto_map: layers_x.py')));
  },
);

test('the plan counts the layers of the head', async (t) => {
  const plan = await engine.planMemory({ folder: folderOf('grm-mlp-deep'), purpose: 'train', microBatchTokens: 64 });
  const { parameters } = await engine.readArchitecture(folderOf('grm-mlp-deep'));
  const gradients = plan.entries.find(({ kind }) => kind === 'gradients')!.bytes;
  // readArchitecture counts a linear head, 32 numbers; this one has 24 * 32 + 24 + 24 * 24 + 24 + 24 + 1.
  t.true(gradients >= 4 * (parameters - 32 + 1417), `${gradients} for ${parameters}`);
});

test('heads whose gradient is not known are refused with what is', async (t) => {
  const folder = temporaryFolder(t);
  for (const [name, kind] of [
    ['armorm', 'gated_attributes'],
    ['urm', 'weighted_attributes'],
    ['qwen2-math-prm', 'process'],
  ] as const) {
    const options = { ...optionsFor(folder, 'inf-orm'), model_path: folderOf(name) };
    const error = await t.throwsAsync(train({ ...options, output_dir: join(folder, name) }, { engine }));
    t.regex(
      error.message,
      new RegExp(`reward head of kind ${kind}.*not trained: training knows linear heads and layers`),
    );
  }
});
