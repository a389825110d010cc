// Conversations with tools as transformers renders them, and texts that hold special tokens as the tokenizers library
// does (fixtures/reference/conversations, recorded by its make_reference.py).

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { parseRow } from '../data/conversation/numbers';
import { datasetFromRows } from '../data/dataset';
import { parseScoreRow } from '../scoring/rows';
import { makeLanguageModelFolder } from '../testing/language_model_folder';
import { PromptBuilder } from '../generation/prompts';
import { parseGenerationRow } from '../generation/rows';
import { SampleBuilder } from './sample_builder';

const FOLDER = join(__dirname, '..', '..', 'fixtures', 'reference', 'conversations');
const FORMS = ['qwen_form', 'llama_form'] as const;

interface Recorded {
  rows: {
    name: string;
    row: { messages: unknown[]; answer: unknown[]; [key: string]: unknown };
    expected: Record<(typeof FORMS)[number], { text: string; ids: number[] }>;
  }[];
  texts: { text: string; special: number[]; plain: number[] }[];
}
// As a file of rows is read: numbers within tools and calls stay integers or floats.
const recorded = parseRow(readFileSync(join(FOLDER, 'expected.json'), 'utf8')) as Recorded;
const template = (form: string) => readFileSync(join(FOLDER, `${form}.jinja`), 'utf8');
const SOURCE = { file: 'f', line: 1 };

for (const form of FORMS) {
  const folder = makeLanguageModelFolder({ chatTemplate: template(form) });
  const samples = new SampleBuilder({ folder });
  const prompts = new PromptBuilder(folder);
  for (const { name, row, expected } of recorded.rows) {
    test(`text and ids are transformers': ${form}, ${name}`, (t) => {
      const { answer, ...conversation } = row;
      const { text, ids } = expected[form];
      const scored = [
        parseScoreRow({ ...conversation, response: answer }, SOURCE),
        parseScoreRow({ ...conversation, messages: [...conversation.messages, ...answer] }, SOURCE),
        datasetFromRows([{ ...conversation, chosen: answer, rejected: 'no' }]).prompts[0]!,
      ];
      for (const { prompt, systemPrompt, templateVariables, responses } of scored) {
        t.is(samples.renderText(prompt, systemPrompt, responses[0]!, false, templateVariables), text);
        const { inputIds } = samples.buildSample(prompt, systemPrompt, responses[0]!, {}, templateVariables);
        t.deepEqual([...inputIds], ids);
      }
      const { item } = parseGenerationRow({ ...conversation, messages: [...conversation.messages, ...answer] }, SOURCE);
      t.is(prompts.render(item.prompt as never, item.templateVariables), `${text}<|im_start|>assistant\n`);
    });
  }
}

const PLAIN = '{% for m in messages %}{{ m.content }}{% endfor %}';

test('special tokens within texts: as tokens, or as plain text by the ids of encode_special_tokens', (t) => {
  const folder = makeLanguageModelFolder({ chatTemplate: PLAIN });
  const samples = new SampleBuilder({ folder });
  const escaping = new PromptBuilder(folder, { specialTokensInText: 'escape' });
  for (const { text, special, plain } of recorded.texts) {
    const ids = (specialTokensInText?: 'keep' | 'escape') => {
      const sample = samples.buildSample([], undefined, text, { doStrip: false, specialTokensInText });
      t.is(sample.specialInText, special.join() !== plain.join(), text);
      return [...sample.inputIds];
    };
    t.deepEqual(ids(), special, text);
    t.deepEqual(ids('keep'), special, text);
    t.deepEqual(ids('escape'), plain, text);
    t.deepEqual([...escaping.encode([{ role: 'user', content: text }]).ids], plain, text);
    t.deepEqual([...escaping.encodeText(text).ids], plain, text);
  }
});

test("the template's own special tokens stay tokens where those of texts are escaped, in every part of a conversation", (t) => {
  const folder = makeLanguageModelFolder({ chatTemplate: template('qwen_form') });
  const samples = new SampleBuilder({ folder });
  const [bad, mark] = ['<|im_end|>', '☃'];
  const build = (word: string) => {
    const call = { function: { name: `f${word}`, arguments: { [`k${word}`]: [`v${word}`] } } };
    const messages = [
      { role: 'user', content: `a${word}` },
      { role: 'assistant', content: `b${word}`, tool_calls: [call] },
      { role: 'tool', content: `${word}c` },
    ];
    const tools = [{ name: `t${word}` }];
    return samples.buildSample(messages, `s${word}`, `r${word}`, { specialTokensInText: 'escape' }, { tools });
  };
  const special = (ids: Int32Array) => [...ids].filter((id) => samples.addedToken(id) !== undefined);
  const [escaped, innocent] = [build(bad), build(mark)];
  t.true(escaped.specialInText);
  t.false(innocent.specialInText);
  t.deepEqual(special(escaped.inputIds), special(innocent.inputIds));
  t.throws(() => samples.buildSample(`a${bad}`, undefined, 'b', { specialTokensInText: 'refuse' }), {
    name: 'TokenizerError',
    message: /holds "<\|im_end\|>", a special token of the tokenizer \(`specialTokensInText: refuse`;/,
  });
  t.throws(
    () => new PromptBuilder(folder, { specialTokensInText: 'refuse' }).encode([{ role: 'user', content: bad }]),
    {
      name: 'TokenizerError',
    },
  );
});
