// The tokenizers library itself (Rust), if a package with it is installed: for features of tokenizer.json that are not
// supported here. It is not a dependency, since all common kinds are supported. Its calls are asynchronous, while
// samples are built synchronously, so it runs in a thread of its own that the caller waits for.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { MessageChannel, receiveMessageOnPort, Worker, type MessagePort } from 'node:worker_threads';
import { packageFolder } from '../support/package_folder';

/** The packages that contain the library, the smallest first. */
export const NATIVE_PACKAGES = ['@anush008/tokenizers', 'tokenizers'] as const;

/** The library's result for a text, without special tokens around it. */
export interface NativeEncoding {
  ids: number[];
  tokens: string[];
}

/**
 * Sent to the thread: the package's file, tokenizer.json, the channel for texts, and the flag that an answer is ready.
 */
export interface NativeSetup {
  library: string;
  tokenizer: string;
  port: MessagePort;
  answered: Int32Array;
}

export type NativeAnswer = NativeEncoding | { error: string };

/** The package that code in the user's project, or this one, may require. */
export function findNativeLibrary(): { name: string; file: string } | undefined {
  for (const folder of [process.cwd(), packageFolder()]) {
    const { resolve } = createRequire(join(folder, 'program.js'));
    for (const name of NATIVE_PACKAGES) {
      try {
        return { name, file: resolve(name) };
      } catch {
        // It is not installed there.
      }
    }
  }
  return undefined;
}

/** Texts may be long, but no answer for this long means that the thread has died. */
const PATIENCE_MILLISECONDS = 120_000;

export class NativeTokenizer {
  private readonly port: MessagePort;
  private readonly answered = new Int32Array(new SharedArrayBuffer(4));

  /** @param file tokenizer.json. @throws Error with the library's message for a file that it cannot read. */
  constructor(library: string, file: Record<string, unknown>) {
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    const setup: NativeSetup = {
      library,
      // Truncation and padding are not done here.
      tokenizer: JSON.stringify({ ...file, truncation: null, padding: null }),
      port: port2,
      answered: this.answered,
    };
    const program = join(packageFolder(), 'dist', 'tokenization', 'native_worker.js');
    new Worker(program, { workerData: setup, transferList: [port2] }).unref();
    this.port.unref();
    this.encode('');
  }

  encode(text: string): NativeEncoding {
    Atomics.store(this.answered, 0, 0);
    this.port.postMessage(text);
    Atomics.wait(this.answered, 0, 0, PATIENCE_MILLISECONDS);
    const answer = receiveMessageOnPort(this.port)?.message as NativeAnswer | undefined;
    if (answer === undefined) throw new Error('the native tokenizers library does not answer');
    if ('error' in answer) throw new Error(answer.error);
    return answer;
  }
}
