// The library's entry: the same names as in the types, all arguments checked, nothing loaded before it is needed.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'ava';
import { engine } from './engine/engine';
import { LanguageModel } from './generation/language_model';
import * as door from './index';
import * as rooms from './public';
import { RewardModel } from './scoring/reward_model';
import { fakeCausalEngine } from './testing/fake_causal_engine';
import { complaintsAbout } from './testing/junk';
import { makeLanguageModelFolder } from './testing/language_model_folder';
import { makeSmallModel } from './testing/small_model';

test('the door has the names of the types, all of them', (t) => {
  t.deepEqual(Object.keys(door).sort(), Object.keys(rooms).sort());
  for (const name of Object.keys(rooms)) {
    const [offered, own] = [(door as Record<string, unknown>)[name], (rooms as Record<string, unknown>)[name]];
    t.is(typeof offered, typeof own, name);
    if (typeof own === 'function' && own.toString().startsWith('class')) t.is(offered, own, name);
  }
});

const calls = Object.entries(door).filter(
  ([, value]) => typeof value === 'function' && !value.toString().startsWith('class'),
) as [string, (...given: unknown[]) => unknown][];

for (const [name, call] of calls) {
  test(`junk is answered by a sentence of ours: ${name}`, async (t) => {
    // A folder given by any text is not written to.
    const leading = /^(write|localModelFolder)/.test(name) ? [[[]], [{}]] : [['junk'], [[]], [{}], [{ prompts: [] }]];
    const found = await complaintsAbout(call, leading);
    t.deepEqual(found.slice(0, 12), [], `${found.length} in all`);
  });
}

test('junk is answered by a sentence of ours: models', async (t) => {
  const folder = await makeSmallModel();
  const rewardModel = await RewardModel.load(
    folder,
    { device: 'cpu' },
    { loadModel: (options) => engine.loadModel({ ...options, createHead: true, keep16Bit: false }) },
  );
  const language = await LanguageModel.load(makeLanguageModelFolder(), {}, fakeCausalEngine());
  const methods: [string, (...given: never[]) => unknown, unknown[][]][] = [
    ['RewardModel.load', RewardModel.load, [[folder]]],
    ...(['score', 'scoreSteps', 'scoreAll', 'scoreGroups', 'tokenize', 'rewardCount', 'refuseUnreadable'] as const).map(
      (name) =>
        [
          `RewardModel.${name}`,
          (rewardModel[name] as () => unknown).bind(rewardModel),
          [[[]], [[{ responses: [{ inputIds: [1, 2] }] }]]],
        ] as never,
    ),
    ['LanguageModel.load', LanguageModel.load, [[folder]]],
    ...(['generate', 'renderPrompt', 'prepare'] as const).map(
      (name) => [`LanguageModel.${name}`, (language[name] as () => unknown).bind(language), [[[]], [['x']]]] as never,
    ),
    ['LanguageModel.sequenceOf', LanguageModel.sequenceOf, []],
    ['SampleBuilder', (source: never) => new rooms.SampleBuilder(source), []],
  ];
  for (const [name, method, leading] of methods) {
    const found = await complaintsAbout(method as never, leading);
    t.deepEqual(found.slice(0, 12), [], `${name}: ${found.length} in all`);
  }
});

/** The files that a program has loaded, those of dependencies by their package. */
function loadedBy(program: string): string[] {
  const list = `process.stdout.write(JSON.stringify(Object.keys(require.cache)))`;
  const text = execFileSync(process.execPath, ['-e', `${program};process.on('exit', () => ${list})`], {
    cwd: __dirname,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const files = JSON.parse(text.slice(text.lastIndexOf('["'))) as string[];
  return files.map((file) => file.split('/node_modules/').at(-1)!.replace(`${__dirname}/`, ''));
}

const HEAVY =
  /(judging|reporting)\/|evaluation\/(benchmarks|metrics)|^hub\/|training\/(loop|run|checkpoints)|cli\/|^(@huggingface|zod|yaml|cli-|undici|linkedom|hyparquet|@observablehq|yargs)/;

test('require loads no judges, no reports, no hub; what is called is loaded then', (t) => {
  const files = loadedBy("require('./index')");
  t.true(files.includes('scoring/reward_model.js'));
  t.deepEqual(
    files.filter((file) => HEAVY.test(file) && !/^@huggingface\/(tokenizers|jinja)/.test(file)),
    [],
  );
  const used = loadedBy(
    "const { computeMetrics } = require('./index'); computeMetrics({ prompts: [{ rewards: [1, 2], pairs: [[1, " +
      '0]] }], bootstrap: { resamples: 0 } })',
  );
  t.true(used.includes('evaluation/metrics/compute.js'));
  t.deepEqual(
    used.filter((file) => /judging|reporting\/|^(zod|yaml)/.test(file)),
    [],
  );
});

for (const [argument, most, forbidden] of [
  ['--version', 20, /node_modules|yargs|^(zod|yaml|cli-)|(train|score|eval|judge)\.js$/],
  ['info', 45, /^(zod|yaml|cli-)|scoring|evaluation|hub|(train|score|eval|judge)\.js$/],
] as const) {
  test(`a command loads that command: ${argument}`, (t) => {
    const files = loadedBy(`require('./cli/main').main([${JSON.stringify(argument)}])`);
    t.true(files.length <= most, files.join('\n'));
    t.deepEqual(
      files.filter((file) => forbidden.test(file)),
      [],
    );
  });
}

test('import finds every name', (t) => {
  const program =
    `import * as all from ${JSON.stringify(join(__dirname, 'index.js'))}; ` +
    'process.stdout.write(JSON.stringify(Object.keys(all)))';
  const names = JSON.parse(
    execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' }),
  ) as string[];
  t.deepEqual(
    Object.keys(rooms).filter((name) => !names.includes(name)),
    [],
  );
});
