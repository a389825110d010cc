// A real language model, SmolLM2-135M, against float64 and transformers: rewards, gradients, three steps, greedy text.
// The weights (540 MB twice) are no part of the package: fixtures/reference/smollm2/README.md says how the folders are
// made; without them this is skipped.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { engine } from '../engine/engine';
import { LanguageModel } from '../generation/language_model';
import { RewardModel } from '../scoring/reward_model';
import { train } from './loop';

const ROOT = join(__dirname, '../..');
const MODELS = process.env['CHEEMS_SMOLLM2'] ?? join(ROOT, 'models/smollm2');
const [LANGUAGE_MODEL, REWARD_MODEL] = [join(MODELS, 'language_model'), join(MODELS, 'reward_model')];
const isThere = [LANGUAGE_MODEL, REWARD_MODEL].every((folder) => existsSync(join(folder, 'config.json')));
const realTest = isThere ? test.serial : test.skip;
if (!isThere)
  process.stderr.write(
    `SKIPPED: real weights. ${MODELS} (or CHEEMS_SMOLLM2) has no language_model and reward_model; ` +
      'fixtures/reference/smollm2/README.md tells how to make them.\n',
  );

interface Recorded {
  rewards: { ids: number[][]; float64: number[]; transformers_float32: number[] };
  gradients: Record<string, { rms: number; places: number[]; float64: number[]; transformers_float32: number[] }>;
  greedy: { prompt: string; tokens: number[]; text: string }[];
  three_steps: {
    torch_float64: { loss: number; grad_norm?: number }[];
    samples: { chosen: number[]; rejected: number[] }[];
  };
}
const recorded = JSON.parse(readFileSync(join(ROOT, 'fixtures/reference/smollm2/recorded.json'), 'utf8')) as Recorded;

const rootMeanSquare = (values: readonly number[]): number =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
const differences = (a: readonly number[], b: readonly number[]): number[] => a.map((value, i) => value - b[i]!);

realTest('rewards are no further from float64 than transformers float32 is', async (t) => {
  t.timeout(600_000);
  const { ids, float64, transformers_float32: theirs } = recorded.rewards;
  const model = await RewardModel.load(REWARD_MODEL, { device: 'cpu' });
  const rewards = await model.score(ids.map((inputIds) => ({ responses: [{ inputIds }] })));
  await model.dispose();
  const [ours, other] = [
    differences(
      rewards.map(([reward]) => reward!),
      float64,
    ),
    differences(theirs, float64),
  ].map(rootMeanSquare) as [number, number];
  t.log(
    `rewards against float64, root mean square: ${ours.toExponential(2)}; transformers ` +
      `${other.toExponential(2)}; ratio ${(ours / other).toFixed(2)}`,
  );
  t.true(ours <= other);
});

/** Values of one tensor of a safetensors file. */
async function readPlaces(file: string, name: string, places: readonly number[]): Promise<number[]> {
  const handle = await open(file);
  try {
    const size = Number((await handle.read(Buffer.alloc(8), 0, 8, 0)).buffer.readBigUInt64LE());
    const header = JSON.parse((await handle.read(Buffer.alloc(size), 0, size, 8)).buffer.toString()) as Record<
      string,
      { dtype: string; data_offsets: [number, number] }
    >;
    const {
      dtype,
      data_offsets: [begin],
    } = header[name]!;
    if (dtype !== 'F32') throw new Error(`${name} is ${dtype}`);
    return await Promise.all(
      places.map(async (place) =>
        (await handle.read(Buffer.alloc(4), 0, 4, 8 + size + begin + 4 * place)).buffer.readFloatLE(),
      ),
    );
  } finally {
    await handle.close();
  }
}

const OPTIONS = {
  learning_rate: 1e-5,
  lr_scheduler_type: 'constant',
  warmup_ratio: 0,
  do_shuffle: false,
  device: 'cpu',
  report_to: 'none',
  num_train_epochs: 9,
};

function rowsIn(folder: string): string {
  const file = join(folder, 'rows.jsonl');
  const rows = recorded.three_steps.samples.map(({ chosen, rejected }) => ({
    chosen_ids: chosen,
    rejected_ids: rejected,
  }));
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return file;
}

realTest('gradients are no further from float64 than those of transformers float32', async (t) => {
  t.timeout(600_000);
  const folder = mkdtempSync(join(tmpdir(), 'cheems-real-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const output_dir = join(folder, 'out');
  // After one step that does not clip, the first moment is a tenth of the gradient.
  await train(
    {
      ...OPTIONS,
      model_path: REWARD_MODEL,
      train_data_path: rowsIn(folder),
      output_dir,
      max_steps: 1,
      max_grad_norm: 0,
    },
    { engine },
  );
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (const [name, { rms, places, float64, transformers_float32 }] of Object.entries(recorded.gradients)) {
    const found = await readPlaces(
      join(output_dir, 'checkpoint-1', 'optimizer.safetensors'),
      `first_moment.${name}`,
      places,
    );
    ours.push(
      ...differences(
        found.map((value) => value * 10),
        float64,
      ).map((error) => error / rms),
    );
    theirs.push(...differences(transformers_float32, float64).map((error) => error / rms));
  }
  const [our, their] = [rootMeanSquare(ours), rootMeanSquare(theirs)];
  t.log(
    `gradients against float64, in each tensor's own size: ${our.toExponential(2)}; transformers ` +
      `${their.toExponential(2)}; ratio ${(our / their).toFixed(2)}`,
  );
  t.true(our <= their);
});

realTest('three training steps are those of float64', async (t) => {
  t.timeout(600_000);
  const folder = mkdtempSync(join(tmpdir(), 'cheems-real-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const steps: { loss: number; gradientNorm: number }[] = [];
  await train(
    {
      ...OPTIONS,
      model_path: REWARD_MODEL,
      train_data_path: rowsIn(folder),
      output_dir: join(folder, 'out'),
      max_steps: 3,
      save_strategy: 'no',
    },
    { engine, callbacks: { onStep: ({ loss, gradientNorm }) => steps.push({ loss, gradientNorm }) } },
  );
  for (const [i, { loss, gradientNorm }] of steps.entries()) {
    const expected = recorded.three_steps.torch_float64[i]!;
    t.true(Math.abs(loss - expected.loss) <= 1e-5, `step ${i + 1}: loss ${loss} for ${expected.loss}`);
    t.true(
      Math.abs(gradientNorm / expected.grad_norm! - 1) <= 1e-4,
      `step ${i + 1}: gradient norm ${gradientNorm} for ${expected.grad_norm!}`,
    );
  }
});

realTest("greedy text is transformers' to the letter", async (t) => {
  t.timeout(600_000);
  const model = await LanguageModel.load(LANGUAGE_MODEL, { device: 'cpu' });
  for (const { prompt, tokens, text } of recorded.greedy) {
    const [answer] = await model.generate([{ prompt }], { temperature: 0, maxTokens: tokens.length });
    // A character that the last token cuts is U+FFFD there.
    t.is(answer!.text.trim(), text.replace(/\uFFFD$/, '').trim());
  }
  await model.dispose();
});
