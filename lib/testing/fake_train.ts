// Trains with the fake engine, as a process of its own that a test can kill: node fake_train.js OPTIONS.json
import { readFileSync } from 'node:fs';
import { train } from '../training/loop';
import { fakeEngine } from './fake_engine';

async function main(file: string): Promise<void> {
  const options = JSON.parse(readFileSync(file, 'utf8')) as object;
  const write = (line: string) => void process.stderr.write(`${line}\n`);
  await train(options, {
    engine: fakeEngine(),
    callbacks: {
      onLog: ({ message }) => write(message),
      onStep: ({ step }) => write(`step ${step}`),
      onSave: ({ folder }) => write(`Saved ${folder}.`),
    },
  });
}

main(process.argv[2]!).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
