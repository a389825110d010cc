import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import ts from 'typescript';
import { ENGINE_KNOBS } from '../engine/types.generated';
import { flagOf, KNOBS } from '../text/knobs';
import { COMMANDS } from './commands';
import { withFlags } from './flags';

const FLAGS = new Set(Object.values(COMMANDS).flatMap(({ load }) => Object.keys(load().options)));

test('options that sentences name are flags here', (t) => {
  t.is(
    withFlags('Lower `microBatchTokens`, or use `device: cpu` or `optimizerState: float32`.'),
    'Lower --micro_batch_tokens, or use --device cpu or --optimizer_state float32.',
  );
  t.is(
    withFlags(
      'Give `judgeExtra: {"a": 1}`, `judgeHeader: api-key: …`, `stepReward: min | mean` or `truncation: true`.',
    ),
    `Give --judge_extra '{"a": 1}', --judge_header 'api-key: …', --step_reward min | mean or --truncation.`,
  );
  t.is(withFlags('`chatTemplateFile: FILE`'), '--chat_template FILE');
  t.is(withFlags('The key `device_map` and `nobody` stay.'), 'The key `device_map` and `nobody` stay.');
});

test('every option that sentences name is a flag of a command', (t) => {
  for (const knob of [...ENGINE_KNOBS, ...KNOBS]) t.true(FLAGS.has(flagOf(knob)), knob);
});

/** Texts of the file's string literals and templates, which may be part of messages. */
function textsOf(file: string): string[] {
  const texts: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node))
      texts.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest));
  return texts;
}

/** Not rooms below the command line; and `options`, whose texts are its help. */
const LEFT_OUT = /^(cli|options|testing|packages)\/|[.]test[.]ts$/;
/** It writes whole commands, to be pasted. */
const COMMAND_LINES = 'engine/loader_remedies.ts';

test('rooms below the command line name options, not flags', (t) => {
  const root = join(__dirname, '..', '..', 'lib');
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !LEFT_OUT.test(file) && file !== COMMAND_LINES,
  );
  t.true(files.length > 200);
  const named = files.flatMap((file) =>
    textsOf(join(root, file)).flatMap((text) =>
      [...text.matchAll(/--([a-z]+(?:[_-][a-z]+)*)/g)]
        .filter(([, flag]) => FLAGS.has(flag!.replaceAll('-', '_')))
        .map(([flag]) => `${file}: ${flag}`),
    ),
  );
  t.deepEqual(named, []);
});
