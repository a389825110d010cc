// Scripts, benchmarks and makers of fixtures take modules of lib as they are compiled. No compiler looks at that.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { packageFolder } from '../support/package_folder';

const root = packageFolder();
const FOLDERS = ['bench', 'examples', 'fixtures', 'scripts'];
const programs = FOLDERS.flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
).filter((file) => /\.(cjs|mjs|py|sh)$/.test(file));

/** `dist/a/b.js`, from the root, of every `'../dist/a/b.js'` and every `ROOT, 'dist', 'a', 'b.js'`. */
function modulesOf(text: string): string[] {
  const paths = [...text.matchAll(/(?<![\w.-])(?:\.{0,2}\/)*(dist(?:\/[\w.-]+)+)/g)].map(([, path]) => path!);
  const joined = [...text.matchAll(/\b(?:root|ROOT), 'dist'((?:, '[\w.-]+')+)/g)].map(([, parts]) =>
    join(
      'dist',
      ...parts!
        .replace(/[', ]+/g, ' ')
        .trim()
        .split(' '),
    ),
  );
  return [...paths, ...joined];
}

test('what programs outside of lib take of it is there', (t) => {
  const taken = programs.flatMap((program) =>
    modulesOf(readFileSync(join(root, program), 'utf8')).map((module) => ({ program, module })),
  );
  t.true(taken.length > 15);
  for (const { program, module } of taken) {
    const source = join(root, module.replace(/^dist/, 'lib').replace(/\.js$/, '.ts'));
    t.true(existsSync(source), `${program}: ${module}`);
    t.regex(module, /\.js$/, `${program}: ${dirname(module)} has no index`);
  }
});
