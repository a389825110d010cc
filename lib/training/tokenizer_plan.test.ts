// The written tokenizers against what stock transformers (4.51 and 5.24) makes of them:
// fixtures/reference/sample_templates/record.py.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { CONVERSATIONS, idsOf, REFERENCE, sampleTemplateCases, writeCase } from '../testing/sample_template_cases';
import { realFileSystem } from '../files/file_system';
import { replacesSampleTemplate } from '../tokenization/tokenizer_files';
import { SampleBuilder } from '../tokenization/sample_builder';
import { sha256 } from '../support/sha256';
import { planTokenizerFiles } from './tokenizer_plan';

const recorded = JSON.parse(readFileSync(join(REFERENCE, 'recorded.json'), 'utf8')) as Record<string, number[][]>;
const cases = sampleTemplateCases();
const OUT = mkdtempSync(join(tmpdir(), 'cheems-sample-templates-'));
/** BOS only in some conversations, and a space that the tokenizer puts before a first word alone. */
const WITHOUT_TEMPLATE = ['metaspace-sometimes_bos-cheems'];

for (const tokenizer of [...new Set(cases.map((one) => one.tokenizer))]) {
  test(`stock tools read the samples that were trained on, by ids and by text: ${tokenizer}`, async (t) => {
    for (const one of cases.filter((other) => other.tokenizer === tokenizer)) {
      const { folder, trainedIds, hasTemplate } = await writeCase(one, OUT);
      t.is(hasTemplate, !WITHOUT_TEMPLATE.includes(one.name), one.name);
      if (hasTemplate)
        t.deepEqual(
          recorded[one.name],
          trainedIds.filter((ids) => ids !== undefined),
          one.name,
        );
      // This package reads the written folder the same, stripping or not where its template strips.
      const again = new SampleBuilder({ folder });
      for (const doStrip of hasTemplate && one.mode !== 'nostrip' ? [true, false] : [one.mode !== 'nostrip']) {
        const options = { doStrip, doubledBos: one.mode === 'cheems' ? 'keep' : 'drop' } as const;
        t.deepEqual(
          CONVERSATIONS.map((messages, i) => trainedIds[i] && idsOf(again, messages, options)),
          trainedIds,
          one.name,
        );
      }
    }
  });
}

test('what the written tokenizer says of itself', async (t) => {
  const read = async (name: string): Promise<Record<string, unknown>> => {
    const { folder } = await writeCase(
      cases.find((one) => one.name === name)!,
      OUT,
    );
    return JSON.parse(readFileSync(join(folder, 'tokenizer_config.json'), 'utf8')) as Record<string, unknown>;
  };
  // All samples end with one special token, which is the EOS then, and classes that rebuild a tokenizer are not asked
  // for.
  t.like(await read('adds_both-own-strip'), {
    eos_token: '<|im_end|>',
    tokenizer_class: 'PreTrainedTokenizerFast',
    add_bos_token: false,
    add_eos_token: false,
  });
  // A doubled BOS stays where no tool knows which token that is.
  t.is((await read('llama-ziya-cheems'))['bos_token'], null);
  t.is((await read('llama-ziya-strip'))['bos_token'], '<s>');
});

test('training on from a written folder leaves its template as it is', async (t) => {
  const { folder } = await writeCase(
    cases.find((one) => one.name === 'llama-beaver-strip')!,
    OUT,
  );
  const conversations = CONVERSATIONS.slice(0, 1).map((prompt) => ({
    prompt,
    response: { messages: [] },
  }));
  const { changes, found } = await planTokenizerFiles(
    {
      baseFolder: folder,
      samples: { options: { doStrip: true, doubledBos: 'drop' }, conversations, lastTokens: new Map() },
    },
    realFileSystem,
  );
  t.is(found?.source, readFileSync(join(folder, 'chat_template.jinja'), 'utf8'));
  t.false(changes.has('tokenizer.json'));
});

test("the template that a folder was trained with, given again, is the folder's own; another one is told of", async (t) => {
  const { folder } = await writeCase(
    cases.find((one) => one.name === 'llama-ultrarm-strip')!,
    OUT,
  );
  const given = join(`${folder}-base`, 'given.jinja');
  writeFileSync(
    join(folder, 'cheems.json'),
    JSON.stringify({ do_strip: true, compat: null, chat_template_sha256: sha256(readFileSync(given, 'utf8')) }),
  );
  const options = { doStrip: true, doubledBos: 'drop' } as const;
  const own = idsOf(new SampleBuilder({ folder }), CONVERSATIONS[0]!, options);
  t.deepEqual(idsOf(new SampleBuilder({ folder, chatTemplateFile: given }), CONVERSATIONS[0]!, options), own);
  t.false(replacesSampleTemplate(folder, given));
  const other = join(`${folder}-base`, 'other.jinja');
  writeFileSync(other, `${readFileSync(given, 'utf8')} `);
  t.true(replacesSampleTemplate(folder, other));
});
