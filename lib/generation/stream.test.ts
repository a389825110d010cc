import test from 'ava';
import type { Row } from '../data/rows';
import { fakeCausalEngine, type FakeCausalOptions } from '../testing/fake_causal_engine';
import { makeLanguageModelFolder } from '../testing/language_model_folder';
import { LanguageModel } from './language_model';
import { checkSampling, type LanguageModelOptions } from './options';
import { generateStream } from './stream';

const folder = makeLanguageModelFolder();
const sampling = checkSampling({ maxTokens: 12, temperature: 0.9, seed: 2 });
const inputs = Array.from({ length: 17 }, (_, i): object => ({ id: `r${i}`, prompt: `问题${'啊'.repeat(i % 3)}` }));

async function* rowsOf(values: readonly unknown[], wait?: (i: number) => Promise<void>): AsyncGenerator<Row> {
  for (const [i, value] of values.entries()) {
    await wait?.(i);
    yield { value, line: i + 1 };
  }
}

interface Case {
  values?: readonly unknown[];
  /** Rows that are there already. */
  written?: number;
  model?: LanguageModelOptions;
  fake?: FakeCausalOptions;
  raw?: boolean;
  signal?: AbortSignal;
  wait?: (i: number) => Promise<void>;
}

async function run({ values = inputs, written = 0, model = {}, fake = {}, raw = false, signal, wait }: Case = {}) {
  const engine = fakeCausalEngine(fake);
  const lines: string[] = [];
  let asked = 0;
  const counts = generateStream({
    rows: rowsOf(values, wait),
    name: 'in.jsonl',
    sampling,
    raw,
    model: await LanguageModel.load(folder, model, engine),
    output: {
      has: async () => (asked += 1) <= written,
      write: async (rows) => void lines.push(...rows.map(({ line }) => line)),
    },
    ...(signal ? { signal } : {}),
  });
  return { counts, lines, engine };
}

const done = async (given: Case) => {
  const { counts, lines } = await run(given);
  return {
    counts: await counts,
    rows: lines.map((line) => JSON.parse(line) as { id: string; text: string; finish: string }),
  };
};

test('in order, whatever the waves; a continued run draws what an undisturbed one draws', async (t) => {
  const whole = await done({});
  t.deepEqual(
    whole.rows.map(({ id }) => id),
    inputs.map((_, i) => `r${i}`),
  );
  t.not(whole.rows[0]!.text, whole.rows[3]!.text, 'the same prompt in another row draws otherwise');
  t.deepEqual((await done({ model: { batchPrompts: 3 } })).rows, whole.rows);
  const rest = await done({ written: 5, model: { batchPrompts: 4 } });
  t.deepEqual(rest.rows, whole.rows.slice(5));
  t.like(rest.counts, { rows: 12, skippedRows: 5 });
});

test('the first bad row ends the work by its line, after the waves before it', async (t) => {
  const bad: [unknown, RegExp][] = [
    [{ id: 'x' }, /in\.jsonl:7: a row must have either "prompt" or "messages", but this one has neither/],
    [{ prompt: 'x' }, /in\.jsonl:7: this row has no "id"/],
    [{ id: 1, messages: [{ role: 'user' }] }, /in\.jsonl:7: .*messages/],
    [[], /in\.jsonl:7: a row must be a JSON object/],
  ];
  for (const [value, message] of bad) {
    const { counts, lines } = await run({ values: [...inputs.slice(0, 6), value], model: { batchPrompts: 3 } });
    await t.throwsAsync(counts, { name: 'DataError', message });
    t.true(lines.length >= 3, String(lines.length));
  }
  const { counts } = await run({ values: [{ messages: [{ role: 'user', content: 'x' }] }], raw: true });
  await t.throwsAsync(counts, {
    name: 'DataError',
    message: /in\.jsonl:1: What is continued as it stands must be a text/,
  });
});

test('a row that another program is slow to write does not hold back those before it; an abort ends the wait', async (t) => {
  const controller = new AbortController();
  const { counts, lines } = await run({
    wait: (i) => (i === 2 ? new Promise(() => {}) : Promise.resolve()),
    signal: controller.signal,
  });
  counts.catch(() => {});
  while (lines.length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
  controller.abort(new Error('enough'));
  await t.throwsAsync(counts, { message: 'enough' });
});
