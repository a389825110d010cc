import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import { datasetFromRows, readPreferenceDataset } from './dataset';
import { textId } from './fields';
import { countOf, formatReport } from './report';
import type { ReportKind } from './report';
import { rowsOfStream } from './rows';
import { dataFiles, jsonLines, PAIR } from '../testing/data_files';

const { file } = dataFiles();

/** The first prompt's shape, short enough to compare whole. */
function first(...rows: unknown[]) {
  const { prompts, report } = datasetFromRows(rows);
  const { prompt, systemPrompt, responses, pairs, ranks, category } = prompts[0]!;
  return {
    prompt,
    ...(systemPrompt === undefined ? {} : { systemPrompt }),
    texts: responses.map((response) => response.content ?? [...(response.inputIds ?? [])]),
    pairs,
    ...(ranks ? { ranks } : {}),
    ...(category === undefined ? {} : { category }),
    count: prompts.length,
    report,
  };
}
function firstWithoutReport(...rows: unknown[]) {
  const { report: _report, ...rest } = first(...rows);
  return rest;
}

test('blank lines, a byte order mark, CRLF and a missing last newline are tolerated, and counted', async (t) => {
  const path = file(`\uFEFF${JSON.stringify(PAIR)}\r\n\r\n  \n${JSON.stringify({ ...PAIR, input: '问' })}`);
  const { prompts, report } = await readPreferenceDataset(path);
  t.deepEqual(
    prompts.map((prompt) => prompt.prompt),
    ['q', '问'],
  );
  t.deepEqual(prompts[1]?.source, { file: path, line: 4 });
  t.is(countOf(report, 'blankLines'), 2);
  t.deepEqual(formatReport(report), [`2 blank lines were skipped (first: ${path}:2)`]);
  t.deepEqual(report.files, [{ file: path, rows: 2 }]);
});

test('what was counted once is told of one', async (t) => {
  const path = file(`${JSON.stringify(PAIR)}\n\n${JSON.stringify(PAIR)}\n`);
  const { report } = await readPreferenceDataset(path);
  t.is(formatReport(report)[0], `1 blank line was skipped (first: ${path}:2)`);
  t.regex(formatReport(report)[1] ?? '', /^1 row was merged into a prompt met before/);
});

test('lines are found whatever the pieces in which bytes come, within characters too', async (t) => {
  const bytes = Buffer.from(jsonLines({ ...PAIR, input: '天空😀' }, PAIR));
  for (const size of [1, 2, 3, 7, 1000]) {
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
    const rows: unknown[] = [];
    for await (const row of rowsOfStream(Readable.from(pieces, { objectMode: false }), 'stdin'))
      rows.push([row.line, row.value]);
    t.deepEqual(rows, [
      [1, { ...PAIR, input: '天空😀' }],
      [2, PAIR],
    ]);
  }
});

test('gzip and JSON arrays are read, with the line on which an element begins', async (t) => {
  const rows = [PAIR, { ...PAIR, input: '] , {"' }, { ...PAIR, input: 'c', sys_prompt: 'x\n' }];
  const zipped = await readPreferenceDataset(file(gzipSync(jsonLines(...rows)), '.jsonl.gz'));
  t.is(zipped.prompts.length, 3);
  const array = await readPreferenceDataset(
    file(`\uFEFF[\n${rows.map((row) => JSON.stringify(row, null, 1)).join(',\n\n')}]`, '.json'),
  );
  t.deepEqual(
    array.prompts.map((prompt) => prompt.source.line),
    [2, 9, 16],
  );
  const zippedArray = await readPreferenceDataset(file(gzipSync(JSON.stringify(rows)), '.json.gz'));
  t.is(zippedArray.prompts.length, 3);
});

test('prompts merge over files by exact text; without a prompt they never do', async (t) => {
  const a = file(jsonLines(PAIR, { ...PAIR, input: 'q ' }));
  const b = file(jsonLines({ input: [{ role: 'user', content: 'q' }], answer1: 'c', answer2: 'a', preference: 2 }));
  const { prompts, report } = await readPreferenceDataset([a, b]);
  t.deepEqual(
    prompts.map((prompt) => prompt.responses.length),
    [3, 2],
  );
  t.is(countOf(report, 'mergedRows'), 1);
  const ids = {
    responses: [
      { id: 'x', input_ids: [1] },
      { id: 'y', input_ids: [2] },
    ],
    annotations: [['x', 'y', 1]],
  };
  t.is(datasetFromRows([ids, ids]).prompts.length, 2);
  t.is(
    datasetFromRows([
      { ...ids, input: 'name' },
      { ...ids, input: 'name' },
    ]).prompts.length,
    1,
  );
});

test('chosen and rejected: texts, messages, with and without a prompt', (t) => {
  const expected = { prompt: 'q', texts: ['a', 'b'], pairs: [[0, 1]] as [number, number][], count: 1 };
  const user = { role: 'user', content: 'q' };
  const [a, b] = ['a', 'b'].map((content) => ({ role: 'assistant', content }));
  t.deepEqual(firstWithoutReport({ prompt: 'q', chosen: 'a', rejected: 'b' }), expected);
  t.deepEqual(firstWithoutReport({ prompt: [user], chosen: [a], rejected: [b] }), expected);
  t.deepEqual(firstWithoutReport({ prompt: 'q', chosen: [user, a], rejected: [user, b] }), expected);
  t.deepEqual(firstWithoutReport({ chosen: [user, a], rejected: [user, b] }), expected);
  t.deepEqual(firstWithoutReport({ instruction: 'q', input: '', chosen: a, rejected: b }), expected);
  t.deepEqual(
    firstWithoutReport({ chosen: '\n\nHuman: q\n\nAssistant: a', rejected: '\n\nHuman: q\n\nAssistant: b' }),
    expected,
  );
  t.deepEqual(firstWithoutReport({ prompt: 'q', chosen: ['a', 'c'], rejected: ['b', 'd'] }), {
    prompt: 'q',
    texts: ['a', 'c', 'b', 'd'],
    pairs: [
      [0, 2],
      [0, 3],
      [1, 2],
      [1, 3],
    ],
    count: 1,
  });
  t.deepEqual(firstWithoutReport({ chosen: 'a', rejected: 'b' }), { ...expected, prompt: [] });
});

test('conversations that part before the last turn keep their differing turns', (t) => {
  const turn = (role: string, content: string) => ({ role, content });
  const { prompts } = datasetFromRows([
    {
      chosen: [turn('user', 'q'), turn('assistant', 'a'), turn('user', 'r'), turn('assistant', 'c')],
      rejected: [turn('user', 'q'), turn('assistant', 'b'), turn('user', 'r'), turn('assistant', 'd')],
    },
  ]);
  t.is(prompts[0]?.prompt, 'q');
  t.deepEqual(
    prompts[0]?.responses[0]?.messages?.map((message) => message.content),
    ['a', 'r', 'c'],
  );
  t.is(prompts[0]?.responses[1]?.content, 'd');
});

test('ShareGPT pairs, with a system turn and both kinds of answer', (t) => {
  const conversations = [
    { from: 'system', value: 's' },
    { from: 'human', value: 'q' },
  ];
  const expected = {
    prompt: [
      { role: 'system', content: 's' },
      { role: 'user', content: 'q' },
    ],
    texts: ['a', 'b'],
    pairs: [[0, 1]] as [number, number][],
    count: 1,
  };
  t.deepEqual(firstWithoutReport({ conversations, chosen: 'a', rejected: 'b' }), expected);
  const from = (value: string) => ({ from: 'gpt', value });
  t.deepEqual(firstWithoutReport({ conversations, chosen: from('a'), rejected: from('b') }), expected);
});

test('ranked outputs: all strict pairs and ranks; an answer listed twice keeps its best place', (t) => {
  const { report, ...rest } = first({
    instruction: 'q',
    input: '',
    output: ['a', 'b', 'a', 'c'],
    history: [['h', 'i']],
  });
  t.deepEqual(rest, {
    prompt: [
      { role: 'user', content: 'h' },
      { role: 'assistant', content: 'i' },
      { role: 'user', content: 'q' },
    ],
    texts: ['a', 'b', 'c'],
    pairs: [
      [0, 1],
      [0, 2],
      [1, 2],
    ],
    ranks: [1, 2, 4],
    count: 1,
  });
  t.is(countOf(report, 'repeatedResponses'), 1);
});

test('ranks: integers or texts, ties; annotations have precedence for training', (t) => {
  const responses = ['x', 'y', 'z'].map((id) => ({ id, content: id }));
  t.deepEqual(firstWithoutReport({ input: 'q', responses, rank: { x: '2', y: 1, z: ' ２ ' }, category: '数学' }), {
    prompt: 'q',
    texts: ['x', 'y', 'z'],
    pairs: [
      [1, 0],
      [1, 2],
    ],
    ranks: [2, 1, 2],
    category: '数学',
    count: 1,
  });
  const both = first({ input: 'q', responses, rank: { x: 1, y: 2, z: 3 }, annotations: [['z', 'y', 2]] });
  t.deepEqual(both.pairs, [[1, 2]]);
  t.deepEqual(both.ranks, [1, 2, 3]);
  t.is(countOf(both.report, 'responsesInNoPair'), 1);
});

test('token ids stand in for content in every form', (t) => {
  const expected = {
    prompt: [],
    texts: [
      [1, 2],
      [1, 3],
    ],
    pairs: [[0, 1]] as [number, number][],
    count: 1,
  };
  t.deepEqual(firstWithoutReport({ chosen_ids: [1, 2], rejected_ids: [1, 3] }), expected);
  t.deepEqual(firstWithoutReport({ chosen_input_ids: [1, 2], rejected_input_ids: [1, 3] }), expected);
  t.deepEqual(firstWithoutReport({ chosen: { input_ids: [1, 2] }, rejected: { input_ids: [1, 3] } }), expected);
  const responses = [
    { id: 0, input_ids: [1, 2] },
    { id: 1, input_ids: [1, 3] },
  ];
  t.deepEqual(firstWithoutReport({ responses, rank: { 0: 1, 1: 2 } }), { ...expected, ranks: [1, 2] });
  t.deepEqual(firstWithoutReport({ prompt: 'n', responses, annotations: [['1', '0', '2']] }), {
    ...expected,
    prompt: 'n',
  });
});

test('votes: the majority decides, draws drop the pair, ties and self pairs are no pairs, all of it counted', (t) => {
  const responses = ['x', 'y', 'z', 'w'].map((id) => ({ id, content: id === 'w' ? 'z' : id }));
  const annotations = [
    ['x', 'y', 1],
    ['y', 'x', 1],
    ['x', 'y', '1'], // 2 : 1
    ['x', 'z', 1],
    ['z', 'x', 1], // draw
    ['y', 'z', 0], // tie
    ['y', 'z', 2], // decides against the tie
    ['x', 'x', 1],
    ['z', 'w', 1], // the same text
    ['x', 'w', 'equal'],
  ];
  const { prompts, report } = datasetFromRows([{ input: 'q', responses, annotations }]);
  t.deepEqual(prompts[0]?.pairs, [
    [0, 1],
    [2, 1],
  ]);
  t.deepEqual(prompts[0]?.ties, [[0, 3]]);
  const counts: Partial<Record<ReportKind, number>> = {
    conflictsByMajority: 1,
    conflictsDropped: 1,
    repeatedAnnotations: 1,
    ties: 1,
    selfPairs: 1,
    identicalPairs: 1,
    sameTextResponses: 1,
    responsesInNoPair: 1,
  };
  t.deepEqual(Object.fromEntries([...report.entries].map(([kind, entry]) => [kind, entry.count])), counts);
});

test('later lines overwrite plain fields and contents, and that is counted', (t) => {
  const { report, ...rest } = first(
    {
      input: 'q',
      id: 7,
      sys_prompt: 's',
      category: ['c'],
      responses: [
        { id: 'x', content: '1' },
        { id: 'y', content: '2' },
      ],
    },
    { prompt: 'q', id: 8, sys_prompt: 't', category: ['d'], responses: [{ id: 'x', content: '3' }] },
    { input: 'r', answer1: 'a', answer2: 'b', preference: '2', id: 7 },
  );
  t.deepEqual(rest, { prompt: 'q', systemPrompt: 't', texts: ['3', '2'], pairs: [], category: 'd', count: 2 });
  for (const kind of [
    'overwrittenSystemPrompts',
    'overwrittenCategories',
    'overwrittenResponses',
    'repeatedIds',
    'promptsWithoutPair',
    'promptsWithoutCategory',
  ] as const) {
    t.is(countOf(report, kind), 1, kind);
  }
});

test('an answer without an id has the md5 of its text as id', (t) => {
  const { prompts } = datasetFromRows([PAIR]);
  t.deepEqual(
    prompts[0]?.responses.map((response) => response.id),
    [textId('a'), textId('b')],
  );
  t.is(textId('好'), 'ac2c8f13c6e60810197b19d683f5f184');
});

test('reading can be aborted, and reports progress', async (t) => {
  const path = file(jsonLines(...Array.from({ length: 2500 }, (_, i) => ({ ...PAIR, input: `q${i}` }))));
  const seen: number[] = [];
  await readPreferenceDataset(path, { onProgress: ({ rows }) => seen.push(rows) });
  t.deepEqual(seen, [1000, 2000, 2500]);
  const reason = new Error('enough');
  await t.throwsAsync(readPreferenceDataset(path, { signal: AbortSignal.abort(reason) }), { is: reason });
});
