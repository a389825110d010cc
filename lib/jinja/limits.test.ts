import test from 'ava';
import { JinjaError, JinjaLimitError } from './errors';
import { JinjaTemplate } from './template';

const fails = (source: string): JinjaError => {
  try {
    const text = new JinjaTemplate(source).render({ messages: [] });
    throw new Error(`rendered ${text.length} characters`);
  } catch (error) {
    if (error instanceof JinjaError) return error;
    throw error;
  }
};

const doubling = (rest: string): string =>
  `{% set ns = namespace(x='ab') %}{% for i in range(100000) %}${rest}{% endfor %}`;

const ENDLESS: Record<string, string> = {
  'nested loops': '{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}',
  'a large output': '{% for i in range(100000) %}{% for j in range(1000) %}{{ "x" * 100 }}{% endfor %}{% endfor %}',
  'a long text': "{{ ('a' * 10 ** 9)|length }}",
  'a long text, then many': "{% set x = 'a' * 60000000 %}{% for i in range(1000) %}{{ (x ~ i)|length }}{% endfor %}",
  'doubling a text': doubling('{% set ns.x = ns.x + ns.x %}'),
  'doubling a text by ~': doubling('{% set ns.x = ns.x ~ ns.x %}'),
  'doubling a list': '{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}',
  'repeating a list': '{{ ([0] * 10 ** 9)|length }}',
  'lists within lists, printed':
    '{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}',
  'lists within lists, as JSON':
    '{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x|tojson }}',
  'lists within lists, compared':
    '{% set a = namespace(x=[1]) %}{% set b = namespace(x=[1]) %}{% for i in range(60) %}{% set a.x = [a.x, a.x] %}' +
    '{% set b.x = [b.x, b.x] %}{% endfor %}{{ a.x == b.x }}',
  'tuples within tuples, as a key':
    '{% set ns = namespace(x=(1,)) %}{% for i in range(60) %}{% set ns.x = (ns.x, ns.x) %}{% endfor %}{{ {ns.x: 1} }}',
  'a deep list':
    '{% set ns = namespace(x=[]) %}{% for i in range(100000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}',
  'a large power': '{{ 10 ** 1000000000 }}',
  'squaring an integer':
    '{% set ns = namespace(x=3) %}{% for i in range(99) %}{% set ns.x = ns.x * ns.x %}{% endfor %}',
  'a wide center': "{{ 'a'|center(10 ** 9) }}",
  'a wide center, the method': "{{ 'a'.center(10 ** 9) }}",
  'a wide ljust': "{{ 'a'.ljust(10 ** 12) }}",
  'a wide zfill': "{{ '1'.zfill(10 ** 9) }}",
  'a wide indent': "{{ 'a\\nb'|indent(10 ** 9) }}",
  'a wide tab': "{{ '\\t'.expandtabs(10 ** 9) }}",
  'a wide format': "{{ '%1000000000d' % 1 }}",
  'a wide format with a star': "{{ '%*d' % (10 ** 9, 1) }}",
  'a wide format with braces': "{{ '{:1000000000}'.format(1) }}",
  'many digits': "{{ '%.100000000f' % 1 }}",
  'a replacement that grows': "{% set x = 'a' * 100000 %}{{ x.replace('a', x)|length }}",
  'a replacement of nothing': "{% set x = 'a' * 100000 %}{{ x.replace('', x)|length }}",
  'a join that grows': "{{ range(100000)|join('a' * 100000)|length }}",
  'a join that grows, the method': "{{ ('a' * 100000).join('b' * 100000)|length }}",
  'a batch that is filled': '{{ [1]|batch(10 ** 9, 0)|list }}',
  'many slices': '{{ [1]|slice(10 ** 9)|list }}',
  'a sum of lists': '{{ ([[1]] * 100000)|sum(start=[]) }}',
  'a macro without end': '{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}',
  'a macro that doubles': '{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(100) }}',
  'a recursive loop without end': '{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}',
  'deep brackets': `{{ ${'('.repeat(5000)}1${')'.repeat(5000)} }}`,
  'deep lists': `{{ ${'['.repeat(5000)}${']'.repeat(5000)} }}`,
  'many operators': `{{ ${'1 + '.repeat(20_000)}1 }}`,
  'many nots': `{{ ${'not '.repeat(20_000)}1 }}`,
  'many minuses': `{{ ${'-'.repeat(20_000)}1 }}`,
  'many filters': `{{ 1${'|string'.repeat(20_000)} }}`,
  'many attributes': `{{ x${'.a'.repeat(20_000)} }}`,
  'many blocks': '{% if 1 %}'.repeat(5000) + '{% endif %}'.repeat(5000),
  'a deep attribute path': "{{ messages|map(attribute='a' ~ '.a' * 10 ** 7)|list }}{{ '{}' * 10 ** 9 }}",
};

for (const [name, source] of Object.entries(ENDLESS)) {
  test(`ends with a sentence: ${name}`, (t) => {
    const begin = process.hrtime.bigint();
    const { message } = fails(source);
    t.regex(message, /limit|digits/i);
    const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
    t.true(seconds < 20, `took ${seconds.toFixed(1)} s`);
  });
}

test('ranges are bounded as in the sandbox of jinja2', (t) => {
  t.is(new JinjaTemplate('{{ range(100000)|length }}').render({}), '100000');
  t.regex(
    fails('{% for i in range(1000000000) %}{% endfor %}').message,
    /a range of 1000000000 items: the limit of templates is 100,000/,
  );
});

test('the sentence names the limit, and the line is known', (t) => {
  const error = fails('a\n{% for i in range(100000) %}\n{% for j in range(100000) %}{% endfor %}{% endfor %}');
  t.true(error instanceof JinjaLimitError);
  t.is(error.line, 3);
  t.is(error.message, 'it takes more than 20,000,000 steps, the limit of templates');
});

test('a long conversation is no reason to stop', (t) => {
  const messages = Array.from({ length: 20_000 }, (_, i) => ({
    role: i % 2 ? 'assistant' : 'user',
    content: `${i} 你好 `.repeat(50),
  }));
  const source =
    '{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}{{ "" if loop.last else "\n" }}{% endfor %}';
  const text = new JinjaTemplate(source).render({ messages });
  t.is(text.split('\n').length, 20_000);
});

test('nothing of JavaScript is within reach', (t) => {
  const names = [
    'constructor',
    '__proto__',
    'prototype',
    'toString',
    'valueOf',
    'hasOwnProperty',
    'call',
    'apply',
    'length',
  ];
  const values = [
    "''",
    '[]',
    '{}',
    '1',
    '1.5',
    'none',
    'true',
    '(1,)',
    'range',
    'range(2)',
    'dict',
    'messages',
    "''.upper",
  ];
  for (const value of values) {
    for (const name of names) {
      t.is(new JinjaTemplate(`{{ (${value}).${name} }}{{ (${value})['${name}'] }}`).render({ messages: [] }), '');
      t.is(new JinjaTemplate(`{{ (${value})|attr('${name}') }}`).render({ messages: [] }), '');
    }
  }
  for (const name of names) t.is(new JinjaTemplate(`{{ ${name} }}`).render({}), '');
});
