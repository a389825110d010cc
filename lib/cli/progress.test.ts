import test from 'ava';
import { FakeTerminal } from '../testing/fake_terminal';
import { formatDuration, showProgress } from './progress';
import { say } from './terminal';

const stream = (columns: number) => {
  const terminal = new FakeTerminal(columns);
  return { terminal, stream: terminal as unknown as NodeJS.WriteStream };
};
const facts = {
  loss: '0.6931',
  accuracy: '0.512',
  margin: '0.012',
  lr: '1.00e-5',
  'tokens/s': '12345',
  left: '1 h 07 min',
};

for (const columns of [20, 40, 60, 80, 120, 200]) {
  test.serial(`a training run at ${columns} columns: one line, the loss on it, and it stays at the end`, (t) => {
    const { terminal, stream: out } = stream(columns);
    const progress = showProgress({ label: 'train', unit: 'steps', total: 39, stream: out });
    progress.update(20, facts);
    say('Saved a checkpoint.', out);
    const bar = terminal.screen.at(-1)!;
    t.deepEqual(terminal.screen.slice(0, -1), ['Saved a checkpoint.']);
    t.true(bar.length < columns, bar);
    t.true(bar.includes('20/39'), bar);
    if (columns >= 40) t.true(bar.includes('loss 0.6931'), bar);
    if (columns >= 60) t.true(bar.includes('left 1 h 07 min'), bar);
    if (columns >= 120)
      for (const [name, value] of Object.entries(facts)) t.true(bar.includes(`${name} ${value}`), bar);
    progress.update(39, { ...facts, loss: '0.5000' });
    progress.finish();
    progress.finish();
    say('Done.', out);
    t.is(terminal.screen.at(-1), 'Done.');
    const last = terminal.screen.at(-2)!;
    t.true(last.includes('39/39'), last);
    if (columns >= 40) t.true(last.includes('loss 0.5000') && !last.includes('left'), last);
    t.is(terminal.screen.length, 3);
  });
}

test.serial(
  'a sentence never shares a line with the bar, and control characters of names do not reach the terminal',
  (t) => {
    const { terminal, stream: out } = stream(80);
    const progress = showProgress({ label: 'score\x1b[2J', unit: 'rows', stream: out });
    progress.update(1, { file: 'a\u009b\r\nb' });
    say('o5.jsonl exists: rows are skipped.\ncheems-native: error: \x1b]0;forged', out);
    progress.finish();
    t.deepEqual(terminal.screen, [
      'o5.jsonl exists: rows are skipped.',
      '  cheems-native: error: \\x1b]0;forged',
      'score\\x1b[2J 1 row | file a\\u009b\\r\\nb',
    ]);
  },
);

test.serial('where nothing was done no line of it stays', (t) => {
  const { terminal, stream: out } = stream(80);
  const progress = showProgress({ label: 'score', unit: 'rows', stream: out });
  say('A sentence.', out);
  progress.finish();
  say('Another.', out);
  t.deepEqual(terminal.screen, ['A sentence.', 'Another.']);
});

test('durations', (t) => {
  t.deepEqual([0, 59.4, 60, 4000].map(formatDuration), ['0 s', '59 s', '1 min 00 s', '1 h 06 min']);
});
