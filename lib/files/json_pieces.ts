// JSON of any size: as one text it may be longer than JavaScript's longest string.

/**
 * The text of `JSON.stringify(value, null, 2)` and a line feed, in pieces. For plain data; objects are written key by
 * key.
 */
export function* jsonPieces(value: unknown): Generator<string> {
  yield* pieces(value, '');
  yield '\n';
}

/**
 * Records that are written as one object, one after the other, because joining large ones would take long. No key may
 * be in two of them.
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
