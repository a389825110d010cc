// JSON of any size: one text of it may be longer than the longest string that there is.

/** What `JSON.stringify(value, null, 2)` gives and a line feed, in pieces: plain data, objects key by key. */
export function* jsonPieces(value: unknown): Generator<string> {
  yield* pieces(value, '');
  yield '\n';
}

/**
 * Records that are written as one object, one after the other: no key stands in two of them. Joining large ones would
 * take long.
 */
export class JoinedRecords {
  constructor(readonly records: readonly Record<string, unknown>[]) {}
}

function* pieces(value: unknown, indent: string): Generator<string> {
  const records = value instanceof JoinedRecords ? value.records : isPlainObject(value) ? [value] : [];
  if (records.every((record) => Object.keys(record).length === 0)) {
    yield value instanceof JoinedRecords ? '{}' : JSON.stringify(value, null, 2).replaceAll('\n', `\n${indent}`);
    return;
  }
  const inner = `${indent}  `;
  let before = '{\n';
  for (const record of records) {
    for (const key of Object.keys(record)) {
      const own = record[key];
      if (own === undefined) continue;
      yield `${before}${inner}${JSON.stringify(key)}: `;
      yield* pieces(own, inner);
      before = ',\n';
    }
  }
  yield before === '{\n' ? '{}' : `\n${indent}}`;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    typeof (value as { toJSON?: unknown }).toJSON !== 'function'
  );
}
