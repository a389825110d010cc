// Writes rows 0 to the second argument into the output of the first, a few at a time, going on where an earlier process
// was killed.

import { digestOfValue } from '../continuing/digests';
import { FileOutput, type OutputRow } from '../continuing/row_output';

export const lineOf = (row: number): string => JSON.stringify({ id: row, reward: row / 8 });

async function main(file: string, rows: number): Promise<void> {
  const output = await FileOutput.open(file, { name: 'scores', fields: ['reward'] });
  await output.begin({ model: 'a' }, false);
  process.send!('begun');
  let batch: OutputRow[] = [];
  for (let row = 0; row < rows; row += 1) {
    const read = digestOfValue(row);
    if (await output.has(read, { file: 'rows', line: row + 1 })) continue;
    batch.push({ read, line: lineOf(row) });
    if (batch.length < 7 && row < rows - 1) continue;
    await output.write(batch);
    process.send!(row + 1);
    batch = [];
  }
  await output.finish();
  await output.close();
  process.disconnect();
}

if (require.main === module) void main(process.argv[2]!, Number(process.argv[3]));
