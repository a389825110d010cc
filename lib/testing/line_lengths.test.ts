// Lines of code end at column 120, as the formatters have it; also where they leave them alone: strings and comments.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { packageFolder } from '../support/package_folder';

const LIMIT = 120;
const FILES = ['lib/*.ts', '*.cjs', '*.mjs', 'native/*.cpp', 'native/*.h', 'native/*.cu', 'native/*.cuh', 'bindings/*'];
/** What cannot be cut: regular expressions, titles of tests, and a template's expressions. */
const UNCUT = /^\s*(?:\/.*\/[a-z]*\S*$|test(?:\.serial)?\()|\$\{/;
/** Texts that stand as they are written out: prompts, style sheets, help, programs and tables; and generated code. */
const TEXTS = new Set([
  'lib/cli/generate.ts',
  'lib/cli/score.ts',
  'lib/engine/types.generated.ts',
  'lib/judging/templates/json.ts',
  'lib/judging/templates/letter.ts',
  'lib/judging/templates/templates.test.ts',
  'lib/judging/templates/verdict.ts',
  'lib/library.test.ts',
  'lib/reporting/style.ts',
  'lib/testing/gpu_judge.test.ts',
  'lib/tokenization/shipped_templates.test.ts',
  'lib/tokenization/transformers_classes.ts',
  'scripts/gpu/compile_kernels.cjs',
  'scripts/gpu/kernel_table.cjs',
]);

test('lines of code end at column 120', (t) => {
  const root = packageFolder();
  const files = execFileSync('git', ['ls-files', ...FILES], { cwd: root, encoding: 'utf8' })
    .trimEnd()
    .split('\n');
  t.true(files.length > 800);
  const long: string[] = [];
  const withLong = new Set<string>();
  for (const file of files) {
    for (const [i, line] of readFileSync(join(root, file), 'utf8').split('\n').entries()) {
      if ([...line].length <= LIMIT || UNCUT.test(line)) continue;
      withLong.add(file);
      if (!TEXTS.has(file)) long.push(`${file}:${i + 1}`);
    }
  }
  t.deepEqual(long, []);
  t.deepEqual(
    [...TEXTS].filter((file) => !withLong.has(file)),
    [],
    'no exception is left over',
  );
});
