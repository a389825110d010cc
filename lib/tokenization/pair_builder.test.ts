import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import test from 'ava';
import type { Message } from '../data/types';
import { TokenizerError } from './errors';
import { cutIds, SampleBuilder } from './sample_builder';

const folder = path.join(__dirname, '..', '..', 'fixtures', 'reference', 'models', 'deberta-pair');

interface Recorded {
  question?: string;
  messages?: Message[];
  answer: string;
  input_ids: number[];
}
const recorded = (JSON.parse(readFileSync(path.join(folder, 'pairs.json'), 'utf8')) as { pairs: Recorded[] }).pairs;

test('pairs have the ids that transformers gives them', (t) => {
  const builder = new SampleBuilder({ folder, form: 'pair' });
  for (const { question, messages, answer, input_ids: expected } of recorded) {
    const { inputIds, length, truncated, bosDoubled } = builder.buildSample(messages ?? question!, undefined, answer);
    t.deepEqual([...inputIds], expected, JSON.stringify(question ?? messages));
    t.like({ length, truncated, bosDoubled }, { length: expected.length, truncated: false, bosDoubled: false });
  }
});

test('system text and earlier turns are part of the question, an empty line between them', (t) => {
  const builder = new SampleBuilder({ folder, form: 'pair' });
  const { messages, answer, input_ids: expected } = recorded.find((one) => one.messages)!;
  const [system, ...turns] = messages!;
  t.deepEqual([...builder.buildSample(turns, system!.content!, answer).inputIds], expected);
  t.deepEqual(
    [...builder.buildSample([...messages!, { role: 'assistant', content: answer }], undefined, null).inputIds],
    expected,
  );
  t.deepEqual(
    [...builder.buildSample(messages!.map(({ content }) => content).join('\n\n'), undefined, answer).inputIds],
    expected,
  );
});

test("white space at both ends is the tokenizer's matter, whatever doStrip says", (t) => {
  const builder = new SampleBuilder({ folder, form: 'pair' });
  const { question, answer, input_ids: expected } = recorded[2]!;
  for (const doStrip of [true, false])
    t.deepEqual([...builder.buildSample(question!, undefined, answer, { doStrip }).inputIds], expected);
});

test("cutting takes the question's beginning first, then the answer's; special tokens stay", (t) => {
  const builder = new SampleBuilder({ folder, form: 'pair' });
  const { question, answer, input_ids: whole } = recorded[0]!;
  const separator = whole.indexOf(whole.at(-1)!);
  const cut = (maxLength: number, truncation = true) =>
    builder.buildSample(question!, undefined, answer, { maxLength, truncation });
  t.deepEqual([...cut(whole.length).inputIds], whole);
  t.deepEqual([...cut(5, false).inputIds], whole);
  const shorter = cut(whole.length - 3);
  t.deepEqual([...shorter.inputIds], [whole[0], ...whole.slice(4)]);
  t.like(shorter, { length: whole.length, truncated: true });
  t.deepEqual([...cut(6).inputIds], [whole[0], whole[separator], ...whole.slice(-4)]);
  const ids = Int32Array.from(whole);
  t.deepEqual([...cutIds(ids, 6, 'pair')], [whole[0], ...whole.slice(-5)]);
  t.deepEqual([...cutIds(ids, 1, 'pair')], [whole[0]]);
  t.deepEqual([...cutIds(ids, 6, undefined)], whole.slice(-6));
  t.throws(() => cut(3), { instanceOf: TokenizerError, message: /leaves no room/ });
});

test('a response without a prompt, and a tokenizer that knows no pairs, are refused with a sentence', (t) => {
  const builder = new SampleBuilder({ folder, form: 'pair' });
  t.throws(() => builder.buildSample([], undefined, 'alone'), {
    instanceOf: TokenizerError,
    message: /pair of question and answer/,
  });
  t.throws(() => builder.renderText('q', undefined, 'a'), { instanceOf: TokenizerError, message: /no chat template/ });
  t.throws(() => new SampleBuilder({ folder }), { instanceOf: TokenizerError, message: /no chat template/ });
  const tokenizer = JSON.parse(readFileSync(path.join(folder, 'tokenizer.json'), 'utf8')) as Record<string, unknown>;
  const bare = mkdtempSync(path.join(tmpdir(), 'cheems-pair-'));
  t.teardown(() => rmSync(bare, { recursive: true, force: true }));
  writeFileSync(path.join(bare, 'tokenizer.json'), JSON.stringify({ ...tokenizer, post_processor: null }));
  t.throws(() => new SampleBuilder({ folder: bare, form: 'pair' }), {
    instanceOf: TokenizerError,
    message: /tokenizer\.json.*pair of texts/,
  });
});
