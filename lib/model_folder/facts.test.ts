import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { ModelFolderError } from './errors';
import { factsText, readSampleChoices, type RewardModelFacts } from './facts';
import { FACTS_FILE, SMALL_MODEL_FILES, TOKENIZER_FILES } from './files';

const FACTS: RewardModelFacts = {
  package: 'cheems-native',
  package_version: '0.1.0',
  do_strip: false,
  compat: 'cheems',
  special_tokens_in_text: 'escape',
  max_length: 2048,
  truncation: false,
  chat_template_sha256: null,
  reward_position: 'last token of the sample',
  reward_head: 'score.weight',
  last_token_ids: [2],
};

test('what training writes into cheems.json is what scoring reads; another shape is refused by name', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'cheems-facts-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  t.is(await readSampleChoices(folder), undefined);
  const file = join(folder, FACTS_FILE);
  writeFileSync(file, factsText(FACTS));
  t.deepEqual(await readSampleChoices(folder), { do_strip: false, compat: 'cheems', special_tokens_in_text: 'escape' });
  t.is(factsText(FACTS), `${JSON.stringify(FACTS, null, 2)}\n`);
  writeFileSync(file, '{"do_strip": true, "of a later version": 1}');
  t.deepEqual(await readSampleChoices(folder), { do_strip: true });
  for (const broken of [
    '[]',
    'null',
    '{',
    '{"do_strip": 1}',
    '{"compat": "other"}',
    '{"special_tokens_in_text": null}',
  ]) {
    writeFileSync(file, broken);
    const error = await t.throwsAsync(readSampleChoices(folder), { instanceOf: ModelFolderError });
    t.true(error.message.startsWith(`${file} is broken`), broken);
  }
});

test('every tokenizer file is a file of the model, once', (t) => {
  t.is(new Set(TOKENIZER_FILES).size, TOKENIZER_FILES.length);
  for (const name of TOKENIZER_FILES) t.true(SMALL_MODEL_FILES.has(name));
});
