// Models free everything, disposed or not. A short run by default; scripts/test_long.sh sets CHEEMS_LOADS=1000.

import { execFile } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { engine } from '../engine/engine';
import { makeLanguageModelFolder } from '../testing/language_model_folder';

const run = promisify(execFile);
const loads = Number(process.env['CHEEMS_LOADS'] ?? 20);
const sizes = {
  hidden_size: 8,
  intermediate_size: 8,
  num_hidden_layers: 1,
  num_attention_heads: 1,
  num_key_value_heads: 1,
  max_position_embeddings: 512,
  tie_word_embeddings: true,
};
let languageModel: string;
let rewardModel: string;

test.before(async () => {
  languageModel = makeLanguageModelFolder({ config: sizes });
  await engine.initialize(join(languageModel, 'config.json'), 1, join(languageModel, 'model.safetensors'));
  rewardModel = makeLanguageModelFolder({ config: sizes });
  const model = await engine.loadModel({ folder: languageModel, createHead: true, seed: 1 });
  await model.saveWeights(join(rewardModel, 'model.safetensors'));
  await model.dispose();
  const config = join(rewardModel, 'config.json');
  writeFileSync(
    config,
    JSON.stringify({ ...JSON.parse(readFileSync(config, 'utf8')), architectures: ['Qwen2ForSequenceClassification'] }),
  );
});

for (const kind of ['disposed', 'dropped', 'disposedInTheMiddle', 'languageModel', 'languageModelDropped', 'failing']) {
  test.serial(`many loads leave memory and threads where they were, and the process ends: ${kind}`, async (t) => {
    t.timeout(1_200_000);
    const program = join(__dirname, '..', 'testing', 'load_many.js');
    const { stdout } = await run(process.execPath, [program, kind, String(loads), rewardModel, languageModel]);
    const { begun, ended } = JSON.parse(stdout) as Record<'begun' | 'ended', { megabytes: number; threads: number }>;
    t.log(stdout.trim());
    // A dropped model takes up to some 40 MiB and four threads until it is collected; what is bounded here is that they
    // add up.
    t.true(ended.threads <= begun.threads + 12, stdout);
    t.true(ended.megabytes <= begun.megabytes + 160, stdout);
  });
}

test.after.always(() => {
  for (const folder of [languageModel, rewardModel]) if (folder) rmSync(folder, { recursive: true, force: true });
});
