// Recognizes the kind of a file by its first bytes, not by its name.

/** Number of bytes that are enough. */
export const HEAD_BYTES = 64;

export type ContentKind =
  | 'parquet'
  | 'gzip'
  | 'git-lfs pointer'
  | 'utf-16le'
  | 'utf-16be'
  | 'utf-32'
  | 'zstd'
  | 'xz'
  | 'bzip2'
  | 'zip'
  | 'other';

const MAGIC: readonly (readonly [ContentKind, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['zip', [0x50, 0x4b, 0x03, 0x04]],
  ['utf-32', [0xff, 0xfe, 0x00, 0x00]],
  ['utf-32', [0x00, 0x00, 0xfe, 0xff]],
  ['utf-16le', [0xff, 0xfe]],
  ['utf-16be', [0xfe, 0xff]],
];

/** `other`: probably text in UTF-8. */
export function contentKind(head: Uint8Array): ContentKind {
  const text = Buffer.from(head.buffer, head.byteOffset, head.length).toString('latin1');
  if (text.startsWith('PAR1')) return 'parquet';
  if (text.startsWith('version https://git-lfs.github.com/spec/')) return 'git-lfs pointer';
  const found = MAGIC.find(([, bytes]) => bytes.length <= head.length && bytes.every((byte, i) => head[i] === byte));
  return found?.[0] ?? 'other';
}

/** How to unpack files in compressed formats that are not read directly. */
export const UNPACK: Readonly<Partial<Record<ContentKind, string>>> = {
  zstd: 'zstd -d',
  xz: 'xz -d',
  bzip2: 'bunzip2',
  zip: 'unzip',
};
