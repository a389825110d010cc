// One table of rows through every reader: score, generate, train and eval, the library. All must read the same
// conversation, or refuse it with the same message.

import test from 'ava';
import { parseGenerationItem, parseGenerationRow } from '../../generation/rows';
import { promptsOf } from '../../scoring/items';
import { parseScoreRow } from '../../scoring/rows';
import { bestOfN } from '../../evaluation/benchmarks/best_of_n';
import { datasetFromRows } from '../dataset';
import { emptyReport, type ReadingReport } from '../report';
import type { Prompt, TemplateVariables } from '../types';
import { asMessages } from './messages';
import { parseRow } from './numbers';

interface Read {
  prompt: Prompt;
  systemPrompt?: string;
  templateVariables?: TemplateVariables;
}

const SOURCE = { file: 'f', line: 1 };
type Row = Record<string, unknown>;

const READERS: Record<string, (row: Row, report: ReadingReport) => Read> = {
  score: (row, report) => parseScoreRow({ ...row, response: 'r' }, SOURCE, report),
  generate: (row, report) => parseGenerationRow(row, SOURCE, report).item,
  train: (row, report) => {
    const { prompts, report: own } = datasetFromRows([{ ...row, chosen: 'r', rejected: 's' }], 'f');
    for (const [kind, entry] of own.entries) report.entries.set(kind, entry);
    return prompts[0]!;
  },
  'best-of-n': (row) => bestOfN.format!.read({ ...row, responses: ['r', 's'], scores: [1, 0] }, SOURCE),
};
const LIBRARY: Record<string, (row: Row) => Read> = {
  'RewardModel.score': (row) => promptsOf([{ ...row, responses: ['r'] }]).prompts[0]!,
  'LanguageModel.generate': (row) => parseGenerationItem(row, SOURCE),
};

const U = { role: 'user', content: 'q' };
const CALL = { type: 'function', function: { name: 'w', arguments: { c: '北京', d: null } } };
const A = { role: 'assistant', content: null, tool_calls: [CALL] };
const TOOLS = [{ type: 'function', function: { name: 'w' } }];

/** [what, row, turns, system prompt, variables]; the library knows those rows that have its keys. */
const GOOD: [string, Row, unknown[], (string | undefined)?, object?][] = [
  ['text', { prompt: 'q' }, [U]],
  ['messages', { messages: [U] }, [U]],
  ['messages under the name of the prompt', { prompt: [U] }, [U]],
  ['ShareGPT turns', { conversations: [{ from: 'human', value: 'q' }] }, [U]],
  ['question', { question: 'q' }, [U]],
  ['input', { input: 'q' }, [U]],
  ['instruction', { instruction: 'a', input: 'b' }, [{ role: 'user', content: 'a\nb' }]],
  ['sys_prompt', { prompt: 'q', sys_prompt: 's' }, [U], 's'],
  ['system_prompt', { prompt: 'q', system_prompt: 's' }, [U], 's'],
  ['system', { prompt: 'q', system: 's' }, [U], 's'],
  ['one system prompt by two names', { prompt: 'q', system: 's', sys_prompt: 's' }, [U], 's'],
  [
    'null is no field',
    { prompt: 'q', messages: null, system: null, tools: null, documents: null, chat_template_kwargs: null, id: null },
    [U],
  ],
  ['null within messages', { messages: [{ ...U, tool_calls: null, name: null }] }, [U]],
  [
    'content in parts',
    {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'a' },
            { type: 'text', text: '\nb', image: null },
          ],
        },
      ],
    },
    [{ role: 'user', content: 'a\nb' }],
  ],
  ['tool calls', { messages: [U, A, { role: 'tool', content: '晴' }] }, [U, A, { role: 'tool', content: '晴' }]],
  ['absent ids of tool calls', { messages: [U, { ...A, tool_calls: [{ ...CALL, id: null }] }] }, [U, A]],
  ['content that is missing beside calls', { messages: [U, { role: 'assistant', tool_calls: [CALL] }] }, [U, A]],
  [
    'reasoning_content',
    { messages: [U, { role: 'assistant', content: 'x', reasoning_content: 'y' }, U] },
    [U, { role: 'assistant', content: 'x', reasoning_content: 'y' }, U],
  ],
  ['tools', { prompt: 'q', tools: TOOLS }, [U], undefined, { tools: TOOLS }],
  ['tools as JSON', { prompt: 'q', tools: JSON.stringify(TOOLS) }, [U], undefined, { tools: TOOLS }],
  ['no tool', { prompt: 'q', tools: '[]' }, [U]],
  [
    'variables',
    { prompt: 'q', chat_template_kwargs: { enable_thinking: false, x: null } },
    [U],
    undefined,
    { enable_thinking: false },
  ],
  [
    'documents',
    { prompt: 'q', documents: [{ title: 't', text: 'd' }] },
    [U],
    undefined,
    { documents: [{ title: 't', text: 'd' }] },
  ],
  [
    'calls as a turn of JSON',
    {
      conversations: [
        { from: 'human', value: 'q' },
        { from: 'function_call', value: '{"name":"w"}' },
        { from: 'observation', value: '晴' },
      ],
    },
    [
      U,
      { role: 'assistant', content: null, tool_calls: [{ type: 'function', function: { name: 'w', arguments: {} } }] },
      { role: 'tool', content: '晴' },
    ],
  ],
  [
    'several calls, in a role of its own',
    { messages: [U, { role: 'tool_call', content: '[{"name":"w","arguments":{"a":1}},{"name":"v"}]' }] },
    [
      U,
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          { type: 'function', function: { name: 'w', arguments: { a: 1 } } },
          { type: 'function', function: { name: 'v', arguments: {} } },
        ],
      },
    ],
  ],
];

const normal = ({ prompt, systemPrompt, templateVariables }: Read) => ({
  turns: asMessages(prompt),
  ...(systemPrompt === undefined ? {} : { systemPrompt }),
  ...(templateVariables === undefined ? {} : { templateVariables }),
});

const LIBRARY_KEYS = new Set(['prompt', 'messages', 'system_prompt', 'tools', 'documents', 'chat_template_kwargs']);
const readersOf = (row: Row) => ({
  ...READERS,
  ...(Object.keys(row).every((key) => LIBRARY_KEYS.has(key)) ? LIBRARY : {}),
});

for (const [what, row, turns, systemPrompt, templateVariables] of GOOD) {
  test(`every reader reads ${what}`, (t) => {
    const expected = {
      turns,
      ...(systemPrompt === undefined ? {} : { systemPrompt }),
      ...(templateVariables === undefined ? {} : { templateVariables }),
    };
    for (const [name, read] of Object.entries(readersOf(row))) {
      const report = emptyReport();
      t.deepEqual(normal(read(row, report)) as unknown, expected, name);
      t.is(report.entries.get('unreadKeys'), undefined, name);
    }
  });
}

const LONE = 'a\ud83d';
const BAD: [string, Row, RegExp][] = [
  ['half a character in a prompt', { prompt: LONE }, /prompt holds half of a surrogate pair/],
  [
    'half a character in a message',
    { messages: [{ role: 'user', content: LONE }] },
    /messages\[0\]\.content holds half/,
  ],
  ['half a character in a system prompt', { prompt: 'q', system_prompt: LONE }, /system_prompt holds half/],
  [
    'half a character in a key of arguments',
    { messages: [U, { ...A, tool_calls: [{ function: { name: 'w', arguments: { [LONE]: 1 } } }] }] },
    /a key of messages\[1\]\.tool_calls\[0\]\.function\.arguments holds half/,
  ],
  ['half a character in tools', { prompt: 'q', tools: [{ name: LONE }] }, /tools\[0\]\.name holds half/],
  [
    'half a character in thoughts',
    { messages: [U, { role: 'assistant', content: '', reasoning_content: LONE }] },
    /messages\[1\]\.reasoning_content holds half/,
  ],
  ['half a character in a variable', { prompt: 'q', chat_template_kwargs: { a: [LONE] } }, /a\[0\] holds half/],
  [
    'a role that there is not',
    { messages: [{ role: 'robot', content: 'x' }] },
    /messages\[0\]\.role is "robot"; known are system, /,
  ],
  [
    'a role of ShareGPT in a message',
    { messages: [{ role: 'human', content: 'x' }] },
    /messages\[0\]\.role is "human"; known are/,
  ],
  ['no message', { messages: [] }, /messages is an empty list; a conversation has at least one message/],
  ['no message as the prompt', { prompt: [] }, /prompt is an empty list/],
  ['null where a text is needed', { messages: [{ role: 'user', content: null }] }, /messages\[0\] has no "content"/],
  ['no role', { messages: [{ content: 'x' }] }, /messages\[0\] has no "role"/],
  ['a number as the prompt', { prompt: 5 }, /prompt must be text or a list of messages, but is 5/],
  [
    'a number as the content',
    { messages: [{ role: 'user', content: 5 }] },
    /messages\[0\]\.content must be text, but is 5/,
  ],
  [
    'a picture',
    { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: {} }] }] },
    /content\[0\] has the type "image_url"; only text parts/,
  ],
  ['a message that is none', { messages: ['hello'] }, /messages\[0\] must be an object/],
  [
    'a misspelled key of a message',
    { messages: [{ ...U, toolCalls: [CALL] }] },
    /messages\[0\] has the unknown key "toolCalls", which looks like "tool_calls"/,
  ],
  ['tools that are no objects', { prompt: 'q', tools: ['w'] }, /tools\[0\] must be an object/],
  ['tools in words', { prompt: 'q', tools: 'none' }, /tools must be a list of tools, or one as JSON, but is "none"/],
  [
    'a call without a name',
    { messages: [U, { ...A, tool_calls: [{ function: { arguments: {} } }] }] },
    /messages\[1\]\.tool_calls\[0\] names no function/,
  ],
  [
    'a turn of calls that is no JSON',
    { messages: [U, { role: 'tool_call', content: 'w()' }] },
    /messages\[1\]\.content must be a call as JSON/,
  ],
  [
    'variables that the row gives anyway',
    { prompt: 'q', chat_template_kwargs: { messages: [] } },
    /chat_template_kwargs holds "messages"/,
  ],
];

for (const [what, row, message] of BAD) {
  test(`every reader refuses ${what}`, (t) => {
    for (const [name, read] of Object.entries(readersOf(row))) {
      t.throws(() => read(row, emptyReport()), { name: 'DataError', message }, name);
    }
  });
}

test('two different system prompts are refused', (t) => {
  for (const read of Object.values(READERS)) {
    t.throws(() => read({ prompt: 'q', system: 'a', sys_prompt: 'b' }, emptyReport()), {
      message: /sys_prompt and system hold different system prompts/,
    });
  }
});

test('keys that nothing reads are counted and named once; what looks like one that is read is refused', (t) => {
  const { 'best-of-n': _, ...readers } = READERS;
  for (const [name, read] of Object.entries(readers)) {
    const report = emptyReport();
    read({ prompt: 'q', margin: NaN, source: 'x', empty: null, prompt_id: 'p' }, report);
    t.like(report.entries.get('unreadKeys'), { count: 1, names: ['margin', 'source', 'prompt_id'] }, name);
    for (const key of [
      'systemprompt',
      'systemPrompt',
      'System',
      'system-prompt',
      'syspromt',
      'tool',
      'chat_template_kwarg',
      'chatTemplateKwargs',
      'sytem_prompt',
    ]) {
      t.throws(
        () => read({ prompt: 'q', [key]: 'x' }, emptyReport()),
        { message: new RegExp(`the row has the unknown key "${key}", which looks like "[a-z_]+"`) },
        `${name} ${key}`,
      );
    }
  }
  for (const [name, read] of Object.entries(LIBRARY)) {
    t.throws(
      () => read({ prompt: 'q', systemprompt: 'x' }),
      { message: /unknown key "systemprompt" \(did you mean "systemPrompt"\?\); known are prompt, messages, / },
      name,
    );
    t.throws(() => read({ prompt: 'q', margin: 1 }), { message: /unknown key "margin"; known are/ }, name);
    t.is(read({ prompt: 'q', systemPrompt: 's' }).systemPrompt, 's', name);
    t.deepEqual(read({ prompt: 'q', chatTemplateKwargs: { a: 1 } }).templateVariables, { a: 1 }, name);
  }
});

test('keys of responses that nothing reads are told, and refused in items of the library', (t) => {
  const response = { content: 'r', model: 'gpt', length: 5, extra: null };
  const report = emptyReport();
  parseScoreRow({ prompt: 'q', responses: [response, response] }, SOURCE, report);
  t.like(report.entries.get('unreadKeys'), { count: 1, names: ['responses.model', 'responses.length'] });
  const { report: own } = datasetFromRows([
    {
      input: 'q',
      responses: [
        { id: 'a', ...response },
        { id: 'b', content: 's' },
      ],
    },
  ]);
  t.like(own.entries.get('unreadKeys'), { count: 1, names: ['responses.model', 'responses.length'] });
  t.throws(() => promptsOf([{ prompt: 'q', responses: [response] }]), {
    message: /response 0 has the unknown key "model"; known are role, content, /,
  });
  t.throws(() => parseScoreRow({ prompt: 'q', response: { content: 'r', toolcalls: [] } }, SOURCE), {
    message: /response has the unknown key "toolcalls", which looks like "tool_calls"/,
  });
});

test('ids are what the line says, and numbers that templates print stay integers or floats', (t) => {
  const idOf = (json: string) => {
    const row = parseRow(`{"id":${json},"prompt":"q: 1.5, 12345678901234567890"}`) as Row;
    const scored = parseScoreRow({ ...row, response: 'r' }, SOURCE).id;
    const trained = datasetFromRows([{ ...row, chosen: 'r', rejected: 's' }]).prompts[0]!.id;
    return [String(scored), String(parseGenerationRow(row, SOURCE).id), trained];
  };
  const spellings = ['7', '-7', '-0', '0', '1234567890123456789', '12345678901234567890', '-9007199254740993', '1.0'];
  for (const id of [...spellings, '1e3', '1.50', '0.1', '1E400']) {
    if (id !== '1E400') t.deepEqual(idOf(id), [id, id, id]);
    else t.throws(() => idOf(id), { message: /id"? must be text or a number/ });
  }
  t.deepEqual(idOf('"a"'), ['a', 'a', 'a']);
  for (const id of ['NaN', 'Infinity', 'true', '[1]', '{}'])
    t.throws(() => idOf(id), { name: 'DataError', message: /id"? must be text or a number/ });
  const { tools } = parseRow(
    '{"tools":[{"a":1,"b":1.0,"c":10000000000000000001,"d":0.5,"e":1e3,"f":"1.0"}],"x":1.0}',
  ) as { tools: Row[] };
  t.deepEqual(tools, [
    { a: 1, b: Object(1) as unknown, c: 10000000000000000001n, d: 0.5, e: Object(1000) as unknown, f: '1.0' },
  ]);
});

test('null within a rank, a response and an annotation is no field', (t) => {
  const { prompts } = datasetFromRows([
    {
      input: 'q',
      responses: [
        { id: 'a', content: 'x', input_ids: null },
        { id: 'b', content: 'y' },
      ],
      rank: { a: 1, b: 2, c: null },
      annotations: null,
    },
    {
      input: 'p',
      responses: [
        { id: 'c', content: 'x' },
        { id: 'd', content: 'y' },
      ],
      rank: { a: null, b: null },
      annotations: [['c', 'd', 1]],
    },
  ]);
  t.deepEqual(
    prompts.map(({ ranks }) => ranks),
    [[1, 2], undefined],
  );
});

test("ms-swift's pairs", (t) => {
  const pairOf = (row: Row) => {
    const { prompts } = datasetFromRows([row]);
    const [{ prompt, responses, pairs }] = prompts as [(typeof prompts)[0]];
    return { turns: asMessages(prompt), texts: responses.map(({ content }) => content), pairs };
  };
  const messages = [{ role: 'system', content: 's' }, U, { role: 'assistant', content: 'good' }];
  const expected = { turns: messages.slice(0, 2), texts: ['good', 'bad'], pairs: [[0, 1]] };
  t.deepEqual(pairOf({ messages, rejected_response: 'bad' }) as unknown, expected);
  t.deepEqual(pairOf({ messages, rejected_response: ['bad'] }) as unknown, expected);
  t.deepEqual(
    pairOf({
      messages,
      rejected_messages: [...messages.slice(0, 2), { role: 'assistant', content: 'bad' }],
    }) as unknown,
    expected,
  );
  t.deepEqual(pairOf({ query: 'q', response: 'good', rejected_response: 'bad', history: [['a', 'b']] }) as unknown, {
    turns: [{ role: 'user', content: 'a' }, { role: 'assistant', content: 'b' }, U],
    texts: ['good', 'bad'],
    pairs: [[0, 1]],
  });
  t.throws(() => datasetFromRows([{ messages: [U], rejected_response: 'bad' }]), {
    message: /must end with the assistant's turn/,
  });
});

test('different tool calls are different answers', (t) => {
  const answer = (name: string) => [
    { role: 'assistant', content: '', tool_calls: [{ function: { name, arguments: {} } }] },
  ];
  const { prompts } = datasetFromRows([{ prompt: [U], chosen: answer('a'), rejected: answer('b'), tools: TOOLS }]);
  t.deepEqual(prompts[0]!.pairs, [[0, 1]]);
  t.regex(prompts[0]!.responses[0]!.content!, /"name":"a"/);
});
