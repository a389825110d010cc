import test from 'ava';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { JinjaError } from './errors';
import { JinjaTemplate } from './template';

const ROOT = resolve(__dirname, '../..');

interface Recorded {
  variables: Record<string, unknown>;
  conversations: Record<string, Record<string, unknown>>;
  /** Template and text; null where jinja2 raises. */
  snippets: [string, string | null][];
  templates: Record<string, [string, string | null][]>;
}

const recorded = JSON.parse(readFileSync(join(ROOT, 'fixtures/reference/jinja/recorded.json'), 'utf8')) as Recorded;

// What jinja2 renders and this renderer refuses with a sentence: complex numbers, characters by name, and constants
// sliced in a wrong way, which jinja2 has found undefined before it renders.
const REFUSED = new Set([
  '{{ (-8) ** 0.5 }}',
  "{{ '\\N{DIGIT ONE}' }}",
  '{{ none[0:1] }}',
  "{{ [1]['a':] }}",
  '{{ [1][1.5:] }}',
  "{{ {'a': 1}[0:1] }}",
]);

/** Null where it raises; an error that is no JinjaError is a fault. */
function render(source: string, variables: Record<string, unknown>): string | null {
  try {
    return new JinjaTemplate(source).render(variables);
  } catch (error) {
    if (error instanceof JinjaError) return null;
    throw error;
  }
}

test('small templates give the text that jinja2 gives, or raise where it does', (t) => {
  const differing = recorded.snippets
    .map(([source, right]) => ({
      source,
      right: REFUSED.has(source) ? null : right,
      got: render(source, recorded.variables),
    }))
    .filter(({ right, got }) => got !== right);
  t.deepEqual(differing, []);
  t.true(recorded.snippets.length > 1000);
});

for (const [path, texts] of Object.entries(recorded.templates)) {
  test(`${path} gives the text that jinja2 gives`, (t) => {
    const file = readFileSync(join(ROOT, path), 'utf8');
    const source = path.endsWith('.json') ? (JSON.parse(file) as { chat_template: string }).chat_template : file;
    for (const [name, right] of texts) {
      t.is(render(source, { ...recorded.variables, ...recorded.conversations[name] }), right, name);
    }
  });
}
