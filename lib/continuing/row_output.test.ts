import { fork } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { lineOf } from '../testing/row_writer';
import { OutputError } from './output_error';
import { FileOutput } from './row_output';
import { recordFileOf, type RunFacts } from './run_record';

const FACTS = { command: 'score', model: 'a', max_length: null, stop: ['x'] };
const SCORES = { name: 'scores', fields: ['reward'] };
const newFile = (): string => join(mkdtempSync(join(tmpdir(), 'row-output-')), 'out.jsonl');
const rowOf = (i: number) => ({ read: String(i).padStart(32, '0'), line: JSON.stringify({ id: i, reward: i / 2 }) });
const source = { file: 'in.jsonl', line: 1 };

async function writeRows(
  file: string,
  rows: number,
  { facts = FACTS, overwrite = false }: { facts?: RunFacts; overwrite?: boolean } = {},
): Promise<{ found: string | undefined; skipped: number }> {
  const output = await FileOutput.open(file, SCORES);
  try {
    const found = await output.begin(facts, overwrite);
    let skipped = 0;
    for (let i = 0; i < rows; i += 1) {
      if (await output.has(rowOf(i).read, source)) skipped += 1;
      else await output.write([rowOf(i)]);
    }
    await output.finish();
    return { found, skipped };
  } finally {
    await output.close();
  }
}

const linesOf = (count: number): string => Array.from({ length: count }, (_, i) => `${rowOf(i).line}\n`).join('');

test('rows of the same run are kept, plain JSON lines, and the lock goes', async (t) => {
  const file = newFile();
  t.deepEqual(await writeRows(file, 3), { found: undefined, skipped: 0 });
  const again = await writeRows(file, 5);
  t.is(again.skipped, 3);
  t.regex(again.found!, /holds 3 rows of an earlier run, which are kept\. \(`overwrite` would start over\.\)/);
  t.is(readFileSync(file, 'utf8'), linesOf(5));
  t.false(existsSync(`${file}.lock`));
});

test('another model or option is refused by its name, and the file stays; --overwrite replaces it', async (t) => {
  const file = newFile();
  await writeRows(file, 2);
  const cases: [RunFacts, RegExp][] = [
    [
      { ...FACTS, model: 'b' },
      /holds 2 rows .* because these differ from it: the model \(weights, configuration or tokenizer of `modelPath`\)\. Give/,
    ],
    [{ ...FACTS, max_length: 5 }, /differ from it: max_length \(none then, 5 now\)\./],
    [
      { ...FACTS, stop: ['y'], command: 'generate' },
      /command \("score" then, "generate" now\); stop \(\["x"\] then, \["y"\] now\)/,
    ],
    [{ ...FACTS, new_option: true }, /new_option \(none then, true now\)/],
    [{ command: 'score', model: 'a', max_length: null }, /stop \(\["x"\] then, none now\)/],
  ];
  for (const [facts, message] of cases) {
    await t.throwsAsync(writeRows(file, 2, { facts }), { instanceOf: OutputError, message });
    t.is(readFileSync(file, 'utf8'), linesOf(2));
  }
  t.is((await writeRows(file, 2)).skipped, 2);
  t.is((await writeRows(file, 1, { facts: cases[0]![0], overwrite: true })).skipped, 0);
  t.is(readFileSync(file, 'utf8'), linesOf(1));
  t.is((await writeRows(file, 1, { facts: cases[0]![0] })).skipped, 1);
});

test('a file that was edited is refused with the line; a torn last line is cut', async (t) => {
  const edits: [(text: string) => string, RegExp][] = [
    [(text) => text.replace('0.5', '0.6'), /out\.jsonl:2: the line is not the one that was written there/],
    [(text) => text.split('\n').slice(1).join('\n'), /out\.jsonl:1: the line is not/],
    [(text) => text.replaceAll('\n', '\r\n'), /out\.jsonl:1: the line is not/],
    [
      (text) => `${text}{"id":9,"reward":1}\n`,
      /out\.jsonl:4: the run that wrote the file wrote 3 rows, and lines were added/,
    ],
    [(text) => `${text}a note`, /out\.jsonl:4: the line is not/],
    [() => 'a note', /out\.jsonl:1: the line is not/],
  ];
  for (const [edit, message] of edits) {
    const file = newFile();
    await writeRows(file, 3);
    const edited = edit(readFileSync(file, 'utf8'));
    writeFileSync(file, edited);
    await t.throwsAsync(writeRows(file, 3), { instanceOf: OutputError, message });
    t.is(readFileSync(file, 'utf8'), edited);
  }
  for (const torn of ['{', '{"id":3,"rew', '\0\0\0']) {
    const file = newFile();
    await writeRows(file, 3);
    appendFileSync(file, torn);
    t.regex(
      (await writeRows(file, 4)).found!,
      new RegExp(`3 rows .*its incomplete last line \\(${torn.length} bytes\\) was removed`),
    );
    t.is(readFileSync(file, 'utf8'), linesOf(4));
  }
});

test('without its record a file is neither continued nor touched', async (t) => {
  const file = newFile();
  await writeRows(file, 2);
  rmSync(recordFileOf(file));
  await t.throwsAsync(writeRows(file, 2), {
    message: /holds rows, and no .*out\.jsonl\.run says by which model, .*an older version.*`overwrite`/,
  });
  for (const content of ['{"some": "other file"}\n', 'notes without a line end', '\n']) {
    writeFileSync(file, content);
    await t.throwsAsync(writeRows(file, 2), {
      instanceOf: OutputError,
      message: /out\.jsonl:1: this is not a row of scores/,
    });
    t.is(readFileSync(file, 'utf8'), content);
  }
  writeFileSync(recordFileOf(file), '{"format": "another"}\n');
  await t.throwsAsync(writeRows(file, 2), { instanceOf: OutputError });
  writeFileSync(file, ''); // an empty file is anybody's
  t.is((await writeRows(file, 2)).skipped, 0);
});

test('a record ahead of its output, as a kill leaves it, is cut to the rows that are there', async (t) => {
  const file = newFile();
  await writeRows(file, 6);
  const record = readFileSync(recordFileOf(file));
  writeFileSync(file, linesOf(2));
  writeFileSync(recordFileOf(file), record.subarray(0, record.length - 9)); // torn itself
  t.is((await writeRows(file, 6)).skipped, 2);
  t.is(readFileSync(file, 'utf8'), linesOf(6));
  t.deepEqual(readFileSync(recordFileOf(file)), record);
});

test("an output is one run's at a time; the sentence names it", async (t) => {
  const file = newFile();
  const output = await FileOutput.open(file, SCORES);
  await t.throwsAsync(writeRows(file, 1, { overwrite: true }), {
    instanceOf: OutputError,
    message: new RegExp(`is being written by another run \\(process ${process.pid} on `),
  });
  await output.close();
  t.is((await writeRows(file, 1)).skipped, 0);
});

test('a file that was removed or replaced while it is written is told of, not lost in silence', async (t) => {
  for (const remove of [
    (file: string) => rmSync(file),
    (file: string) => renameSync(file, `${file}.old`),
    (file: string) => writeFileSync(`${file}.new`, '') ?? renameSync(`${file}.new`, file),
  ]) {
    const file = newFile();
    const output = await FileOutput.open(file, SCORES);
    await output.begin(FACTS, false);
    await output.write([rowOf(0)]);
    remove(file);
    await t.throwsAsync(output.write([rowOf(1)]), {
      instanceOf: OutputError,
      message: /was removed or replaced while it was written/,
    });
    await t.throwsAsync(output.finish(), { instanceOf: OutputError });
    await output.close();
  }
});

test('a folder that is not there is told of', async (t) => {
  await t.throwsAsync(FileOutput.open(join(newFile(), 'x', 'out.jsonl'), SCORES), {
    instanceOf: OutputError,
    message: /`output`: .* cannot be written: its folder does not exist/,
  });
  await t.throwsAsync(FileOutput.open(mkdtempSync(join(tmpdir(), 'row-output-')), SCORES), {
    message: /it is a folder/,
  });
});

test('killed at any moment, a run goes on, and no row that it said was written is lost', async (t) => {
  const file = newFile();
  const rows = 3000;
  const whole = Array.from({ length: rows }, (_, row) => `${lineOf(row)}\n`).join('');
  let [kills, code] = [0, null as number | null];
  while (code === null) {
    const child = fork(join(__dirname, '..', 'testing', 'row_writer.js'), [file, String(rows)]);
    let said = 0;
    child.on('message', (message) => {
      if (message === 'begun' && kills < 6) setTimeout(() => child.kill('SIGKILL'), 5 + 11 * kills);
      else said = Number(message);
    });
    code = await new Promise<number | null>((settle) => child.once('close', settle));
    const there = readFileSync(file, 'utf8');
    t.true(whole.startsWith(there));
    t.true(there.split('\n').length > said, `${said} rows said to be written`);
    if (code === null) kills += 1;
  }
  t.is(code, 0);
  t.true(kills >= 3, `${kills} kills`);
  t.is(readFileSync(file, 'utf8'), whole);
});
