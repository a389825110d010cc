// The templates of data/chat_templates/, against the texts that the models' authors and users publish (docs/models.md
// names the sources).

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { Message } from '../data/types';
import { ChatTemplate } from './chat_template';

const FOLDER = join(__dirname, '../../data/chat_templates');
const LLAMA_TOKENS = { bos_token: '<s>', eos_token: '</s>', unk_token: '<unk>' };

const turn = (prompt: string, response: string): Message[] => [
  { role: 'user', content: prompt },
  { role: 'assistant', content: response },
];
const twoTurns = [...turn('q1', 'a1'), ...turn('q2', 'a2')];

function template(name: string): ChatTemplate {
  const file = join(FOLDER, `${name}.jinja`);
  return new ChatTemplate(readFileSync(file, 'utf8'), file, LLAMA_TOKENS);
}

/** The texts of one turn and of two; null: several turns are refused. */
const EXPECTED: Record<
  string,
  { one: [prompt: string, response: string, text: string]; two: string | null; system: boolean }
> = {
  ultrarm: { one: ['Sural?', 'The calf.', 'Human: Sural?\n\nAssistant: The calf.'], two: null, system: false },
  eurus: {
    one: ['Sural?', 'The calf.', '[INST] Sural? [/INST] The calf.'],
    two: '[INST] q1 [/INST] a1</s>[INST] q2 [/INST] a2',
    system: false,
  },
  starling_7b: {
    one: ['Hello?', 'Hi, how can I help you?', '<s>[INST] Hello? </s> [/INST] Hi, how can I help you?</s>'],
    two: '<s>[INST] q1 </s> [/INST] a1</s><s>[INST] q2 </s> [/INST] a2</s>',
    system: false,
  },
  starling_34b: {
    one: [
      'Hello!',
      'Hi, how can I help you?',
      '<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\nHi, how can I help you?<|im_end|>',
    ],
    two: '<|im_start|>user\nq1<|im_end|>\n<|im_start|>assistant\na1<|im_end|>\n<|im_start|>user\nq2<|im_end|>\n<|im_start|>assistant\na2<|im_end|>',
    system: true,
  },
  beaver: {
    one: [
      'hello',
      'Hello! How can I help you today?',
      'BEGINNING OF CONVERSATION: USER: hello ASSISTANT:Hello! How can I help you today?',
    ],
    two: 'BEGINNING OF CONVERSATION: USER: q1 ASSISTANT:a1</s>USER: q2 ASSISTANT:a2',
    system: false,
  },
  ziya: {
    one: ['列举一种空气污染。', '汽车尾气。', 'Human:列举一种空气污染。\n\nAssistant:汽车尾气。</s>'],
    two: null,
    system: false,
  },
};

test('every shipped template has its expected text here', (t) => {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.jinja'));
  t.deepEqual(
    files.sort(),
    Object.keys(EXPECTED)
      .map((name) => `${name}.jinja`)
      .sort(),
  );
});

for (const [name, { one, two, system }] of Object.entries(EXPECTED)) {
  test(`the text of ${name}`, (t) => {
    const [prompt, response, text] = one;
    t.is(template(name).render(turn(prompt, response), false), text);
    // The prompt alone is the beginning of every sample, so that responses share it.
    t.true(text.startsWith(template(name).render(turn(prompt, response).slice(0, 1), false)));
    // White space at the edges and what looks like markup stay.
    const awkward = template(name).render(turn(' {{ x }}\n', '\u3000{% if %} '), false);
    t.true(awkward.includes(' {{ x }}\n') && awkward.includes('\u3000{% if %} '), JSON.stringify(awkward));
    const several = () => template(name).render(twoTurns, false);
    if (two === null) t.throws(several, { message: /one request and one response/ });
    else t.is(several(), two);
    const withSystem = () => template(name).render([{ role: 'system', content: 's' }, ...turn('q', 'a')], false);
    if (system) t.notThrows(withSystem);
    else t.throws(withSystem, { message: /system prompt/ });
  });
}
