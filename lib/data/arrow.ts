// The internal format of the datasets library: folders of save_to_disk and their .arrow files. They are not supported;
// the error says what they are and how to convert them.

import { readdirSync } from 'node:fs';
import { basename } from 'node:path';

const FOLDER_WROTE = 'this is a folder written by save_to_disk of the datasets library';

const writeAnew = (load: string): string =>
  `convert it in Python: datasets.${load}.to_parquet("data.parquet"), or .to_json("data.jsonl"), and name that file`;

/** What is wrong with a file that begins with these bytes; undefined if they are not Arrow's. */
export function arrowFile(head: Buffer, file: string): string | undefined {
  if (head.length >= 4 && head.readUInt32LE(0) === 0xffffffff) {
    const all = writeAnew('load_from_disk(FOLDER)');
    return (
      'the file is an Arrow IPC stream, as save_to_disk of the datasets library writes its .arrow files, which ' +
      'is not supported; ' +
      `${all} (of this file alone: datasets.Dataset.from_file("${basename(file)}"))`
    );
  }
  if (head.toString('latin1', 0, 6) !== 'ARROW1') return undefined;
  return (
    'the file is an Arrow IPC file, which is not supported; convert it in Python: ' +
    `pyarrow.parquet.write_table(pyarrow.ipc.open_file("${basename(file)}").read_all(), "data.parquet"), and ` +
    'name that file'
  );
}

/** What is wrong with a folder that is given as data. */
export function dataFolder(folder: string): string {
  let names: string[] = [];
  try {
    names = readdirSync(folder);
  } catch {
    // then the plain sentence
  }
  if (names.includes('dataset_dict.json')) {
    return `${FOLDER_WROTE}, of several splits; ${writeAnew('load_from_disk(FOLDER)["train"]')}`;
  }
  if (names.includes('state.json') && names.includes('dataset_info.json')) {
    return `${FOLDER_WROTE} (Arrow), which is not supported; ${writeAnew('load_from_disk(FOLDER)')}`;
  }
  return 'this is a folder; name the data file in it';
}
