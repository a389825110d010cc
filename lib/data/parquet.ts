// Rows of a parquet file, as the hub ships many data sets: row groups are read one at a time.

import type { AsyncBuffer, FileMetaData } from 'hyparquet';
import { DataError } from './errors';

/**
 * The rows, with their running number from 1 as the line. Whole numbers are numbers, or bigints from 2^53 on. Bytes,
 * dates and other values without a JSON form are not converted, so forms refuse them by name.
 * @throws DataError with the file: missing, not parquet, broken.
 */
export async function* parquetRows(
  file: string,
  options: { signal?: AbortSignal | undefined } = {},
): AsyncGenerator<{ value: unknown; line: number }> {
  const { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  let buffer: AsyncBuffer;
  let metadata: FileMetaData;
  try {
    buffer = await asyncBufferFromFile(file);
    metadata = await parquetMetadataAsync(buffer);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new DataError({ file }, 'the file does not exist');
    throw new DataError({ file }, `the file cannot be read as parquet (${(error as Error).message})`);
  }
  let line = 0;
  for (const { num_rows: count } of metadata.row_groups) {
    options.signal?.throwIfAborted();
    const rowStart = line;
    let rows: Record<string, unknown>[];
    try {
      rows = await parquetReadObjects({
        file: buffer,
        metadata,
        rowStart,
        rowEnd: rowStart + Number(count),
        compressors,
      });
    } catch (error) {
      throw new DataError({ file }, `the rows from ${rowStart + 1} cannot be read (${(error as Error).message})`);
    }
    for (const row of rows) yield { value: asJson(row), line: (line += 1) };
  }
}

/**
 * 64-bit integers become numbers, as in JSON, if these are exact. A struct has the keys of all rows: those that are
 * null in a row are left out, as null counts as absent.
 */
function asJson(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (Array.isArray(value)) return value.map(asJson);
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, entry]) =>
      entry === null || entry === undefined ? [] : [[key, asJson(entry)]],
    ),
  );
}
