// How samples are built depends on the trainer that the folder's files reveal, not on a template that the user gives.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { readSampleFacts, type FactsRequest } from './model_facts';

function folderWith(t: ExecutionContext, files: Record<string, unknown>): string {
  const folder = mkdtempSync(join(tmpdir(), 'cheems-facts-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), JSON.stringify(content));
  return folder;
}

const classes = (...architectures: string[]): Record<string, unknown> => ({ 'config.json': { architectures } });
const linear = (source: string): FactsRequest['head'] => ({ kind: 'linear', source });
const chatTemplateFile = 'given.jinja';

test('the trainer that the folder shows decides, with a given template or without', async (t) => {
  const cases: [Record<string, unknown>, FactsRequest['head'], boolean | 'newlines', RegExp][] = [
    [
      { ...classes('LlamaForSequenceClassification'), 'cheems.json': { do_strip: false, compat: null } },
      linear('score.weight'),
      false,
      /cheems\.json/,
    ],
    [
      { ...classes('LlamaForSequenceClassification'), 'cheems.json': { do_strip: true, compat: 'transformers' } },
      linear('score.weight'),
      true,
      /cheems\.json/,
    ],
    [classes('RewardModel'), linear('v_head.weight'), true, /original/],
    [classes('RewardModel'), linear('score.weight'), 'newlines', /OpenRLHF/],
    [classes('RewardModel'), linear('value_head.weight'), 'newlines', /OpenRLHF/],
    [classes('LlamaForSequenceClassification'), linear('score.weight'), false, /LlamaForSequenceClassification/],
    [classes('LlamaForCausalLM'), linear('v_head.summary.weight'), false, /LLaMA-Factory/],
    [{ ...classes('LlamaForCausalLM'), 'value_head.bin': {} }, linear('v_head.summary.weight'), false, /LLaMA-Factory/],
  ];
  for (const [files, head, doStrip, reason] of cases) {
    const folder = folderWith(t, files);
    for (const request of [{ head }, { head, chatTemplateFile }]) {
      const facts = await readSampleFacts(folder, request);
      t.is(facts.doStrip, doStrip);
      t.regex(facts.reason, reason);
    }
  }
});

test('of models older than chat templates, a given one leaves BOS to the tokenizer', async (t) => {
  const folder = folderWith(t, classes('LlamaRewardModel'));
  const head = linear('regression_head.weight');
  t.is((await readSampleFacts(folder, { head })).doStrip, false);
  t.is((await readSampleFacts(folder, { head, chatTemplateFile })).doStrip, true);
  const starling = { head: linear('v_head.weight'), chatTemplateFile };
  for (const name of ['LlamaForSequenceClassification', 'LlamaForCausalLM']) {
    t.like(await readSampleFacts(folderWith(t, classes(name)), starling), {
      doStrip: true,
      pooling: 'before_first_padding',
    });
  }
});

test('where rewards are read: by class and head', async (t) => {
  const poolingOf = async (files: Record<string, unknown>, head?: FactsRequest['head']) =>
    (await readSampleFacts(folderWith(t, files), { head })).pooling;
  t.is(await poolingOf(classes('Qwen2ForSequenceClassification'), linear('score.weight')), 'last_not_padding');
  t.is(
    await poolingOf({ ...classes('Qwen2ForSequenceClassification'), 'cheems.json': {} }, linear('score.weight')),
    'last_token',
  );
  t.is(await poolingOf(classes('RewardModel'), linear('score.weight')), 'last_token');
  t.is(await poolingOf(classes('LlamaForCausalLM'), linear('v_head.summary.weight')), 'last_token');
  t.is(
    await poolingOf(classes('INFORMForSequenceClassification'), { kind: 'relu_layers', source: 'score.2.weight' }),
    'before_first_padding',
  );
  t.is(
    await poolingOf(classes('DebertaV2ForSequenceClassification'), { kind: 'pooler', source: 'classifier.weight' }),
    'last_token',
  );
});

test('special tokens within texts are read as in training', async (t) => {
  const of = async (facts: object) =>
    (await readSampleFacts(folderWith(t, { 'cheems.json': facts }))).specialTokensInText;
  t.is(await of({ do_strip: true }), 'keep');
  t.is(await of({ do_strip: true, special_tokens_in_text: 'escape' }), 'escape');
  await t.throwsAsync(of({ special_tokens_in_text: 'x' }), {
    name: 'ScoringError',
    message: /"special_tokens_in_text" "keep" or "escape"/,
  });
});
