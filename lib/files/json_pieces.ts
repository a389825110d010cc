// JSON of any size: one text of it may be longer than the longest string that there is.

/** What `JSON.stringify(value, null, 2)` gives and a line feed, in pieces: plain data, objects key by key. */
export function* jsonPieces(value: unknown): Generator<string> {
  yield* pieces(value, '');
  yield '\n';
}

function* pieces(value: unknown, indent: string): Generator<string> {
  const entries = isPlainObject(value) ? Object.entries(value).filter(([, own]) => own !== undefined) : [];
  if (entries.length === 0) {
    yield JSON.stringify(value, null, 2).replaceAll('\n', `\n${indent}`);
    return;
  }
  const inner = `${indent}  `;
  let before = '{\n';
  for (const [key, own] of entries) {
    yield `${before}${inner}${JSON.stringify(key)}: `;
    yield* pieces(own, inner);
    before = ',\n';
  }
  yield `\n${indent}}`;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && typeof (value as { toJSON?: unknown }).toJSON !== 'function';
}
