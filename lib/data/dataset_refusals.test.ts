// What is refused, with its file and line.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import { datasetFromRows, readPreferenceDataset } from './dataset';
import { DataError } from './errors';
import { dataFiles, jsonLines, PAIR } from '../testing/data_files';

const { folder, file } = dataFiles();

const BAD_LINES: [name: string, line: string | Buffer, message: RegExp][] = [
  ['malformed JSON', '{"input": ', /:2: the line is not valid JSON/],
  ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xe5, 0xa4, 0x22, 0x7d]), /:2: invalid UTF-8 near byte 3 /],
  [
    'a lone surrogate',
    '{"input": "q\\ud800", "answer1": "a", "answer2": "b", "preference": 1}',
    /:2: input holds half of a surrogate pair/,
  ],
  ['a row that is no object', '[1]', /:2: a row must be a JSON object, but is \[1\]/],
  [
    'unknown fields',
    '{"question": "q", "output_1": "a"}',
    /:2: no data form has these fields \(question, output_1\)\. Accepted are:\n {2}Cheems groups: /,
  ],
  [
    'an unknown id',
    '{"input": "q", "responses": [{"id": "a", "content": "A"}], "rank": {"a": 1, "z": 2}}',
    /:2: rank names response "z", but the prompt has no such response; it has \["a"\]/,
  ],
  [
    'a bad preference',
    '{"input": "q", "answer1": "a", "answer2": "b", "preference": 3}',
    /:2: preference must be 1 .*but is 3/,
  ],
  [
    'a missing preference',
    '{"input": "q", "answer1": "a", "answer2": "b"}',
    /:2: preference is missing; a comparison has answer1, answer2 and preference/,
  ],
  [
    'a missing prompt',
    '{"answer1": "a", "answer2": "b", "preference": 1}',
    /:2: the prompt is missing; it belongs in "input" or "prompt"/,
  ],
  ['a missing side', '{"prompt": "q", "chosen": "a"}', /:2: rejected is missing/],
  [
    'a token id below 0',
    '{"chosen_ids": [1], "rejected_ids": [1, -1]}',
    /:2: rejected_ids\[1\] must be an integer from 0 to 2147483647, but is -1/,
  ],
  [
    'a token id that is no integer',
    '{"chosen_ids": [1.5], "rejected_ids": [1]}',
    /:2: chosen_ids\[0\] must be an integer/,
  ],
  ['no token ids', '{"chosen_ids": [], "rejected_ids": [1]}', /:2: chosen_ids is empty/],
  [
    'content and token ids',
    '{"input": "q", "responses": [{"id": "a", "content": "A", "input_ids": [1]}]}',
    /:2: responses\[0\] \(id "a"\) has both content and input_ids/,
  ],
  [
    'no content',
    '{"input": "q", "responses": [{"id": "a"}]}',
    /:2: responses\[0\] \(id "a"\) has neither content nor input_ids/,
  ],
  [
    'a rank that is no integer',
    '{"input": "q", "responses": [{"id": "a", "content": "A"}], "rank": {"a": 1.5}}',
    /:2: the rank of response "a" must be an integer \(1 is best\), but is 1\.5/,
  ],
  [
    'an unknown role',
    '{"conversations": [{"from": "robot", "value": "q"}], "chosen": "a", "rejected": "b"}',
    /:2: conversations\[0\]\.from is "robot"; known are human, /,
  ],
  [
    'a category of numbers',
    '{"input": "q", "answer1": "a", "answer2": "b", "preference": 1, "category": [1]}',
    /:2: category\[0\] must be text/,
  ],
];
for (const [name, line, message] of BAD_LINES) {
  test(`refused with file and line: ${name}`, async (t) => {
    const path = file(
      Buffer.concat([Buffer.from(jsonLines({ ...PAIR, input: 'other' })), Buffer.from(line), Buffer.from('\n')]),
    );
    const error = await t.throwsAsync(readPreferenceDataset(path), { instanceOf: DataError, message });
    t.true(error.message.startsWith(`${path}:2: `));
    t.is(error.line, 2);
  });
}

test('whole files that cannot be read are refused by name', async (t) => {
  const refused = async (path: string, message: RegExp) => {
    const error = await t.throwsAsync(readPreferenceDataset(path), { instanceOf: DataError, message });
    t.is(error.file, path);
  };
  await refused(join(folder, 'absent.jsonl'), /the file does not exist/);
  await refused(folder, /this is a folder; name the data file in it/);
  writeFileSync(join(folder, 'dataset_info.json'), '{}');
  writeFileSync(join(folder, 'state.json'), '{}');
  await refused(
    folder,
    /folder written by save_to_disk of the datasets library .*datasets\.load_from_disk\(FOLDER\)\.to_parquet\("data\.parquet"\)/,
  );
  writeFileSync(join(folder, 'dataset_dict.json'), '{}');
  await refused(folder, /of several splits; .*load_from_disk\(FOLDER\)\["train"\]\.to_parquet/);
  const stream = file(Buffer.from([0xff, 0xff, 0xff, 0xff, 0xb8, 1, 0, 0]), '.arrow');
  await refused(
    stream,
    /: the file is an Arrow IPC stream, .*\.to_json\("data\.jsonl"\).*Dataset\.from_file\(".*\.arrow"\)/,
  );
  await refused(
    file(Buffer.from('ARROW1\0\0'), '.arrow'),
    /: the file is an Arrow IPC file, .*pyarrow\.ipc\.open_file/,
  );
  await refused(file(''), /the file is empty/);
  await refused(file('\n \n'), /the file is empty/);
  await refused(file('[]', '.json'), /the file is empty/);
  await refused(file('{"a": 1}', '.json'), /:1: no data form has these fields \(a\)/);
  await refused(file('{\n  "a": 1\n}', '.json'), /:1: the line holds the beginning of a JSON object alone/);
  t.is(
    (await readPreferenceDataset(file(jsonLines(PAIR, PAIR), '.json'))).report.files[0]!.rows,
    2,
    'JSON lines, as the hub often names them',
  );
  await refused(file(`[${JSON.stringify(PAIR)},\n{"b" 2}]`, '.json'), /:2: the file is not valid JSON/);
  await refused(file(`${jsonLines(PAIR)}{"a": \n`, '.json'), /:2: the line is not valid JSON/);
  await refused(
    file(Buffer.concat([Buffer.from('[\n"'), Buffer.from([0xff]), Buffer.from('"]')]), '.json'),
    /:2: invalid UTF-8 near byte 2/,
  );
  await refused(file(gzipSync(jsonLines(PAIR)).subarray(0, 30), '.jsonl.gz'), /the gzip data are broken/);
  await t.throwsAsync(readPreferenceDataset([]), { instanceOf: DataError, message: /no data file was given/ });
  t.throws(() => datasetFromRows([]), { instanceOf: DataError, message: /holds no row/ });
});
