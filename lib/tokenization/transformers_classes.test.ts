// Which folders' ids transformers 5 has otherwise, against what it gave: fixtures/reference/tokenizers/classes.json.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import test from 'ava';
import { rebuiltByTransformers } from './transformers_classes';

type Json = Record<string, unknown>;

const FOLDER = join(__dirname, '../../fixtures/reference/tokenizers');
const { kinds } = JSON.parse(gunzipSync(readFileSync(join(FOLDER, 'kinds.json.gz'))).toString('utf8')) as {
  kinds: Record<string, { tokenizer: Json }>;
};
const { differ } = JSON.parse(readFileSync(join(FOLDER, 'classes.json'), 'utf8')) as {
  differ: Record<string, Record<string, number | null>>;
};

test('what transformers 5 has otherwise is told, and nothing else is', (t) => {
  let told = 0;
  for (const [kind, classes] of Object.entries(differ)) {
    for (const [name, texts] of Object.entries(classes)) {
      if (texts === null) continue; // transformers fails
      const note = rebuiltByTransformers(kinds[kind]!.tokenizer, { tokenizer_class: name });
      t.is(note !== undefined, texts > 0, `${kind} under ${name}: ${texts} texts differ`);
      if (note) told += 1;
    }
  }
  t.true(told > 60);
  const note = rebuiltByTransformers(kinds['llama']!.tokenizer, { tokenizer_class: 'LlamaTokenizerFast' });
  t.regex(note!, /names LlamaTokenizerFast, which it builds with a normalizer and a pre_tokenizer of its own/);
});

test('a class that is not known, or none, is no reason for a note', (t) => {
  for (const name of [undefined, null, 3, 'PreTrainedTokenizerFast', 'InternLM2Tokenizer', 'constructor'])
    t.is(rebuiltByTransformers(kinds['llama']!.tokenizer, { tokenizer_class: name }), undefined);
});
