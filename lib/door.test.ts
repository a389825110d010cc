// The library's door: the same names as the types have, everything checked, nothing loaded before it is needed.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'ava';
import * as door from './index';
import * as rooms from './public';

test('the door has the names of the types, all of them', (t) => {
  t.deepEqual(Object.keys(door).sort(), Object.keys(rooms).sort());
  for (const name of Object.keys(rooms)) {
    const [offered, own] = [(door as Record<string, unknown>)[name], (rooms as Record<string, unknown>)[name]];
    t.is(typeof offered, typeof own, name);
    if (typeof own === 'function' && own.toString().startsWith('class')) t.is(offered, own, name);
  }
});

const circle: Record<string, unknown> = {};
circle['self'] = circle;
const revoked = Proxy.revocable({}, {});
revoked.revoke();
const JUNK: unknown[] = [
  undefined, null, true, 0, -1, 1.5, NaN, 2 ** 40, 10n, Symbol('junk'), '', 'junk', 'a\0b', '\ud800', [], [null], [[]], ['junk'], [1, 'a'], [{}], [[{}]], {}, { prompts: 5 },
  { prompts: [null] }, { prompts: [{}] }, { prompts: [{ rewards: 'x' }] }, { prompts: [{ rewards: [1, 2], pairs: [[0, 9]] }] }, { files: [{}], benchmark: '', predictor: {}, notes: [] }, { name: 'x' },
  { name: 5, score: 5 }, { entries: new Map([['x', 5]]) }, { models: [], metrics: [], notes: [] }, () => 5, async () => {}, class {}, new Map(), new Set([1]), new Date(NaN), /x/, new Int32Array(2),
  Buffer.from('x'), new Proxy({}, {}), revoked.proxy, circle, Object.create(null), new Error('junk'), Promise.resolve(1), { length: 1e9 }, { signal: 'x' }, { signal: {} }, { onProgress: 5 },
];
const errors = Object.values(rooms).filter((value) => typeof value === 'function' && value.prototype instanceof Error) as (new () => Error)[];
/** Messages of JavaScript's own about the inside. */
const INSIDE = /Cannot (read|set|destructure|convert|access)|is not (a function|iterable|a constructor|defined)|undefined \(reading|_\d\.|Cannot mix BigInt|Invalid array length/;

async function outcome(call: () => unknown): Promise<unknown> {
  try {
    await call();
    return undefined;
  } catch (error) {
    return error;
  }
}

function complaint(error: unknown): string | undefined {
  if (error === undefined) return undefined;
  if (!errors.some((known) => error instanceof known)) return `no error class of the library: ${String(error)}`;
  const { message } = error as Error;
  if (INSIDE.test(message)) return `a message of the inside: ${message}`;
  return /\S.*[.)\]}"]$/s.test(message) || message.includes('\n') || !(error instanceof door.ArgumentError) ? undefined : `no sentence: ${message}`;
}

const calls = Object.entries(door).filter(([, value]) => typeof value === 'function' && !value.toString().startsWith('class')) as [string, (...given: unknown[]) => unknown][];

for (const [name, call] of calls) {
  test(`junk is answered by a sentence of ours: ${name}`, async (t) => {
    const found: string[] = [];
    const attempt = async (...given: unknown[]) => {
      const wrong = complaint(await outcome(() => call(...given)));
      if (wrong !== undefined) found.push(`(${given.map((value) => { try { return JSON.stringify(value) ?? String(value); } catch { return typeof value; } }).join(', ')}): ${wrong}`);
    };
    await attempt();
    for (const junk of JUNK) {
      await attempt(junk);
      await attempt(junk, junk);
      await attempt(junk, junk, junk);
      if (!/^(write|localModelFolder)/.test(name)) await attempt('junk', junk);
      await attempt([], junk);
      await attempt({}, junk);
      await attempt({ prompts: [] }, junk);
    }
    t.deepEqual(found.slice(0, 12), [], `${found.length} in all`);
  });
}

/** The files that a program has loaded, those of dependencies by their package. */
function loadedBy(program: string): string[] {
  const list = `process.stdout.write(JSON.stringify(Object.keys(require.cache)))`;
  const text = execFileSync(process.execPath, ['-e', `${program};process.on('exit', () => ${list})`], { cwd: __dirname, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const files = JSON.parse(text.slice(text.lastIndexOf('["'))) as string[];
  return files.map((file) => file.split('/node_modules/').at(-1)!.replace(`${__dirname}/`, ''));
}

const HEAVY = /evaluation\/(judges|report|benchmarks|metrics)|^hub\/|training\/(loop|run|checkpoints)|cli\/|^(@huggingface|zod|yaml|cli-|undici|linkedom|hyparquet|@observablehq|yargs)/;

test('require loads no judges, no reports, no hub; what is called is loaded then', (t) => {
  const files = loadedBy("require('./index')");
  t.true(files.includes('scoring/reward_model.js'));
  t.deepEqual(files.filter((file) => HEAVY.test(file) && !/^@huggingface\/(tokenizers|jinja)/.test(file)), []);
  const used = loadedBy("const { computeMetrics } = require('./index'); computeMetrics({ prompts: [{ rewards: [1, 2], pairs: [[1, 0]] }], bootstrap: { resamples: 0 } })");
  t.true(used.includes('evaluation/metrics/index.js'));
  t.deepEqual(used.filter((file) => /judges|report\/|^(zod|yaml)/.test(file)), []);
});

for (const [argument, most, forbidden] of [
  ['--version', 20, /node_modules|yargs|^(zod|yaml|cli-)|(train|score|eval|judge)\.js$/],
  ['info', 45, /^(zod|yaml|cli-)|scoring|evaluation|hub|(train|score|eval|judge)\.js$/],
] as const) {
  test(`a command loads that command: ${argument}`, (t) => {
    const files = loadedBy(`require('./cli/main').main([${JSON.stringify(argument)}])`);
    t.true(files.length <= most, files.join('\n'));
    t.deepEqual(files.filter((file) => forbidden.test(file)), []);
  });
}

test('import finds every name', (t) => {
  const program = `import * as all from ${JSON.stringify(join(__dirname, 'index.js'))}; process.stdout.write(JSON.stringify(Object.keys(all)))`;
  const names = JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })) as string[];
  t.deepEqual(Object.keys(rooms).filter((name) => !names.includes(name)), []);
});
