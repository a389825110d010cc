import test from 'ava';
import { spawnSync } from 'node:child_process';
import * as path from 'node:path';

test('the types of the engine are those that it describes', (t) => {
  const script = path.join(__dirname, '..', '..', 'scripts', 'generate', 'generate_engine_types.cjs');
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  t.is(stderr, '');
  t.is(status, 0);
});
