import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';

test('the build command that is printed can be pasted, wherever the package lies', (t) => {
  const base = mkdtempSync(join(tmpdir(), 'cheems-place-'));
  t.teardown(() => rmSync(base, { recursive: true, force: true }));
  for (const name of ['我的 项目 (1)', "it's $HOME", 'plain']) {
    const place = join(base, name);
    mkdirSync(join(place, 'scripts', 'build'), { recursive: true });
    for (const room of ['engine', 'files', 'support', 'text'])
      cpSync(join(__dirname, '..', room), join(place, 'dist', room), { recursive: true });
    writeFileSync(join(place, 'package.json'), '{"name":"cheems-native","version":"0.0.0"}');
    writeFileSync(join(place, 'scripts', 'build', 'build_addon.cjs'), 'console.log(process.cwd())');
    const load =
      `try { require(${JSON.stringify(join(place, 'dist', 'engine', 'addon.js'))}).addon() } catch (error) { ` +
      'console.log(error.message) }';
    const message = execFileSync(process.execPath, ['-e', load], { encoding: 'utf8', cwd: place });
    const command = /\(cd .* && node scripts\/build\/build_addon\.cjs\)/.exec(message)?.[0];
    t.truthy(command, message);
    t.is(execFileSync('bash', ['-c', command!], { encoding: 'utf8' }).trim(), place);
  }
});
