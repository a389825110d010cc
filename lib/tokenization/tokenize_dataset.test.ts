import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { datasetFromRows, readPreferenceDataset } from '../data/dataset';
import { DataError } from '../data/errors';
import { countOf } from '../data/report';
import { ChatTemplate } from './chat_template';
import { TokenizerError } from './errors';
import { SampleBuilder } from './sample_builder';
import { tokenizeDataset } from './tokenize_dataset';

const REFERENCE = join(__dirname, '../../fixtures/reference/cheems');
const root = mkdtempSync(join(tmpdir(), 'cheems-tokenizer-'));
test.after.always(() => rmSync(root, { recursive: true, force: true }));

const TEMPLATE = "{{ bos_token }}{% for m in messages %}{{ '<' + m.role + '>' + m.content + '\n' }}{% endfor %}";
const CHARACTERS = [...'<>\nuserasistntmabcdq天地玄黄'];
let folders = 0;

/** A model folder with a token a character, `[B]` as BOS, and, where asked, a post-processor that adds it. */
function modelFolder(files: Record<string, unknown> = {}, addBos = false): string {
  const folder = mkdtempSync(join(root, `${(folders += 1)}-`));
  const vocab = Object.fromEntries([...new Set(['[B]', '[UNK]', ...CHARACTERS])].map((token, i) => [token, i]));
  const special = { id: '[B]', ids: [0], tokens: ['[B]'] };
  const single = [{ SpecialToken: { id: '[B]', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }];
  const all: Record<string, unknown> = {
    'tokenizer.json': {
      version: '1.0',
      added_tokens: [
        { id: 0, content: '[B]', special: true, single_word: false, lstrip: false, rstrip: false, normalized: false },
      ],
      normalizer: null,
      pre_tokenizer: { type: 'Split', pattern: { Regex: '[\\s\\S]' }, behavior: 'Isolated', invert: false },
      post_processor: addBos
        ? { type: 'TemplateProcessing', single, pair: single, special_tokens: { '[B]': special } }
        : null,
      decoder: null,
      model: { type: 'WordLevel', vocab, unk_token: '[UNK]' },
    },
    'tokenizer_config.json': { bos_token: { content: '[B]' }, chat_template: TEMPLATE },
    ...files,
  };
  for (const [name, content] of Object.entries(all)) {
    if (content === undefined) continue;
    writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return folder;
}

const pair = (input: string, answer1: string, answer2: string) => ({ input, answer1, answer2, preference: 1 });

test('the length filter drops what the original drops', async (t) => {
  interface Filter {
    truncation: boolean;
    max_length: number | null;
    do_strip: boolean;
    rows: [prompt: number, response: number, labels: [number, number][], length: number][];
    first_text: string;
  }
  const { filter } = JSON.parse(readFileSync(join(REFERENCE, 'dataset.json'), 'utf8')) as { filter: Filter[] };
  const dataset = await readPreferenceDataset(join(REFERENCE, 'dataset/filter.jsonl'), { compat: 'cheems' });
  t.true(filter.length >= 2);
  for (const golden of filter) {
    // The toy tokenizer of the goldens: "<role>content\n" a message, then the strip, a token a code point.
    for (const prompt of dataset.prompts) {
      for (const response of prompt.responses) {
        const text = `<user>${prompt.prompt as string}\n<assistant>${response.content}${golden.do_strip ? '' : '\n'}`;
        response.inputIds = Int32Array.from([...text].map((character) => character.codePointAt(0) ?? 0));
      }
    }
    const unlimited = golden.truncation || golden.max_length === null;
    const { prompts, report } = await tokenizeDataset(dataset, {
      truncation: golden.truncation,
      maxLength: golden.max_length,
      dropUnpaired: !unlimited, // the original filters nothing at all then
    });
    const expected = golden.rows.map(([prompt, response, labels, length]) => ({
      prompt,
      response,
      labels: labels.map(String).sort(),
      length,
    }));
    const actual = prompts.flatMap((one) =>
      one.samples.map((sample) => ({
        prompt: dataset.prompts.indexOf(one.prompt),
        response: sample.responseIndex,
        labels: one.pairs.map((sides) => sides.map((side) => one.samples[side]!.responseIndex).join(',')).sort(),
        length: sample.inputIds.length,
      })),
    );
    const sorted = (rows: typeof actual) => [...rows].sort((a, b) => a.prompt - b.prompt || a.response - b.response);
    t.deepEqual(sorted(actual), sorted(expected), JSON.stringify([golden.truncation, golden.max_length]));
    if (golden.max_length === 30 && !golden.truncation) t.true(countOf(report, 'tooLongResponses') > 0);
  }
});

test('texts are tokenized on threads as the builder does it, in order, with progress', async (t) => {
  const folder = modelFolder();
  const rows = Array.from({ length: 150 }, (_, i) =>
    pair(`q${'abcd'[i % 4]!.repeat(i)}`, 'a'.repeat((i % 7) + 1), '天地'),
  );
  const dataset = datasetFromRows(rows);
  const seen: { done: number; total: number }[] = [];
  const { prompts, report } = await tokenizeDataset(
    dataset,
    { tokenizer: { folder }, workers: 2 },
    { onProgress: (progress) => seen.push(progress) },
  );
  const builder = new SampleBuilder({ folder });
  t.is(prompts.length, 150);
  for (const { prompt, samples } of prompts) {
    for (const sample of samples) {
      const expected = builder.buildSample(
        prompt.prompt,
        undefined,
        prompt.responses[sample.responseIndex]!.content!,
        {},
      );
      t.deepEqual(sample.inputIds, expected.inputIds);
      t.false(sample.truncated);
    }
  }
  t.deepEqual(seen.at(-1), { done: 300, total: 300 });
  t.is(report.entries.size, 0);
});

test('too long responses are cut on the left with truncation, and the specials stay', async (t) => {
  const folder = modelFolder({}, true);
  const builder = new SampleBuilder({ folder });
  const options = { maxLength: 20, truncation: true };
  const { prompts, report } = await tokenizeDataset(datasetFromRows([pair('q', 'aaaaaaaa', 'b')]), {
    ...options,
    tokenizer: { folder },
  });
  const whole = builder.buildSample('q', undefined, 'aaaaaaaa').inputIds;
  t.is(whole.length, 29); // BOS twice, <user>q\n, <assistant>aaaaaaaa
  t.deepEqual([...prompts[0]!.samples[0]!.inputIds], [0, ...whole.slice(-19)]);
  t.deepEqual(
    prompts[0]!.samples.map((sample) => sample.truncated),
    [true, true],
  );
  t.is(countOf(report, 'truncatedResponses'), 2);
  t.is(countOf(report, 'doubledBos'), 2);
  const single = await tokenizeDataset(datasetFromRows([pair('q', 'a', 'b')]), {
    tokenizer: { folder },
    doubledBos: 'drop',
  });
  t.deepEqual(
    [...single.prompts[0]!.samples[0]!.inputIds.slice(0, 2)],
    [0, builder.buildSample('q', undefined, 'a').inputIds[2]!],
  );
  t.is(countOf(single.report, 'doubledBos'), 0);
  t.throws(() => builder.buildSample('q', undefined, 'a', { truncation: true, maxLength: 1 }), {
    instanceOf: TokenizerError,
    message: /leaves no room/,
  });
  const ids = await tokenizeDataset(datasetFromRows([{ chosen_ids: [1, 2, 3], rejected_ids: [4] }]), {
    maxLength: 2,
    truncation: true,
  });
  t.deepEqual(
    ids.prompts[0]!.samples.map((sample) => [...sample.inputIds]),
    [[2, 3], [4]],
  );
});

test('for evaluation unpaired responses stay, and ranks go with their responses', async (t) => {
  const responses = [3, 9, 2].map((length, i) => ({ id: `r${i}`, input_ids: new Array<number>(length).fill(1) }));
  const rows = [{ responses, rank: { r0: 2, r1: 1, r2: 2 } }, { responses: responses.slice(1, 2) }];
  const { prompts, report } = await tokenizeDataset(datasetFromRows(rows), { maxLength: 5, dropUnpaired: false });
  t.is(prompts.length, 1);
  t.deepEqual(
    prompts[0]!.samples.map((sample) => sample.responseIndex),
    [0, 2],
  );
  t.deepEqual(prompts[0]!.ranks, [2, 2]);
  t.deepEqual(prompts[0]!.pairs, []);
  const counts = Object.fromEntries([...report.entries].map(([kind, entry]) => [kind, entry.count]));
  t.deepEqual(counts, { tooLongResponses: 2, pairsOfTooLong: 2, emptiedPrompts: 1 });
});

test('ids outside the vocabulary are refused with file, line, response and id', async (t) => {
  const dataset = datasetFromRows(
    [
      { chosen_ids: [1], rejected_ids: [2] },
      { chosen_ids: [1], rejected_ids: [3, 512] },
    ],
    'a.jsonl',
  );
  await t.notThrowsAsync(tokenizeDataset(dataset, { vocabularySize: 513 }));
  await t.throwsAsync(tokenizeDataset(dataset, { vocabularySize: 512 }), {
    instanceOf: DataError,
    message: /^a\.jsonl:2: response ".*" has token id 512 at position 1, outside the model's vocabulary of 512 tokens/,
  });
  await t.throwsAsync(
    tokenizeDataset(datasetFromRows([pair('q', '黄', 'b')]), {
      tokenizer: { folder: modelFolder() },
      vocabularySize: 4,
    }),
    {
      instanceOf: DataError,
      message: /the folder's tokenizer does not belong to the model/,
    },
  );
});

test('a tokenizer that cannot be had is a clear error, and is not asked for where all is ids', async (t) => {
  const dataset = datasetFromRows([pair('q', 'a', 'b')], 'a.jsonl');
  const refused = async (folder: string | undefined, message: RegExp) =>
    t.throwsAsync(tokenizeDataset(dataset, folder === undefined ? {} : { tokenizer: { folder } }), {
      instanceOf: TokenizerError,
      message,
    });
  await refused(undefined, /a\.jsonl:1: response ".*" is text, but no tokenizer was named/);
  await refused(join(root, 'absent'), /absent does not exist/);
  await refused(root, /has no tokenizer\.json/);
  await refused(modelFolder({ 'tokenizer.json': '{' }), /tokenizer\.json is not valid JSON/);
  await refused(modelFolder({ 'tokenizer.json': '{}' }), /tokenizer\.json cannot be used/);
  await refused(modelFolder({ 'tokenizer_config.json': {} }), /has no chat template .*`chatTemplateFile: FILE`/);
  await refused(modelFolder({ 'chat_template.jinja': '{% if %}' }), /chat_template\.jinja is not valid Jinja/);
  await refused(
    modelFolder({ 'tokenizer_config.json': { chat_template: [{ name: 'rag', template: '' }] } }),
    /none named "default"/,
  );
  await t.notThrowsAsync(
    tokenizeDataset(datasetFromRows([{ chosen_ids: [1], rejected_ids: [2] }]), {
      tokenizer: { folder: join(root, 'absent') },
    }),
  );
});

test('a conversation that the template refuses is named by file and line', async (t) => {
  const folder = modelFolder({
    'chat_template.jinja': "{{ raise_exception('no system turns') if messages[0].role == 'system' else 'a' }}",
  });
  const dataset = datasetFromRows([pair('q', 'a', 'b'), { ...pair('r', 'a', 'b'), sys_prompt: 's' }], 'a.jsonl');
  await t.throwsAsync(tokenizeDataset(dataset, { tokenizer: { folder } }), {
    instanceOf: DataError,
    message:
      /^a\.jsonl:2: response ".*": the chat template in .*chat_template\.jinja refuses the conversation: no system turns/,
  });
});

test(
  'the template comes from the given file, chat_template.jinja, chat_template.json or the configuration, in this ' +
    'order',
  (t) => {
    const text = (folder: string, chatTemplateFile?: string) =>
      new SampleBuilder({ folder, chatTemplateFile }).renderText('q', undefined, 'a');
    const named = [
      { name: 'default', template: 'list' },
      { name: 'rag', template: 'rag' },
    ];
    t.is(text(modelFolder({ 'tokenizer_config.json': { chat_template: named } })), 'list');
    t.is(text(modelFolder({ 'chat_template.json': { chat_template: 'json' } })), 'json');
    const folder = modelFolder({
      'chat_template.json': { chat_template: 'json' },
      'chat_template.jinja': 'jinja',
      'other.jinja': 'given',
    });
    t.is(text(folder), 'jinja');
    t.is(text(folder, join(folder, 'other.jinja')), 'given');
  },
);

test('templates strip as Python does, and see no clock', (t) => {
  const render = (source: string, content: string) =>
    new ChatTemplate(source, 'x', {}).render([{ role: 'user', content }], false);
  const odd = '\x1f\x85 \uFEFFa\uFEFF\u3000\n';
  t.is(render('{{ messages[0].content | trim }}', odd), '\uFEFFa\uFEFF');
  t.is(render('{{ messages[0].content.strip() }}', odd), '\uFEFFa\uFEFF');
  t.is(render('{{ messages[0].content.lstrip() }}', ' a '), 'a ');
  t.is(render('{{ messages[0].content.rstrip() }}', ' a '), ' a');
  t.is(render("{{ messages[0].content.strip('\\n') }}", '\n a \n'), ' a ');
  t.is(render("{{ messages[0].content.rstrip('ba') + '|' }}", 'cabab'), 'c|');
  t.is(
    render("{% if messages[0].content | trim == 'a' %}{{ ('x' + messages[0].content | trim) }}{% endif %}", ' a\n'),
    'xa',
  );
  t.is(render("{% if strftime_now is defined %}{{ strftime_now('%d') }}{% else %}fixed{% endif %}", ''), 'fixed');
});

test('aborting ends the threads and gives the reason', async (t) => {
  const folder = modelFolder();
  const dataset = datasetFromRows(Array.from({ length: 2000 }, (_, i) => pair(`q${i}`, 'a'.repeat(200), 'b')));
  const controller = new AbortController();
  const reason = new Error('enough');
  const onProgress = () => controller.abort(reason);
  await t.throwsAsync(tokenizeDataset(dataset, { tokenizer: { folder } }, { signal: controller.signal, onProgress }), {
    is: reason,
  });
  const timed = new AbortController();
  setTimeout(() => timed.abort(reason), 5);
  await t.throwsAsync(tokenizeDataset(dataset, { tokenizer: { folder } }, { signal: timed.signal }), { is: reason });
});

test('long runs of one character are reported as slow', async (t) => {
  const { report } = await tokenizeDataset(datasetFromRows([pair('q', 'a'.repeat(1_000_000), 'b')]), {
    tokenizer: { folder: modelFolder() },
  });
  t.is(countOf(report, 'slowTexts'), 1);
});

test('the cache on disk gives the same samples, and only for the same texts, tokenizer, template and options', async (t) => {
  const folder = modelFolder({}, true);
  const cacheFolder = join(root, 'cache');
  const dataset = datasetFromRows([
    pair('q', 'aaaaaaaaaaaaaaaaaaaa', 'b'),
    pair('r', 'c', 'd'),
    { chosen_ids: [1], rejected_ids: [2] },
  ]);
  const options = { tokenizer: { folder }, cacheFolder, maxLength: 30 };
  const plain = await tokenizeDataset(dataset, { ...options, cacheFolder: undefined });
  t.is(plain.cache, undefined);
  const written = await tokenizeDataset(dataset, options);
  t.is(written.cache?.state, 'written');
  const seen: unknown[] = [];
  const read = await tokenizeDataset(dataset, options, { onProgress: (progress) => seen.push(progress) });
  t.is(read.cache?.state, 'read');
  t.deepEqual(seen, [{ done: 4, total: 4 }]);
  for (const result of [written, read]) {
    t.deepEqual(result.prompts, plain.prompts);
    t.deepEqual(result.report, plain.report);
  }
  t.is(plain.prompts.length, 2);
  t.is(countOf(read.report, 'tooLongResponses'), 1);
  t.is(countOf(read.report, 'doubledBos'), 4);
  // Anything that would change the samples misses.
  const stateOf = async (rows: typeof dataset, other: object) =>
    (await tokenizeDataset(rows, { ...options, ...other })).cache?.state;
  t.is(await stateOf(dataset, { doStrip: false }), 'written');
  t.is(await stateOf(dataset, { maxLength: 31 }), 'written');
  t.is(await stateOf(datasetFromRows([pair('q', 'a', 'b')]), {}), 'written');
  t.is(await stateOf(dataset, { tokenizer: { folder: modelFolder() } }), 'written');
  writeFileSync(join(folder, 'chat_template.jinja'), `${TEMPLATE}<`);
  t.is(await stateOf(dataset, {}), 'written');
  rmSync(join(folder, 'chat_template.jinja'));
  t.is(await stateOf(dataset, {}), 'read');
  const config = readFileSync(join(folder, 'tokenizer_config.json'), 'utf8');
  writeFileSync(
    join(folder, 'tokenizer_config.json'),
    JSON.stringify({ ...(JSON.parse(config) as object), eos_token: 'x' }),
  );
  t.is(await stateOf(dataset, {}), 'written');
  writeFileSync(join(folder, 'tokenizer_config.json'), config);
  // A damaged file is made anew, and one that cannot be written fails nothing.
  const file = written.cache?.file ?? '';
  const bytes = readFileSync(file);
  for (const damaged of [bytes.subarray(0, 40), Buffer.from([...bytes.subarray(0, -1), 9]), Buffer.alloc(0)]) {
    writeFileSync(file, damaged);
    const again = await tokenizeDataset(dataset, options);
    t.is(again.cache?.state, 'written');
    t.deepEqual(again.prompts, plain.prompts);
  }
  const blocked = await tokenizeDataset(dataset, { ...options, cacheFolder: file });
  t.is(blocked.cache?.state, 'not written');
  t.truthy(blocked.cache?.reason);
});
