// The ids of every kind of tokenizer against those that the tokenizers library (Rust) gave: tests/reference/tokenizers.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import test from 'ava';
import { TextTokenizer } from '../text_tokenizer';

type Json = Record<string, unknown>;

const TESTS = join(__dirname, '../../../tests');
const read = (file: string) => JSON.parse(gunzipSync(readFileSync(join(TESTS, file))).toString('utf8')) as unknown;

const tokenizerOf = (tokenizer: Json) =>
  new TextTokenizer({ folder: 'here', tokenizer, config: {}, specialTokens: {}, chatTemplate: undefined });

interface Kinds {
  strings: string[];
  charsmap: string;
  kinds: Record<string, { tokenizer: Json; ids: number[][] }>;
}
const { strings, charsmap, kinds } = read('reference/tokenizers/kinds.json.gz') as Kinds;

for (const [name, { tokenizer, ids }] of Object.entries(kinds)) {
  test(`${strings.length} texts have the ids of the tokenizers library: ${name}`, (t) => {
    const whole = JSON.parse(
      JSON.stringify(tokenizer).replaceAll('"the charsmap"', () => JSON.stringify(charsmap)),
    ) as Json;
    const own = tokenizerOf(whole);
    for (const [i, text] of strings.entries()) t.deepEqual([...own.encode(text)], ids[i], JSON.stringify(text));
  });
}

test('every kind of tokenizer is there, and the texts are as many as are said', (t) => {
  t.is(Object.keys(kinds).length, 35);
  t.is(strings.length, 900);
});

test('2,300 texts have the ids of the tokenizers library: SentencePiece with a real charsmap', (t) => {
  const {
    strings: texts,
    tokenizer,
    ids,
  } = read('cases/deberta-precompiled/recorded.json.gz') as { strings: string[]; tokenizer: Json; ids: number[][] };
  const own = tokenizerOf(tokenizer);
  t.is(texts.length, 2300);
  for (const [i, text] of texts.entries()) t.deepEqual([...own.encode(text)], ids[i], JSON.stringify(text));
});

test('a run of one character takes a time that grows with its length alone, and what is too long is refused', (t) => {
  for (const name of ['qwen', 'llama', 'unigram']) {
    const own = tokenizerOf(
      JSON.parse(
        JSON.stringify(kinds[name]!.tokenizer).replaceAll('"the charsmap"', () => JSON.stringify(charsmap)),
      ) as Json,
    );
    const time = (length: number) => {
      const begin = process.cpuUsage().user;
      t.true(own.encode('一'.repeat(length)).length >= length / 2, name);
      return process.cpuUsage().user - begin;
    };
    time(1_000);
    const short = time(25_000);
    t.true(time(100_000) < 12 * short + 200_000, name); // with the square it would be 16 times, and seconds
    const error = t.throws(() => own.encode('a'.repeat(2 ** 24 + 1)), { name: 'TokenizerError' });
    t.regex(error.message, /a text of 16777217 characters \(more than the 16777216 that are taken at once; cut it\)/);
  }
});

test('what is not known in a tokenizer.json is refused with its name', (t) => {
  const { tokenizer } = kinds['metaspace']!;
  const refused: [Json, RegExp][] = [
    [{ pre_tokenizer: { type: 'UnicodeScripts' } }, /pre_tokenizer UnicodeScripts is not known/],
    [{ normalizer: { type: 'Sequence', normalizers: [{ type: 'Nmt' }] } }, /normalizer Nmt is not known/],
    [{ normalizer: { type: 'Precompiled', precompiled_charsmap: 'AAEA' } }, /precompiled_charsmap is damaged/],
    [{ pre_tokenizer: { type: 'Split', pattern: {}, behavior: 'Isolated' } }, /pattern \{\} is not known/],
    [
      { pre_tokenizer: { type: 'Split', pattern: { String: ' ' }, behavior: 'Doubled' } },
      /behavior Doubled is not known/,
    ],
  ];
  for (const [change, message] of refused)
    t.throws(() => tokenizerOf({ ...tokenizer, ...change }), { name: 'TokenizerError', message });
});
