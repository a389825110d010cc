import test from 'ava';
import { ChatTemplate } from './chat_template';

const MESSAGES = [{ role: 'user', content: 'q' }] as const;
const render = (source: string, variables = {}): string =>
  new ChatTemplate(source, 'FILE', {}).render(MESSAGES, false, variables);

test('a template that calls strftime_now without asking is rendered where the date does not show', (t) => {
  const source =
    "{%- set today = strftime_now('%Y-%m-%d') %}" +
    '{% if system is defined %}{{ system }}{% else %}Today is {{ today }}.{% endif %}';
  t.is(render(source, { system: 'terse' }), 'terse');
  t.throws(() => render(source), {
    name: 'TokenizerError',
    message: /FILE prints the day's date \(strftime_now\).*write a date/,
  });
  t.is(render("{{ strftime_now is defined }}{{ strftime_now('%d') if strftime_now is defined else '26' }}"), 'False26');
  for (const field of ['%Y', '%y', '%m', '%d', '%B', '%b', '%A', '%a', '%H', '%M', '%S', '%j', '%-d', '%p', '%c']) {
    t.throws(() => render(`{{ strftime_now('${field}') }}`), { message: /the day's date/ }, field);
  }
});

test('errors name the line, and raise_exception has its own words', (t) => {
  t.throws(() => render('a\n{{ nope.x }}'), {
    message: "the chat template in FILE refuses the conversation: line 2: 'nope' is undefined",
  });
  t.throws(() => render("{{ raise_exception('No.') }}"), {
    message: 'the chat template in FILE refuses the conversation: No.',
  });
  t.throws(() => render('\n\n{% for %}'), {
    message: /^the chat template in FILE is not valid Jinja \(line 3: .*\)\.$/,
  });
  t.throws(() => render("{% include 'x' %}"), { message: /include.* reads another template/ });
});

test('numbers of JSON print as Python prints them', (t) => {
  const tools = [{ whole: Object(1), half: 0.5, large: 12345678901234567890n, int: 3 }];
  t.is(render('{{ tools[0] }}', { tools }), "{'whole': 1.0, 'half': 0.5, 'large': 12345678901234567890, 'int': 3}");
  t.is(
    render('{{ tools[0] | tojson }}', { tools }),
    '{"whole": 1.0, "half": 0.5, "large": 12345678901234567890, "int": 3}',
  );
});

test('a template without end stops with a sentence', (t) => {
  const loop = '{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}';
  t.throws(() => render(loop), { name: 'TokenizerError', message: /20,000,000 steps, the limit of templates/ });
});
