import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { keptLength, RunLog } from './run_log';

function temporaryFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'cheems-log-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const linesOf = (folder: string) =>
  readFileSync(join(folder, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('lines beyond the checkpoint and torn ones go on resuming; a fresh run starts an empty file', (t) => {
  const folder = temporaryFolder(t);
  const first = new RunLog({ outputDir: folder, resumedStep: 0, tensorboard: false });
  for (const step of [1, 2, 3]) first.write({ kind: 'train', step, loss: step, margin: Number.NaN, absent: undefined });
  first.write({ kind: 'evaluation', step: 2, accuracy: 0.5 });
  first.close();
  t.deepEqual(linesOf(folder)[0], { kind: 'train', step: 1, loss: 1, margin: null });
  writeFileSync(join(folder, 'metrics.jsonl'), '{"kind":"train","step":4,"lo', { flag: 'a' });

  const resumed = new RunLog({ outputDir: folder, resumedStep: 2, tensorboard: false });
  resumed.write({ kind: 'train', step: 3, loss: 30 });
  t.false(resumed.has('evaluation', 2));
  resumed.close();
  t.deepEqual(
    linesOf(folder).map(({ step, loss }) => [step, loss]),
    [
      [1, 1],
      [2, 2],
      [3, 30],
    ],
  );

  new RunLog({ outputDir: folder, resumedStep: 0, tensorboard: false }).close();
  t.is(readFileSync(join(folder, 'metrics.jsonl'), 'utf8'), '');
});

test('an evaluation on record is found, by its step', (t) => {
  const folder = temporaryFolder(t);
  const log = new RunLog({ outputDir: folder, resumedStep: 0, tensorboard: true });
  log.write({ kind: 'train', step: 5, loss: 1, text: 'evaluation' });
  t.false(log.has('evaluation', 5));
  log.write({ kind: 'evaluation', step: 5, accuracy: 1 });
  t.true(log.has('evaluation', 5));
  t.false(log.has('evaluation', 6));
  log.flush();
  log.close();
  t.is(readdirSync(join(folder, 'runs')).length, 1);
});

test('the kept part ends at the first line that is cut, no record or of a later step', (t) => {
  const kept = (text: string, step: number) => keptLength(Buffer.from(text), step);
  t.is(kept('{"step":1}\n{"step":2}\n', 1), 11);
  t.is(kept('{"step":1}\n{"step":2}\n', 9), 22);
  t.is(kept('{"step":1}\n{"st', 9), 11);
  t.is(kept('junk\n{"step":1}\n', 9), 0);
  t.is(kept('', 9), 0);
});

// /dev/full takes opens and refuses every write with ENOSPC.
test('lines that a full disk refuses are kept and written later, with one warning', (t) => {
  if (!existsSync('/dev/full')) return t.pass('no /dev/full here');
  const folder = temporaryFolder(t);
  const warnings: string[] = [];
  const log = new RunLog({
    outputDir: folder,
    resumedStep: 0,
    tensorboard: false,
    onWarning: (message) => warnings.push(message),
  });
  const real = (log as unknown as { descriptor: number }).descriptor;
  const full = openSync('/dev/full', 'w');
  Object.assign(log, { descriptor: full });
  log.write({ kind: 'train', step: 1, loss: 1 });
  log.write({ kind: 'evaluation', step: 1, accuracy: 1 });
  t.is(warnings.length, 1);
  t.regex(warnings[0]!, /cannot be written: ENOSPC/);
  t.true(log.has('evaluation', 1));
  t.throws(() => log.flush(), { code: 'ENOSPC' });
  Object.assign(log, { descriptor: real });
  closeSync(full);
  log.flush();
  log.write({ kind: 'train', step: 2, loss: 2 });
  log.close();
  t.deepEqual(
    linesOf(folder).map(({ kind, step }) => [kind, step]),
    [
      ['train', 1],
      ['evaluation', 1],
      ['train', 2],
    ],
  );
});
