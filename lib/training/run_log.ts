// The record of a run: metrics.jsonl, one JSON object per line, and TensorBoard event files.
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../support/thrown';
import { EventFileWriter } from './tensorboard';

const METRICS_FILE = 'metrics.jsonl';
const EVENTS_FOLDER = 'runs';

/** One line: numbers (null if not finite), texts and booleans under their names. */
export type LogRecord = { kind: 'train' | 'evaluation' | 'rounding' | 'note'; step: number } & Record<
  string,
  number | string | boolean | undefined
>;

export interface RunLogOptions {
  outputDir: string;
  /** The step that the run continues from; 0 for a new run. Lines of later steps belong to a run that was cut off. */
  resumedStep: number;
  tensorboard: boolean;
  /** Called once if lines cannot be written; they are then kept in memory and written as soon as possible. */
  onWarning?: ((message: string) => void) | undefined;
}

/** Length in bytes of the leading lines that are complete and not beyond `lastStep`. */
export function keptLength(content: Buffer, lastStep: number): number {
  let kept = 0;
  for (let end = content.indexOf(0x0a); end >= 0; end = content.indexOf(0x0a, kept)) {
    let step: unknown;
    try {
      step = (JSON.parse(content.toString('utf8', kept, end)) as { step?: unknown }).step;
    } catch {
      return kept;
    }
    if (typeof step !== 'number' || step > lastStep) return kept;
    kept = end + 1;
  }
  return kept;
}

export class RunLog {
  readonly file: string;
  private descriptor: number;
  private readonly events: EventFileWriter | undefined;
  private readonly onWarning: ((message: string) => void) | undefined;
  private pending: string[] = [];
  private hasWarned = false;

  /** Opens the log of a run. On resuming, lines after the checkpoint are removed, so that no step occurs twice. */
  constructor(options: RunLogOptions) {
    this.file = join(options.outputDir, METRICS_FILE);
    if (existsSync(this.file)) {
      truncateSync(this.file, options.resumedStep > 0 ? keptLength(readFileSync(this.file), options.resumedStep) : 0);
    }
    this.descriptor = openSync(this.file, 'a+');
    this.onWarning = options.onWarning;
    this.events = options.tensorboard
      ? new EventFileWriter(join(options.outputDir, EVENTS_FOLDER), options.resumedStep)
      : undefined;
  }

  /** Never throws: a full disk must not end a run whose state is in memory. */
  write(record: LogRecord): void {
    const plain = Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
    this.pending.push(`${JSON.stringify(plain)}\n`);
    try {
      this.writePending();
      this.writeEvents(record);
      this.hasWarned = false;
    } catch (error) {
      if (!this.hasWarned)
        this.onWarning?.(
          `The log in ${this.file} cannot be written: ${messageOf(error)}. Training continues; its lines are ` +
            'kept in memory until they can be written.',
        );
      this.hasWarned = true;
    }
  }

  private writePending(): void {
    const length = fstatSync(this.descriptor).size;
    const data = Buffer.from(this.pending.join(''));
    try {
      for (let written = 0; written < data.length;) written += writeSync(this.descriptor, data, written);
    } catch (error) {
      if (fstatSync(this.descriptor).size > length) ftruncateSync(this.descriptor, length); // no partial line stays
      throw error;
    }
    this.pending = [];
  }

  private writeEvents(record: LogRecord): void {
    if (!this.events || record.kind === 'note') return; // notes are not curves
    const prefix = { train: 'train', evaluation: 'eval', rounding: 'rounding' }[record.kind];
    const scalars: Record<string, number> = {};
    for (const [name, value] of Object.entries(record)) {
      if (name !== 'step' && typeof value === 'number' && Number.isFinite(value)) scalars[`${prefix}/${name}`] = value;
    }
    this.events.scalars(record.step, scalars);
  }

  /** Whether a line of this kind after this step is in the log. */
  has(kind: LogRecord['kind'], step: number): boolean {
    const lines = (this.content().toString('utf8') + this.pending.join(''))
      .split('\n')
      .filter((line) => line.includes(`"${kind}"`));
    return lines.some((line) => {
      const record = JSON.parse(line) as Partial<LogRecord>;
      return record.kind === kind && record.step === step;
    });
  }

  /**
   * Flushes the lines to the device, or throws; called before a checkpoint is reported, because a resumed run relies
   * on them.
   */
  flush(): void {
    if (this.pending.length > 0) this.writePending();
    if (!existsSync(this.file)) this.writeAgain();
    fsyncSync(this.descriptor);
  }

  /** Of the open file, which exists even if its name was removed. */
  private content(): Buffer {
    const bytes = Buffer.alloc(fstatSync(this.descriptor).size);
    for (let read = 0; read < bytes.length;) read += readSync(this.descriptor, bytes, read, bytes.length - read, read);
    return bytes;
  }

  /** If the file was removed with its folder. */
  private writeAgain(): void {
    writeFileSync(this.file, this.content());
    const removed = this.descriptor;
    this.descriptor = openSync(this.file, 'a+');
    closeSync(removed);
  }

  close(): void {
    closeSync(this.descriptor);
    this.events?.close();
  }
}
