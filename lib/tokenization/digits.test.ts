// tokenizer.json counts, not the tokenizer_class: ids recorded from the tokenizers library.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { readTokenizerFiles } from './tokenizer_files';
import { TextTokenizer } from './text_tokenizer';

const FOLDER = join(__dirname, '..', '..', 'fixtures', 'reference', 'tokenizers', 'digits-gpt2-class');

interface Recorded {
  cases: { text: string; tokenizers: number[]; transformers_5: number[] }[];
}

test('the digits of tokenizer.json stay apart, also where the class is GPT2Tokenizer and transformers 5 joins them', (t) => {
  const { cases } = JSON.parse(readFileSync(join(FOLDER, 'ids.json'), 'utf8')) as Recorded;
  const tokenizer = new TextTokenizer(readTokenizerFiles(FOLDER));
  for (const { text, tokenizers } of cases) t.deepEqual([...tokenizer.encode(text)], tokenizers, text);
  const other = cases.filter(
    ({ tokenizers, transformers_5: theirs }) => JSON.stringify(tokenizers) !== JSON.stringify(theirs),
  );
  t.true(other.length > 5);
});
