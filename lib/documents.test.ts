// The documents: every command has its page with all its options, and no link between them is dead.

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import test from 'ava';
import { namesOf } from './options/kinds';
import type { OptionTable } from './cli/options';
import { packageFolder } from './support/package_folder';

const root = packageFolder();
const text = (file: string): string => readFileSync(join(root, file), 'utf8');

interface OptionPages {
  commands(): Map<string, OptionTable>;
  pageOf(command: string): string;
}
const pages = require(join(root, 'scripts', 'generate', 'option_pages.cjs')) as OptionPages;

/** All files of the project: what git knows, so that what a developer keeps beside them does not count. */
function filesOfProject(): string[] {
  try {
    const list = execFileSync('git', ['ls-files', '-z'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return list.split('\0').filter((file) => existsSync(join(root, file)));
  } catch {
    // Without git, or in sources that are no repository.
    const others = /^(\.git|\.venv|build|dist|models|node_modules|runs)\//;
    return readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => !others.test(file));
  }
}

const files = filesOfProject();
const documents = files.filter((file) => file.endsWith('.md'));

/** A document without its blocks of code. */
const prose = (file: string): string => text(file).replace(/^ *```[^]*?^ *```/gm, '');

/** The relative links of a document: the file, from the root, and the part behind `#`. */
function linksOf(file: string): { target: string; anchor: string | undefined }[] {
  const links = prose(file)
    .replace(/`[^`\n]*`/g, '')
    .matchAll(/\]\(([^)\s]+)\)/g);
  return [...links]
    .map(([, link]) => link!)
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => {
      const [path, anchor] = link.split('#');
      return { target: path === '' ? file : posix.join(dirname(file), path!), anchor };
    });
}

/** The anchors that GitHub gives to the headings of a document. */
function anchorsOf(file: string): string[] {
  return [...prose(file).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-'),
  );
}

for (const [command, options] of pages.commands()) {
  test(`docs: ${command} has a page that README links to, with every option of its --help`, (t) => {
    const page = pages.pageOf(command);
    t.true(
      linksOf('README.md').some(({ target }) => target === page),
      page,
    );
    // A plan has the options of the command that it is for, and says so.
    const [, planned] = command.split(' ');
    if (planned !== undefined) t.regex(text(page), new RegExp(`\\(${planned}\\.md#options\\)`));
    const told = text(page) + (planned === undefined ? '' : text(pages.pageOf(planned)));
    for (const name of namesOf(options).keys()) t.true(told.includes(`\`--${name}\``), `${page}: --${name}`);
  });
}

test('docs: a command line in a document has options of its command alone', (t) => {
  const all = pages.commands();
  let found = 0;
  for (const file of documents) {
    const joined = text(file).replace(/\\\n\s*/g, '');
    for (const [, rest] of joined.matchAll(/\bcheems-native ((?:plan )?[a-z]+ [^\n`]*)/g)) {
      const name = /^(plan )?[a-z]+/.exec(rest!)![0];
      const options = all.get(name);
      if (options === undefined) continue;
      const known = new Set([...namesOf(options).keys(), 'config', 'help', 'version']);
      for (const [, option] of rest!.replace(/(^|\s)#.*$/, '').matchAll(/\s--([a-z][\w-]*)/g)) {
        found++;
        t.true(known.has(option!.replaceAll('-', '_')), `${file}: cheems-native ${name} --${option}`);
      }
    }
  }
  t.true(found > 40);
});

test('docs: every option that a document names in passing is one of some command', (t) => {
  const known = new Set([...pages.commands().values()].flatMap((options) => [...namesOf(options).keys()]));
  // Options of commands have names of words joined by _; those of scripts and of other programs have not.
  for (const file of documents.filter((name) => name === 'README.md' || name.startsWith('docs/')))
    for (const [, option] of text(file).matchAll(/--([a-z]+(?:_[a-z0-9]+)+)/g))
      t.true(known.has(option!), `${file}: --${option}`);
});

test('docs: every page of docs/ can be reached from README', (t) => {
  const reached = new Set(['README.md']);
  for (const page of reached)
    for (const { target } of linksOf(page))
      if (target.endsWith('.md') && documents.includes(target)) reached.add(target);
  // Decisions are for a clone; the architecture page names their folder.
  const all = documents.filter((file) => file.startsWith('docs/') && !file.startsWith('docs/decisions/'));
  t.true(all.length > 15);
  t.deepEqual(
    all.filter((file) => !reached.has(file)),
    [],
  );
});

test('docs: the architecture page names every folder at the top, and every room of native and lib', (t) => {
  const page = text('docs/architecture.md');
  const foldersIn = (pattern: RegExp): Set<string> =>
    new Set(files.flatMap((file) => pattern.exec(file)?.groups?.['folder'] ?? []));
  // Settings of tools and of services begin with a dot.
  const top = foldersIn(/^(?<folder>[^./][^/]*)\//);
  const rooms = [...foldersIn(/^native\/(?<folder>[^/]+)\//), ...foldersIn(/^lib\/(?<folder>[^/]+)\//)];
  t.true(top.size >= 10 && rooms.length >= 25);
  for (const folder of top) t.regex(page, new RegExp(`^${folder}/ `, 'm'), folder);
  for (const folder of rooms) t.regex(page, new RegExp(`^  ${folder}/ `, 'm'), folder);
});

test('docs: no relative link is dead, and no heading that a link names is missing', (t) => {
  let found = 0;
  for (const file of documents) {
    for (const { target, anchor } of linksOf(file)) {
      found++;
      t.true(existsSync(join(root, target)), `${file} links to ${target}`);
      if (anchor !== undefined && statSync(join(root, target)).isFile())
        t.true(anchorsOf(target).includes(anchor), `${file} links to ${target}#${anchor}`);
    }
  }
  t.true(found > 50);
});

test('docs: what is shipped links to nothing that is in a clone alone', (t) => {
  const list = execFileSync(process.execPath, [join(root, 'scripts', 'release', 'stage_package.cjs'), 'list'], {
    encoding: 'utf8',
  }).split('\n');
  const shipped = documents.filter((file) => list.includes(file));
  t.true(shipped.length > 15);
  for (const file of shipped)
    for (const { target } of linksOf(file)) t.true(list.includes(target), `${file} links to ${target}`);
});

test('docs: README stays within 130 lines', (t) => {
  t.true(text('README.md').trimEnd().split('\n').length <= 130);
});
