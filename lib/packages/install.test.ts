// What users get: the tarballs, installed in an empty folder far from this clone, without a registry and without
// scripts; a model trained, evaluated and scored with there by require, import and npx; the types, under each kind of
// resolution.
import { execFile } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { packageFolder } from '../support/package_folder';
import { startRegistry } from '../testing/stand_in_registry';

const root = packageFolder();
const base = realpathSync(mkdtempSync(join(tmpdir(), 'cheems-install-')));
chmodSync(base, 0o755);
const project = join(base, 'project');
const tarballs = join(base, 'tarballs');
mkdirSync(project);
test.after.always(() => rmSync(base, { recursive: true, force: true }));

// Nothing of the machine's own npm: neither its settings nor what it has fetched before.
const env = {
  PATH: process.env['PATH'],
  HOME: base,
  npm_config_cache: join(base, 'cache'),
  npm_config_audit: 'false',
  npm_config_fund: 'false',
  npm_config_update_notifier: 'false',
};

const execute = promisify(execFile);
async function run(
  program: string,
  words: readonly string[],
  options: { env?: Record<string, string> } = {},
): Promise<string> {
  try {
    const { stdout } = await execute(program, words, {
      cwd: project,
      env: { ...env, ...options.env },
      maxBuffer: 2 ** 26,
    });
    return stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${program} ${words.join(' ')}\n${stdout}\n${stderr}`, { cause: error });
  }
}

const options = {
  max_steps: 2,
  global_batch_size: 8,
  learning_rate: 1e-3,
  seed: 3,
  save_strategy: 'no',
} as const;

/** Trains, evaluates and scores; prints the rewards. */
const PROGRAM = `
async function main([output_dir]) {
  await train({ model_path: 'base', train_data_path: 'data.jsonl', output_dir, ...${JSON.stringify(options)} });
  const model = await RewardModel.load(output_dir);
  const predictor = rewardModelPredictor(model);
  const dataset = await readPreferenceDataset(['data.jsonl']);
  const { overall } = await evaluate({ datasets: [{ name: 'data', dataset }], predictor });
  const rewards = await model.score([{ prompt: '你好', responses: ['你好！有什么可以帮你？', '不。'] }]);
  await model.dispose();
  console.log(JSON.stringify({ rewards: rewards[0], overall }));
}
main(process.argv.slice(2)).catch((error) => { console.error(error); process.exitCode = 1; });
`;
const NAMES = '{ RewardModel, evaluate, readPreferenceDataset, rewardModelPredictor, train }';

test.serial('packed, and installed without registry and scripts', async (t) => {
  t.timeout(180_000);
  await run('bash', [join(root, 'scripts', 'pack_packages.sh'), tarballs, '--local'], {
    env: { HOME: process.env['HOME'] ?? base },
  });
  const files = readdirSync(tarballs).map((file) => join(tarballs, file));
  t.is(files.length, 2);
  for (const file of files) t.true(statSync(file).size < 3e6, file);
  const registry = await startRegistry(root); // third parties' packages alone
  writeFileSync(join(project, 'package.json'), '{"name":"user","private":true}');
  const started = performance.now();
  await run('npm', ['install', '--ignore-scripts', '--registry', registry.url, ...files]);
  t.log(`npm install: ${((performance.now() - started) / 1000).toFixed(1)} s`);
  await registry.stop();

  const installed = join(project, 'node_modules');
  const manifest = JSON.parse(readFileSync(join(installed, 'cheems-native', 'package.json'), 'utf8')) as Record<
    string,
    unknown
  >;
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  t.deepEqual(manifest['optionalDependencies'], {
    'cheems-native-linux-arm64': version,
    'cheems-native-linux-x64': version,
  });
  t.is(manifest['scripts'], undefined);
  t.false(existsSync(join(installed, 'cheems-native', 'binding.gyp')), 'package managers would run node-gyp');
  const platform = join(installed, `cheems-native-${process.platform}-${process.arch}`);
  t.deepEqual(readdirSync(platform).sort(), [
    'LICENSE',
    'README.md',
    'THIRD_PARTY.md',
    'cheems_native.node',
    'package.json',
  ]);
  await run(process.execPath, [
    join(root, 'scripts', 'release', 'check_binary.cjs'),
    join(platform, 'cheems_native.node'),
  ]);
});

test('what cannot be packed is a sentence and no success', async (t) => {
  const pack = (...words: string[]): Promise<string> =>
    run('bash', [join(root, 'scripts', 'pack_packages.sh'), ...words]);
  const other = process.arch === 'x64' ? 'linux-arm64' : 'linux-x64';
  const out = join(base, 'none');
  await t.throwsAsync(pack(out, '--local', '--only', other), {
    message: /--local packs what this machine has built, and linux-\w+ is for another/,
  });
  await t.throwsAsync(pack(out, '--only', 'linux-mips'), {
    message: /There is no package linux-mips: packages\/ holds linux-arm64 linux-x64/,
  });
  await t.throwsAsync(pack(), { message: /Say where the tarballs go/ });
  await t.throwsAsync(pack(out, '--locally'), { message: /There is no option --locally/ });
  t.deepEqual(readdirSync(out), []);
});

test.serial('require, import and npx train, evaluate and score there, to the same bits', async (t) => {
  t.timeout(120_000);
  const npx = (...words: string[]): Promise<string> => run('npx', ['--no-install', 'cheems-native', ...words]);
  const installed = join(project, 'node_modules', 'cheems-native');
  const rows = readFileSync(join(installed, 'data', 'oasst-zh', 'test.jsonl'), 'utf8')
    .split('\n')
    .slice(0, 8);
  writeFileSync(join(project, 'data.jsonl'), rows.map((row) => `${row}\n`).join(''));
  const { engineSource } = JSON.parse(await npx('info', '--json')) as {
    engineSource: { file: string; remarks: string[] };
  };
  const platform = `cheems-native-${process.platform}-${process.arch}`;
  t.is(engineSource.file, join(project, 'node_modules', platform, 'cheems_native.node'));
  t.deepEqual(engineSource.remarks, []);

  const sizes = ['--hidden_size=16', '--num_attention_heads=2', '--num_key_value_heads=1', '--num_hidden_layers=1'];
  await npx('init', ...sizes, '--tokenizer', join(installed, 'data', 'tokenizer'), '--output_dir', 'base');
  writeFileSync(join(project, 'a.cjs'), `const ${NAMES} = require('cheems-native');${PROGRAM}`);
  writeFileSync(join(project, 'a.mjs'), `import ${NAMES} from 'cheems-native';${PROGRAM}`);
  const programs = ['a.cjs', 'a.mjs'].map((program) => run(process.execPath, [program, `by-${program}`]));
  const [required, imported] = (await Promise.all(programs)) as [string, string];
  t.is(required, imported);
  const { rewards, overall } = JSON.parse(imported) as { rewards: number[]; overall: unknown };
  t.true(rewards.length === 2 && rewards.every(Number.isFinite) && rewards[0] !== rewards[1]);

  const train = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
  await npx('train', '--model_path', 'base', '--train_data_path', 'data.jsonl', '--output_dir', 'commanded', ...train);
  await npx(
    'eval',
    '--model_path',
    'commanded',
    '--data_path',
    'data.jsonl',
    '--output_dir',
    'eval',
    '--bootstrap',
    '0',
  );
  t.deepEqual(
    (JSON.parse(readFileSync(join(project, 'eval', 'results.json'), 'utf8')) as { overall: unknown }).overall,
    overall,
  );
  writeFileSync(join(project, 'in.jsonl'), '{"id":1,"prompt":"你好","responses":["你好！有什么可以帮你？","不。"]}\n');
  const scored = await npx('score', '--model_path', 'commanded', '--input', 'in.jsonl', '--output', '-');
  t.deepEqual((JSON.parse(scored) as { rewards: number[] }).rewards.map(Math.fround), rewards);
});

const USER = `
const item: ScoreItem = { prompt: '问', responses: ['答'] };
export async function all(signal: AbortSignal): Promise<number[][]> {
  const model = await RewardModel.load('folder', { device: 'auto' });
  const result: TrainResult = await train({ model_path: 'm', train_data_path: 'a.jsonl', output_dir: 'o' }, { signal });
  const { overall } = await evaluate({ datasets: [], predictor: rewardModelPredictor(model) });
  // @ts-expect-error an option that does not exist
  await RewardModel.load('folder', { devise: 'auto' });
  void [result.interrupted, overall];
  return model.score([item], { signal });
}
`;
const TYPES = "import type { ScoreItem, TrainResult } from 'cheems-native';";
const VALUES = '{ RewardModel, evaluate, rewardModelPredictor, train }';

test.serial(
  'the types compile under node16, nodenext and bundler, by require and import, with the library checked too',
  async (t) => {
    t.timeout(120_000);
    mkdirSync(join(project, 'node_modules', '@types'), { recursive: true });
    for (const name of ['@types/node', 'undici-types'])
      symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name));
    writeFileSync(join(project, 'user.mts'), `import ${VALUES} from 'cheems-native';\n${TYPES}${USER}`);
    writeFileSync(
      join(project, 'user.cts'),
      `import cheems = require('cheems-native');\n${TYPES}\nconst ${VALUES} = cheems;${USER}`,
    );
    writeFileSync(join(project, 'user.ts'), `import ${VALUES} from 'cheems-native';\n${TYPES}${USER}`);
    const compiler = join(root, 'node_modules', '.bin', 'tsc');
    const common = [
      '--ignoreConfig',
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      'false',
      '--target',
      'es2022',
      '--types',
      'node',
    ];
    const compile = (...words: string[]): Promise<string> => run(process.execPath, [compiler, ...common, ...words]);
    for (const module of ['node16', 'nodenext'])
      t.is(await compile('--module', module, 'user.mts', 'user.cts', 'user.ts'), '', module);
    t.is(await compile('--module', 'esnext', '--moduleResolution', 'bundler', 'user.mts', 'user.ts'), '', 'bundler');
    t.is(await compile('--module', 'preserve', '--moduleResolution', 'bundler', 'user.cts'), '', 'bundler, require');
  },
);
