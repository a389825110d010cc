// Every fixture is named in fixtures/README.md, with what made it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { packageFolder } from '../support/package_folder';

const root = join(packageFolder(), 'fixtures');
const rows = [
  ...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^\| `(reference|cases)\/([\w-]+)` \| (.+) \| (.+) \|$/gm),
];

test('every folder of fixtures has its row, and every row its folder', (t) => {
  const folders = (kind: string): string[] =>
    readdirSync(join(root, kind), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => `${kind}/${name}`);
  const named = rows.map(([, kind, name]) => `${kind}/${name}`);
  t.deepEqual(named.toSorted(), [...folders('reference'), ...folders('cases')].toSorted());
});

test('every script that a row names is there, and every script is named', (t) => {
  const named = new Set<string>();
  for (const [, kind, name, , how] of rows) {
    for (const [, script] of how!.matchAll(/`(?:\S+ )?([\w/]+\.py)\b/g)) {
      const places = [join(kind!, name!, script!), script!];
      const place = places.find((candidate) => existsSync(join(root, candidate)));
      t.truthy(place, `${kind}/${name}: ${script}`);
      named.add(place!);
    }
  }
  // The jinja folder's other scripts: inputs of its maker, and a comparison that keeps nothing.
  const others = /^reference\/jinja\/(snippets|conversations|compare_random)\.py$/;
  const scripts = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.py'));
  t.deepEqual(scripts.filter((file) => !others.test(file)).toSorted(), [...named].toSorted());
});
