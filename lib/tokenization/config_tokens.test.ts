// Tokens that only tokenizer_config.json names, against transformers 4.51 and 5.24:
// fixtures/reference/tokenizers/README.md.
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { withTokensOfConfig } from './config_tokens';
import { readTokenizerFiles } from './tokenizer_files';
import { SampleBuilder } from './sample_builder';
import { TextTokenizer } from './text_tokenizer';

const REFERENCE = join(__dirname, '../../fixtures/reference');
const LLAMA = join(REFERENCE, 'sample_templates/llama');
const { texts, cases } = JSON.parse(readFileSync(join(REFERENCE, 'tokenizers/tokens_of_config.json'), 'utf8')) as {
  texts: string[];
  cases: { config: object; ids: number[][] }[];
};

test('tokens of tokenizer_config.json are one token each, with the ids that transformers gives them', (t) => {
  for (const { config, ids } of cases) {
    const folder = mkdtempSync(join(tmpdir(), 'cheems-config-tokens-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    copyFileSync(join(LLAMA, 'tokenizer.json'), join(folder, 'tokenizer.json'));
    const own = JSON.parse(readFileSync(join(LLAMA, 'tokenizer_config.json'), 'utf8')) as object;
    writeFileSync(
      join(folder, 'tokenizer_config.json'),
      JSON.stringify({ ...own, ...config, chat_template: '{{ messages[0].content }}' }),
    );
    const tokenizer = new TextTokenizer(readTokenizerFiles(folder));
    const builder = new SampleBuilder({ folder });
    for (const [i, text] of texts.entries()) {
      t.deepEqual([...tokenizer.encode(text)], ids[i], text);
      t.deepEqual([...builder.buildSample(text, undefined, null, { doStrip: false }).inputIds], ids[i], text);
    }
  }
});

test('ids: of the vocabulary where it has the token, else the next free ones', (t) => {
  const file = { added_tokens: [{ id: 5, content: '<a>' }], model: { vocab: { x: 0, y: 1 } } };
  const { added_tokens } = withTokensOfConfig(file, {
    pad_token: 'y',
    additional_special_tokens: ['<b>', '<a>', '<b>', '<c>'],
  }) as { added_tokens: { id: number; content: string }[] };
  t.deepEqual(
    added_tokens.map(({ id, content }) => [id, content]),
    [
      [1, 'y'],
      [5, '<a>'],
      [6, '<b>'],
      [7, '<c>'],
    ],
  );
  t.is(withTokensOfConfig(file, { pad_token: '<a>' }), file);
  const unigram = {
    model: {
      vocab: [
        ['x', 0],
        ['y', -1],
      ],
    },
  };
  t.like(withTokensOfConfig(unigram, { eos_token: { content: 'y' } }), {
    added_tokens: [{ id: 1, content: 'y', special: true }],
  });
});
