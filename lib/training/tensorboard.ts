// TensorBoard event files: a TFRecord stream of Event protocol buffers, scalars only. Written by hand because
// the only npm package that writes them is TensorFlow itself.
//
//   record:  uint64 length, uint32 masked CRC-32C of the length, payload, uint32 masked CRC-32C of the payload
//            (little-endian; tensorflow/core/lib/io/record_writer.cc)
//   Event:   1 wall_time double, 2 step int64, 3 file_version string, 5 summary Summary,
//            7 session_log SessionLog { 1 status enum, START = 1 }                        (event.proto)
//   Summary: 1 repeated Value { 1 tag string, 2 simple_value float }                      (summary.proto)
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

/** CRC-32C (Castagnoli), RFC 3720. */
export function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = CRC_TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/**
 * TFRecord's mask, which keeps the checksum of data that contains checksums strong: rotate right by 15, add a
 * constant.
 */
export function maskedCrc32c(data: Uint8Array): number {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** One payload in TFRecord framing. */
export function frameRecord(payload: Uint8Array): Buffer {
  const framed = Buffer.alloc(16 + payload.length);
  framed.writeBigUInt64LE(BigInt(payload.length), 0);
  framed.writeUInt32LE(maskedCrc32c(framed.subarray(0, 8)), 8);
  framed.set(payload, 12);
  framed.writeUInt32LE(maskedCrc32c(payload), 12 + payload.length);
  return framed;
}

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value);
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

const key = (field: number, wireType: number): Buffer => varint((field << 3) | wireType);

const bytesField = (field: number, data: Uint8Array): Buffer =>
  Buffer.concat([key(field, LENGTH_DELIMITED), varint(data.length), data]);

function doubleField(field: number, value: number): Buffer {
  const data = Buffer.alloc(8);
  data.writeDoubleLE(value);
  return Buffer.concat([key(field, FIXED64), data]);
}

function floatField(field: number, value: number): Buffer {
  const data = Buffer.alloc(4);
  data.writeFloatLE(value);
  return Buffer.concat([key(field, FIXED32), data]);
}

/** The event that opens every file. */
function versionEvent(wallTime: number): Buffer {
  return Buffer.concat([doubleField(1, wallTime), bytesField(3, Buffer.from('brain.Event:2'))]);
}

/** Tells TensorBoard to forget what earlier files of the folder hold from `step` on, like PyTorch's purge_step. */
function sessionStartEvent(wallTime: number, step: number): Buffer {
  const status = Buffer.concat([key(1, VARINT), varint(1)]);
  return Buffer.concat([doubleField(1, wallTime), key(2, VARINT), varint(step), bytesField(7, status)]);
}

/** `wallTime` in seconds since 1970. */
export function scalarsEvent(wallTime: number, step: number, scalars: Record<string, number>): Buffer {
  const values = Object.entries(scalars).map(([tag, value]) =>
    bytesField(1, Buffer.concat([bytesField(1, Buffer.from(tag)), floatField(2, value)])),
  );
  return Buffer.concat([doubleField(1, wallTime), key(2, VARINT), varint(step), bytesField(5, Buffer.concat(values))]);
}

/** Appends scalars to a new event file; every record is complete by itself, so a kill costs at most one record. */
export class EventFileWriter {
  readonly file: string;
  private descriptor: number | undefined;

  /** Creates `folder` and a new file in it. `resumedStep`: the last step whose values in earlier files are valid. */
  constructor(folder: string, resumedStep = 0, now = Date.now()) {
    mkdirSync(folder, { recursive: true });
    const seconds = Math.floor(now / 1000);
    this.file = join(folder, `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${now % 1000}`);
    this.descriptor = openSync(this.file, 'a');
    this.write(versionEvent(now / 1000));
    this.write(sessionStartEvent(now / 1000, resumedStep + 1));
  }

  scalars(step: number, scalars: Record<string, number>, now = Date.now()): void {
    this.write(scalarsEvent(now / 1000, step, scalars));
  }

  close(): void {
    if (this.descriptor !== undefined) closeSync(this.descriptor);
    this.descriptor = undefined;
  }

  private write(payload: Uint8Array): void {
    if (this.descriptor === undefined) throw new Error(`${this.file} is closed.`);
    writeSync(this.descriptor, frameRecord(payload));
  }
}
