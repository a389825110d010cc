import test from 'ava';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bindParser } from '../parsers/registry';
import { findJudgeTemplate, isChinese, registeredJudgeTemplates, registerJudgeTemplate } from './registry';
import { type JudgeTemplate, renderPair } from './template';

const folder = mkdtempSync(join(tmpdir(), 'templates-'));
let files = 0;
function file(content: string, name = `t${files++}.yaml`): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const plain: JudgeTemplate = {
  name: 'plain',
  user: '{prompt}|{response_a}|{response_b}',
  history: 'transcript',
  roles: { user: 'U', assistant: 'M', system: 'S' },
  parser: { name: 'brackets', options: {} },
  reasoning: 'strip',
  letters: { a: 'A', b: 'B' },
};
const turns = [
  { role: 'user', content: 'q1' },
  { role: 'assistant', content: 'a1' },
  { role: 'user', content: 'q2' },
];
const user = (template: JudgeTemplate, pair: Partial<Parameters<typeof renderPair>[1]>) =>
  renderPair(template, { prompt: 'p', responseA: 'x', responseB: 'y', ...pair }).at(-1)!.content;

test('texts that look like placeholders stay as they are', (t) => {
  t.is(
    user(plain, { prompt: '{response_b} $& $1', responseA: '{prompt}{response_b}', responseB: '{{x}}' }),
    '{response_b} $& $1|{prompt}{response_b}|{{x}}',
  );
  t.is(
    user({ ...plain, user: '{prompt}{response_a}{response_b} {"choice": 1} {{word}} { x }' }, {}),
    'pxy {"choice": 1} {word} { x }',
  );
});

test('several turns: as a transcript, apart, or refused; a system prompt joins them unless it has a place of its own', (t) => {
  t.is(user(plain, { prompt: turns }), '[U]\nq1\n\n[M]\na1\n\n[U]\nq2|x|y');
  t.is(user(plain, { prompt: 'q', systemPrompt: 's' }), '[S]\ns\n\n[U]\nq|x|y');
  const apart = { ...plain, history: 'separate' as const, user: '({history}) {prompt}|{response_a}|{response_b}' };
  t.is(user(apart, { prompt: turns }), '([U]\nq1\n\n[M]\na1) q2|x|y');
  t.is(user(apart, {}), '() p|x|y');
  t.throws(() => user({ ...plain, history: 'refuse' }, { prompt: turns }), {
    name: 'JudgeError',
    message: /one turn only .* has 3 turns/,
  });
  t.is(user({ ...plain, history: 'refuse' }, { prompt: [turns[0]!] }), 'q1|x|y');
  t.deepEqual(renderPair({ ...plain, system: '' }, { prompt: 'q', responseA: 'x', responseB: 'y' })[0], {
    role: 'system',
    content: '',
  });
  const system = { ...plain, system: 'Rules: {system_prompt}' };
  t.deepEqual(renderPair(system, { prompt: 'q', systemPrompt: 's', responseA: 'x', responseB: 'y' }), [
    { role: 'system', content: 'Rules: s' },
    { role: 'user', content: 'q|x|y' },
  ]);
});

test(
  'every template of our own holds the texts once, names a parser that reads what it asks for, and goes by ' +
    'language',
  async (t) => {
    const asked: Record<string, [string, string]> = {
      verdict: ['[[A]]', '[[B]]'],
      letter: ['A', 'B'],
      json: ['{"choice": 1}', '{"choice": 2}'],
    };
    for (const name of registeredJudgeTemplates()) {
      const choice = await findJudgeTemplate(name);
      for (const template of choice.templates) {
        const text = user(template, { prompt: 'PROMPT', responseA: 'FIRST', responseB: 'SECOND' });
        for (const part of ['PROMPT', 'FIRST', 'SECOND']) t.is(text.split(part).length, 2, `${name}: ${part}`);
        t.true(text.indexOf('FIRST') < text.indexOf('SECOND'));
        const [a, b] = asked[name.split('-')[0]!]!;
        const parser = bindParser(template.parser.name, template.parser.options);
        t.deepEqual([parser.parse(a), parser.parse(b)], ['A', 'B']);
      }
    }
    const verdict = await findJudgeTemplate('verdict');
    t.is(verdict.templateFor('用一句话解释强化学习。').name, 'verdict-zh');
    t.is(verdict.templateFor('Explain reinforcement learning.').name, 'verdict-en');
    t.true(isChinese([{ role: 'user', content: 'def f(x): return x + 1\n这段代码做什么？' }]));
    t.false(isChinese('12345'));
  },
);

test('a file of one own, YAML or JSON', async (t) => {
  const yaml = file(
    'system: 你是评审。\nuser: |\n  问：{prompt}\n  甲：{response_a}\n  乙：{response_b}\nhistory: separate\nroles: {user: 用户}\nparser: {name: json, field: 更好的回答, tie: null}\nreasoning: keep\n'.replace(
      '问：',
      '{history}问：',
    ),
    'con-j.yaml',
  );
  const {
    templates: [template],
    name,
  } = await findJudgeTemplate(yaml);
  t.is(name, 'con-j');
  t.like(template!, {
    system: '你是评审。',
    history: 'separate',
    reasoning: 'keep',
    parser: { name: 'json', options: { field: '更好的回答', tie: null } },
    roles: { user: '用户', assistant: 'Assistant' },
  });
  const json = file('{"name": "mine", "user": "{prompt}{response_a}{response_b}", "parser": "letter"}', 'x.json');
  t.like((await findJudgeTemplate(json)).templates[0]!, {
    name: 'mine',
    parser: { name: 'letter', options: {} },
    history: 'transcript',
    reasoning: 'strip',
  });
  const emptySystem = file('system: ""\nuser: "{prompt}{response_a}{response_b}"\nparser: letter\n');
  t.is((await findJudgeTemplate(emptySystem)).templates[0]!.system, '');
});

test('the example of a file', async (t) => {
  const {
    templates: [template],
  } = await findJudgeTemplate(join(__dirname, '../../../examples/judge_template.yaml'));
  t.regex(user(template!, { prompt: turns }), /# 对话\n\[用户\]\nq1\n\n\[助手\]\na1\n\n# 最后一个请求\nq2\n/);
  t.is(bindParser(template!.parser.name, template!.parser.options).parse('{"原因": "更准确", "更好的回答": 2}'), 'B');
});

test('what a file may not hold is told with file and key', async (t) => {
  const body = 'user: "{prompt}{response_a}{response_b}"\nparser: letter\n';
  for (const [content, message] of [
    ['parser: letter\n', /t\d+\.yaml: "user" is missing\./],
    ['user: "{prompt}{response_a}{response_b}"\n', /"parser" is missing/],
    [`${body}sytem: x\n`, /"sytem" is not a key of a judge template; the keys are name, system, user/],
    [body.replace('{response_b}', ''), /lacks \{response_b\}/],
    [
      body.replace('{prompt}', '{prompt}{answer_a}'),
      /names \{answer_a\}, which is not a placeholder; known ones: \{prompt\}.*write \{\{answer_a\}\}/,
    ],
    [`${body}history: separate\n`, /no \{history\}/],
    [body.replace('{prompt}', '{history}{prompt}'), /only "history: separate" fills/],
    [`${body}history: all\n`, /"history": must be transcript, separate or refuse/],
    [body.replace('letter', 'lettr'), /no verdict parser "lettr"/],
    [body.replace('letter', '{name: json, feild: x}'), /parser "json" are not valid: .*feild/],
    [body.replace('letter', '{field: x}'), /"parser": must be a parser's name/],
    ['- x\n', /the file must hold "key: value" lines/],
    ['user: [\n', /t\d+\.yaml: /],
    ['', /the file must hold/],
  ] as const) {
    await t.throwsAsync(findJudgeTemplate(file(content)), { name: 'JudgeError', message }, content);
  }
  await t.throwsAsync(findJudgeTemplate('verdit'), {
    message: /"verdit" is neither a judge template \(verdict, letter, json, verdict-zh.*\) nor a file that exists/,
  });
});

test('a registered template is found by name, and a name is taken once', async (t) => {
  registerJudgeTemplate(plain);
  t.is((await findJudgeTemplate('plain')).templates[0], plain);
  t.throws(() => registerJudgeTemplate(plain), { message: /registered already/ });
  t.throws(() => registerJudgeTemplate({ ...plain, name: 'verdict' }), { message: /registered already/ });
  t.throws(() => registerJudgeTemplate({ ...plain, name: 'bad', user: '' }), { message: /lacks \{prompt\}/ });
});
