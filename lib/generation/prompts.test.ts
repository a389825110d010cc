import test from 'ava';
import { IM_END, makeLanguageModelFolder } from '../testing/language_model_folder';
import { PromptBuilder } from './prompts';
import { readStopTokens } from './stop_tokens';

const conversation = [
  { role: 'system', content: '你是评委' },
  { role: 'user', content: '哪个好？' },
];
/** As Gemma's: the second refuses a system turn, the third drops it. */
const TURNS =
  "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] | trim }}<|im_end|>\n{% endfor %}{% if " +
  'add_generation_prompt %}<|im_start|>model\n{% endif %}';
const REFUSING =
  `{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% ` +
  `endif %}${TURNS}`;
const DROPPING =
  "{% for m in messages %}{% if m['role'] == 'user' %}<|im_start|>user\n{{ m['content'] }}<|im_end|>\n{% endif " +
  '%}{% endfor %}';

test('the conversation as the template writes it, with the beginning of the answer', (t) => {
  const prompts = new PromptBuilder(makeLanguageModelFolder());
  t.is(
    prompts.render(conversation),
    '<|im_start|>system\n你是评委<|im_end|>\n<|im_start|>user\n哪个好？<|im_end|>\n<|im_start|>assistant\n',
  );
  t.is(prompts.tokenizer.decode([...prompts.encode(conversation).ids]), prompts.render(conversation));
  t.is(prompts.systemTurns, 'turn');
  t.is(prompts.endOfTurn(), IM_END);
});

test('a system turn that the template refuses, or drops, stands in the first user turn', (t) => {
  for (const chatTemplate of [REFUSING, DROPPING]) {
    const prompts = new PromptBuilder(
      makeLanguageModelFolder({ chatTemplate, tokenizerConfig: { bos_token: '<|endoftext|>' } }),
    );
    t.is(prompts.systemTurns, 'folded');
    t.true(
      prompts.render(conversation).includes('<|im_start|>user\n你是评委\n\n哪个好？<|im_end|>'),
      prompts.render(conversation),
    );
    t.false(prompts.render(conversation).includes('system'));
    t.throws(() => prompts.render(conversation.slice(0, 1)), { name: 'GenerationError', message: /no user turn/ });
  }
});

test('BOS is written by the template alone, and by the tokenizer for texts without one', (t) => {
  const prompts = new PromptBuilder(
    makeLanguageModelFolder({ chatTemplate: REFUSING, tokenizerConfig: { bos_token: '<|endoftext|>' } }),
  );
  const bos = prompts.tokenizer.idOf('<|endoftext|>')!;
  const { ids } = prompts.encode(conversation);
  t.is(ids[0], bos);
  t.not(ids[1], bos);
});

test("the template's variables; one that it does not read is refused", (t) => {
  const chatTemplate =
    `${TURNS.replace('{% if add_generation_prompt %}<|im_start|>model\n{% endif %}', '')}<|im_start|>assistant\n{% ` +
    'if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% else %}<think>\n{% ' +
    'endif %}';
  const folder = makeLanguageModelFolder({ chatTemplate });
  const thinking = new PromptBuilder(folder).encode(conversation);
  t.is(thinking.thoughts, 'think', 'the template opens the thoughts');
  const still = new PromptBuilder(folder, { templateOptions: { enable_thinking: false } });
  t.true(still.render(conversation).endsWith('<think>\n\n</think>\n\n'));
  t.is(still.encode(conversation).thoughts, undefined);
  t.throws(() => new PromptBuilder(folder, { templateOptions: { enable_thoughts: false } }), {
    name: 'GenerationError',
    message: /reads no variable "enable_thoughts"/,
  });
  t.throws(() => new PromptBuilder(folder, { templateOptions: { messages: [] } }), {
    message: /cannot be a template option/,
  });
});

test('a folder without a chat template continues texts, and says so when asked for more', (t) => {
  const prompts = new PromptBuilder(makeLanguageModelFolder({ chatTemplate: null }));
  t.throws(() => prompts.encode(conversation), {
    name: 'GenerationError',
    message: /has no chat template .* `chatTemplateFile: FILE`, or, .* `raw`/,
  });
  t.is(prompts.tokenizer.decode([...prompts.encodeText('从前').ids]), '从前');
});

test('stop tokens come from every file that names some, and nothing else does', async (t) => {
  const of = async (facts: Parameters<typeof makeLanguageModelFolder>[0]) => {
    const folder = makeLanguageModelFolder(facts);
    return (await readStopTokens(folder, new PromptBuilder(folder))).map(({ id, from }) => [id, from]);
  };
  t.deepEqual(
    await of({ generationConfig: { eos_token_id: [7, IM_END], temperature: 0.6 }, config: { eos_token_id: 8 } }),
    [
      [7, ['generation_config.json']],
      [IM_END, ['generation_config.json', 'tokenizer', 'chat template']],
      [8, ['config.json']],
    ],
  );
  t.deepEqual(await of({ config: { eos_token_id: null }, tokenizerConfig: { eos_token: null } }), [
    [IM_END, ['chat template']],
  ]);
  t.deepEqual(
    await of({ config: { eos_token_id: undefined }, tokenizerConfig: { eos_token: null }, chatTemplate: null }),
    [],
  );
  await t.throwsAsync(of({ generationConfig: { eos_token_id: 'x' } }), {
    name: 'GenerationError',
    message: /generation_config\.json: "eos_token_id" must be a token id or a list/,
  });
});
