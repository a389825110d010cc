// The thread of the native tokenizers library: answers each text and signals when the answer is ready.

import { createRequire } from 'node:module';
import { workerData } from 'node:worker_threads';
import type { NativeAnswer, NativeSetup } from './native_library';

interface Encoding {
  getIds(): number[];
  getTokens(): string[];
}

interface Library {
  Tokenizer: {
    fromString(file: string): {
      encode(text: string, pair: null, options: { addSpecialTokens: boolean }): Promise<Encoding>;
    };
  };
}

const { library, tokenizer: file, port, answered } = workerData as NativeSetup;
let tokenizer: ReturnType<Library['Tokenizer']['fromString']> | undefined;

async function answerTo(text: string): Promise<NativeAnswer> {
  try {
    tokenizer ??= (createRequire(__filename)(library) as Library).Tokenizer.fromString(file);
    const encoding = await tokenizer.encode(text, null, { addSpecialTokens: false });
    return { ids: encoding.getIds(), tokens: encoding.getTokens() };
  } catch (error) {
    return { error: (error as Error).message };
  }
}

port.on('message', (text: string) => {
  void answerTo(text).then((answer) => {
    port.postMessage(answer);
    Atomics.store(answered, 0, 1);
    Atomics.notify(answered, 0);
  });
});
