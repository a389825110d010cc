import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { addingAround } from '../testing/sample_template_cases';
import { fakeEngine, writeFakeModel } from '../testing/fake_engine';
import { realFileSystem } from '../files/file_system';
import { train } from './loop';
import { parseTrainOptions } from './options';
import { loadTrainingData } from './training_data';

const DATA = join(__dirname, '..', '..', 'data');

/** A base model folder with the quickstart's tokenizer, and some rows of real Chinese preferences. */
function setUp(t: ExecutionContext) {
  const folder = mkdtempSync(join(tmpdir(), 'cheems-data-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const base = join(folder, 'base');
  mkdirSync(base);
  const tokenizer = JSON.parse(readFileSync(join(DATA, 'tokenizer', 'tokenizer.json'), 'utf8')) as {
    model: { vocab: object };
    added_tokens: { id: number; content: string }[];
  };
  const vocabularySize =
    Math.max(...(Object.values(tokenizer.model.vocab) as number[]), ...tokenizer.added_tokens.map(({ id }) => id)) + 1;
  writeFakeModel(base, vocabularySize);
  for (const name of ['tokenizer.json', 'tokenizer_config.json'])
    copyFileSync(join(DATA, 'tokenizer', name), join(base, name));
  const file = join(folder, 'train.jsonl');
  writeFileSync(
    file,
    readFileSync(join(DATA, 'oasst-zh', 'test.jsonl'), 'utf8')
      .split('\n')
      .slice(0, 24)
      .join('\n'),
  );
  const input = {
    model_path: base,
    train_data_path: file,
    test_data_path: file,
    output_dir: join(folder, 'out'),
    report_to: 'none',
  };
  return { folder, base, file, vocabularySize, tokenizer, input };
}

test('texts become samples that end with the template, and are read from the cache the second time', async (t) => {
  const { folder, vocabularySize, tokenizer, input } = setUp(t);
  const options = parseTrainOptions(input);
  const context = { vocabularySize, cacheFolder: join(folder, 'cache'), files: realFileSystem, callbacks: {} };
  const data = await loadTrainingData(options, context);
  t.true(data.train.length > 5 && data.train.every(({ pairs }) => pairs.length > 0));
  t.true(data.test.length >= data.train.length);
  t.is(data.fileDigests.length, 1);
  t.regex(data.tokenizerSha256!, /^[0-9a-f]{64}$/);
  t.true(data.chatTemplate!.includes('messages'));
  t.is(data.lastTokens.size, 1);
  const end = tokenizer.added_tokens.find(({ id }) => id === [...data.lastTokens.keys()][0]);
  t.is(end?.content, '<|im_end|>');
  const lengths = data.train.flatMap(({ samples }) => samples.map(({ inputIds }) => inputIds.length));
  t.is(
    data.longestSample,
    Math.max(...lengths, ...data.test.flatMap(({ samples }) => samples.map(({ inputIds }) => inputIds.length))),
  );

  const again = await loadTrainingData(options, context);
  t.true(again.notes.some((note) => note.includes('tokenized before')));
  t.deepEqual(again.train, data.train);

  const short = await loadTrainingData(parseTrainOptions({ ...input, max_length: 200 }), context);
  t.true(short.longestSample <= 200);
  t.true(short.notes.some((note) => /^training data: \d+ responses are longer/.test(note)));
});

test("compat 'transformers' builds samples as without it, and not as 'cheems' does", async (t) => {
  const { vocabularySize, input } = setUp(t);
  const load = (compat?: string) =>
    loadTrainingData(parseTrainOptions({ ...input, compat }), { vocabularySize, files: realFileSystem, callbacks: {} });
  const plain = await load();
  t.deepEqual(await load('transformers'), plain);
  // The original knows no conversation as the prompt.
  await t.throwsAsync(load('cheems'), { message: /input must be text/ });
});

test('a run on texts leaves a model folder with the tokenizer, whose padding is not the end marker', async (t) => {
  const { base, folder, input, tokenizer } = setUp(t);
  const template = join(folder, 'template.jinja');
  writeFileSync(template, "{% for message in messages %}{{ message['content'] + '<|im_end|>' }}{% endfor %}");
  const result = await train(
    { ...input, max_steps: 2, global_batch_size: 8, chat_template: template },
    { engine: fakeEngine() },
  );
  const out = result.modelFolder!;
  t.deepEqual(readFileSync(join(out, 'tokenizer.json')), readFileSync(join(base, 'tokenizer.json')));
  const written = readFileSync(join(out, 'chat_template.jinja'), 'utf8');
  t.true(written.endsWith(`{% filter trim %}${readFileSync(template, 'utf8')}{% endfilter %}`), written);
  t.is(
    (JSON.parse(readFileSync(join(out, 'tokenizer_config.json'), 'utf8')) as { chat_template: string }).chat_template,
    written,
  );
  const config = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')) as { pad_token_id: number };
  const padded = tokenizer.added_tokens.find(({ id }) => id === config.pad_token_id);
  t.truthy(padded);
  t.not(padded!.content, '<|im_end|>');
  const facts = JSON.parse(readFileSync(join(out, 'cheems.json'), 'utf8')) as {
    chat_template_sha256: string;
    do_strip: boolean;
  };
  t.regex(facts.chat_template_sha256, /^[0-9a-f]{64}$/);
  t.true(facts.do_strip);
});

test("where no template renders the samples, the run says so before it starts, and the folder keeps the base model's", async (t) => {
  const { base, folder, input } = setUp(t);
  // What the tokenizer adds here is a token of plain text, which the same text may not be cut into.
  const file = join(base, 'tokenizer.json');
  const tokenizer = JSON.parse(readFileSync(file, 'utf8')) as { model: { vocab: Record<string, number> } };
  const [word] = Object.entries(tokenizer.model.vocab).find(([, id]) => id === 300)!;
  writeFileSync(file, JSON.stringify({ ...tokenizer, post_processor: addingAround([[word, 300]], []) }));
  const template = join(folder, 'template.jinja');
  writeFileSync(template, '{% for message in messages %}{{ message.content }}{% endfor %}');
  const said: string[] = [];
  const result = await train(
    { ...input, max_steps: 1, global_batch_size: 8, chat_template: template },
    {
      engine: fakeEngine(),
      callbacks: {
        onLog: ({ level, message }) => void (level === 'warning' && said.push(message)),
        onStart: () => void said.push('start'),
      },
    },
  );
  t.regex(
    said.find((line) => line.startsWith('No chat template'))!,
    /\d+ of \d+ samples/,
  );
  t.true(said.findIndex((line) => line.startsWith('No chat template')) < said.indexOf('start'));
  t.is(readFileSync(join(result.modelFolder!, 'chat_template.jinja'), 'utf8'), readFileSync(template, 'utf8'));
  t.deepEqual(readFileSync(join(result.modelFolder!, 'tokenizer.json')), readFileSync(join(base, 'tokenizer.json')));
});

test('a tokenizer that pads with the end marker gets another pad token, and keeps the rest', async (t) => {
  const { base, input } = setUp(t);
  const file = join(base, 'tokenizer_config.json');
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replace(
      '"pad_token": "<|endoftext|>"',
      '"pad_token": "<|im_end|>", "model_max_length": 1000000000000000019884624838656',
    ),
  );
  const result = await train({ ...input, max_steps: 1, global_batch_size: 8 }, { engine: fakeEngine() });
  const config = JSON.parse(readFileSync(join(result.modelFolder!, 'config.json'), 'utf8')) as { pad_token_id: number };
  const text = readFileSync(join(result.modelFolder!, 'tokenizer_config.json'), 'utf8');
  t.is((JSON.parse(text) as { pad_token: string }).pad_token, '<|endoftext|>');
  t.is(config.pad_token_id, 8189);
  t.true(text.includes('1000000000000000019884624838656'));
});
