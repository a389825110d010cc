// The ids of every kind of tokenizer against those that the tokenizers library (Rust) gave:
// fixtures/reference/tokenizers.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import test from 'ava';
import { findNativeLibrary, NativeTokenizer } from '../native_library';
import { TextTokenizer } from '../text_tokenizer';

type Json = Record<string, unknown>;

const FIXTURES = join(__dirname, '../../../fixtures');
const read = (file: string) => JSON.parse(gunzipSync(readFileSync(join(FIXTURES, file))).toString('utf8')) as unknown;

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

const installed = findNativeLibrary();

// Where the native library is installed, it is asked instead.
(installed === undefined ? test : test.skip)('what is not known in a tokenizer.json is refused with its name', (t) => {
  const { tokenizer } = kinds['metaspace']!;
  const refused: [Json, RegExp][] = [
    [
      { pre_tokenizer: { type: 'UnicodeScripts' } },
      /pre_tokenizer UnicodeScripts is not known; where the package @anush008\/tokenizers is installed, it is asked/,
    ],
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

const withCharsmap = (tokenizer: Json): Json =>
  JSON.parse(JSON.stringify(tokenizer).replaceAll('"the charsmap"', () => JSON.stringify(charsmap))) as Json;

test('the native library, where it is installed, gives the ids that are recorded, and those of our own', (t) => {
  if (installed === undefined) {
    t.log('SKIPPED: no native tokenizers package is installed');
    t.pass();
    return;
  }
  for (const [name, { tokenizer, ids }] of Object.entries(kinds)) {
    const native = new NativeTokenizer(installed.file, withCharsmap(tokenizer));
    for (let i = 0; i < strings.length; i += 9) {
      t.deepEqual(native.encode(strings[i]!).ids, ids[i], `${name}: ${JSON.stringify(strings[i])}`);
    }
  }
});

test('what is not known is tokenized by the native library where it is installed, and one line says so', async (t) => {
  if (installed === undefined) {
    t.log('SKIPPED: no native tokenizers package is installed');
    t.pass();
    return;
  }
  const { tokenizer } = kinds['metaspace']!;
  const steps = [{ type: 'UnicodeScripts' }, tokenizer['pre_tokenizer']];
  const unknown = withCharsmap({ ...tokenizer, pre_tokenizer: { type: 'Sequence', pretokenizers: steps } });
  const warnings: string[] = [];
  const listen = ({ message }: Error): void => void warnings.push(message);
  process.on('warning', listen);
  const [own, again] = [tokenizerOf(unknown), tokenizerOf(unknown)];
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', listen);
  const said =
    `Texts are tokenized by the package ${installed.name}: its pre_tokenizer UnicodeScripts is not known in ` +
    'tokenizer.json.';
  t.deepEqual(warnings, [said]);
  const native = new NativeTokenizer(installed.file, unknown);
  for (const text of strings.slice(0, 100)) {
    const { ids } = native.encode(text);
    t.deepEqual([...own.encode(text)], ids, JSON.stringify(text));
    t.deepEqual(again.encode(text, true), again.between(ids));
  }
  const broken = { ...unknown, pre_tokenizer: { type: 'NoSuchThing' } };
  const error = t.throws(() => tokenizerOf(broken), { name: 'TokenizerError' });
  t.regex(error.message, /pre_tokenizer NoSuchThing is not known; and the package .* says: /);
});
