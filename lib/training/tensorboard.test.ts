import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { crc32c, EventFileWriter, frameRecord, maskedCrc32c, scalarsEvent } from './tensorboard';

// RFC 3720, B.4, and the check value of the CRC catalog.
test('CRC-32C gives the published values', (t) => {
  t.is(crc32c(Buffer.from('123456789')), 0xe3069283);
  t.is(crc32c(Buffer.alloc(32)), 0x8a9136aa);
  t.is(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43);
  t.is(crc32c(Buffer.from(Array.from({ length: 32 }, (_, i) => i))), 0x46dd794e);
});

test('a record is framed as TFRecord has it', (t) => {
  const record = frameRecord(Buffer.from('abc'));
  t.is(record.length, 19);
  t.is(record.readBigUInt64LE(0), 3n);
  t.is(record.readUInt32LE(8), maskedCrc32c(record.subarray(0, 8)));
  t.is(record.toString('utf8', 12, 15), 'abc');
  t.is(record.readUInt32LE(15), maskedCrc32c(Buffer.from('abc')));
  const crc = crc32c(Buffer.from('abc'));
  t.is(maskedCrc32c(Buffer.from('abc')), (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
});

test('an event is the protocol buffer that event.proto and summary.proto describe', (t) => {
  const event = scalarsEvent(1.5, 300, { 'train/loss': 0.25 });
  const expected = Buffer.concat([
    Buffer.from([0x09]),
    Buffer.from(new Float64Array([1.5]).buffer),
    Buffer.from([0x10, 0xac, 0x02]),
    Buffer.from([0x2a, 0x13, 0x0a, 0x11, 0x0a, 0x0a]),
    Buffer.from('train/loss'),
    Buffer.from([0x15]),
    Buffer.from(new Float32Array([0.25]).buffer),
  ]);
  t.deepEqual(event, expected);
});

test('a file reads back record by record: version, session start, scalars', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'cheems-events-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const writer = new EventFileWriter(folder, 10);
  writer.scalars(11, { 'train/loss': 1, 'train/准确率': 2 });
  writer.scalars(12, { 'train/loss': 3 });
  writer.close();
  t.throws(() => writer.scalars(13, {}), { message: /is closed/ });
  t.regex(writer.file, /events\.out\.tfevents\.\d+\./);
  const bytes = readFileSync(writer.file);
  const records: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = Number(bytes.readBigUInt64LE(at));
    t.is(bytes.readUInt32LE(at + 8), maskedCrc32c(bytes.subarray(at, at + 8)));
    records.push(bytes.subarray(at + 12, at + 12 + length));
    t.is(bytes.readUInt32LE(at + 12 + length), maskedCrc32c(records.at(-1)!));
    at += 16 + length;
  }
  t.is(records.length, 4);
  t.true(records[0]!.includes('brain.Event:2'));
  t.deepEqual([...records[1]!.subarray(9)], [0x10, 11, 0x3a, 2, 0x08, 1]);
  t.true(records[2]!.includes('train/准确率'));
});
